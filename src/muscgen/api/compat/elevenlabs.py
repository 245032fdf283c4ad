"""/v1/music and /v1/sound-generation, as ElevenLabs' client asks them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from muscgen.admission import Principal, read_as
from muscgen.api.compat.asking import refuse, sing
from muscgen.api.house import House, Parts, query
from muscgen.api.preferences import require_json
from muscgen.errors import NotFound
from muscgen.jobs.job import Job

router = APIRouter(tags=["compatible"], include_in_schema=False)

USUAL_FORMAT = "mp3_44100_128"  # ElevenLabs' own
_FORMAT = re.compile(r"(mp3|opus)_([0-9]{4,5})_([0-9]{2,3})|(wav)_([0-9]{4,5})")
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "model": "model_id",
        "duration": "music_length_ms",
        "sections": "composition_plan.sections",
        "negative_prompt": "composition_plan.negative_global_styles",
        "output.format": "output_format",
        "output.bitrate_kbps": "output_format",
        "output.sample_rate": "output_format",
    }
)
_SOUND_NAMES = MappingProxyType({**_NAMES, "prompt": "text", "duration": "duration_seconds"})
_ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "detailed/stream": "a song and its plan come when it is whole, by POST /v1/music/detailed",
        "plan": "nothing here writes plans from prompts; a composition_plan of your own is taken",
        "stem-separation": "songs are not taken apart",
        "upload": "sound is brought by POST /artifacts",
        "video-to-music": "nothing here sees",
    }
)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PlannedSection(_Body):
    """A stretch of a plan. Its name is read with its styles."""

    section_name: str = ""
    positive_local_styles: tuple[str, ...] = ()
    negative_local_styles: tuple[str, ...] = ()
    duration_ms: int
    lines: tuple[str, ...] = ()
    source_from: Any = None


class Plan(_Body):
    """A composition plan."""

    positive_global_styles: tuple[str, ...] = ()
    negative_global_styles: tuple[str, ...] = ()
    sections: tuple[PlannedSection, ...] = Field(min_length=1)


class ComposeWish(_Body):
    """The body of POST /v1/music and of /v1/music/stream."""

    prompt: str | None = None
    composition_plan: Plan | None = None
    music_prompt: Plan | None = Field(default=None, description="An older name of composition_plan.")
    music_length_ms: int | None = None
    model_id: str | None = None
    seed: int | None = None
    force_instrumental: bool = False
    respect_sections_durations: bool = True
    use_phonetic_names: bool = False
    store_for_inpainting: bool = False
    sign_with_c2pa: bool | None = None
    finetune_id: str | None = None
    finetune_strength: float | None = None


class DetailedWish(ComposeWish):
    """The body of POST /v1/music/detailed."""

    with_timestamps: bool = False
    with_waveform_visual: bool = False


class SoundWish(_Body):
    """The body of POST /v1/sound-generation."""

    text: str
    duration_seconds: float | None = None
    prompt_influence: float | None = None
    loop: bool = False
    model_id: str | None = None


async def _maker(request: Request, house: Parts) -> Principal:
    """Whoever the key in `xi-api-key` is, or in Authorization. Raises Unauthorized, Forbidden."""
    key = request.headers.get("xi-api-key")
    asker = await house.keyring.authenticate(f"Bearer {key}" if key else request.headers.get("authorization"))
    asker.need("generate")
    return asker


Maker = Annotated[Principal, Depends(_maker)]
Wanted = Annotated[str | None, Query(max_length=40)]


@router.post("/v1/music", dependencies=[Depends(query("output_format"))])
async def compose(request: Request, house: Parts, asker: Maker, output_format: Wanted = None) -> Response:
    """A song's file, once it is whole."""
    wish = await _composed(request, house, output_format)
    return await sing(house, asker, request, wish, _NAMES)


@router.post("/v1/music/detailed", dependencies=[Depends(query("output_format"))])
async def detailed(request: Request, house: Parts, asker: Maker, output_format: Wanted = None) -> Response:
    """A song's file after its plan, once it is whole."""
    require_json(request)
    asked = read_as(DetailedWish, await request.body())
    if asked.with_timestamps:
        refuse("with_timestamps", "there are no words: nobody sings here", "leave it out")
    if asked.with_waveform_visual:
        refuse("with_waveform_visual", "is not drawn here", "leave it out")
    wish = _wish(asked, house, output_format)
    return await sing(house, asker, request, wish, _NAMES, tell=lambda job: _told(asked, job))


@router.post("/v1/music/stream", dependencies=[Depends(query("output_format"))])
async def stream(request: Request, house: Parts, asker: Maker, output_format: Wanted = None) -> Response:
    """A song while it is made."""
    wish = await _composed(request, house, output_format)
    return await sing(house, asker, request, wish, _NAMES, live=True)


