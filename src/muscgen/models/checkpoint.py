"""A MusicGen checkpoint, in transformers' or audiocraft's layout: checked once, read tensor by tensor."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from muscgen.errors import CheckpointInvalid
from muscgen.models.adapter import Adapter, adapter_files
from muscgen.models.folder import digest, read_folder, weights_of
from muscgen.models.layout import HEARING, Layout, hearing, layout, unused
from muscgen.models.leftout import revision_left_out
from muscgen.models.record import read_record
from muscgen.models.tensorfile import Shape, Stored

_NAMED_AT_MOST = 8
# Direction and length of a weight-normed kernel, as old and as new files call them.
_NORMED = (
    (".weight_v", ".weight_g"),
    (".parametrizations.weight.original1", ".parametrizations.weight.original0"),
)


class Checkpoint:
    """The folder `path`, with the LoRA adapter of another folder merged in where one is given.

    Tensors have transformers' names whatever the layout. `hears`: whether the codec's encoder is there, which
    turns sound into codes. Raises CheckpointInvalid naming the fault.
    """

    def __init__(self, path: Path, adapter: Path | None = None) -> None:
        self.path, self.adapter = path, adapter
        folder = read_folder(path)
        self.config = folder.config
        self.tokenizer = folder.text / "tokenizer.json"
        self.hears = any(name.startswith(HEARING) for name in folder.tensors)
        wanted = layout(self.config) | (hearing(self.config.codec) if self.hears else {})
        self._sources = _sources(wanted, folder.tensors)
        self._learned = Adapter(adapter, wanted) if adapter else None

    def shape(self, name: str) -> Shape:
        return self._sources[name][0].shape

    def tensor(self, name: str) -> NDArray[np.float32]:
        """The tensor as float32, read now; a weight-normed kernel `...conv.weight` comes folded."""
        direction, *length = (stored.read() for stored in self._sources[name])
        if length:
            direction = np.asarray(direction * (length[0] / _norm(direction)), np.float32)
        return self._learned.merged(name, direction) if self._learned else direction

    def sha256(self) -> str:
        """The revision, see below."""
        return sha256(self.path, self.adapter)


def sha256(path: Path, adapter: Path | None = None) -> str:
    """The revision of a checkpoint, hex: SHA-256 of its weight files' content.

    With an adapter: of that and the adapter files' digest, so that it can be told without the weights.
    """
    own = _own_sha256(path)
    return hashlib.sha256((own + digest(adapter_files(adapter))).encode()).hexdigest() if adapter else own


def _own_sha256(path: Path) -> str:
    """Of files that lie as they came, as it was written down then; of those left out, as it is pinned."""
    if pinned := revision_left_out(path):
        return pinned
    weights, record = weights_of(path), read_record(path)
    if record is not None and record.holds(path, weights):
        return record.revision
    return digest(weights)


def _norm(direction: NDArray[np.float32]) -> NDArray[np.float32]:
    """The length of each first-axis slice [N, ...] -> [N, 1, ...]; summed in float64, lest order matter."""
    axes = tuple(range(1, direction.ndim))
    return np.asarray(
        np.sqrt(np.sum(np.square(direction, dtype=np.float64), axis=axes, keepdims=True)), np.float32
    )


def _sources(wanted: Layout, stored: dict[str, Stored]) -> dict[str, tuple[Stored, ...]]:
    names = {name: _names(name, stored) for name in wanted}
    if missing := sorted(name for name, found in names.items() if not found):
        raise CheckpointInvalid(f"tensors are missing: {_some(missing)}")
    used = {name for found in names.values() for name in found}
    if unknown := sorted(name for name in stored if name not in used and not unused(name)):
        raise CheckpointInvalid(f"unknown tensors: {_some(unknown)}")
    sources = {name: tuple(stored[part] for part in found) for name, found in names.items()}
    for name, shape in wanted.items():
        if sources[name][0].shape != shape:
            raise CheckpointInvalid(f"{name} has shape {list(sources[name][0].shape)}, not {list(shape)}")
    return sources


def _names(name: str, stored: dict[str, Stored]) -> tuple[str, ...]:
    """The stored tensors that make up `name`: itself, or the two halves of a weight norm, or its alias."""
    if name in stored:
        return (name,)
    if (
        name == "text_encoder.shared.weight"
        and (alias := "text_encoder.encoder.embed_tokens.weight") in stored
    ):
        return (alias,)
    stem = name.removesuffix(".weight")
    for halves in _NORMED:
        parts = tuple(stem + half for half in halves)
        if name.endswith("conv.weight") and all(part in stored for part in parts):
            return parts
    return ()


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
