"""A finished file in another format, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import soundfile

from muscgen.finishing.live import live_encoder
from muscgen.request import Format

_BLOCK = 1 << 15


def transcoded(file: BinaryIO, encoding: Format, from_s: float = 0.0) -> Iterator[bytes]:
    """The sound of the file from that second on; the file is closed at the end."""
    with file, soundfile.SoundFile(file) as sound:
        begin = min(round(from_s * sound.samplerate), sound.frames)
        sound.seek(begin)
        encoder = live_encoder(encoding, sound.samplerate, sound.channels, sound.frames - begin)
        try:
            while len(block := sound.read(_BLOCK, dtype="float32", always_2d=True)):
                yield encoder.push(np.rint(block.clip(-1, 1) * 32767).astype("<i2").tobytes())
        finally:
            rest = encoder.close()
        yield rest
