"""PEAQ, basic version: how well a change hides, after ITU-R BS.1387-1, by its FFT-based ear.

Written from the standard and from P. Kabal, "An Examination and Interpretation of ITU-R BS.1387"
(McGill University, 2003), whose readings are taken where the standard leaves them open. Of a stereo sound
each channel is judged alone. The objective difference grade (ODG) is 0 where nothing can be heard, -1 where
it can be heard and does not annoy; for the same sound twice it is about 0.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE, SIZE, HOP = 48_000, 2_048, 1_024
FRAMES_A_S = RATE / HOP
_STEP = 0.25  # Bark
_LOW, _HIGH = 7 * np.arcsinh(np.array([80, 18_000]) / 650)
_COUNT = int(np.ceil((_HIGH - _LOW) / _STEP))  # 109 bands
_EDGES = 650 * np.sinh(np.minimum(_LOW + _STEP * np.arange(_COUNT + 1), _HIGH) / 7)
_CENTRES = 650 * np.sinh((_LOW + _STEP * (np.arange(_COUNT) + 0.5)) / 7)
_CENTRES[-1] = 650 * np.sinh((_LOW + _STEP * (_COUNT - 1) + _HIGH) / 2 / 7)
_WINDOW = np.hanning(SIZE)

Bands = NDArray[np.float64]  # [frames, bands]


@dataclass(frozen=True, slots=True)
class Grade:
    """nmr_db: total noise-to-mask ratio. audible: share of frames with a band 1.5 dB above its mask."""

    odg: float
    nmr_db: float
    audible: float


def grade(reference: NDArray[np.float32], test: NDArray[np.float32]) -> Grade:
    """Two lines of samples [T] at 48 kHz, full scale at 1, which is 92 dB to the ear."""
    ears = _Ear(reference), _Ear(test)
    ref, other = ears
    noise = _grouped((ref.magnitudes - other.magnitudes) ** 2)
    ratio = noise / (ref.excitation * 10 ** (-np.where(_BARK <= 12, 3.0, 0.25 * _BARK) / 10))
    audible = float(np.mean(ratio.max(axis=1) > 10**0.15))
    nmr_db = float(10 * np.log10(ratio.mean() + 1e-12))
    warm = int(np.ceil(0.5 * FRAMES_A_S))  # half a second until the adaptation has settled
    one, two, weight = (part[warm:] for part in _modulation_differences(ref, other))
    bandwidths = _bandwidths(ref, other)
    adb, mfpd = _detection(ref.excitation, other.excitation)
    values = (
        *bandwidths,
        nmr_db,
        _windowed(one),
        adb,
        1000 * _harmonic_error(ref, other),
        float((weight * one).sum() / weight.sum()),
        float((weight * two).sum() / weight.sum()),
        _noise_loudness(ref, other, warm),
        mfpd,
        audible,
    )
    return Grade(_network(values), nmr_db, audible)


_BARK = _STEP * np.arange(_COUNT)
_INTERNAL = 10 ** (0.1456 * (_CENTRES / 1000) ** -0.8)


def _weights() -> NDArray[np.float64]:
    """Of outer and middle ear, as powers [bins]."""
    khz = np.maximum(np.fft.rfftfreq(SIZE, 1 / RATE), 1e-3) / 1000
    decibels = -2.184 * khz**-0.8 + 6.5 * np.exp(-0.6 * (khz - 3.3) ** 2) - 0.001 * khz**3.6
    return np.asarray(10 ** (decibels / 10))


def _scale() -> float:
    """So that a sine of 1019.5 Hz at full scale has 92 dB."""
    sine = np.sin(2 * np.pi * 1019.5 * np.arange(SIZE) / RATE)
    return float(10 ** (92 / 20) / np.abs(np.fft.rfft(sine * _WINDOW)).max())


def _shares() -> NDArray[np.float64]:
    """How much of each bin lies in each band [bins, bands]."""
    width = RATE / SIZE
    middle = np.arange(SIZE // 2 + 1)[:, None] * width
    inside = np.minimum(middle + width / 2, _EDGES[1:]) - np.maximum(middle - width / 2, _EDGES[:-1])
    return np.asarray(inside.clip(0) / width)


_WEIGHTS, _SCALE, _SHARES = _weights(), _scale(), _shares()


def _grouped(power: NDArray[np.float64]) -> Bands:
    return np.maximum(power @ _SHARES, 1e-12)


def _spread_raw(energy: Bands) -> Bands:
    """-27 dB a Bark downwards, and upwards less the louder it is; powers of 0.4 are added up."""
    down = 10 ** (-2.7 * _STEP)
    up = 10 ** ((-2.4 - 23 / _CENTRES) * _STEP) * energy ** (0.2 * _STEP)
    at = np.arange(_COUNT)
    norm = (1 - down ** (at + 1)) / (1 - down) + (1 - up ** (_COUNT - at)) / (1 - up) - 1
    each, up = (energy / norm) ** 0.4, up**0.4
    total = np.zeros_like(energy)
    for band in range(_COUNT):
        above = np.arange(_COUNT - band)
        total[:, band:] += each[:, band, None] * up[:, band, None] ** above
        total[:, :band] += each[:, band, None] * down ** (0.4 * np.arange(band, 0, -1))
    return np.asarray(total**2.5)


_SPREAD_OF_ONES = _spread_raw(np.ones((1, _COUNT)))


def _coefficients(slow_s: float) -> NDArray[np.float64]:
    """Of first-order lowpasses, slower in low bands."""
    seconds = 0.008 + 100 / _CENTRES * (slow_s - 0.008)
    return np.asarray(np.exp(-1 / (FRAMES_A_S * seconds)))


def _smoothed(values: Bands, keep: NDArray[np.float64]) -> Bands:
    smooth, state = np.empty_like(values), np.zeros(values.shape[1])
    for at, row in enumerate(values):
        state = keep * state + (1 - keep) * row
        smooth[at] = state
    return smooth


class _Ear:
    """What one of the two sounds is to the ear."""

    def __init__(self, line: NDArray[np.float32]) -> None:
        frames = np.lib.stride_tricks.sliding_window_view(line.astype(np.float64), SIZE)[::HOP]
        self.frames = frames
        self.power = np.abs(np.fft.rfft(frames * _WINDOW)) ** 2 * _SCALE**2
        self.magnitudes = np.sqrt(self.power * _WEIGHTS)
        self.unsmeared = _spread_raw(_grouped(self.magnitudes**2) + _INTERNAL) / _SPREAD_OF_ONES
        self.excitation = np.maximum(_smoothed(self.unsmeared, _coefficients(0.030)), self.unsmeared)
        keep = _coefficients(0.050)
        loudness = self.unsmeared**0.3
        change = np.abs(np.diff(loudness, axis=0, prepend=0)) * FRAMES_A_S
        self.average = _smoothed(loudness, keep)
        self.modulation = _smoothed(change, keep) / (1 + self.average / 0.3)

    def sones(self) -> NDArray[np.float64]:
        """Loudness of each frame."""
        threshold = 10 ** (0.364 * (_CENTRES / 1000) ** -0.8)
        index = 10 ** (
            (-2 - 2.05 * np.arctan(_CENTRES / 4000) - 0.75 * np.arctan((_CENTRES / 1600) ** 2)) / 10
        )
        scale = 1.07664 * (threshold / index / 1e4) ** 0.23
        specific = scale * ((1 - index + index * self.excitation / threshold) ** 0.23 - 1)
        return np.asarray(24 / _COUNT * specific.clip(0).sum(axis=1))


def _modulation_differences(ref: _Ear, test: _Ear) -> tuple[NDArray[np.float64], ...]:
    change = test.modulation - ref.modulation
    one = 100 / _COUNT * (np.abs(change) / (1 + ref.modulation)).sum(axis=1)
    less = np.where(change < 0, -0.1 * change, change)
    two = 100 / _COUNT * (less / (0.01 + ref.modulation)).sum(axis=1)
    weight = (ref.average / (ref.average + 100 * _INTERNAL**0.3)).sum(axis=1)
    return one, two, weight


def _windowed(values: NDArray[np.float64]) -> float:
    length = int(0.1 * FRAMES_A_S)
    roots = np.lib.stride_tricks.sliding_window_view(np.sqrt(values), length).mean(axis=1)
    return float(np.sqrt((roots**4).mean()))


def _adapted(ref: _Ear, test: _Ear) -> tuple[Bands, Bands]:
    """The excitations after levels and spectra were brought together."""
    keep = _coefficients(0.050)
    slow_ref, slow_test = _smoothed(ref.excitation, keep), _smoothed(test.excitation, keep)
    level = (np.sqrt(slow_ref * slow_test).sum(axis=1) / slow_test.sum(axis=1)) ** 2
    left = ref.excitation / np.maximum(level, 1)[:, None]
    right = test.excitation * np.minimum(level, 1)[:, None]
    # Sums that decay, not means: their ratio is the same.
    both, own = _smoothed(left * right, keep), _smoothed(left * left, keep)
    ratio = both / own
    gains = []
    for gain in (np.minimum(ratio, 1), np.minimum(1 / ratio, 1)):
        padded = np.pad(gain, ((0, 0), (3, 4)))
        present = np.pad(np.ones(_COUNT), (3, 4))
        mean = np.lib.stride_tricks.sliding_window_view(padded, 8, axis=1).sum(axis=2)
        gains.append(_smoothed(mean / np.lib.stride_tricks.sliding_window_view(present, 8).sum(axis=1), keep))
    return left * gains[0], right * gains[1]


def _noise_loudness(ref: _Ear, test: _Ear, warm: int) -> float:
    left, right = _adapted(ref, test)
    steep_ref, steep_test = 0.15 * ref.modulation + 0.5, 0.15 * test.modulation + 0.5
    added = np.maximum(steep_test * right - steep_ref * left, 0)
    masked = _INTERNAL + steep_ref * left * np.exp(-1.5 * (right - left) / left)
    partial = (_INTERNAL / steep_test) ** 0.23 * ((1 + added / masked) ** 0.23 - 1)
    loudness = (24 / _COUNT * partial.sum(axis=1)).clip(0)
    loud = np.flatnonzero((ref.sones() > 0.1) & (test.sones() > 0.1))
    first = int(loud[0]) + int(np.ceil(0.05 * FRAMES_A_S)) if loud.size else len(loudness)
    kept = loudness[max(first, warm) :]
    return float(np.sqrt((kept**2).mean())) if kept.size else 0.0


def _bandwidths(ref: _Ear, test: _Ear) -> tuple[float, float]:
    top, low = 921, 346  # bins of 21.6 and 8.1 kHz
    floor = test.power[:, top : SIZE // 2].max(axis=1, keepdims=True)
    bins = np.arange(top)
    wide = np.where((ref.power[:, :top] >= 10 * floor) & (bins > low), bins + 1, 0).max(axis=1)
    inside = (test.power[:, :top] >= 10**0.5 * floor) & (bins < wide[:, None])
    other = np.where(inside, bins + 1, 0).max(axis=1)
    return tuple(float(kept.mean()) if (kept := part[part > 0]).size else 0.0 for part in (wide, other))  # type: ignore[return-value]


def _detection(left: Bands, right: Bands) -> tuple[float, float]:
    """Average distorted block and maximum filtered probability of detection."""
    ref, test = 10 * np.log10(left), 10 * np.log10(right)
    change = ref - test
    level = np.where(change > 0, 0.3 * ref + 0.7 * test, test)
    safe = np.maximum(level, 1e-3)
    steps = (
        5.95072 * (6.39468 / safe) ** 1.71332
        + 9.01033e-11 * safe**4
        + 5.05622e-6 * safe**3
        - 0.00102438 * safe**2
        + 0.0550197 * safe
        - 0.198719
    )
    steps = np.where(level > 0, steps, 1e30)
    missed = 0.5 ** (np.abs(change / steps) ** np.where(change > 0, 4, 6))
    probability = 1 - missed.prod(axis=1)
    above = (np.abs(np.trunc(change)) / steps).sum(axis=1)
    filtered = highest = 0.0
    for value in probability:
        filtered = 0.9 * filtered + 0.1 * float(value)
        highest = max(highest, filtered)
    distorted = probability > 0.5
    if not distorted.any():
        return 0.0, highest
    total = float(above[distorted].sum())
    return (float(np.log10(total / distorted.sum())) if total > 0 else -0.5), highest


def _harmonic_error(ref: _Ear, test: _Ear) -> float:
    """The highest peak in the spectrum of the autocorrelation of the error's logarithmic spectrum."""
    length = 256  # bins, up to 6 kHz
    halves = (ear.frames[:, SIZE // 2 :] * 32_768 for ear in (ref, test))
    loud = np.any([(half**2).sum(axis=1) >= 8_000 for half in halves], axis=0)
    powers = (ear.power[loud, : 2 * length - 1] + 1e-12 for ear in (test, ref))
    test_power, ref_power = powers
    difference = np.log(test_power / ref_power)
    if not len(difference):
        return 0.0
    parts = np.lib.stride_tricks.sliding_window_view(difference, length, axis=1)[:, :length]
    dots = np.einsum("ni,nki->nk", difference[:, :length], parts)
    norms = np.sqrt((parts**2).sum(axis=2) * (difference[:, :length] ** 2).sum(axis=1, keepdims=True))
    correlation = np.divide(dots, norms, out=np.ones_like(dots), where=norms > 0)
    window = np.sqrt(8 / 3) * np.hanning(length) / length
    centred = (correlation - correlation.mean(axis=1, keepdims=True)) * window
    spectrum = np.abs(np.fft.rfft(centred)) ** 2
    return float(np.where(spectrum[:, 1:] > spectrum[:, :1], spectrum[:, 1:], 0).max(axis=1).mean())


def _network(values: tuple[float, ...]) -> float:
    """The standard's network of 11 inputs and 3 inner nodes (BS.1387-1, annex 2, 6.2)."""
    low = (393.916656, 361.965332, -24.045116, 1.110661, -0.206623, 0.074318, 1.113683, 0.950345, 0.029985,
           0.000101, 0.0)  # fmt: skip
    high = (921.0, 881.131226, 16.212030, 107.137772, 2.886017, 13.933351, 63.257874, 1145.018555, 14.819740,
            1.0, 1.0)  # fmt: skip
    inner = np.array((
        (-0.502657, 4.307481, 4.984241, 0.051056, 2.321580, -5.303901, 2.730991, 0.624950, 3.102889,
         -1.051468, -1.804679),
        (0.436333, 3.246017, -2.211189, -1.762424, 1.789971, -3.452257, -6.111805, -1.331523, 0.871260,
         -0.939882, -0.503610),
        (1.219602, 1.123743, -0.192096, 4.331315, -0.754560, -10.814982, 1.519223, -5.955151, -5.922878,
         -0.142913, -0.620456),
    ))  # fmt: skip
    scaled = (np.array(values) - low) / (np.array(high) - low)
    nodes = _sigmoid(inner @ scaled + (-2.518254, 0.654841, -2.207228))
    index = float(nodes @ (-3.817048, 4.107138, 4.629582) - 0.307594)
    return float(-3.98 + 4.2 * _sigmoid(np.array(index)))


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-values)))
