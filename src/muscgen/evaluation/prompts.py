"""A file of prompts: a text of lines, JSON lines, or a table with a column `prompt` or `caption`."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path, PurePath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from muscgen.errors import InvalidRequest
from muscgen.errors.wrong import first_wrong
from muscgen.evaluation.asked import Asked, asked_in, key_in
from muscgen.evaluation.families import FAMILIES
from muscgen.request import MAX_PROMPT_CHARS


class Prompt(BaseModel):
    """One prompt. bpm, key, families, without: what is asked for, where the words do not say it.

    file: of the sound that was made of it, below the folder of sounds. reference: of the sound that it
    describes, below the folder of the reference.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str = Field(min_length=1, max_length=MAX_PROMPT_CHARS)
    bpm: float | None = Field(default=None, ge=20, le=400)
    key: str | None = None
    families: tuple[str, ...] | None = None
    without: tuple[str, ...] | None = None
    file: str = ""
    reference: str = ""

    @field_validator("key")
    @classmethod
    def _is_key(cls, key: str | None) -> str | None:
        if key is not None and key_in(key) is None:
            raise ValueError(f"{key!r} is no key; such as 'F# minor'")
        return key

    @field_validator("families", "without")
    @classmethod
    def _are_known(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names and (unknown := sorted(set(names) - set(FAMILIES))):
            raise ValueError(f"{', '.join(unknown)}: known are {', '.join(FAMILIES)}")
        return names

    @field_validator("file", "reference")
    @classmethod
    def _is_below(cls, name: str) -> str:
        """As sounds of a folder are called: "./0.wav" is "0.wav"."""
        path = PurePath(name)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{name!r} is not below the folder; such as 'funk/0.wav'")
        return str(path) if path.parts else ""

    @property
    def asked(self) -> Asked:
        """What is told beside the words goes before what they say."""
        said = asked_in(self.prompt)
        return Asked(
            self.bpm or said.bpm,
            key_in(self.key) if self.key else said.key,
            said.families if self.families is None else frozenset(self.families),
            said.without if self.without is None else frozenset(self.without),
        )


def read(path: Path) -> list[Prompt]:
    """At least one. Raises InvalidRequest naming the line and the field."""
    try:
        lines = list(_lines(path, path.read_text("utf-8-sig")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidRequest(f"{path} cannot be read: {error}", param="prompts") from error
    found = [_prompt(path, line, fields) for line, fields in lines]
    if not found:
        raise InvalidRequest(f"{path} holds no prompt", param="prompts")
    return found


def digest(prompts: list[Prompt]) -> str:
    """Hex; of what is asked, not of where sounds lie."""
    words = [prompt.model_dump_json(exclude={"file"}) for prompt in prompts]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def _lines(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    ending = path.suffix.lower()
    if ending == ".csv":
        table = csv.DictReader(StringIO(text, newline=""))
        for row in table:
            yield table.line_num, {"prompt": row.get("prompt") or row.get("caption") or ""}
        return
    for line, words in enumerate(StringIO(text), 1):  # JSON may hold other ends of lines than these
        if not words.strip() or (ending != ".jsonl" and words.startswith("#")):
            continue
        yield line, _json(path, line, words) if ending == ".jsonl" else {"prompt": words.strip()}


def _json(path: Path, line: int, words: str) -> dict[str, Any]:
    try:
        fields = json.loads(words)
    except ValueError as error:
        raise InvalidRequest(f"{path} line {line} is no JSON: {error}", param="prompts") from error
    if not isinstance(fields, dict):
        raise InvalidRequest(f"{path} line {line} is no object", param="prompts")
    return fields


def _prompt(path: Path, line: int, fields: dict[str, Any]) -> Prompt:
    try:
        return Prompt.model_validate(fields)
    except ValidationError as error:
        field, words = first_wrong(error, "prompt")
        raise InvalidRequest(
            f"{path} line {line}: {field}: {words}",
            param="prompts",
            suggestion=f"fields are {', '.join(Prompt.model_fields)}",
        ) from error
