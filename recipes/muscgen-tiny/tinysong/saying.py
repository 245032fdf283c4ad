"""What is true of a piece, in words: its genre, moods, players, tempo and key."""

from __future__ import annotations

import random

from tinysong import genres, meaning, vocabulary
from tinysong.loudness import UNFIT, WORDS
from tinysong.score import Score

_SLOW, _QUICK = 9, 6  # frames in a sixteenth
_SHAPE_TOLD = 0.7  # of what loudness does on the whole


def moods(score: Score) -> list[str]:
    """All that are true of it."""
    quick = 2 if score.sixteenth <= _QUICK else 0 if score.sixteenth >= _SLOW else 1
    quick += (score.style in genres.HARD) - (score.style in genres.CALM)
    found = [*true(genres.FEELINGS[score.style], score)]
    found += genres.MOODS[score.minor, min(2, max(0, quick))].split()
    unfit = genres.NOT_FESTIVE if score.style in genres.FESTIVE else frozenset[str]()
    fitting = [mood for mood in dict.fromkeys(found) if mood not in unfit and _paced(mood, score)]
    as_loud = [mood for mood in fitting if UNFIT.get(score.shape, frozenset()).isdisjoint(mood.split())]
    return as_loud if len(as_loud) > 1 else fitting


def facts(score: Score, draws: random.Random, chance: float) -> list[str]:
    told = [said(score, draws) for said in (_tempo, _key) if draws.random() < chance]
    if score.beats == 3 and score.style != "waltz" and draws.random() < 0.35:
        told.append(draws.choice(("3/4", "in 3/4", "in 3/4 time", "waltz time")))
    if score.shape and draws.random() < _SHAPE_TOLD:
        told.append(draws.choice(WORDS[score.shape]))
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


def players(score: Score, draws: random.Random, chance: float) -> list[str]:
    """At least one; lead first, drums last."""
    tables = (
        (score.lead, vocabulary.LEADS),
        (score.harmony if score.harmony != score.lead else "", vocabulary.HARMONIES),
        (score.bass if score.bass != "piano" else "", vocabulary.BASSES),
        (score.kit, vocabulary.KITS),
    )
    named = [draws.choice(true(table[name], score)) for name, table in tables if name]
    some = [
        name for n, name in enumerate(named) if draws.random() < (1 - (1 - chance) * (0.5 if n == 0 else 1))
    ]
    return list(dict.fromkeys(some)) or named[:1]


def absent(score: Score, draws: random.Random) -> list[str]:
    if score.kit or draws.random() > 0.35:
        return []
    alone = ("solo",) if _facts_of(score) >= {"solo"} else ()
    return [draws.choice(("no drums", "no drums", "without drums", "no percussion", *alone, *alone))]


def main(score: Score, draws: random.Random) -> str:
    if score.lead:
        name = draws.choice(true(vocabulary.LEADS[score.lead], score))
        return (
            f"solo {name}"
            if "solo" in _facts_of(score) and "solo" not in name and draws.random() < 0.4
            else name
        )
    return draws.choice(true(vocabulary.HARMONIES[score.harmony], score))


def genre(score: Score, draws: random.Random) -> str:
    return draws.choice(true(genres.NAMES[score.style], score))


def mooded(score: Score, draws: random.Random) -> str:
    if draws.random() < 0.25:
        return ""
    found = draws.sample(moods(score), 2)
    return (
        found[0] if draws.random() < 0.75 else draws.choice(("{} {}", "{}, {}", "{} and {}")).format(*found)
    )


def true(words: tuple[str, ...], score: Score) -> list[str]:
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
