"""Helpers that run rows of a backend."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from muscgen.backends.base import Backend, Logits
from muscgen.backends.torch import TorchBackend

ROUNDING, ROUNDING_ON_DEVICES = 1e-5, 1e-4
PROMPTS: tuple[str | None, ...] = (
    "sad violin over strings in D minor, slow",
    None,
    "techno",
    "upbeat funk with slap bass and drums, 125 bpm, A minor, then a music box, a marimba and a harp",
    None,
    "lofi hip hop, mellow electric piano",
)


def random_tokens(rng: np.random.Generator, backend: Backend, steps: int) -> NDArray[np.int32]:
    """[S, K]; the special token first, as in every song."""
    tokens = rng.integers(0, backend.shape.vocabulary + 1, (steps, backend.shape.codebooks), dtype=np.int32)
    tokens[0] = backend.shape.special
    return tokens


def open_text(backend: Backend, row: int, text: str | None) -> None:
    backend.open_row(row, None if text is None else backend.encode_text(text))


def alone(backend: Backend, text: str | None, tokens: NDArray[np.int32]) -> Logits:
    """The logits [S, K, V] of one sequence that has the backend to itself."""
    open_text(backend, 0, text)
    return np.stack([backend.step(tokens[n : n + 1], np.array([n], np.int32))[0] for n in range(len(tokens))])


def crowded(backend: Backend, texts: list[str | None], tokens: list[NDArray[np.int32]], starts: list[int]):
    """The logits of each sequence. Sequence i begins at time starts[i] in row i; starts is sorted."""
    logits: list[list[NDArray[np.float32]]] = [[] for _ in texts]
    longest = max(start + len(sequence) for start, sequence in zip(starts, tokens, strict=True))
    for now in range(longest):
        for row in (row for row, start in enumerate(starts) if start == now):
            open_text(backend, row, texts[row])
        active = sum(start <= now for start in starts)
        # A sequence that has ended keeps its row and steps in place, as a row nobody listens to.
        places = [min(now - starts[row], len(tokens[row]) - 1) for row in range(active)]
        step = backend.step(
            np.stack([tokens[row][places[row]] for row in range(active)]), np.array(places, np.int32)
        )
        for row in range(active):
            if now - starts[row] < len(tokens[row]):
                logits[row].append(step[row])
    return [np.stack(sequence) for sequence in logits]


def relative_error(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> float:
    """Largest difference, in units of the largest value."""
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def rounding(backend: Backend) -> float:
    """The relative error that float32 may have."""
    on_cpu = not isinstance(backend, TorchBackend) or backend._device.type == "cpu"
    return ROUNDING if on_cpu else ROUNDING_ON_DEVICES


def assert_same(backend: Backend, ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> None:
    """Bit for bit; within rounding for torch, whose matrix products differ with the number of rows."""
    if isinstance(backend, TorchBackend):
        assert relative_error(ours, theirs) < rounding(backend)
    else:
        np.testing.assert_array_equal(ours, theirs)
