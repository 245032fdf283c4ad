"""What a model may be trained on, in one file. Its SHA-256 goes on the card of every model made of it.

No path and no time is in it: the same tracks, prepared alike, give the same manifest anywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from muscgen.data import place as files
from muscgen.data import taken_back
from muscgen.data.ledger import Entry
from muscgen.data.place import Place
from muscgen.data.track import Split
from muscgen.errors import ConfigurationError, InvalidRequest


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Codec(_Part):
    """Whose codes are in the shards. revision: SHA-256 of the encoder and the codebooks."""

    model: str
    revision: str
    frame_rate: int
    codebooks: int
    vocabulary: int


class Count(_Part):
    tracks: int = 0
    seconds: float = 0.0


class Shard(_Part):
    name: str
    split: Split
    tracks: int
    sha256: str
    bytes: int


class Manifest(_Part):
    """license: an SPDX expression for all tracks and words together. ledger: SHA-256 of ledger.jsonl."""

    version: Literal[1] = 1
    dataset: str
    use: Literal["noncommercial", "commercial"]
    sample_rate: int
    channels: int
    loudness_lufs: float | None
    codec: Codec | None
    license: str
    licenses: dict[str, int]
    text_license: str
    text_attribution: str
    splits: dict[Split, Count]
    ledger: str
    shards: tuple[Shard, ...]

    @property
    def tracks(self) -> int:
        return sum(count.tracks for count in self.splits.values())

    @property
    def seconds(self) -> float:
        return sum(count.seconds for count in self.splits.values())

    def to_bytes(self) -> bytes:
        return self.model_dump_json(indent=1).encode() + b"\n"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.to_bytes()).hexdigest()


def read(folder: Path) -> Manifest:
    """The manifest to train from. Raises InvalidRequest where there is none.

    Raises ConfigurationError where a track of it was taken back since: the set is to be prepared again.
    """
    place = Place(folder)
    try:
        manifest = Manifest.model_validate_json(place.manifest.read_bytes())
    except OSError as error:
        raise InvalidRequest(
            f"{folder} holds no prepared data set", param="data", suggestion="muscgen data prepare"
        ) from error
    except ValidationError as error:
        raise InvalidRequest(
            f"{place.manifest} is no manifest: {error.errors()[0]['msg']}", param="data"
        ) from error
    if not place.ledger.is_file() or files.sha256_of(place.ledger) != manifest.ledger:
        raise ConfigurationError(
            f"{place.ledger} is not the ledger that the manifest speaks of",
            param="data",
            suggestion="muscgen data prepare, as before",
        )
    taken = taken_back.read(place)
    if taken.names and any(taken.has(*track) for track in tracks_of(place, manifest.sha256)):
        raise ConfigurationError(
            f"a consent was taken back since {folder} was prepared",
            param="data",
            suggestion="muscgen data prepare, as before: what was taken back is left out",
        )
    return manifest


def keep(place: Place, manifest: Manifest, tracks: Path) -> None:
    """Put the manifest in its place, and into the history with its tracks; it is there when this returns."""
    folder, name = place.manifests, manifest.sha256
    folder.mkdir(exist_ok=True)
    tracks.replace(folder / f"{name}.tracks")
    files.write(folder / f"{name}.json", manifest.to_bytes())
    files.write(place.manifest, manifest.to_bytes())


class Held(NamedTuple):
    """A track of a manifest. consents: references of the statements that covered it."""

    id: str
    consents: tuple[str, ...]
    sha256: str


def held_line(entry: Entry) -> dict[str, Any]:
    """A track as <manifest>.tracks keeps it."""
    others = {"other_consents": entry.other_consents} if entry.other_consents else {}
    return {"id": entry.id, "sha256": entry.sha256, "consent": entry.consent, **others}


def tracks_of(place: Place, sha256: str) -> Iterator[Held]:
    """Each track of a manifest of this place."""
    for line in files.lines(place.manifests / f"{sha256}.tracks"):
        consents = (line["consent"], *line.get("other_consents", ()))
        yield Held(line["id"], tuple(filter(None, consents)), line["sha256"])


def history(place: Place) -> list[str]:
    """The hashes of all manifests that were ever made here."""
    return sorted(path.stem for path in place.manifests.glob("*.json"))
