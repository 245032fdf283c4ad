"""What one would have asked for to get a piece, as people write it: a word, a list, or a sentence.

Everything that is said is true of the piece, and any part may be left unsaid.
"""

from __future__ import annotations

import random

from tinysong import genres, meaning, vocabulary
from tinysong.score import Score

_TOLD = 0.55  # of tempo, and of key
_SLOW, _QUICK = 9, 6  # frames in a sixteenth
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


def moods(score: Score) -> list[str]:
    """All that are true of it."""
    quick = 2 if score.sixteenth <= _QUICK else 0 if score.sixteenth >= _SLOW else 1
    quick += (score.style in genres.HARD) - (score.style in genres.CALM)
    found = [*_true(genres.FEELINGS[score.style], score)]
    found += genres.MOODS[score.minor, min(2, max(0, quick))].split()
    unfit = genres.NOT_FESTIVE if score.style in genres.FESTIVE else frozenset[str]()
    return [mood for mood in dict.fromkeys(found) if mood not in unfit and _paced(mood, score)]


def _short(score: Score, draws: random.Random) -> str:
    genre, mood, main = _genre(score, draws), draws.choice(moods(score)), _main(score, draws)
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
    return _listed([said, *_facts(score, draws, 0.25)])


def _full(score: Score, draws: random.Random) -> str:
    """All of it, in the order in which many would say it."""
    head = f"{_mooded(score, draws)} {_genre(score, draws)}"
    players = _players(score, draws, 0.85)
    said = [
        f"{head} {draws.choice(_WITH)} {_joined(players)}",
        *_absent(score, draws),
        *_facts(score, draws, 0.75),
    ]
    if draws.random() < 0.2:
        draws.shuffle(said)
    return _listed(said)


def _tags(score: Score, draws: random.Random) -> str:
    said = [
        _genre(score, draws),
        *_players(score, draws, 0.45),
        *_absent(score, draws),
        *_facts(score, draws, _TOLD),
    ]
    if draws.random() < 0.7:
        said.append(draws.choice(moods(score)))
    draws.shuffle(said)
    return _listed(said)


def _asked(score: Score, draws: random.Random) -> str:
    """A sentence to somebody."""
    genre, verb = _genre(score, draws), draws.choice(_VERBS)
    what = f"{_mooded(score, draws)} {_noun(genre, draws)}".strip()
    some = f"some {what}" if what.endswith(("music", "s")) else f"{_article(what)} {what}"
    said = f"{verb} {some}"
    if draws.random() < 0.6:
        said += f" with {_joined(_players(score, draws, 0.5))}"
    return _run_on(said, _facts(score, draws, _TOLD))


def _over(score: Score, draws: random.Random) -> str:
    """Who plays, before what it is."""
    main, mood = _main(score, draws), draws.choice(moods(score))
    said = f"{mood} {main}" if draws.random() < 0.7 else main
    if score.lead and score.harmony and score.harmony != score.lead:
        under = draws.choice(_true(vocabulary.HARMONIES[score.harmony], score))
        said += f" {draws.choice(('over', 'over', 'with', 'and'))} {under}"
    if draws.random() < 0.6:
        said += f", {_genre(score, draws)}"
    return _run_on(said, _facts(score, draws, _TOLD))


def _useful(score: Score, draws: random.Random) -> str:
    mood = _mooded(score, draws)
    head = draws.choice(
        ("background music", "music", f"{mood} music", _genre(score, draws), f"{mood} {_main(score, draws)}")
    )
    said = f"{head} for {draws.choice(_true(genres.USES[score.style], score))}"
    if draws.random() < 0.3:
        said += f" with {_joined(_players(score, draws, 0.5))}"
    return _run_on(said, _facts(score, draws, 0.4))


_FORMS, _WEIGHTS = (_short, _full, _tags, _asked, _over, _useful), (30, 26, 20, 9, 10, 5)


def _facts(score: Score, draws: random.Random, chance: float) -> list[str]:
    told = [said(score, draws) for said in (_tempo, _key) if draws.random() < chance]
    if score.beats == 3 and score.style != "waltz" and draws.random() < 0.35:
        told.append(draws.choice(("3/4", "in 3/4", "in 3/4 time", "waltz time")))
    draws.shuffle(told)
    return told


