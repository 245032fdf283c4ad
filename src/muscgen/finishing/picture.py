"""A song as a picture: its waveform above its spectrogram."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from muscgen.audio import Audio
from muscgen.finishing import lettering, png

WIDTH, HEIGHT = 1200, 640
_LEFT, _RIGHT = 84, 1176  # the panels' edges, in pixels
_WAVE = (64, 224)  # top and bottom
_SPECTRUM = (240, 588)
_INK, _PAPER, _MUTED, _GRID = (232, 230, 240), (14, 12, 26), (150, 146, 172), (40, 37, 62)
_WAVE_INNER, _WAVE_OUTER = (255, 189, 115), (214, 83, 109)
# From night over violet and coral to pale gold: lightness rises all the way, so it reads in grey as well.
_COLOURS = (
    (14, 12, 26),
    (43, 22, 84),
    (100, 26, 128),
    (168, 44, 120),
    (224, 82, 92),
    (250, 150, 88),
    (254, 236, 178),
)
_RANGE_DB = 80.0
_WINDOW_S = 0.064  # 16 Hz resolution against 64 ms of blur: bass lines and beats both show
_LOWEST_HZ = 40.0
_BANDS = _SPECTRUM[1] - _SPECTRUM[0]
_TICKS_HZ = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600)

_Pixels = NDArray[np.uint8]  # [rows, columns, 3]
_Colour = tuple[int, int, int]


def draw(audio: Audio, title: str) -> bytes:
    """PNG, 1200 x 640: the waveform (peaks, and root mean square) above the mel spectrogram."""
    mono = audio.samples.mean(axis=0)
    if mono.size == 0:
        raise ValueError("a picture needs sound")
    canvas = np.full((HEIGHT, WIDTH, 3), _PAPER, dtype=np.uint8)
    canvas[_SPECTRUM[0] : _SPECTRUM[1], _LEFT:_RIGHT] = _colours(_levels(mono, audio.sample_rate))
    _draw_wave(canvas, mono)
    _draw_frequencies(canvas, audio.sample_rate)
    _draw_times(canvas, audio.duration_s)
    _draw_heading(canvas, audio, title)
    return png.encoded(canvas)


def _levels(mono: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Level of each pixel [bands, columns], 0 to 1 over the loudest 80 dB; low bands first."""
    size = 1 << round(math.log2(_WINDOW_S * rate))
    columns = _RIGHT - _LEFT
    centres = (np.arange(columns) + 0.5) * mono.size / columns
    padded = np.pad(mono, size)
    frames = padded[centres.astype(np.int64)[:, None] + size // 2 + np.arange(size)]
    power = np.abs(np.fft.rfft(frames * np.hanning(size))) ** 2  # [columns, bins]
    mel = _mel_bands(size, rate) @ power.T
    decibels = 10 * np.log10(np.maximum(mel, 1e-12))
    return np.asarray(np.clip((decibels - decibels.max()) / _RANGE_DB + 1, 0, 1))


def _mel_bands(size: int, rate: int) -> NDArray[np.float64]:
    """One triangle a pixel row [bands, bins], never narrower than the transform can tell apart."""
    edges = _hz(np.linspace(_mel(_LOWEST_HZ), _mel(rate / 2), _BANDS + 2))
    bins = np.arange(size // 2 + 1) * rate / size
    below = np.maximum(edges[1:-1] - edges[:-2], rate / size)[:, None]
    above = np.maximum(edges[2:] - edges[1:-1], rate / size)[:, None]
    distance = bins - edges[1:-1, None]
    triangles = np.clip(1 - np.where(distance < 0, -distance / below, distance / above), 0, None)
    return np.asarray(triangles / triangles.sum(axis=1, keepdims=True))


def _mel(hz: float) -> float:
    """O'Shaughnessy's mel scale: 1000 mel are 1000 Hz."""
    return 2595 * math.log10(1 + hz / 700)


def _hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(700 * (10 ** (mel / 2595) - 1))


def _colours(levels: NDArray[np.float64]) -> _Pixels:
    """Levels [bands, columns] as RGB, low bands at the bottom [rows, columns, 3]."""
    stops = np.linspace(0, 1, len(_COLOURS))
    channels = [np.interp(levels[::-1], stops, channel) for channel in zip(*_COLOURS, strict=True)]
    return np.asarray(np.rint(np.stack(channels, axis=-1)), dtype=np.uint8)


def _draw_wave(canvas: _Pixels, mono: NDArray[np.float32]) -> None:
    columns, middle, half = _RIGHT - _LEFT, sum(_WAVE) // 2, (_WAVE[1] - _WAVE[0]) / 2 - 2
    scale = half / max(float(np.abs(mono).max()), 1e-9)
    canvas[middle, _LEFT:_RIGHT] = _GRID
    for column, part in enumerate(_split(mono, columns)):
        x, mean = _LEFT + column, math.sqrt(float((part.astype(np.float64) ** 2).mean()))
        top, bottom = middle - float(part.max()) * scale, middle - float(part.min()) * scale
        _upright(canvas, x, top, bottom, _WAVE_OUTER)
        _upright(canvas, x, max(top, middle - mean * scale), min(bottom, middle + mean * scale), _WAVE_INNER)


def _upright(canvas: _Pixels, x: int, top: float, bottom: float, ink: _Colour) -> None:
    if bottom >= top:
        canvas[round(top) : round(bottom) + 1, x] = ink


def _split(mono: NDArray[np.float32], columns: int) -> list[NDArray[np.float32]]:
    """One part a column, each of at least one sample, however short the song."""
    starts = np.arange(columns) * mono.size // columns
    ends = np.maximum((np.arange(columns) + 1) * mono.size // columns, starts + 1)
    return [mono[start:end] for start, end in zip(starts, ends, strict=True)]


def _draw_frequencies(canvas: _Pixels, rate: int) -> None:
    low, high, free_y = _mel(_LOWEST_HZ), _mel(rate / 2), float(HEIGHT)
    for hz in _TICKS_HZ:
        y = _SPECTRUM[1] - (_mel(hz) - low) / (high - low) * _BANDS
        if y < _SPECTRUM[0] or y > free_y:
            continue
        free_y = y - 18
        label = f"{hz} Hz" if hz < 1_000 else f"{hz // 1_000} kHz"
        canvas[round(y), _LEFT - 6 : _LEFT] = _MUTED
        _write(canvas, label, _LEFT - 12 - lettering.width_px(label, 14), y, 14, _MUTED)


def _draw_times(canvas: _Pixels, duration_s: float) -> None:
    step_s = next((step for step in _STEPS_S if duration_s / step <= 12), duration_s / 10)
    for tick in range(int(duration_s / step_s + 1e-9) + 1):
        time_s = tick * step_s
        x = _LEFT + time_s / duration_s * (_RIGHT - _LEFT)
        canvas[_SPECTRUM[1] + 1 : _SPECTRUM[1] + 7, round(x)] = _MUTED
        label = _clock(time_s, step_s)
        _write(canvas, label, x - lettering.width_px(label, 14) / 2, _SPECTRUM[1] + 17, 14, _MUTED)


def _clock(time_s: float, step_s: float) -> str:
    if step_s < 1:
        return f"{time_s:.1f} s"
    return f"{int(time_s) // 60}:{int(time_s) % 60:02d}"


def _draw_heading(canvas: _Pixels, audio: Audio, title: str) -> None:
    width = {1: "mono", 2: "stereo"}.get(audio.channels, f"{audio.channels} channels")
    facts = f"{audio.duration_s:.2f} s   {audio.sample_rate / 1000:g} kHz   {width}"
    facts_px = lettering.width_px(facts, 15)
    _write(canvas, _fitting(title, _RIGHT - _LEFT - facts_px - 40), _LEFT, 32, 22, _INK)
    _write(canvas, facts, _RIGHT - facts_px, 32, 15, _MUTED)


def _fitting(text: str, room_px: float) -> str:
    """One line that fits, shortened with an ellipsis."""
    line = " ".join(text.split())
    if lettering.width_px(line, 22) <= room_px:
        return line
    while line and lettering.width_px(line + "…", 22) > room_px:
        line = line[:-1]
    return line.rstrip() + "…"


def _write(canvas: _Pixels, text: str, x: float, y: float, size_px: int, ink: _Colour) -> None:
    """x: where the line begins; y: the middle of its capitals."""
    left = math.floor(x)
    mask, baseline = lettering.drawn(text, size_px, x - left)
    top = round(y + lettering.CAP_HEIGHT * size_px / 2 - baseline)
    place = canvas[top : top + mask.shape[0], left : left + mask.shape[1]]
    cover = mask[: place.shape[0], : place.shape[1], None]
    place[:] = np.rint(place + (np.array(ink) - place) * cover)
