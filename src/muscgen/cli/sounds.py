"""Sound that a command brings: which file or artifact, which stretch of it, and by what right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from muscgen.errors import InvalidRequest, UnreadableAudio, UploadRefused

Basis = Literal["own", "licensed", "public_domain", "cc"]
Stretch = tuple[float | None, float | None]  # start and end in seconds
_ARTIFACT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SoundFile:
    """A file on this machine for one role of `conditioning`, or what a service keeps.

    clip: what the wish says of it.
    """

    role: Literal["melody", "prompt_audio"]
    path: Path
    clip: dict[str, Any]

    @property
    def option(self) -> str:
        return "--melody" if self.role == "melody" else "--continue"

    @property
    def mode(self) -> str:
        return "melody" if self.role == "melody" else "continuation"

    @property
    def artifact_id(self) -> str | None:
        """Of an upload or an earlier song of a service; None for a file."""
        name = str(self.path)
        return name if _ARTIFACT.fullmatch(name) and not self.path.exists() else None

    def open(self) -> BinaryIO:
        """Raises InvalidRequest for a file that cannot be read."""
        try:
            return self.path.open("rb")
        except OSError as error:
            raise InvalidRequest(
                f"{self.path} cannot be read: {error.strerror}",
                param=self.option,
                suggestion="--url of the service whose artifact it is" if self.artifact_id else None,
            ) from error


def sound_file(
    melody: Path | None,
    go_on: Path | None,
    *,
    melody_at: Stretch,
    continue_at: Stretch,
    without_clip: bool,
) -> SoundFile | None:
    """Raises InvalidRequest for options that do not go together."""
    if melody is not None and go_on is not None:
        raise InvalidRequest("--melody and --continue are two songs", param="--continue", suggestion="one")
    if melody is None:
        _refuse_idle("melody", melody_at)
    if go_on is None:
        _refuse_idle("continue", continue_at)
        if without_clip:
            raise InvalidRequest("--without-clip is for --continue FILE", param="--without-clip")
    else:
        return SoundFile("prompt_audio", go_on, _clip(continue_at) | {"include": not without_clip})
    return None if melody is None else SoundFile("melody", melody, _clip(melody_at))


def _refuse_idle(option: str, at: Stretch) -> None:
    for name in _clip(at):
        raise InvalidRequest(f"--{option}-{name} is for --{option} FILE", param=f"--{option}-{name}")


def _clip(at: Stretch) -> dict[str, Any]:
    return {name: value for name, value in zip(("start", "end"), at, strict=True) if value is not None}


def consent(
    basis: Basis | None,
    reference: str | None,
    record: str | None = None,
    sensitive: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The wish's rights. Raises InvalidRequest for a reference to nothing."""
    if basis is None and record is None and reference is not None:
        raise InvalidRequest("--consent-reference needs --consent", param="--consent-reference")
    told = {"id": record, "basis": basis, "reference": reference}
    named = {name: value for name, value in told.items() if value is not None}
    return {"input_audio_consent": named or None} | ({"sensitive": tuple(sensitive)} if sensitive else {})


@contextmanager
def of_option(sound: SoundFile) -> Iterator[None]:
    """What cannot be heard, told of the file rather than of a field."""
    try:
        yield
    except (UnreadableAudio, UploadRefused) as error:
        detail = f"{sound.path}: {error.detail}"
        raise type(error)(detail, param=sound.option, suggestion=error.suggestion) from error
