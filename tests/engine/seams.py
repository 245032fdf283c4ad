"""How much a song changes from one frame to the next: what a seam would show up in."""

import numpy as np

FRAME = 640  # samples: 1/50 s at 32 kHz
WINDOW = 2048  # samples a spectrum
AROUND = 2  # frames; a seam may show beside its frame, since spectra reach over it
FLOOR = 1e-4  # -80 dB: what lies below is silence


def flux(audio):
    """[F]: the mean change of the magnitude spectrum, in dB, from the frame before."""
    padded = np.pad(audio.samples.mean(axis=0), WINDOW // 2)
    starts = np.arange(audio.samples.shape[1] // FRAME) * FRAME
    frames = np.stack([padded[start : start + WINDOW] for start in starts]) * np.hanning(WINDOW)
    level = 20 * np.log10(np.abs(np.fft.rfft(frames)) / WINDOW + FLOOR)
    return np.abs(np.diff(level, axis=0, prepend=level[:1])).mean(axis=1)


def loudness_change(audio):
    """[F]: how much the level of the next 0.2 s differs from that of the last 0.2 s, in dB."""
    power = np.square(audio.samples.mean(axis=0)[: audio.samples.shape[1] // FRAME * FRAME])
    power = np.pad(power.reshape(-1, FRAME).mean(axis=1), 10, mode="edge")
    level = 10 * np.log10(np.convolve(power, np.ones(10) / 10, "valid") + FLOOR**2)  # of frames f-10..f-1
    return np.abs(level[10:-1] - level[:-11])


def ranks(change, joins):
    """Where the largest change around each join stands among those around all other frames, 0..1."""
    around = np.lib.stride_tricks.sliding_window_view(np.pad(change, AROUND, mode="edge"), 2 * AROUND + 1)
    largest = around.max(axis=1)
    usual = np.ones(len(largest), bool)
    for join in joins:
        usual[max(0, join - 10) : join + 10] = False
    return np.array([(largest[usual] < largest[join]).mean() for join in joins])
