"""Sound that a command brings: which file, which stretch of it, and by what right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from muscgen.errors import InvalidRequest, UnreadableAudio, UploadRefused

Basis = Literal["own", "licensed", "public_domain", "cc"]


@dataclass(frozen=True, slots=True)
class SoundFile:
    """A file on this machine for one role of `conditioning`; `clip` is what the wish says of it."""

    role: Literal["melody", "prompt_audio"]
    path: Path
    clip: dict[str, Any]

    @property
    def option(self) -> str:
        return "--melody" if self.role == "melody" else "--continue"

    @property
    def mode(self) -> str:
        return "melody" if self.role == "melody" else "continuation"

    def open(self) -> BinaryIO:
        """Raises InvalidRequest for a file that cannot be read."""
        try:
            return self.path.open("rb")
        except OSError as error:
            raise InvalidRequest(
                f"{self.path} cannot be read: {error.strerror}", param=self.option
            ) from error


def sound_file(
    melody: Path | None,
    go_on: Path | None,
    *,
    start_s: float | None,
    end_s: float | None,
    without_clip: bool,
) -> SoundFile | None:
    """Raises InvalidRequest for options that do not go together."""
    if melody is not None and go_on is not None:
        raise InvalidRequest("--melody and --continue are two songs", param="--continue", suggestion="one")
    if go_on is not None:
        given = {"start": start_s, "end": end_s}
        clip = {name: value for name, value in given.items() if value is not None}
        return SoundFile("prompt_audio", go_on, clip | {"include": not without_clip})
    for name, value in (("start", start_s), ("end", end_s)):
        if value is not None:
            raise InvalidRequest(f"--continue-{name} is for --continue FILE", param=f"--continue-{name}")
    if without_clip:
        raise InvalidRequest("--without-clip is for --continue FILE", param="--without-clip")
    return None if melody is None else SoundFile("melody", melody, {})


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
