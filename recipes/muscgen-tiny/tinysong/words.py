"""What one would have asked for to get a piece, as people write it: a word, a list, or a sentence.

Everything that is said is true of the piece, and any part may be left unsaid.
"""

from __future__ import annotations

import random

from tinysong import genres, saying, vocabulary
from tinysong.score import Score

_TOLD = 0.55  # of tempo, and of key
_VERBS = (
    "make",
    "make me",
    "compose",
    "write",
    "play",
    "generate",
    "create",
    "i want",
    "give me",
    "i need",
    "please make",
)
_NOUNS = ("music", "song", "track", "piece", "tune", "instrumental")
_WITH = ("with", "with", "with", "featuring", "for")
_ITSELF = ("music", "song", "track", "beat", "ballad", "score", "groove", "sonata", "waltz", "march",
"lullaby", "fanfare",
           "soundtrack", "rhyme", "hymn", "etude")  # fmt: skip


def caption(score: Score, seed: int) -> str:
    """Another seed is another caption of the same piece."""
    draws = random.Random(seed)  # noqa: S311  (words, not keys)
    form = draws.choices(_FORMS, _WEIGHTS)[0]
    told = form(score, draws)
    return _cased(" ".join(told.split()), draws)


def _short(score: Score, draws: random.Random) -> str:
    genre, mood, main = (
        saying.genre(score, draws),
        draws.choice(saying.moods(score)),
        saying.main(score, draws),
    )
    forms = (
        genre,
        genre,
        f"{mood} {genre}",
        f"{mood} {genre}",
        f"{mood} {main}",
        f"{main} {genre}",
        main,
        f"{mood} music",
    )
    said = draws.choice(forms)
    return _listed([said, *saying.facts(score, draws, 0.25)])


def _full(score: Score, draws: random.Random) -> str:
    """All of it, in the order in which many would say it."""
    head = f"{saying.mooded(score, draws)} {saying.genre(score, draws)}"
    players = saying.players(score, draws, 0.85)
    said = [
        f"{head} {draws.choice(_WITH)} {_joined(players)}",
        *saying.absent(score, draws),
        *saying.facts(score, draws, 0.75),
    ]
    if draws.random() < 0.2:
        draws.shuffle(said)
    return _listed(said)


def _tags(score: Score, draws: random.Random) -> str:
    said = [
        saying.genre(score, draws),
        *saying.players(score, draws, 0.45),
        *saying.absent(score, draws),
        *saying.facts(score, draws, _TOLD),
    ]
    if draws.random() < 0.7:
        said.append(draws.choice(saying.moods(score)))
    draws.shuffle(said)
    return _listed(said)


def _asked(score: Score, draws: random.Random) -> str:
    """A sentence to somebody."""
    genre, verb = saying.genre(score, draws), draws.choice(_VERBS)
    what = f"{saying.mooded(score, draws)} {_noun(genre, draws)}".strip()
    some = f"some {what}" if what.endswith(("music", "s")) else f"{_article(what)} {what}"
    said = f"{verb} {some}"
    if draws.random() < 0.6:
        said += f" with {_joined(saying.players(score, draws, 0.5))}"
    return _run_on(said, saying.facts(score, draws, _TOLD))


def _over(score: Score, draws: random.Random) -> str:
    """Who plays, before what it is."""
    main, mood = saying.main(score, draws), draws.choice(saying.moods(score))
    said = f"{mood} {main}" if draws.random() < 0.7 else main
    if score.lead and score.harmony and score.harmony != score.lead:
        under = draws.choice(saying.true(vocabulary.HARMONIES[score.harmony], score))
        said += f" {draws.choice(('over', 'over', 'with', 'and'))} {under}"
    if draws.random() < 0.6:
        said += f", {saying.genre(score, draws)}"
    return _run_on(said, saying.facts(score, draws, _TOLD))


def _useful(score: Score, draws: random.Random) -> str:
    mood = saying.mooded(score, draws)
    head = draws.choice(
        (
            "background music",
            "music",
            f"{mood} music",
            saying.genre(score, draws),
            f"{mood} {saying.main(score, draws)}",
        )
    )
    said = f"{head} for {draws.choice(saying.true(genres.USES[score.style], score))}"
    if draws.random() < 0.3:
        said += f" with {_joined(saying.players(score, draws, 0.5))}"
    return _run_on(said, saying.facts(score, draws, 0.4))


_FORMS, _WEIGHTS = (_short, _full, _tags, _asked, _over, _useful), (30, 26, 20, 9, 10, 5)


def _noun(genre: str, draws: random.Random) -> str:
    if any(word in genre for word in _ITSELF):
        return genre
    return f"{genre} {draws.choice(_NOUNS)}"


def _article(words: str) -> str:
    return "an" if words[:1] in "aeio8" or words.startswith(("up", "ur", "under")) else "a"


def _joined(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _listed(said: list[str]) -> str:
    return ", ".join(dict.fromkeys(part for part in said if part))


def _run_on(said: str, facts: list[str]) -> str:
    """Without commas where it reads well."""
    for fact in facts:
        said += (" " if fact.startswith(("in ", "at ")) else ", ") + fact
    return said


def _cased(said: str, draws: random.Random) -> str:
    chance = draws.random()
    if chance < 0.4:
        return said.lower()
    if chance < 0.55:
        return said[:1].upper() + said[1:] + draws.choice(("", "."))
    return said