def _tempo(score: Score, draws: random.Random) -> str:
    if draws.random() < 0.3:
        return draws.choice(vocabulary.TEMPI[str(score.sixteenth)])
    low, high = vocabulary.BPM[score.sixteenth]
    near = [bpm for bpm in vocabulary.ROUND if low <= bpm <= high]
    exact = f"{score.tempo_bpm:.0f}"
    bpm = draws.choice((exact, exact, draws.choice(near), draws.randint(low, high)))
    said = ("{} bpm",) * 6 + (
        "{}bpm",
        "at {} bpm",
        "at {} bpm",
        "at {} BPM",
        "tempo {}",
        "bpm: {}",
        "{} beats per minute",
    )
    return draws.choice(said).format(bpm)


def _key(score: Score, draws: random.Random) -> str:
    mode = "minor" if score.minor else "major"
    if draws.random() < 0.1:
        return draws.choice((f"{mode} key", f"in a {mode} key", f"in {mode}", mode))
    name = draws.choice(vocabulary.SPELLED.get(score.key) or (meaning.KEYS[score.key],))
    if len(name) > 1 and draws.random() < 0.1:
        name = name[0] + vocabulary.SAID[name[1]]
    said = ("{} {}",) * 5 + ("in {} {}",) * 5 + ("key of {} {}", "in the key of {} {}", "key: {} {}")
    return draws.choice(said).format(name, mode)


def _players(score: Score, draws: random.Random, chance: float) -> list[str]:
    """At least one; lead first, drums last."""
    tables = (
        (score.lead, vocabulary.LEADS),
        (score.harmony if score.harmony != score.lead else "", vocabulary.HARMONIES),
        (score.bass if score.bass != "piano" else "", vocabulary.BASSES),
        (score.kit, vocabulary.KITS),
    )
    named = [draws.choice(_true(table[name], score)) for name, table in tables if name]
    some = [
        name for n, name in enumerate(named) if draws.random() < (1 - (1 - chance) * (0.5 if n == 0 else 1))
    ]
    return list(dict.fromkeys(some)) or named[:1]


def _absent(score: Score, draws: random.Random) -> list[str]:
    if score.kit or draws.random() > 0.35:
        return []
    alone = ("solo",) if _facts_of(score) >= {"solo"} else ()
    return [draws.choice(("no drums", "no drums", "without drums", "no percussion", *alone, *alone))]


def _main(score: Score, draws: random.Random) -> str:
    if score.lead:
        name = draws.choice(_true(vocabulary.LEADS[score.lead], score))
        return (
            f"solo {name}"
            if "solo" in _facts_of(score) and "solo" not in name and draws.random() < 0.4
            else name
        )
    return draws.choice(_true(vocabulary.HARMONIES[score.harmony], score))


def _genre(score: Score, draws: random.Random) -> str:
    return draws.choice(_true(genres.NAMES[score.style], score))


def _mooded(score: Score, draws: random.Random) -> str:
    if draws.random() < 0.25:
        return ""
    found = draws.sample(moods(score), 2)
    return (
        found[0] if draws.random() < 0.75 else draws.choice(("{} {}", "{}, {}", "{} and {}")).format(*found)
    )


def _true(words: tuple[str, ...], score: Score) -> list[str]:
    """Those without a condition, and those whose condition holds."""
    facts = _facts_of(score)
    parts = (word.partition("@") for word in words)
    return [word for word, at, condition in parts if not at or condition in facts]


def _facts_of(score: Score) -> frozenset[str]:
    """What conditions may ask for."""
    players = {name for name in (score.lead, score.harmony, score.bass, score.kit) if name}
    facts = {*players, *score.traits, score.style, "minor" if score.minor else "major"}
    told = {
        "solo": len(players) == 1,
        "slow": score.sixteenth >= _SLOW,
        "fast": score.sixteenth <= _QUICK,
        "orchestra": not players.isdisjoint({"strings", "brass"}),
        "picked": score.lead == "acoustic guitar" and "arpeggio" in score.traits,
    }
    return frozenset(facts | {fact for fact, holds in told.items() if holds})


def _paced(mood: str, score: Score) -> bool:
    return (
        score.sixteenth <= _QUICK if mood.startswith("fast") else mood != "sleepy" or score.sixteenth > _QUICK
    )


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
