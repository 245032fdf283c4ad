"""The clips of prepared sets: where their codes lie in the shards, and their captions."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from muscgen.data.manifest import Manifest, read
from muscgen.data.place import Place
from muscgen.data.track import Split
from muscgen.errors import ConfigurationError, InvalidRequest
from muscgen.models.config import CodecConfig

Codes = NDArray[np.integer]  # [K, F]
_CODES, _TEXT = ".codes.npy", ".json"
_MAPPED = 512  # shards, of up to 1,000 tracks each
_HEADER_BYTES = 4_096  # of an array's file; numpy's own take 128


@dataclass(frozen=True, slots=True)
class Clip:
    """One track. start, size: of its codes in the shard, in bytes."""

    id: str
    shard: Path
    start: int
    size: int
    caption: str
    tempo_bpm: float | None
    key: str

    def codes(self) -> Codes:
        """All of them, where they lie in the shard: of a window, only that is read."""
        dtype, shape, order, start = _layout(self)
        return np.ndarray(shape, dtype, _mapped(self.shard), self.start + start, order=order)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared set: its folder, its manifest, its clips by split."""

    folder: Path
    manifest: Manifest
    clips: dict[Split, list[Clip]]


@cache
def _layout(clip: Clip) -> tuple[np.dtype[Any], tuple[int, ...], Literal["C", "F"], int]:
    """Type, shape and order of an array in its file, and where its numbers begin."""
    header = io.BytesIO(
        _mapped(clip.shard)[clip.start : clip.start + min(clip.size, _HEADER_BYTES)].tobytes()
    )
    version = np.lib.format.read_magic(header)
    read_header = (
        np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    )
    shape, fortran, dtype = read_header(header)
    if len(shape) != 2 or not np.issubdtype(dtype, np.integer):
        raise ConfigurationError(
            f"{clip.shard}: {clip.id}'s codes are {dtype} {shape}, not whole numbers [K, F]",
            param="data",
            suggestion="muscgen data prepare, as before",
        )
    return dtype, shape, "F" if fortran else "C", header.tell()


@lru_cache(_MAPPED)
def _mapped(path: Path) -> NDArray[np.uint8]:
    return np.memmap(path, np.uint8, mode="r")


def frames(seconds: float, codec: CodecConfig) -> int:
    """Of a window; at least one."""
    return max(1, round(seconds * codec.sample_rate / codec.hop))


def prepared(folders: Sequence[Path], codec: str) -> list[Prepared]:
    """All sets, with codes of the codec of that revision.

    Raises InvalidRequest for a folder that is none, ConfigurationError for codes of another codec, revoked
    tracks, or shards that are not those of the manifest.
    """
    _mapped.cache_clear()  # shards may have been written anew under their names
    _layout.cache_clear()
    found = [_prepared(folder, codec) for folder in folders]
    if not any(one.clips["train"] for one in found):
        raise InvalidRequest("the data holds no track to train on", param="data")
    return found


def _prepared(folder: Path, codec: str) -> Prepared:
    manifest = read(folder)
    if manifest.codec is None or manifest.codec.revision != codec:
        has = "no codes" if manifest.codec is None else f"codes of {manifest.codec.model}'s codec"
        raise ConfigurationError(
            f"{folder} holds {has}; the base has another",
            param="data",
            suggestion="muscgen data prepare ... --codec BASE",
        )
    clips: dict[Split, list[Clip]] = {"train": [], "valid": [], "test": []}
    for split, path in shards(folder, manifest):
        clips[split] += _clips(path)
    return Prepared(folder, manifest, clips)


def shards(folder: Path, manifest: Manifest) -> Iterator[tuple[Split, Path]]:
    """Where they lie, and whose they are. Raises ConfigurationError for one that is not the manifest's."""
    for shard in manifest.shards:
        path = Place(folder).shards / shard.name
        if not path.is_file() or path.stat().st_size != shard.bytes:
            raise ConfigurationError(
                f"{path} is not the shard that the manifest speaks of",
                param="data",
                suggestion="muscgen data prepare, as before",
            )
        yield shard.split, path


def _clips(path: Path) -> list[Clip]:
    texts: dict[str, dict[str, Any]] = {}
    places: dict[str, tuple[int, int]] = {}
    with tarfile.open(path) as tar:
        for entry in tar:
            if entry.name.endswith(_CODES):
                places[entry.name.removesuffix(_CODES)] = entry.offset_data, entry.size
            elif entry.name.endswith(_TEXT) and (file := tar.extractfile(entry)) is not None:
                texts[entry.name.removesuffix(_TEXT)] = json.load(file)
    return [
        Clip(
            name,
            path,
            *places[name],
            caption=text["description"],
            tempo_bpm=float(text["bpm"]) if text["bpm"] != "" else None,
            key=text["key"],
        )
        for name, text in texts.items()
        if name in places
    ]
