"""What one would have asked for to get a piece: style, mood, instruments, tempo and key, in many orders."""

from __future__ import annotations

import random

from tinysong.score import Score

_TEMPI = ((72, ("slow",)), (100, ("medium tempo", "moderate")), (1_000, ("fast", "upbeat")))
_PLAIN_KEY = 0.5  # of keys, told as "in A minor" rather than "A minor"


def caption(score: Score, seed: int) -> str:
    draws = random.Random(seed)  # noqa: S311  (words, not keys)
    head = f"{score.mood} {score.style}" if draws.random() < 0.7 else score.style
    players = [name for name in (score.lead, score.harmony, score.bass) if name]
    some = list(dict.fromkeys(players))[: draws.randint(1, 3)]
    if score.kit and draws.random() < 0.5:
        some.append(f"{score.kit} drums" if draws.random() < 0.5 else "drums")
    elif not score.kit and draws.random() < 0.3:
        some.append("no drums")
    facts = [f"{head} with {_joined(some)}" if draws.random() < 0.8 else head]
    told = [_tempo(score, draws), _key(score, draws)]
    draws.shuffle(told)
    facts += [fact for fact in told if draws.random() < 0.6]
    if draws.random() < 0.2:
        draws.shuffle(facts)
    return ", ".join(facts)


def _tempo(score: Score, draws: random.Random) -> str:
    if draws.random() < 0.7:
        return f"{score.tempo_bpm:.0f} bpm"
    return draws.choice(next(words for most, words in _TEMPI if score.tempo_bpm < most))


def _key(score: Score, draws: random.Random) -> str:
    return f"in {score.key_name}" if draws.random() < _PLAIN_KEY else score.key_name


def _joined(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