@router.post("/v1/sound-generation", dependencies=[Depends(query("output_format"))])
async def sound(request: Request, house: Parts, asker: Maker, output_format: Wanted = None) -> Response:
    """Sound from words, by whatever the model knows to make."""
    require_json(request)
    asked = read_as(SoundWish, await request.body())
    if asked.loop:
        refuse("loop", "nothing here makes loops without a seam")
    if asked.prompt_influence is not None:
        refuse("prompt_influence", "is not known here", "sampling.guidance_scale of POST /generate")
    wish: dict[str, Any] = {"prompt": asked.text, "model": asked.model_id, "output": _output(output_format)}
    if asked.duration_seconds is not None:
        wish["duration"] = asked.duration_seconds
    return await sing(house, asker, request, wish, _SOUND_NAMES)


@router.post("/v1/music/{name:name}")
async def elsewhere(name: str) -> Response:
    """What ElevenLabs has beside these. Raises NotFound."""
    why = _ELSEWHERE.get(name, "ElevenLabs may have it")
    raise NotFound(
        f"/v1/music/{name[:80]} is not answered here: {why}", suggestion="POST /v1/music or /v1/music/stream"
    )


async def _composed(request: Request, house: House, output_format: str | None) -> dict[str, Any]:
    require_json(request)
    return _wish(read_as(ComposeWish, await request.body()), house, output_format)


def _wish(asked: ComposeWish, house: House, output_format: str | None) -> dict[str, Any]:
    _check(asked, signs=house.settings.credentials)
    plan = asked.composition_plan or asked.music_prompt
    wish: dict[str, Any] = {"model": asked.model_id, "seed": asked.seed, "output": _output(output_format)}
    if plan is not None:
        return wish | _planned(plan)
    if asked.music_length_ms is not None:
        wish["duration"] = asked.music_length_ms / 1000
    return wish | {"prompt": asked.prompt}


def _check(asked: ComposeWish, *, signs: bool) -> None:
    """Raises InvalidRequest for what nobody can do here."""
    plan = asked.composition_plan or asked.music_prompt
    if asked.composition_plan is not None and asked.music_prompt is not None:
        refuse("music_prompt", "is composition_plan by its older name", "one of the two")
    if plan is not None and asked.prompt is not None:
        refuse("prompt", "cannot be used with composition_plan", "one of the two")
    if plan is not None and asked.music_length_ms is not None:
        refuse("music_length_ms", "a plan is as long as its sections", "leave it out")
    if asked.finetune_id is not None or asked.finetune_strength is not None:
        refuse(
            "finetune_id", "ElevenLabs' fine-tunes are not here", "model_id, with a model of GET /v1/models"
        )
    for name in ("use_phonetic_names", "store_for_inpainting"):
        if getattr(asked, name):
            refuse(name, "is not done here", "leave it out")
    if asked.sign_with_c2pa not in (None, signs):
        said = "every song is signed here" if signs else "this service signs nothing"
        refuse("sign_with_c2pa", said, "leave it out")


def _told(asked: ComposeWish, job: Job) -> dict[str, Any]:
    """The plan that was followed, of a prompt as a section of its own; of the rest what is known."""
    plan = asked.composition_plan or asked.music_prompt
    if plan is None:
        words = (asked.prompt,) if asked.prompt else ()
        only = PlannedSection(positive_local_styles=words, duration_ms=round(job.request.duration_s * 1000))
        plan = Plan(sections=(only,))
    return {
        "composition_plan": plan.model_dump(),
        "song_metadata": {
            "title": None,
            "description": asked.prompt,
            "genres": [],
            "languages": [],
            "is_explicit": False,
        },
    }


def _planned(plan: Plan) -> dict[str, Any]:
    return {
        "sections": [_section(plan, at) for at in range(len(plan.sections))],
        "negative_prompt": ", ".join(plan.negative_global_styles) or None,
    }


def _section(plan: Plan, at: int) -> dict[str, Any]:
    section, where = plan.sections[at], f"composition_plan.sections.{at}"
    if section.lines:
        refuse(f"{where}.lines", "nobody sings here", "leave the lines empty")
    if section.negative_local_styles:
        refuse(f"{where}.negative_local_styles", "hold for a whole song here", "negative_global_styles")
    if section.source_from is not None:
        refuse(f"{where}.source_from", "songs are not put together from others here", "leave it out")
    words = [section.section_name, *plan.positive_global_styles, *section.positive_local_styles]
    return {"prompt": ", ".join(filter(None, words)), "duration": section.duration_ms / 1000}


def _output(output_format: str | None) -> dict[str, Any]:
    name = output_format if output_format not in (None, "auto") else USUAL_FORMAT
    if (found := _FORMAT.fullmatch(name)) is None:
        refuse("output_format", "is not made here", "mp3_RATE_KBPS, opus_48000_KBPS or wav_RATE")
    if found[4]:
        return {"format": "wav", "sample_rate": int(found[5])}
    return {"format": found[1], "sample_rate": int(found[2]), "bitrate_kbps": int(found[3])}
