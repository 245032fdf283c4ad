"""Sound that a request brings, as the engine takes it.

melody          decode ─► at most what the model holds ─► without drums and bass ─► chroma
continuation    decode ─► the model's rate and channels ─► whole frames ─► EnCodec's codes

Decoding is the limited process's; the rest takes a thread for seconds. All outputs of a job share the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO

from muscgen.audio import Audio
from muscgen.backends.base import Backend, Codes, Melody, MelodyShape, ModelShape
from muscgen.backends.chroma import melody_of
from muscgen.backends.separation import without_rhythm
from muscgen.engine import Song
from muscgen.errors import ArtifactNotFound, InvalidRequest, UnreadableAudio
from muscgen.intake import Limits, decode, fitted
from muscgen.intake.credentials import ingredient_of
from muscgen.provenance.origin import Input, inputs_of
from muscgen.request import Clip, PromptAudio, SongRequest

LIMITS = Limits(max_s=3_700.0)  # an upload is checked when it comes: this bounds a file that was swapped

Open = Callable[[str], BinaryIO]  # an artifact's content by its id


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What the engine is told of sound: nothing, a melody, or the codes [K, F] that a song begins with.

    inputs: what its papers tell of it.
    """

    melody: Melody | None = None
    codes: Codes | None = None
    heard_from_s: float = 0.0
    warnings: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()

    def song(self, request: SongRequest, output: int, attempt: int = 0) -> Song:
        return Song.of(request, output, attempt, melody=self.melody, heard_from_s=self.heard_from_s)


NOTHING = Heard()


def brings_sound(request: SongRequest) -> bool:
    return request.conditioning.melody is not None or request.conditioning.prompt_audio is not None


def listen(
    request: SongRequest, backend: Backend, open_artifact: Open, *, for_credentials: bool = False
) -> Heard:
    """Blocks for as long as it takes. Raises InvalidRequest naming the field for what cannot be heard.

    for_credentials: whether the song's are to name the sound as an ingredient.
    """
    asked, inputs = request.conditioning, inputs_of(request)
    if for_credentials:
        inputs = tuple(_as_ingredient(part, open_artifact) for part in inputs)
    if asked.melody is not None:
        return replace(_melody(asked.melody, backend.shape, open_artifact), inputs=inputs)
    if asked.prompt_audio is not None:
        return replace(_beginning(asked.prompt_audio, backend, open_artifact), inputs=inputs)
    return NOTHING


def _as_ingredient(part: Input, open_artifact: Open) -> Input:
    with _named(part.role), open_artifact(part.sha256) as file:
        _, ingredient = ingredient_of(file, label=part.role, title=part.sha256, limits=LIMITS)
    return replace(part, ingredient=ingredient)


def _melody(clip: Clip, shape: ModelShape, open_artifact: Open) -> Heard:
    if shape.melody is None:
        raise InvalidRequest("this model hears no melody", param="conditioning.melody")
    clip, cut = _as_long_as_held(clip, shape.melody)
    sound, mixed = without_rhythm(_decoded(clip, "melody", open_artifact))
    warnings = tuple(warning for warning in (cut, mixed) if warning is not None)
    return Heard(melody=melody_of(sound, shape.melody), warnings=warnings)


def _as_long_as_held(clip: Clip, shape: MelodyShape) -> tuple[Clip, str | None]:
    """The clip, or its beginning and a warning."""
    most_s = shape.frames * shape.hop / shape.sample_rate
    if clip.end_s is None or clip.end_s - clip.start_s <= most_s:
        return clip, None
    warning = f"the model holds {most_s:.3g} s of melody; what the clip has after that is not heard"
    return clip.model_copy(update={"end_s": clip.start_s + most_s}), warning


def _beginning(clip: PromptAudio, backend: Backend, open_artifact: Open) -> Heard:
    shape = backend.shape
    samples = fitted(_decoded(clip, "prompt_audio", open_artifact), shape.sample_rate, shape.channels)
    # Half a frame would be filled up with silence, and heard as a gap.
    codes = backend.encode_audio(samples[:, : samples.shape[1] // shape.hop * shape.hop])
    clip_s = codes.shape[1] * shape.hop / shape.sample_rate
    return Heard(codes=codes, heard_from_s=0.0 if clip.include else clip_s)


def _decoded(clip: Clip, role: str, open_artifact: Open) -> Audio:
    with _named(role), open_artifact(clip.artifact_id) as file:
        return decode(file, start_s=clip.start_s, end_s=clip.end_s, limits=LIMITS)


@contextmanager
def _named(role: str) -> Iterator[None]:
    param = f"conditioning.{role}"
    try:
        yield
    except UnreadableAudio as error:
        raise UnreadableAudio(error.detail, param=param, suggestion=error.suggestion) from error
    except ArtifactNotFound as error:
        raise InvalidRequest(error.detail, param=f"{param}.artifact_id") from error
