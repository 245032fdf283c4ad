"""POST /v1/audio/music, in the manner of OpenAI's /v1/audio/speech; /v1/models is the service's own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from muscgen.admission import read_as
from muscgen.api.compat.asking import refuse, sing
from muscgen.api.house import Maker, Parts, query
from muscgen.api.preferences import require_json
from muscgen.errors import NotFound

router = APIRouter(tags=["compatible"], include_in_schema=False)

_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "output.format": "response_format",
        "sampling.temperature": "temperature",
        "sampling.top_p": "top_p",
        "metadata.user": "user",
    }
)


class MusicWish(BaseModel):
    """The body: OpenAI's names where it has some, ours for music's own."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    model: str | None = None
    prompt: str | None = None
    input: str | None = Field(default=None, description="What /v1/audio/speech calls its text: the prompt.")
    negative_prompt: str | None = None
    duration: float | None = Field(default=None, description="Seconds.")
    seed: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    n: int = 1
    response_format: Literal["mp3", "opus", "flac", "wav", "ogg", "aac", "pcm"] = "mp3"
    stream: bool = Field(default=False, description="The song while it is made, rather than its file.")
    stream_format: Literal["audio", "sse"] = "audio"
    user: str | None = None


@router.post("/v1/audio/music", dependencies=[Depends(query())])
async def music(request: Request, house: Parts, asker: Maker) -> Response:
    """A song's file, once it is whole, or the song while it is made."""
    require_json(request)
    asked = read_as(MusicWish, await request.body())
    _check(asked)
    return await sing(house, asker, request, _wish(asked), _NAMES, live=asked.stream)


@router.post("/v1/audio/{name:name}")
async def elsewhere(name: str) -> Response:
    """What OpenAI has beside it. Raises NotFound."""
    raise NotFound(
        f"/v1/audio/{name[:80]} is not answered here: nothing here speaks or transcribes",
        suggestion="POST /v1/audio/music",
    )


def _check(asked: MusicWish) -> None:
    """Raises InvalidRequest for what nobody can do here."""
    if asked.prompt is not None and asked.input is not None:
        refuse("input", "is the prompt by another name", "one of the two")
    if asked.n != 1:
        refuse("n", "the answer is one song's sound", "POST /generate makes up to 8 at once")
    if asked.response_format in ("aac", "pcm"):
        refuse("response_format", f"{asked.response_format} is not made here", "mp3, opus, flac, wav or ogg")
    if asked.stream_format == "sse":
        refuse("stream_format", "sound comes as it is, not in events", "audio")


def _wish(asked: MusicWish) -> dict[str, Any]:
    wish: dict[str, Any] = {
        "model": asked.model,
        "prompt": asked.input if asked.prompt is None else asked.prompt,
        "negative_prompt": asked.negative_prompt,
        "seed": asked.seed,
        "sampling": {"temperature": asked.temperature, "top_p": asked.top_p},
        "output": {"format": asked.response_format},
    }
    if asked.duration is not None:
        wish["duration"] = asked.duration
    if asked.user is not None:
        wish["metadata"] = {"user": asked.user}
    return wish
