"""What is measured of a prepared sound, and what makes it unfit to learn from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from muscgen.audio import Audio
from muscgen.data.compiled import RATE_HZ, librosa
from muscgen.data.ledger import Reason
from muscgen.finishing.checks import SILENT_DB, flat_samples, silence_ratio, window_levels_db
from muscgen.finishing.loudness import integrated, true_peak_db

SHORTEST_S = 1.0
MOSTLY_SILENT = 0.95  # a muted mallet of NSynth sounds for a tenth of its 4 s
CLIPPED_SHARE = 0.01  # in flat tops: loud masters have some, and 1 % is heard as distortion
DURATION_TOLERANCE_S = 2.0  # encoders pad, and tables round
DURATION_TOLERANCE = 0.05
_HOP = 512  # librosa's own
_LONGEST_S = 120.0
_SHORTEST_MUSIC_S = 4.0
_PULSE = 0.15  # of the onsets' autocorrelation at the tempo: below it there is none to speak of
_KEY_CORRELATION = 0.6
_NOTES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
# How well each degree fits a key: Krumhansl & Kessler, "Tracing the dynamic changes in perceived tonal
# organization" (Psychological Review 89, 1982).
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


@dataclass(frozen=True, slots=True)
class Measured:
    """duration_s of the prepared sound; loudness_lufs is None for what is too quiet to have one."""

    duration_s: float
    loudness_lufs: float | None
    true_peak_db: float
    silence_share: float
    clipped_share: float
    tempo_bpm: float | None = None
    key: str = ""


def measure(audio: Audio, *, notes: bool) -> Measured:
    """notes: of single notes tempo and key are left out. Mono or stereo."""
    loudness, peak = integrated(audio), true_peak_db(audio)
    mono = np.empty(0, np.float32) if notes else _for_librosa(audio)
    music = len(mono) >= _SHORTEST_MUSIC_S * RATE_HZ
    return Measured(
        duration_s=round(audio.duration_s, 3),
        loudness_lufs=round(loudness, 2) if math.isfinite(loudness) else None,
        true_peak_db=round(max(peak, -200.0), 2),
        silence_share=round(silence_ratio(audio), 4),
        clipped_share=round(flat_samples(audio) / audio.samples.size, 6),
        tempo_bpm=tempo_bpm(mono) if music else None,
        key=key_of(mono) if music else "",
    )


def unfit(audio: Audio, expected_s: float | None) -> tuple[Reason, str] | None:
    """Why a decoded sound is of no use; None where it is. Before it is resampled: that hides flat tops."""
    duration_s = audio.duration_s
    if expected_s is not None and abs(duration_s - expected_s) > max(
        DURATION_TOLERANCE_S, DURATION_TOLERANCE * expected_s
    ):
        return Reason.WRONG_DURATION, f"it lasts {duration_s:.1f} s; the set says {expected_s:.1f} s"
    if duration_s < SHORTEST_S:
        return Reason.TOO_SHORT, f"it lasts {duration_s:.2f} s; {SHORTEST_S:g} s are needed"
    if window_levels_db(audio).max(initial=-math.inf) < SILENT_DB:
        return Reason.SILENT, f"nothing in it is louder than {SILENT_DB:g} dB"
    if (silent := silence_ratio(audio)) > MOSTLY_SILENT:
        return Reason.SILENT, f"{silent:.0%} of it are silent"
    if (clipped := flat_samples(audio) / audio.samples.size) > CLIPPED_SHARE:
        return Reason.CLIPPED, f"{clipped:.1%} of it are cut off at full scale"
    return None


def tempo_bpm(mono: NDArray[np.float32]) -> float | None:
    """Beats a minute of a sound at 22,050 Hz, to a whole number; None where no pulse stands out."""
    library = librosa()
    onsets = library.onset.onset_strength(y=mono, sr=RATE_HZ)
    if onsets.std() < 1e-6:
        return None
    guess = float(library.feature.tempo(onset_envelope=onsets, sr=RATE_HZ)[0])
    if guess <= 0:
        return None
    frames_a_minute = 60 * RATE_HZ / _HOP
    period, pulse = _period(onsets, frames_a_minute / guess)
    return float(round(frames_a_minute / period)) if pulse >= _PULSE else None


def _period(onsets: NDArray[np.float32], guess: float) -> tuple[float, float]:
    """Frames a beat, and the onsets' autocorrelation there, -1 to 1.

    librosa's guess is a whole number of frames, 5 bpm wide at 120; what comes 8 beats later says more.
    """
    centred = onsets - onsets.mean()
    power, period, pulse = float((centred**2).sum()), guess, -1.0
    for beats in (1, 2, 4, 8):
        middle = round(beats * period)
        if middle + 2 >= len(centred) // 2:
            break
        around = [
            float((centred[:-lag] * centred[lag:]).sum()) / power for lag in range(middle - 2, middle + 3)
        ]
        best = 1 + int(np.argmax(around[1:-1]))
        before, peak, after = around[best - 1 : best + 2]
        bend = before - 2 * peak + after
        shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
        period = (middle - 2 + best + min(max(shift, -0.5), 0.5)) / beats
        pulse = max(pulse, peak)
    return period, pulse


def key_of(mono: NDArray[np.float32]) -> str:
    """`A minor`; empty where no key fits. The key whose profile correlates best with the chroma."""
    chroma = librosa().feature.chroma_cens(y=mono, sr=RATE_HZ).mean(axis=1)
    if chroma.std() < 1e-6:
        return ""
    scores = {
        f"{_NOTES[root]} {mode}": float(np.corrcoef(np.roll(profile, root), chroma)[0, 1])
        for mode, profile in (("major", _MAJOR), ("minor", _MINOR))
        for root in range(12)
    }
    best = max(scores, key=scores.__getitem__)
    return best if scores[best] >= _KEY_CORRELATION else ""


def _for_librosa(audio: Audio) -> NDArray[np.float32]:
    """One channel of at most two minutes from the middle."""
    count = round(_LONGEST_S * audio.sample_rate)
    start = max(0, (audio.samples.shape[1] - count) // 2)
    mono = audio.samples[:, start : start + count].mean(axis=0)
    return np.asarray(soxr.resample(mono, audio.sample_rate, RATE_HZ), np.float32)
