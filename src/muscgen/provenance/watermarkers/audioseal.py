"""AudioSeal (San Roman et al., ICML 2024; MIT): 16 bits by a network, at 16 kHz.

The 16 bits are the deployment's. It has no key, so it tells where a song comes from, and proves nothing. It
was trained on speech; nothing is claimed for music.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from muscgen.audio import Audio
from muscgen.errors import ConfigurationError
from muscgen.provenance.watermark import Payload
from muscgen.provenance.watermark.grid import at_grid_rate
from muscgen.provenance.watermark.overlay import Floats
from muscgen.provenance.watermarkers.base import Heard
from muscgen.provenance.watermarkers.blocks import Blocks, Shape, clearest

METHOD = "audioseal-16"
FILES = "generator_base.pth", "detector_base.pth"
BITS = 16
ENOUGH = 0.5  # share of the samples in which a mark is heard: the authors' threshold
_SHAPE = Shape(rate=16_000, block=16_000, around=4_000, fade=160)


class AudioSeal:
    """Its two networks, read from a folder by the package `audioseal`, which needs PyTorch."""

    method = METHOD
    rate_hz = _SHAPE.rate

    def __init__(self, folder: Path) -> None:
        """The files are pickles: they come from who is trusted. Raises ConfigurationError."""
        # Named here and not imported: the API starts without torch.
        try:
            self._torch = import_module("torch")
            package = import_module("audioseal").AudioSeal
            self._uncompiled = import_module("audioseal.libs.moshi.utils.compile").no_compile
        except ImportError as error:
            raise ConfigurationError(
                "the watermark audioseal needs the packages audioseal and torch",
                param="watermark_method",
                suggestion="pip install audioseal torch",
            ) from error
        generator, detector = (str(folder / name) for name in FILES)
        self._generator: Any = package.load_generator(generator, nbits=BITS).eval()
        self._detector: Any = package.load_detector(detector, nbits=BITS).eval()

    @contextmanager
    def _running(self) -> Iterator[None]:
        # Compiling takes minutes and a compiler, for less than is won.
        with self._torch.inference_mode(), self._uncompiled():
            yield

    def stream(self, payload: Payload, *, sample_rate: int, channels: int) -> Blocks:
        bits = [payload.deployment >> at & 1 for at in range(BITS)]

        def change(samples: Floats) -> Floats:
            with self._running():
                message = self._torch.tensor([bits] * len(samples))
                heard = self._torch.from_numpy(samples[:, None])
                mark = self._generator.get_watermark(heard, message=message)
            return np.asarray(mark[:, 0].numpy(), np.float32)

        return Blocks(_SHAPE, change, sample_rate=sample_rate, channels=channels)

    def find(self, audio: Audio, *, warped: bool = True) -> Heard | None:  # noqa: ARG002
        return clearest(audio, self._hear)

    def _hear(self, audio: Audio) -> Heard | None:
        samples = at_grid_rate(audio).mean(axis=0)
        if samples.size < _SHAPE.rate or not samples.any():
            return None
        with self._running():
            heard = self._torch.from_numpy(samples[None, None])
            share, message = self._detector.detect_watermark(heard)
        confidence = float(share[0])
        bits = sum(int(bit) << at for at, bit in enumerate(message[0].tolist()))
        return Heard(METHOD, confidence, deployment=bits) if confidence >= ENOUGH else None
