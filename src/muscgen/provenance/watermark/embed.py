"""Writing a watermark into a sound, all at once or as it is made."""

from __future__ import annotations

import numpy as np
import soxr

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
from muscgen.provenance.watermark.pattern import spoken
from muscgen.provenance.watermark.payload import Payload
from muscgen.provenance.watermark.strength import Strength


def embed(audio: Audio, secret: bytes, payload: Payload) -> Audio:
    """The sound with its mark; as long as before, to the sample."""
    embedder = Embedder(secret, payload, sample_rate=audio.sample_rate, channels=audio.channels)
    return Audio(embedder.push(audio.samples, last=True), audio.sample_rate)


class Writer:
    """A stream: sound goes in, and comes out marked about 0.1 s later. Any rate, any number of channels.

    The changes are made on a copy at the grid's rate and only they come back, so that what lies beyond the
    grid's band stays as it was, and nothing is filtered twice.
    """

    def __init__(self, signs: Floats, first: int, *, sample_rate: int, channels: int) -> None:
        """signs [ROUND, BANDS]: -1 or 1, what becomes softer or louder. first: the song's first cell."""
        self._first, self._signs = first, np.repeat(signs, BAND_BINS, axis=1)  # [ROUND, bins]
        same = sample_rate == RATE
        self._down = None if same else soxr.ResampleStream(sample_rate, RATE, channels, "float32", "HQ")
        self._up = None if same else soxr.ResampleStream(RATE, sample_rate, channels, "float32", "HQ")
        self._channels = channels
        self._strengths = [Strength() for _ in range(channels)]
        self._waiting = np.zeros((channels, 0), np.float32)  # of the sound
        self._low = np.zeros((channels, FRAME), np.float32)  # of its copy; opens with silence
        self._tail = np.zeros((channels, FRAME - HOP), np.float32)  # of the overlapping changes
        self._changes = np.zeros((channels, 0), np.float32)  # not yet added
        self._skip = FRAME  # changes of the silence in front
        self._frame = 0

    def push(self, samples: Floats, *, last: bool = False) -> Floats:
        """Samples [C, T] -> those [C, T'] that are marked by now; with `last` all that are left."""
        self._waiting = np.concatenate([self._waiting, samples], axis=1)
        low = self._resample(self._down, samples, last=last)
        if last:
            low = np.concatenate([low, np.zeros((self._channels, 2 * FRAME), np.float32)], axis=1)
        self._low = np.concatenate([self._low, low], axis=1)
        changes = self._resample(self._up, self._change(), last=last)
        self._changes = np.concatenate([self._changes, changes], axis=1)
        return self._out(last=last)

    def _change(self) -> Floats:
        """The difference that the mark makes to the frames that are whole by now [C, T]."""
        spectrum = np.stack([spectra(channel, HOP) for channel in self._low])  # [C, frames, bins]
        count = spectrum.shape[1]
        if count == 0:
            return np.zeros((self._channels, 0), np.float32)
        cells = np.arange(self._frame, self._frame + count) // CELL_FRAMES + self._first
        signs = self._signs[cells % ROUND]
        difference = np.zeros_like(spectrum)
        for at, strength in enumerate(self._strengths):
            gain = np.power(10, strength.of(np.abs(spectrum[at])) * signs / 20) - 1
            difference[at, :, BINS] = gain * spectrum[at, :, BINS]
        self._frame += count
        self._low = self._low[:, count * HOP :]
        return self._overlapped(np.fft.irfft(difference, axis=2).astype(np.float32) * WINDOW)

    def _overlapped(self, frames: Floats) -> Floats:
        """Frames [C, n, FRAME] -> the samples [C, n HOP] that no later frame reaches."""
        count = frames.shape[1] * HOP
        total = np.zeros((self._channels, count + FRAME - HOP), np.float32)
        total[:, : self._tail.shape[1]] = self._tail
        for part in range(FRAME // HOP):
            start = part * HOP
            piece = frames[:, :, start : start + HOP].reshape(self._channels, -1)
            total[:, start : start + count] += piece
        self._tail = total[:, count:]
        done = total[:, self._skip : count] if self._skip < count else total[:, :0]
        self._skip = max(0, self._skip - count)
        return done

    def _out(self, *, last: bool) -> Floats:
        count = self._waiting.shape[1] if last else min(self._changes.shape[1], self._waiting.shape[1])
        changes = self._changes[:, :count]
        if (missing := count - changes.shape[1]) > 0:
            changes = np.pad(changes, ((0, 0), (0, missing)))
        marked = self._waiting[:, :count] + changes
        self._waiting, self._changes = self._waiting[:, count:], self._changes[:, count:]
        return marked

    def _resample(self, stream: soxr.ResampleStream | None, samples: Floats, *, last: bool) -> Floats:
        if stream is None:
            return samples
        resampled = stream.resample_chunk(np.ascontiguousarray(samples.T), last=last)
        return np.ascontiguousarray(resampled.reshape(-1, self._channels).T)


class Embedder(Writer):
    """A writer of what a key says."""

    def __init__(self, secret: bytes, payload: Payload, *, sample_rate: int, channels: int) -> None:
        signs, first = spoken(secret, payload.to_bytes())
        super().__init__(signs, first, sample_rate=sample_rate, channels=channels)
