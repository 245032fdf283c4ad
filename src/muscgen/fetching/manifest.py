"""`muscgen-manifest.json`: what a folder in a bucket, on a web server or on a disk has of a model.

{"format": 1, "id": "ours/lofi", "license": "CC-BY-4.0", "license_url": "…", "attribution": "…",
 "files": [{"name": "model.safetensors", "bytes": 123, "sha256": "…"}]}

Written last when a folder is published: where there is a manifest, the files are there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from muscgen.artifacts.files import write
from muscgen.errors import CheckpointInvalid, FilesWrong, InvalidRequest
from muscgen.errors.wrong import first_wrong
from muscgen.fetching.plan import MANIFEST, MOST_FILES, Item
from muscgen.fetching.select import select
from muscgen.fetching.shelf import check_id
from muscgen.fetching.terms import check_said, in_spdx
from muscgen.models.card import CARD, card_fields
from muscgen.models.terms import Said, Terms

MOST_BYTES = 1_000_000


class Listed(BaseModel):
    """A file of the folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """The whole file. The terms may be left out of a model that has a shipped card."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = Field(default=1, ge=1, le=1)
    id: str
    license: str | None = None
    license_url: str | None = None
    attribution: str | None = None
    files: tuple[Listed, ...] = Field(min_length=1, max_length=MOST_FILES)

    @property
    def said(self) -> Said:
        """What whoever published it says of its licence."""
        return Said(self.license, self.license_url, self.attribution)

    @property
    def bytes(self) -> bytes:
        return json.dumps(self.model_dump(exclude_none=True), indent=1).encode() + b"\n"

    @property
    def commit(self) -> str:
        """Which version it is: the SHA-256 of the file as it is written here."""
        return hashlib.sha256(self.bytes).hexdigest()

    def items(self) -> tuple[Item, ...]:
        """What is fetched of it. Raises FilesWrong where a checkpoint's reader would miss something."""
        listed = {file.name: file for file in self.files}
        names = [*select(listed).names, *((CARD,) if CARD in listed else ())]
        return tuple(Item(name, name, listed[name].bytes, sha256=listed[name].sha256) for name in names)


def read_manifest(content: bytes, where: str) -> Manifest:
    """Raises FilesWrong, saying what is wrong."""
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        place, wrong = first_wrong(error)
        raise FilesWrong(f"{where}: {place}: {wrong}".replace(": :", ":")) from error


def said_by(folder: Path, model: str | None, said: Said) -> tuple[str, Said]:
    """A folder's id and terms: by its card, else as they are said.

    Raises InvalidRequest where both say something and it differs, or where nobody says an id that can be one;
    CheckpointInvalid for a card without them.
    """
    if not (folder / CARD).is_file():
        if model is None:
            raise InvalidRequest(
                f"{folder} has no {CARD}, so its id has to be said", param="id", suggestion="--id"
            )
        check_id(model)
        return model, in_spdx(said)
    card = card_fields(folder)
    for field in ("id", *Said._fields):
        if not isinstance(card.get(field), str):
            raise CheckpointInvalid(f"{folder / CARD}: {field} is {card.get(field)!r}; a text is needed")
    if model is not None and model != card.get("id"):
        raise InvalidRequest(f"{folder / CARD} says id = {card.get('id')!r}", param="id")
    check_said(said, card, str(folder / CARD))
    check_id(str(card["id"]))
    return str(card["id"]), in_spdx(Said(*(card.get(field) for field in Said._fields)))


def manifest_of(folder: Path, model: str, terms: Terms | None) -> Manifest:
    """Of a folder, whose files are read for their digests. Raises FilesWrong where it is no checkpoint."""
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    names = [*select(there).names, *((CARD,) if CARD in there else ())]
    return Manifest(
        id=model,
        license=terms and terms.license,
        license_url=terms and terms.license_url,
        attribution=terms and terms.attribution,
        files=tuple(_listed(folder, names)),
    )


def write_manifest(folder: Path, manifest: Manifest) -> Path:
    """Beside the files; what is returned is where."""
    write(folder / MANIFEST, manifest.bytes)
    return folder / MANIFEST


def _listed(folder: Path, names: Iterable[str]) -> Iterable[Listed]:
    for name in names:
        with (folder / name).open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            yield Listed(name=name, bytes=file.tell(), sha256=sha256)
