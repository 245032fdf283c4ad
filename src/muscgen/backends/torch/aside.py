"""Work beside the steps, from other threads: encoding texts, decoding sound."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch

_OF_ALL_MODELS = Lock()  # a capture begins by waiting for the whole device, which no other may be using so


class Aside:
    """On CUDA a stream of its own, so that steps need not wait; on other devices nothing but the thread."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.lock = _OF_ALL_MODELS
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Results are complete on leaving."""
        if self._stream is None:
            with torch.inference_mode():
                yield
            return
        # cuDNN would round float32 convolutions to TF32: 1e-3, where the codec promises 1e-4.
        exact = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
        with self.lock, torch.inference_mode(), exact, torch.cuda.stream(self._stream):
            yield
            self._stream.synchronize()
