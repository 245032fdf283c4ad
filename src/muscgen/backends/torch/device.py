"""Which device a wish means, whether it is there, and what it can compute in."""

from __future__ import annotations

from typing import Literal

import torch

from muscgen.errors import ConfigurationError

Precision = Literal["fp32", "fp16", "bf16"]
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def find_device(wish: str, precision: Precision) -> torch.device:
    """wish: auto (CUDA where there is one, else the CPU), cpu, cuda, cuda:N or mps.

    Raises ConfigurationError where it is not there or cannot compute in `precision`.
    """
    if wish == "auto":
        wish = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(wish)
    if device.type == "cuda":
        return _cuda(device, wish, precision)
    if device.type == "mps":
        _check_mps(precision)
    return device


def _cuda(device: torch.device, wish: str, precision: Precision) -> torch.device:
    if not torch.cuda.is_available():
        raise ConfigurationError(
            f"device {wish}: PyTorch {torch.__version__} finds no CUDA device", param="device"
        )
    count, index = torch.cuda.device_count(), device.index or 0
    if index >= count:
        raise ConfigurationError(f"device {wish}: the last one is cuda:{count - 1}", param="device")
    with torch.cuda.device(index):
        if precision == "bf16" and not torch.cuda.is_bf16_supported(including_emulation=False):
            name = torch.cuda.get_device_name(index)
            raise ConfigurationError(f"precision bf16: {name} does not compute in it", param="precision")
    return torch.device("cuda", index)


def _check_mps(precision: Precision) -> None:
    if not torch.backends.mps.is_available():
        raise ConfigurationError("device mps: this machine has none", param="device")
    if precision != "fp32":
        raise ConfigurationError(f"precision {precision}: on mps only fp32 is supported", param="precision")
