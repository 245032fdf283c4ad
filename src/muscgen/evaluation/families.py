"""Which families of instruments sound, by a small net that learnt it from rendered music.

scripts/train-families made families.npz with the free SoundFont FluidR3; docs/evaluation.md tells how often
it is right. Its last layer but one is an embedding too (embeddings.py).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from muscgen.audio import Audio
from muscgen.evaluation import spectra
from muscgen.evaluation.spectra import Floats

FAMILIES = (
    "keyboard", "mallet", "organ", "guitar", "bass", "string",
    "voice", "brass", "reed", "flute", "synth", "drums",
)  # fmt: skip
_FILE = Path(__file__).with_name("families.npz")


def chances(audio: Audio) -> dict[str, float]:
    """How surely each family sounds, 0 to 1, the mean over the seconds of the clip."""
    net = _net()
    logits = hidden(audio) @ net["weight2"] + net["bias2"]
    found = (1 / (1 + np.exp(-logits))).mean(axis=0)
    return {family: round(float(chance), 4) for family, chance in zip(FAMILIES, found, strict=True)}


def sounding(found: dict[str, float]) -> frozenset[str]:
    """The families that are said to sound: each has the limit at which it is right most often."""
    least = dict(zip(FAMILIES, _net()["least"], strict=True))
    return frozenset(family for family, chance in found.items() if chance > least[family])


def hidden(audio: Audio) -> Floats:
    """What the net makes of every second before it names anything [W, 64]."""
    net = _net()
    values = spectra.seconds(spectra.log_mel(audio))
    for layer in ("0", "1"):
        values = np.maximum(values @ net[f"weight{layer}"] + net[f"bias{layer}"], 0.0)
    return values


@lru_cache(1)
def _net() -> dict[str, Floats]:
    with np.load(_FILE, allow_pickle=False) as file:
        return {name: file[name].astype(np.float64) for name in file.files}
