"""Writing a watermark into a sound, all at once or as it is made."""

from __future__ import annotations

import numpy as np

from muscgen.audio import Audio
from muscgen.provenance.watermark.grid import (
    BAND_BINS,
    BINS,
    CELL_FRAMES,
    FRAME,
    HOP,
    RATE,
    ROUND,
    WINDOW,
    Floats,
    spectra,
)
from muscgen.provenance.watermark.overlay import Overlay
from muscgen.provenance.watermark.pattern import spoken
from muscgen.provenance.watermark.payload import Payload
from muscgen.provenance.watermark.strength import Strength


def embed(audio: Audio, secret: bytes, payload: Payload) -> Audio:
    """The sound with its mark; as long as before, to the sample."""
    embedder = Embedder(secret, payload, sample_rate=audio.sample_rate, channels=audio.channels)
    return Audio(embedder.push(audio.samples, last=True), audio.sample_rate)


class Writer(Overlay):
    """A stream: sound goes in, and comes out marked about 0.1 s later."""

    def __init__(self, signs: Floats, first: int, *, sample_rate: int, channels: int) -> None:
        """signs [ROUND, BANDS]: -1 or 1, what becomes softer or louder. first: the song's first cell."""
        super().__init__(RATE, sample_rate=sample_rate, channels=channels)
        self._first, self._signs = first, np.repeat(signs, BAND_BINS, axis=1)  # [ROUND, bins]
        self._strengths = [Strength() for _ in range(channels)]
        self._low = np.zeros((channels, FRAME), np.float32)  # opens with silence
        self._tail = np.zeros((channels, FRAME - HOP), np.float32)  # of the overlapping changes
        self._skip = FRAME  # changes of the silence in front
        self._frame = 0

    def _change(self, low: Floats, *, last: bool) -> Floats:
        """The difference that the mark makes to the frames that are whole by now."""
        rest = np.zeros((len(low), 2 * FRAME if last else 0), np.float32)
        self._low = np.concatenate([self._low, low, rest], axis=1)
        spectrum = np.stack([spectra(channel, HOP) for channel in self._low])  # [C, frames, bins]
        count = spectrum.shape[1]
        if count == 0:
            return low[:, :0]
        cells = np.arange(self._frame, self._frame + count) // CELL_FRAMES + self._first
        signs = self._signs[cells % ROUND]
        difference = np.zeros_like(spectrum)
        for at, strength in enumerate(self._strengths):
            louder, softer = strength.of(np.abs(spectrum[at]))
            difference[at, :, BINS] = np.where(signs > 0, louder, -softer) * spectrum[at, :, BINS]
        self._frame += count
        self._low = self._low[:, count * HOP :]
        return self._overlapped(np.fft.irfft(difference, axis=2).astype(np.float32) * WINDOW)

    def _overlapped(self, frames: Floats) -> Floats:
        """Frames [C, n, FRAME] -> the samples [C, n HOP] that no later frame reaches."""
        count = frames.shape[1] * HOP
        total = np.zeros((len(frames), count + FRAME - HOP), np.float32)
        total[:, : self._tail.shape[1]] = self._tail
        for part in range(FRAME // HOP):
            start = part * HOP
            piece = frames[:, :, start : start + HOP].reshape(len(frames), -1)
            total[:, start : start + count] += piece
        self._tail = total[:, count:]
        done = total[:, self._skip : count] if self._skip < count else total[:, :0]
        self._skip = max(0, self._skip - count)
        return done


class Embedder(Writer):
    """A writer of what a key says."""

    def __init__(self, secret: bytes, payload: Payload, *, sample_rate: int, channels: int) -> None:
        signs, first = spoken(secret, payload.to_bytes())
        super().__init__(signs, first, sample_rate=sample_rate, channels=channels)
