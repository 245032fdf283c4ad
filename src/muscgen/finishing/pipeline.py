"""The way of a finished song: a list of steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from muscgen.audio import Audio
from muscgen.request import Output


@dataclass(frozen=True, slots=True)
class Finished:
    """A file and what is in it.

    audio: the final samples, before encoding. analysis: JSON-safe, measured on them. warnings: what the client
    should know, for example that the loudness target was not reached.
    """

    content: bytes
    content_type: str
    extension: str
    audio: Audio
    analysis: dict[str, float | int | None]
    warnings: tuple[str, ...] = field(default=())


def finish(audio: Audio, output: Output, tags: Mapping[str, str] | None = None) -> Finished:
    """The song as the file that was asked for.

    tags: any of title, model, license. Raises BadSong for a song that must not be handed out, and InvalidRequest
    naming the parameter for an output that this format cannot be.
    """
    raise NotImplementedError
