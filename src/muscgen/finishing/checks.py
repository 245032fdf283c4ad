"""Songs that must not be handed out. Levels are in dB of full scale."""

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from muscgen.audio import Audio
from muscgen.errors import BadSong

# The absolute gate of BS.1770-4: what lies below counts for no loudness at all.
SILENT_DB = -70.0
# A pause for a listener, who hears the rest at some -20 dB: 40 dB below it.
PAUSE_DB = -60.0
WINDOW_S = 0.05  # short enough to see one drum beat
DEAD_TAIL = 0.25  # of the duration
SHORTEST_FOR_TAIL_S = 2.0  # a single hit may end early
FULL_SCALE = 1 - 2**-15  # the highest value of 16-bit PCM
FLAT_RUN = 3  # equal neighbours at full scale: no band-limited wave has them
# Gaussian sound cut off at two standard deviations has 4.6 %.
CLIPPED_SHARE = 0.05


class Reason(StrEnum):
    """Why a song was refused."""

    NOT_FINITE = "not_finite"
    SILENT = "silent"
    CLIPPED = "clipped"
    DEAD_TAIL = "dead_tail"


def check(audio: Audio) -> None:
    """Raise BadSong, with its reason, for a song that is not finite, silent, clipped or dead at the end."""
    if not np.isfinite(audio.samples).all():
        raise _bad(Reason.NOT_FINITE, "the song has samples that are no numbers")
    levels = window_levels_db(audio)
    if levels.max(initial=-math.inf) < SILENT_DB:
        raise _bad(Reason.SILENT, f"nothing in the song is louder than {SILENT_DB:g} dB")
    share = flat_samples(audio) / audio.samples.size
    if share > CLIPPED_SHARE:
        raise _bad(Reason.CLIPPED, f"{share:.0%} of the song is cut off at full scale")
    tail = levels[math.ceil(levels.size * (1 - DEAD_TAIL)) :]
    if audio.duration_s >= SHORTEST_FOR_TAIL_S and tail.max(initial=-math.inf) < SILENT_DB:
        raise _bad(Reason.DEAD_TAIL, f"the last {DEAD_TAIL:.0%} of the song are silent")


def window_levels_db(audio: Audio) -> NDArray[np.float64]:
    """Root mean square of the loudest channel around its mean, in windows of 50 ms [W].

    Around the mean, since a constant offset is no sound.
    """
    size = max(1, round(WINDOW_S * audio.sample_rate))
    count = -(-audio.samples.shape[1] // size)
    if count == 0:
        return np.empty(0)
    padding = count * size - audio.samples.shape[1]
    windows = np.pad(audio.samples, ((0, 0), (0, padding)), mode="edge").reshape(audio.channels, count, size)
    power = windows.var(axis=2, dtype=np.float64).max(axis=0)
    return np.asarray(10 * np.log10(np.maximum(power, 1e-30)))


def silence_ratio(audio: Audio) -> float:
    """Share of the windows that are pauses, 0 to 1."""
    levels = window_levels_db(audio)
    return float((levels < PAUSE_DB).mean()) if levels.size else 1.0


def clipped_samples(audio: Audio) -> int:
    """Samples at or above full scale, over all channels."""
    return int((np.abs(audio.samples) >= FULL_SCALE).sum())


def flat_samples(audio: Audio) -> int:
    """Samples in flat tops: three and more equal neighbours at full scale."""
    same = (np.diff(audio.samples, axis=1) == 0) & (np.abs(audio.samples[:, 1:]) >= FULL_SCALE)  # [C, T - 1]
    inner = same[:, 1:] & same[:, :-1]  # the middle of three
    flat = np.pad(inner, ((0, 0), (0, FLAT_RUN - 1)))
    return int((flat | np.roll(flat, 1, axis=1) | np.roll(flat, 2, axis=1)).sum())


def _bad(reason: Reason, detail: str) -> BadSong:
    return BadSong(f"{reason}: {detail}", reason=reason, suggestion="another seed or prompt")
