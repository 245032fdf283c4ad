"""How loud a sound is: integrated loudness and true peak after ITU-R BS.1770-4.

In numpy, because scipy alone would take a third of the base install.
"""

from __future__ import annotations

import math

import numpy as np
import soxr
from numpy.typing import NDArray

from muscgen.audio import Audio

ABSOLUTE_GATE_LUFS = -70.0  # BS.1770-4, annex 1
RELATIVE_GATE_LU = -10.0
OVERSAMPLING = 4  # BS.1770-4, annex 2
_HOP_S = 0.1  # blocks of 0.4 s that overlap by three quarters
_HOPS = 4
_WINDOW = 1 << 18  # samples in one transform: 4 MB a channel
_RING_S = 1.0  # the filter's slowest pole, 38 Hz, has died by exp(-120) after this


def integrated(audio: Audio) -> float:
    """Loudness in LUFS, gated; -inf where no block is above the absolute gate. Mono or stereo, any rate.

    A sound shorter than one block of 0.4 s counts as one block of its own length.
    """
    if audio.channels > 2:
        raise ValueError(f"loudness is defined here for mono and stereo, not {audio.channels} channels")
    power = _block_power(audio)
    power = power[_lufs(power) > ABSOLUTE_GATE_LUFS]
    if power.size:
        power = power[_lufs(power) > _lufs(power.mean()) + RELATIVE_GATE_LU]
    return float(_lufs(power.mean())) if power.size else -math.inf


def true_peak_db(audio: Audio) -> float:
    """The highest level between and at the samples, in dB of full scale; -inf for silence."""
    if not audio.samples.any():
        return -math.inf
    rate = audio.sample_rate
    stream = soxr.ResampleStream(rate, rate * OVERSAMPLING, audio.channels, dtype="float32", quality="HQ")
    starts = range(0, audio.samples.shape[1], _WINDOW)
    peak = float(np.abs(audio.samples).max())
    for start in starts:
        part = np.ascontiguousarray(audio.samples[:, start : start + _WINDOW].T)
        between = stream.resample_chunk(part, last=start == starts[-1])
        peak = max(peak, float(np.abs(between).max(initial=0.0)))
    return 20 * math.log10(peak)


def _lufs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """-0.691 makes a 1 kHz sine of 0 dB in one channel read -3.01 LUFS. Silence is far below every gate."""
    return -0.691 + 10 * np.log10(np.maximum(power, 1e-30))


def _block_power(audio: Audio) -> NDArray[np.float64]:
    """Mean square of the K-weighted sound, summed over channels, in blocks [B]."""
    energy = np.concatenate([[0.0], np.cumsum(_weighted_energy(audio))])  # [T + 1]
    count = energy.size - 1
    hops = int(count / (_HOP_S * audio.sample_rate) + 1e-9)
    if hops < _HOPS:
        return energy[-1:] / max(count, 1)
    edges = np.rint(np.arange(hops + 1) * _HOP_S * audio.sample_rate).astype(np.int64)
    starts, ends = edges[:-_HOPS], edges[_HOPS:]
    return np.asarray((energy[ends] - energy[starts]) / (ends - starts))


def _weighted_energy(audio: Audio) -> NDArray[np.float64]:
    """Square of the K-weighted samples, summed over channels [T]: overlap-save in the frequency domain."""
    ring = int(_RING_S * audio.sample_rate)
    size = max(_WINDOW, 2 * ring)
    response = _k_weighting(np.arange(size // 2 + 1) * (2 * np.pi / size), audio.sample_rate)
    padded = np.pad(audio.samples, ((0, 0), (ring, size)))
    count, step = audio.samples.shape[1], size - ring
    energy = np.empty(count)
    for start in range(0, count, step):
        spectrum = np.fft.rfft(padded[:, start : start + size].astype(np.float64))
        weighted = np.fft.irfft(spectrum * response, n=size)[:, ring:]
        energy[start : start + step] = (weighted**2).sum(axis=0)[: count - start]
    return energy


def _k_weighting(omega: NDArray[np.floating], rate: int) -> NDArray[np.complex128]:
    """Response at angular frequencies [radians a sample]: a shelf for the head, a high pass for the ear.

    BS.1770-4 gives coefficients for 48 kHz; these are the analogue prototypes behind them, after B. De Man,
    "Evaluation of Implementations of the EBU R128 Loudness Measurement" (AES 145, 2018), for every rate.
    """
    z = np.exp(-1j * omega)
    k, q = math.tan(math.pi * 1681.974450955533 / rate), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    shelf = (
        (high + band * k / q + k * k) + 2 * (k * k - high) * z + (high - band * k / q + k * k) * z * z
    ) / ((1 + k / q + k * k) + 2 * (k * k - 1) * z + (1 - k / q + k * k) * z * z)
    k, q = math.tan(math.pi * 38.13547087602444 / rate), 0.5003270373238773
    norm = 1 + k / q + k * k
    # The standard's high pass has the numerator 1 - 2z + z², without the usual gain of 1 / norm.
    high_pass = (1 - 2 * z + z * z) / (1 + 2 * (k * k - 1) / norm * z + (1 - k / q + k * k) / norm * z * z)
    return np.asarray(shelf * high_pass)
