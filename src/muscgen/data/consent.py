"""What owners of sound have said: a file of statements, which tracks each covers, and for what.

A line of consent.jsonl (or an element of a list in consent.json):

    {"reference": "contract-7", "holder": "Ada", "basis": "own", "uses": ["noncommercial", "commercial"],
     "tracks": ["ada/*", "fma-000002"], "attribution": "Ada, 2024", "evidence": "contract of 2024-05-01"}

`tracks` are ids, paths or patterns of paths (a path always names itself, whatever signs are in it); `license`
may name an SPDX id under which the sound is given. A statement that is taken back has `"revoked": true`, or
is named to `muscgen data revoke`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from muscgen.data.track import Track
from muscgen.errors import InvalidRequest
from muscgen.errors.wrong import first_wrong
from muscgen.models.terms import Policy
from muscgen.rights.policies import policy_of, spelled, strictest

NAMES = ("consent.jsonl", "consent.json")
TrainingUse = Literal["noncommercial", "commercial"]
_PATTERN = re.compile(r"[*?\[]")


class Statement(BaseModel):
    """One person's word about some tracks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reference: str = Field(min_length=1, max_length=200)
    holder: str = Field(min_length=1, max_length=500)
    basis: Literal["own", "licensed", "public_domain", "cc"]
    uses: tuple[TrainingUse, ...] = Field(min_length=1)
    tracks: tuple[str, ...] = Field(min_length=1)
    license: str = ""
    attribution: str = ""
    evidence: str = ""
    date: str = ""
    revoked: bool = False

    @property
    def spdx(self) -> str:
        """The licence that it names, or one that is called after it."""
        slug = re.sub(r"[^A-Za-z0-9.]+", "-", self.reference).strip("-")
        return spelled(self.license) or f"LicenseRef-consent-{slug}"

    @property
    def policy(self) -> Policy:
        """What the statement permits, never more than a licence that it names."""
        commercial = "commercial" in self.uses
        own: Policy = "noncommercial-only" if not commercial else "allow-with-attribution"
        return strictest((own, policy_of(self.license))) if self.license else own


class Statements:
    """All statements, by the track that they cover."""

    def __init__(self, statements: Iterable[Statement] = ()) -> None:
        self._exact: dict[str, list[Statement]] = {}
        self._patterns: list[tuple[str, Statement]] = []
        for statement in statements:
            for name in statement.tracks:
                self._exact.setdefault(_one_spelling(name), []).append(statement)
                if _PATTERN.search(name):
                    self._patterns.append((_one_spelling(name), statement))

    def of(self, track: Track) -> Statement | None:
        """The statement about a track: one that was revoked before any other, else the first."""
        return next(iter(self.all_of(track)), None)

    def all_of(self, track: Track) -> tuple[Statement, ...]:
        """All statements about a track, each once, first the one that holds."""
        path = _one_spelling(track.path)
        found = [*self._exact.get(track.id, ()), *self._exact.get(path, ())]
        found += [statement for pattern, statement in self._patterns if fnmatchcase(path, pattern)]
        each = {id(statement): statement for statement in found}  # by itself: its tracks may be a million
        return tuple(sorted(each.values(), key=lambda statement: not statement.revoked))


def _one_spelling(name: str) -> str:
    """An accent may be a sign of its own, or not."""
    return unicodedata.normalize("NFC", name)


def read(path: Path) -> Statements:
    """The statements of a file. Raises InvalidRequest naming the line and the field."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path} cannot be read: {error}", param="consent") from error
    return Statements(_statement(place, words) for place, words in _parts(path, text))


def beside(root: Path) -> Path | None:
    """The data set's own file of statements, where it has one."""
    return next((path for name in NAMES if (path := root / name).is_file()), None)


def _parts(path: Path, text: str) -> Iterator[tuple[str, str]]:
    if path.suffix != ".json":
        for line, words in enumerate(text.splitlines(), 1):
            if words.strip():
                yield f"{path} line {line}", words
        return
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidRequest(f"{path} is no JSON: {error}", param="consent") from error
    if not isinstance(found, list):
        raise InvalidRequest(f"{path} is no list of statements", param="consent")
    for place, words in enumerate(found, 1):
        yield f"{path} statement {place}", json.dumps(words)


def _statement(place: str, words: str) -> Statement:
    try:
        return Statement.model_validate_json(words)
    except ValidationError as error:
        field, wrong = first_wrong(error, "statement")
        raise InvalidRequest(
            f"{place}: {field}: {wrong}",
            param="consent",
            suggestion=f"fields are {', '.join(Statement.model_fields)}",
        ) from error
