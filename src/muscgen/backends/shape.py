"""What every backend reads from a model's configuration alike, and the limits of a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from muscgen.backends.base import Codes, Melody, MelodyShape, ModelShape
from muscgen.models.config import ModelConfig


def shape_of(config: ModelConfig, *, hears: bool) -> ModelShape:
    """The engine's view of a model."""
    decoder, codec, melody = config.decoder, config.codec, config.melody
    return ModelShape(
        codebooks=decoder.codebooks,
        vocabulary=decoder.vocabulary,
        special=decoder.special,
        delays=decoder.delays,
        frame_rate=codec.sample_rate // codec.hop,
        sample_rate=codec.sample_rate,
        channels=decoder.channels,
        hop=codec.hop,
        max_steps=decoder.positions,
        max_text_tokens=config.text.max_tokens,
        melody=None if melody is None else MelodyShape(**asdict(melody)),
        hears=hears,
    )


def refuse_melody(melody: Melody | None) -> None:
    """Raises ValueError where a model that knows no melody is given one."""
    if melody is not None:
        raise ValueError("this model knows no melody")


def check_step(tokens: Codes, positions: NDArray[np.int32], rows: int, limit: int, *, lead: int = 0) -> None:
    """Raises ValueError where tokens [R, K] at positions [R] do not lie in a slab of `rows` x `limit`.

    lead: how far positions may lie before the first code.
    """
    if not 0 < len(tokens) <= rows or len(positions) != len(tokens):
        raise ValueError(f"{len(tokens)} rows at {len(positions)} positions; the slab has {rows} rows")
    if positions.min() < -lead or positions.max() >= limit:
        raise ValueError(f"positions are {-lead}..{limit - 1}, not {positions.tolist()}")


def check_feed(
    rows: Sequence[int], tokens: Codes, position: int, slab_rows: int, limit: int, *, lead: int = 0
) -> NDArray[np.int32]:
    """The positions [S] of tokens [S, K] that begin at `position`.

    Raises ValueError where they do not lie in a slab of `slab_rows` x `limit`.
    """
    if not rows or min(rows) < 0 or max(rows) >= slab_rows or len(set(rows)) != len(rows):
        raise ValueError(f"rows are 0..{slab_rows - 1}, each once, not {list(rows)}")
    if not len(tokens) or position < -lead or position + len(tokens) > limit:
        raise ValueError(f"positions are {-lead}..{limit - 1}, not {position}..{position + len(tokens) - 1}")
    return np.arange(position, position + len(tokens), dtype=np.int32)


def runs(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Rows -> the first of each run of neighbours, and how many they are."""
    found: list[tuple[int, int]] = []
    for row in sorted(rows):
        if found and row == sum(found[-1]):
            found[-1] = found[-1][0], found[-1][1] + 1
        else:
            found.append((row, 1))
    return found
