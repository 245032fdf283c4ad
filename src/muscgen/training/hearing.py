"""What happens to a sound on its way to an encoder that is to hear foreign sound, too: level, colour, noise.

Nothing of it moves a sound in time: each window is filtered in one piece, without phase.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from muscgen.training.codec_config import Hearing

_PIVOT_HZ = 1_000.0  # where a tilt changes nothing
_LOWEST_HZ = 50.0  # below, a tilt does not go on
_ORDER = 8  # of the low-pass, as a Butterworth's: 24 dB an octave


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Of each sound [N]. tilt_db: an octave; lowpass_hz: infinite for none; noise_db: beside its level."""

    gain_db: NDArray[np.float32]
    tilt_db: NDArray[np.float32]
    lowpass_hz: NDArray[np.float32]
    noise_db: NDArray[np.float32]


def changes(hearing: Hearing, windows: NDArray[np.integer], chances: np.random.Generator) -> Changes:
    """windows [N]: which window each sound is a channel of; channels of one are changed alike.

    Cut-offs are drawn evenly in octaves.
    """
    count = int(windows.max()) + 1
    changed = chances.random(count) < hearing.share
    muffled = changed & (chances.random(count) < hearing.lowpass_share)
    gain = chances.uniform(*hearing.gain_db, count)
    tilt = chances.uniform(-hearing.tilt_db, hearing.tilt_db, count)
    low, high = (math.log2(hz) for hz in hearing.lowpass_hz)
    cut = np.exp2(chances.uniform(low, high, count))
    noise = chances.uniform(*hearing.noise_db, count)
    rows = (
        np.where(changed, gain, 0.0),
        np.where(changed, tilt, 0.0),
        np.where(muffled, cut, np.inf),
        np.where(changed, noise, -np.inf),
    )
    return Changes(*(row[windows].astype(np.float32) for row in rows))


def changed(sound: Tensor, by: Changes, sample_rate: int) -> Tensor:
    """Sound [N, T] as it is heard. Noise is drawn by the sound's device's own generator."""
    gain, tilt, cut, noise = (
        torch.from_numpy(row).to(sound.device)[:, None]
        for row in (by.gain_db, by.tilt_db, by.lowpass_hz, by.noise_db)
    )
    samples = sound.shape[1]
    hz = torch.linspace(0, sample_rate / 2, samples // 2 + 1, device=sound.device)[None]
    octaves = torch.log2(hz.clamp_min(_LOWEST_HZ) / _PIVOT_HZ)
    level = 10 ** ((gain + tilt * octaves) / 20) / torch.sqrt(1 + (hz / cut) ** _ORDER)
    heard = torch.fft.irfft(torch.fft.rfft(sound) * level, samples)
    loudness = heard.pow(2).mean(1, keepdim=True).sqrt()
    noisy: Tensor = heard + torch.randn_like(heard) * loudness * 10 ** (noise / 20)
    return noisy
