"""A song as a picture: its waveform above its spectrogram."""

from __future__ import annotations

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from muscgen.audio import Audio

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

_Pixels = NDArray[np.uint8]


def draw(audio: Audio, title: str) -> bytes:
    """PNG, 1200 x 640: the waveform (peaks, and root mean square) above the mel spectrogram."""
    mono = audio.samples.mean(axis=0)
    if mono.size == 0:
        raise ValueError("a picture needs sound")
    image = Image.new("RGB", (WIDTH, HEIGHT), _PAPER)
    image.paste(Image.fromarray(_colours(_levels(mono, audio.sample_rate))), (_LEFT, _SPECTRUM[0]))
    pen = ImageDraw.Draw(image)
    _draw_wave(pen, mono)
    _draw_frequencies(pen, audio.sample_rate)
    _draw_times(pen, audio.duration_s)
    _draw_heading(pen, audio, title)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


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


def _draw_wave(pen: ImageDraw.ImageDraw, mono: NDArray[np.float32]) -> None:
    columns, middle, half = _RIGHT - _LEFT, sum(_WAVE) / 2, (_WAVE[1] - _WAVE[0]) / 2 - 2
    scale = half / max(float(np.abs(mono).max()), 1e-9)
    pen.line((_LEFT, middle, _RIGHT, middle), fill=_GRID)
    for column, part in enumerate(_split(mono, columns)):
        x, mean = _LEFT + column, math.sqrt(float((part.astype(np.float64) ** 2).mean()))
        top, bottom = middle - float(part.max()) * scale, middle - float(part.min()) * scale
        pen.line((x, top, x, bottom), fill=_WAVE_OUTER)
        pen.line(
            (x, max(top, middle - mean * scale), x, min(bottom, middle + mean * scale)), fill=_WAVE_INNER
        )


def _split(mono: NDArray[np.float32], columns: int) -> list[NDArray[np.float32]]:
    """One part a column, each of at least one sample, however short the song."""
    starts = np.arange(columns) * mono.size // columns
    ends = np.maximum((np.arange(columns) + 1) * mono.size // columns, starts + 1)
    return [mono[start:end] for start, end in zip(starts, ends, strict=True)]


def _draw_frequencies(pen: ImageDraw.ImageDraw, rate: int) -> None:
    low, high, free_y = _mel(_LOWEST_HZ), _mel(rate / 2), float(HEIGHT)
    for hz in _TICKS_HZ:
        y = _SPECTRUM[1] - (_mel(hz) - low) / (high - low) * _BANDS
        if y < _SPECTRUM[0] or y > free_y:
            continue
        free_y = y - 18
        label = f"{hz} Hz" if hz < 1_000 else f"{hz // 1_000} kHz"
        pen.line((_LEFT - 6, y, _LEFT - 1, y), fill=_MUTED)
        pen.text((_LEFT - 12, y), label, fill=_MUTED, font=_font(14), anchor="rm")


def _draw_times(pen: ImageDraw.ImageDraw, duration_s: float) -> None:
    step_s = next((step for step in _STEPS_S if duration_s / step <= 12), duration_s / 10)
    for tick in range(int(duration_s / step_s + 1e-9) + 1):
        time_s = tick * step_s
        x = _LEFT + time_s / duration_s * (_RIGHT - _LEFT)
        pen.line((x, _SPECTRUM[1] + 1, x, _SPECTRUM[1] + 6), fill=_MUTED)
        pen.text((x, _SPECTRUM[1] + 12), _clock(time_s, step_s), fill=_MUTED, font=_font(14), anchor="mt")


def _clock(time_s: float, step_s: float) -> str:
    if step_s < 1:
        return f"{time_s:.1f} s"
    return f"{int(time_s) // 60}:{int(time_s) % 60:02d}"


def _draw_heading(pen: ImageDraw.ImageDraw, audio: Audio, title: str) -> None:
    width = {1: "mono", 2: "stereo"}.get(audio.channels, f"{audio.channels} channels")
    facts = f"{audio.duration_s:.2f} s   {audio.sample_rate / 1000:g} kHz   {width}"
    room = _RIGHT - _LEFT - pen.textlength(facts, font=_font(15)) - 40
    pen.text((_LEFT, 32), _fitting(pen, title, room), fill=_INK, font=_font(22), anchor="lm")
    pen.text((_RIGHT, 33), facts, fill=_MUTED, font=_font(15), anchor="rm")


def _fitting(pen: ImageDraw.ImageDraw, text: str, room: float) -> str:
    """One line that fits, shortened with an ellipsis."""
    line = " ".join(text.split())
    if pen.textlength(line, font=_font(22)) <= room:
        return line
    while line and pen.textlength(line + "…", font=_font(22)) > room:
        line = line[:-1]
    return line.rstrip() + "…"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
