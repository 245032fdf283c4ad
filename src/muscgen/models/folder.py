"""A checkpoint's folder, whichever layout it has: sizes, tensors by transformers' names, files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from muscgen.models import audiocraft
from muscgen.models.config import ModelConfig, read_config
from muscgen.models.layout import HEARING
from muscgen.models.leftout import WEIGHTS, left_out
from muscgen.models.tensorfile import Stored, stored_tensors, weight_files

_BLOCK_BYTES = 1 << 20
_REMEMBERED = 64  # models


@dataclass(frozen=True, slots=True)
class Folder:
    """What lies in a checkpoint's folder; `text` is where its tokenizer is."""

    config: ModelConfig
    tensors: dict[str, Stored]
    text: Path


def read_folder(path: Path) -> Folder:
    """Raises CheckpointInvalid naming what is missing or cannot be run."""
    if audiocraft.is_audiocraft(path):
        config, tensors = audiocraft.read_audiocraft(path)
        return Folder(config, tensors, path / audiocraft.TEXT_FOLDER)
    return Folder(read_config(path), stored_tensors(path), path)


def read_outline(path: Path) -> tuple[ModelConfig, bool]:
    """Sizes, and whether the codec's encoder is there; the weights may have been left out.

    Raises CheckpointInvalid naming what is missing or cannot be run.
    """
    if (terms := left_out(path)) is not None:
        return read_config(path), "continuation" in terms.modes
    folder = read_folder(path)
    return folder.config, any(name.startswith(HEARING) for name in folder.tensors)


def weights_of(path: Path) -> list[Path]:
    """The files that hold a checkpoint's weights, in a fixed order; where they would lie, if left out."""
    if left_out(path) is not None:
        return [path / WEIGHTS]
    return audiocraft.files(path) if audiocraft.is_audiocraft(path) else weight_files(path)


def digest(files: Iterable[Path]) -> str:
    """SHA-256 of the files' content in order, hex; files that stay as they are are read once a process."""
    return _digest(tuple((path, (status := path.stat()).st_size, status.st_mtime_ns) for path in files))


@lru_cache(_REMEMBERED)
def _digest(files: tuple[tuple[Path, int, int], ...]) -> str:
    sha = hashlib.sha256()
    for path, _, _ in files:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                sha.update(block)
    return sha.hexdigest()
