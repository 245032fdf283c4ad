"""ComfyUI's AUDIO and WAV files, one for the other."""

from __future__ import annotations

import io
import wave
from typing import Any

import numpy as np
import torch

FULL_SCALE = 32_767


def to_wav(audio: dict[str, Any]) -> bytes:
    """The first of the batch, in 16 bits."""
    samples = audio["waveform"][0].clamp(-1, 1).cpu().numpy()  # [C, T]
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(samples.shape[0])
        file.setsampwidth(2)
        file.setframerate(int(audio["sample_rate"]))
        file.writeframes((samples.T * FULL_SCALE).round().astype("<i2").tobytes())
    return out.getvalue()


def from_wavs(files: list[bytes]) -> dict[str, Any]:
    """Songs of one length as one batch."""
    songs, rate_hz = [], 0
    for content in files:
        with wave.open(io.BytesIO(content), "rb") as file:
            rate_hz = file.getframerate()
            pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            samples = pcm.reshape(-1, file.getnchannels()).T.astype(np.float32) / FULL_SCALE
        songs.append(torch.from_numpy(samples))
    return {"waveform": torch.stack(songs), "sample_rate": rate_hz}
