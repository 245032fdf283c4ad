"""From wishes to a backend. What cannot be honoured is refused by name, never ignored.

backend auto is torch where PyTorch finds a CUDA device (or where a device is named that only it knows), else
onnx. Neither runtime is imported before it is chosen.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from muscgen.errors import ConfigurationError

if TYPE_CHECKING:
    from muscgen.backends.base import Backend
    from muscgen.settings import BackendName, KvPrecision, Precision

_DRIVERS = ("libcuda.so.1", "libamdhip64.so", "nvcuda.dll")


@dataclass(frozen=True, slots=True)
class Choice:
    """What runs a model, and in which numbers."""

    backend: Literal["onnx", "torch"]
    device: str
    precision: Precision
    kv: Literal["fp32", "int8"] | None = None  # of the onnx backend; None is `precision`


def choose(
    backend: BackendName, device: str, precision: Precision, kv_precision: KvPrecision = "auto"
) -> Choice:
    """device: auto, cpu, cuda, cuda:N or mps. Raises ConfigurationError where these do not go together."""
    if backend == "torch" or (backend == "auto" and _prefers_torch(device, precision)):
        if kv_precision != "auto":
            raise ConfigurationError(
                f"kv_precision {kv_precision}: only the onnx backend lets it be chosen", param="kv_precision"
            )
        return _torch(device, precision)
    choice = _onnx(backend, device, precision)
    return choice if kv_precision == "auto" else replace(choice, kv=kv_precision)


def load(
    checkpoint_path: Path,
    choice: Choice,
    *,
    rows: int,
    threads: int = 0,
    cache_dir: Path | None = None,
    adapter: Path | None = None,
) -> Backend:
    """Raises CheckpointInvalid, ConfigurationError. There may be fewer rows than asked for."""
    if choice.backend == "onnx":
        from muscgen.backends.onnx import OnnxBackend

        if choice.precision != "fp32" and choice.precision != "int8":
            raise _refused("onnx", choice.precision)
        return OnnxBackend.load(
            checkpoint_path,
            precision=choice.precision,
            rows=rows,
            threads=threads,
            cache_dir=cache_dir,
            adapter=adapter,
            kv=choice.kv,
        )
    from muscgen.backends.torch import TorchBackend

    if choice.precision == "int8":
        raise _refused("torch", choice.precision)
    return TorchBackend.load(
        checkpoint_path,
        precision=choice.precision,
        rows=rows,
        device=choice.device,
        threads=threads,
        adapter=adapter,
    )


def _prefers_torch(device: str, precision: Precision) -> bool:
    if precision == "int8" or device == "cpu":
        return False
    return device != "auto" or _cuda_is_there()


def _torch(device: str, precision: Precision) -> Choice:
    if precision == "int8":
        raise _refused("torch", precision)
    if find_spec("torch") is None:
        raise ConfigurationError(
            "the torch backend needs PyTorch: pip install 'muscgen[cuda]'", param="backend"
        )
    from muscgen.backends.torch.device import find_device

    return Choice("torch", str(find_device(device, precision)), precision)


def _onnx(backend: BackendName, device: str, precision: Precision) -> Choice:
    if device not in ("auto", "cpu"):
        reason = "it runs on the CPU" if backend == "onnx" else f"precision {precision} is for the CPU"
        raise ConfigurationError(f"the onnx backend has no device {device}: {reason}", param="device")
    if precision not in ("fp32", "int8"):
        raise _refused("onnx", precision)
    if find_spec("onnxruntime") is None:
        raise ConfigurationError(
            "songs are made by ONNX Runtime here, and it is not installed: pip install onnxruntime",
            param="backend",
            suggestion="of the images, api makes no songs; worker-cpu and all do",
        )
    return Choice("onnx", "cpu", precision)


def _refused(backend: str, precision: Precision) -> ConfigurationError:
    can = {"onnx": "fp32 and int8", "torch": "fp32, fp16 and bf16"}[backend]
    return ConfigurationError(
        f"precision {precision}: the {backend} backend, which is chosen here, computes in {can}",
        param="precision",
    )


def _cuda_is_there() -> bool:
    """Asks PyTorch, whose import takes seconds, only where there is a driver to speak of."""
    if find_spec("torch") is None or not any(_loads(driver) for driver in _DRIVERS):
        return False
    import torch

    return torch.cuda.is_available()


def _loads(library: str) -> bool:
    with suppress(OSError):
        ctypes.CDLL(library)
        return True
    return False
