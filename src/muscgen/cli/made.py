"""What a command says of the songs that it made: lines for people, or one document for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

_NAMES = {
    "model": "model",
    "license": "licence",
    "real_time_factor": "real-time factor",
    "first_audio_s": "first audio after",
    "audio_sha256": "audio sha256",
}
_FORMS = {"real_time_factor": "{:.2f}", "first_audio_s": "{:.2f} s"}


class Tell:
    """Songs and warnings as they come; `end` gives the document, where it is wanted."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._songs: list[dict[str, Any]] = []
        self._warnings: list[str] = []
        self.job: str | None = None

    def song(self, path: Path, seed: int, facts: dict[str, Any]) -> None:
        """facts: in the order in which they are printed."""
        self._songs.append({"path": str(path), "seed": seed, **facts})
        if not self._as_json:
            told = (f"{_NAMES[name]} {_FORMS.get(name, '{}').format(fact)}" for name, fact in facts.items())
            typer.echo(f"{path}: seed {seed}, {', '.join(told)}")

    def warn(self, text: str) -> None:
        self._warnings.append(text)
        if not self._as_json:
            typer.echo(f"  warning: {text}", err=True)

    def end(self) -> None:
        if self._as_json:
            told = {"job": self.job, "songs": self._songs, "warnings": self._warnings}
            typer.echo(json.dumps(told, indent=2))
