"""A song without its drums and bass, by Demucs where that is installed.

As audiocraft prepares a melody: the vocals and everything that is no drum and no bass, mixed. Demucs (MIT
licence) is an optional package that needs PyTorch and fetches its own weights.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import soxr

from muscgen.audio import Audio

_MIXED = "the melody was taken from the whole mix, drums and bass included:"
MIXED = f"{_MIXED} Demucs is not installed (pip install demucs)"
_MODEL = "htdemucs"
_KEPT = ("vocals", "other")


def without_rhythm(audio: Audio) -> tuple[Audio, str | None]:
    """The sound without drums and bass, and what to warn of: without Demucs it is the sound as it was."""
    if find_spec("demucs") is None:
        return audio, MIXED
    try:
        model = _model()
    except Exception as error:  # noqa: BLE001 - half installed, or its weights cannot be fetched
        reason = f"{type(error).__name__}: {error}"
        return audio, f"{_MIXED} Demucs is installed and could not be loaded ({reason})"
    return _separated(audio, model), None


def _separated(audio: Audio, model: Any) -> Audio:  # noqa: ANN401
    import torch
    from demucs.apply import apply_model

    samples = _at(audio, model.samplerate)
    if len(samples) != model.audio_channels:
        samples = samples.mean(axis=0, keepdims=True).repeat(model.audio_channels, axis=0)
    with torch.inference_mode():
        # Shifts are drawn by a generator that knows no seed: the same sound would be another melody.
        stems = apply_model(model, torch.from_numpy(samples)[None], shifts=0, device="cpu", progress=False)[0]
    kept = [model.sources.index(name) for name in _KEPT]
    mixed = stems[kept].sum(0).cpu().numpy().astype(np.float32)
    return Audio(np.ascontiguousarray(mixed), int(model.samplerate))


@lru_cache(1)
def _model() -> Any:  # noqa: ANN401  (Demucs has no types)
    from demucs.pretrained import get_model

    model = get_model(_MODEL)
    model.eval()
    return model


def _at(audio: Audio, rate: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    if audio.sample_rate == rate:
        return audio.samples
    resampled = soxr.resample(audio.samples.T, audio.sample_rate, rate)
    return np.ascontiguousarray(resampled.reshape(-1, audio.channels).T, np.float32)
