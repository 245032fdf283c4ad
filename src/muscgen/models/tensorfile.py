"""Safetensors files, mapped into memory: nothing is read before it is asked for.

Format: 8 bytes of header length (little-endian), a JSON header {name: {dtype, shape, data_offsets}}, tensors.
Read here rather than by the safetensors package, whose numpy side knows no bfloat16.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from muscgen.errors import CheckpointInvalid

Shape = tuple[int, ...]

_FLOATS: Mapping[str, str] = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
ITEM_BYTES: Mapping[str, int] = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip
_MAX_HEADER_BYTES = 100_000_000  # the format's own limit


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a tensor lies."""

    path: Path
    dtype: str
    shape: Shape
    start: int  # byte in the file

    def part(self, n: int, parts: int) -> Stored:
        """The nth of equal parts along the first axis."""
        rows = self.shape[0] // parts
        shape = (rows, *self.shape[1:])
        return replace(self, shape=shape, start=self.start + n * prod(shape) * ITEM_BYTES.get(self.dtype, 0))

    def read(self) -> NDArray[np.float32]:
        """The tensor as float32; a view of the file where it is float32 there."""
        if self.dtype not in _FLOATS:
            raise CheckpointInvalid(f"{self.path.name}: tensors of {self.dtype} are not supported")
        raw = np.memmap(self.path, _FLOATS[self.dtype], "r", self.start, self.shape)
        if self.dtype == "BF16":
            return (raw.astype(np.uint32) << 16).view(np.float32)
        return np.asarray(raw, np.float32)


def stored_tensors(folder: Path) -> dict[str, Stored]:
    """Every tensor of `model.safetensors`, or of the shards that `model.safetensors.index.json` names."""
    tensors: dict[str, Stored] = {}
    for path in weight_files(folder):
        tensors.update(read_header(path))
    return tensors


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights, in a fixed order."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.exists():
        return [single]
    if not index.exists():
        raise CheckpointInvalid(f"{folder} holds neither {single.name} nor {index.name}")
    try:
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointInvalid(f"{index.name} is no index of shards: {error!r}") from error
    return [folder / Path(name).name for name in names]


def read_header(path: Path) -> dict[str, Stored]:
    """Every tensor of one file. Raises CheckpointInvalid where it is cut short or none."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > _MAX_HEADER_BYTES:
                raise CheckpointInvalid(f"{path.name} is no safetensors file")
            entries = json.loads(file.read(length))
        entries.pop("__metadata__", None)
        tensors = {name: _entry(path, 8 + length, entry) for name, entry in entries.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointInvalid(f"{path.name} is no safetensors file: {error!r}") from error
    _check_size(path, tensors)
    return tensors


def _entry(path: Path, offset: int, entry: Mapping[str, object]) -> Stored:
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not isinstance(shape, list) or not isinstance(offsets, list):
        raise TypeError("shape and data_offsets are lists")
    return Stored(path, str(entry["dtype"]), tuple(shape), offset + int(offsets[0]))


def _check_size(path: Path, tensors: Mapping[str, Stored]) -> None:
    size = path.stat().st_size
    for name, tensor in tensors.items():
        if tensor.start + prod(tensor.shape) * ITEM_BYTES.get(tensor.dtype, 0) > size:
            raise CheckpointInvalid(f"{path.name} ends within {name}: the file is cut short")
