"""Trust on first use: what was fetched of a model first is what is fetched of it ever after.

models/.first/facebook--musicgen-small.json    its commit and the SHA-256 of every file

A model that is removed leaves it there, so that the next fetch is of the same commit and has the same bytes,
whatever a branch points to by then, and from whatever place they come. Another version is fetched by saying
which (--revision), and is what counts from then on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from muscgen.artifacts.files import make_private, write
from muscgen.errors import CheckpointInvalid, FilesWrong
from muscgen.fetching.select import NOTICES
from muscgen.models.card import CARD
from muscgen.models.record import Place

FOLDER = ".first"
_NO_PART_OF_IT = {*NOTICES, CARD, "generation_config.json"}  # read of no model; a card is judged by the gate
_WEIGHTS = (".safetensors", ".safetensors.index.json", ".bin")


class First(BaseModel):
    """commit: of a hub's repository, or a manifest's SHA-256. files: name -> SHA-256. at: Unix seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    place: Place
    address: str
    commit: str
    files: dict[str, str]
    at: float

    def revision(self, *, hub: bool) -> str | None:
        """What to ask for there; None where commits are of another kind, so that only the files tell."""
        return self.commit if (self.place == "hub") == hub else None

    def check(self, model: str, files: Iterable[tuple[str, str | None]]) -> None:
        """Raises FilesWrong for a file (name, SHA-256 where it is known) that was another one first, or none,
        and for weights that are missing.
        """
        there = dict(files)
        for name, sha256 in there.items():
            if name not in self.files and name not in _NO_PART_OF_IT:
                raise self._wrong(f"{name} of {model} is not among the files that were fetched first")
            if sha256 is not None and self.files.get(name, sha256) != sha256:
                raise self._wrong(
                    f"{name} of {model} is not the file that was fetched first",
                    f": its SHA-256 is {sha256}, not {self.files[name]}",
                )
        for name in self.files:
            if name.endswith(_WEIGHTS) and name not in there:
                raise self._wrong(f"{name} of {model} is missing, which was fetched first")

    def _wrong(self, what: str, more: str = "") -> FilesWrong:
        return FilesWrong(
            f"{what}, from {self.address} at {self.commit[:12]}{more}",
            param="revision",
            suggestion="if the new version is to be trusted, say which: --revision",
        )


def first_of(models_path: Path, model: str) -> First | None:
    """None where nothing was fetched yet. Raises CheckpointInvalid for a file that cannot be read."""
    path = _path(models_path, model)
    try:
        return First.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise CheckpointInvalid(f"{path}: {error}") from error


def note_first(
    models_path: Path, model: str, place: Place, address: str, commit: str, files: dict[str, str]
) -> None:
    """From now on it is this."""
    path = _path(models_path, model)
    make_private(path.parent)
    first = First(place=place, address=address, commit=commit, files=files, at=time.time())
    write(path, first.model_dump_json(indent=1).encode())


def _path(models_path: Path, model: str) -> Path:
    return models_path / FOLDER / f"{model.replace('/', '--')}.json"
