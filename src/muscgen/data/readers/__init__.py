"""One reader a data set: from its real layout to tracks, one after the other, without touching the sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

from muscgen.data.readers import audioset, codes, fma, folder, maestro, nsynth
from muscgen.data.track import Flaw, Track, Traits
from muscgen.errors import InvalidRequest

Name = Literal["maestro", "fma", "nsynth", "audioset", "folder", "codes"]


@dataclass(frozen=True, slots=True)
class Reader:
    """How a data set is read."""

    read: Callable[[Path], Iterator[Track | Flaw]]
    traits: Traits


READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "maestro": Reader(maestro.read, maestro.TRAITS),
        "fma": Reader(fma.read, fma.TRAITS),
        "nsynth": Reader(nsynth.read, nsynth.TRAITS),
        "audioset": Reader(audioset.read, audioset.TRAITS),
        "folder": Reader(folder.read, folder.TRAITS),
        "codes": Reader(codes.read, codes.TRAITS),
    }
)


def reader_of(name: str, root: Path) -> Reader:
    """Raises InvalidRequest for a set that nobody knows, or a folder that is not there."""
    if name not in READERS:
        raise InvalidRequest(
            f"{name!r} is no data set known here", param="dataset", suggestion=", ".join(get_args(Name))
        )
    if not root.is_dir():
        raise InvalidRequest(f"there is no folder {root}", param="path")
    return READERS[name]
