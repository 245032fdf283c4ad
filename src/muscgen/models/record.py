"""Where a model's files came from: `origin.json` beside them, written when they came."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from muscgen.errors import CheckpointInvalid

RECORD = "origin.json"

Place = Literal["hub", "bucket", "web", "folder"]


class Kept(BaseModel):
    """A file as it was when it came. `modified_ns`: its time here, by which a change is noticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    modified_ns: int


class Acceptance(BaseModel):
    """By whom the terms had been accepted; only of licences that ask for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: str
    at: float
    text_sha256: str


class Record(BaseModel):
    """One fetch.

    address: a hub's repository, a URL, a folder. asked: a branch, a tag, or a commit; commit: what it was
    then (of a manifest its SHA-256). revision: of the weights, as the card has it. at: Unix seconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    place: Place
    address: str
    asked: str
    commit: str
    revision: str
    license: str
    accepted: Acceptance | None
    at: float
    files: tuple[Kept, ...]

    def to_public(self) -> dict[str, Any]:
        """What clients may know: not a folder of the machine that it came from."""
        address = self.address if self.place != "folder" else None
        return {"place": self.place, "address": address, "commit": self.commit or None, "fetched_at": self.at}

    def holds(self, folder: Path, paths: Sequence[Path]) -> bool:
        """Whether these files of the folder are, by size and time, as they came."""
        known = {kept.name: (kept.bytes, kept.modified_ns) for kept in self.files}
        return all(_as_it_is(path) == known.get(str(path.relative_to(folder))) for path in paths)


def read_record(folder: Path) -> Record | None:
    """None where the folder was made by hand. Raises CheckpointInvalid for a record that cannot be read."""
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        return Record.model_validate(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise CheckpointInvalid(f"{path}: {error}") from error


def _as_it_is(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
