"""Songs of a model held against the pieces whose descriptions were its prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

import numpy as np

from muscgen.engine import Engine
from muscgen.evaluation import making
from muscgen.evaluation.prompts import Prompt
from muscgen.models.registry import Registry, find
from muscgen.settings import load
from muscgen.worker.loader import load_model
from tinysong import meaning, reading
from tinysong.composer import compose
from tinysong.loudness import WORDS
from tinysong.reading import Codes, Heard
from tinysong.score import Score

_SLOTS = 8
_MOSTLY, _CHANGE = 0.6, 0.15  # of beats that are marked soft
Judge = Callable[[Heard, Score], float | None]


class Row(TypedDict):
    """Rates from 0 to 1: of the model's songs, of the same against other prompts, of the composer's."""

    model: float
    chance: float
    composer: float
    songs: int


def followed(
    model: str, songs: int, seconds: float, first_seed: int, part_s: float | None = None
) -> dict[str, Row]:
    """By judge; part_s: of the last seconds alone. Of a stereo model the left side. Raises MuscgenError."""
    scores = [compose(first_seed + n, seconds) for n in range(songs)]
    return judged(_made(model, [prompt(score) for score in scores], seconds), scores, part_s)


def judged(songs: Sequence[Codes], scores: Sequence[Score], part_s: float | None = None) -> dict[str, Row]:
    """songs: [4, F], or [8, F] with both sides in turn, one for each score."""
    composed = [score.codes() if len(songs[0]) == meaning.BOOKS else score.codes_stereo() for score in scores]
    if part_s is not None:
        frames = max(1, round(part_s * meaning.FRAMES_S))
        songs, composed = ([_end(codes, frames) for codes in row] for row in (songs, composed))
    found = _rows([_heard(codes) for codes in songs], [_heard(codes) for codes in composed], scores)
    if part_s is not None:
        found.pop("loudness", None)  # said of the whole
    if len(songs[0]) > meaning.BOOKS:
        found["both sides in time"] = _together(songs, composed)
    return found


def _end(codes: Codes, frames: int) -> Codes:
    """The last frames, from the first whole beat on."""
    end = codes[:, -frames:]
    turns = np.flatnonzero(np.diff((end[0] - 1) // meaning.DRUM_AGES % meaning.BEATS)) + 1
    return end[:, turns[0] :] if len(turns) else end


def _heard(codes: Codes) -> Heard:
    return reading.read(codes[:: len(codes) // meaning.BOOKS])


def _together(songs: Sequence[Codes], composed: Sequence[Codes]) -> Row:
    """By chance: one song's left beside the next one's right."""
    frames = min(codes.shape[1] for codes in songs)
    drums = [codes[:2, :frames] for codes in songs]
    mixed = [np.stack([one[0], other[1]]) for one, other in zip(drums, [*drums[1:], drums[0]], strict=True)]
    rates = [_mean([reading.in_time(codes) for codes in row]) for row in (songs, mixed, composed)]
    return Row(model=rates[0], chance=rates[1], composer=rates[2], songs=len(songs))


def _rows(mine: Sequence[Heard], own: Sequence[Heard], scores: Sequence[Score]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for name, judge in JUDGES.items():
        rates = [rate for pair in zip(mine, scores, strict=True) if (rate := judge(*pair)) is not None]
        if rates:
            others = [judge(heard, other) for heard in mine for other in scores]
            ceiling = [judge(*pair) for pair in zip(own, scores, strict=True)]
            found[name] = Row(
                model=float(np.mean(rates)), chance=_mean(others), composer=_mean(ceiling), songs=len(rates)
            )
    return found


def prompt(score: Score) -> str:
    """All that a judge asks for, in plain words."""
    players = [name for name in (score.lead, score.harmony, score.bass) if name]
    drums = f"{score.kit} drums" if score.kit else "no drums"
    facts = [f"{score.tempo_bpm:.0f} bpm", score.key_name, *WORDS.get(score.shape, ())[:1]]
    return f"{score.style} with {', '.join([*players, drums, *facts])}"


def _made(model: str, prompts: Sequence[str], seconds: float) -> list[Codes]:
    settings = load(backend="onnx", precision="fp32")
    card = find(Registry(settings.models_path), model)
    wanted = making.planned(card, [Prompt(prompt=words) for words in prompts], making.Making(seconds))
    served = load_model(card, settings, slots=_SLOTS)
    try:
        return _sung(served.engine, [song for _, song in wanted])
    finally:
        served.close()


def _sung(engine: Engine, songs: Sequence[making.Song]) -> list[Codes]:
    handles = [engine.submit(song) for song in songs]
    return [handle.result().codes for handle in handles]


def _tempo(heard: Heard, score: Score) -> float:
    return float(abs(heard.sixteenth - score.sixteenth) < 0.5)


def _named(part: str) -> Judge:
    def judge(heard: Heard, score: Score) -> float | None:
        wanted = getattr(score, part)
        return float(getattr(heard, part) == wanted) if wanted else None

    return judge


def _no_drums(heard: Heard, score: Score) -> float | None:
    return None if score.kit else float(not heard.kit)


def _key(heard: Heard, score: Score) -> float:
    return float(heard.key == (score.key, "minor" if score.minor else "major"))


def _in_scale(heard: Heard, score: Score) -> float | None:
    return heard.in_scale(score.key, score.minor) if score.lead else None


def _loudness(heard: Heard, score: Score) -> float | None:
    """Soft beats for the most part, hardly any, more in one half than in the other."""
    first, then = heard.soft
    if not score.shape or first is None or then is None:  # drums without a pause carry no mark
        return None
    return float({
        "soft": min(first, then) > _MOSTLY,
        "loud": max(first, then) < 1 - _MOSTLY,
        "growing": first - then > _CHANGE,
        "fading": then - first > _CHANGE,
    }[score.shape])  # fmt: skip


JUDGES: dict[str, Judge] = {
    "tempo": _tempo,
    "even beats": lambda heard, _: heard.even,
    "steady beats": lambda heard, _: heard.steady,
    "lead": _named("lead"),
    "harmony": _named("harmony"),
    "bass": _named("bass"),
    "kit": _named("kit"),
    "no drums": _no_drums,
    "key": _key,
    "lead in scale": _in_scale,
    "loudness": _loudness,
    "others at the end": lambda heard, _: heard.change,
}


def _mean(rates: Sequence[float | None]) -> float:
    return float(np.mean([rate for rate in rates if rate is not None]))
