"""Sound that a wish brings: whether its mode listens, which stretch of it, and by what right.

mode            listens to                   duration
text            nothing
unconditional   nothing
melody          conditioning.melody          is the song's
continuation    conditioning.prompt_audio    counts the clip, whether the file includes it or not
"""

from __future__ import annotations

from dataclasses import dataclass

from muscgen.admission.length import MIN_DURATION_S
from muscgen.errors import ConsentMissing, InvalidRequest
from muscgen.request import Clip, Conditioning, GenerateRequest, PromptAudio

ROLES = {"melody": "melody", "continuation": "prompt_audio"}  # by mode
MIN_CLIP_S = 0.2  # the codec's encoder mirrors 0.14 s at a clip's ends
_ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True)
class Sound:
    """A kept file that the asker may use. ours: a song of this service, for which nobody is to be asked."""

    duration_s: float
    ours: bool


def clip_of(wish: GenerateRequest) -> Clip | None:
    """The one clip that the mode listens to. Raises InvalidRequest for one too few or too many."""
    role = ROLES.get(wish.mode)
    for other in ("melody", "prompt_audio"):
        if other != role and getattr(wish.conditioning, other) is not None:
            raise InvalidRequest(
                f"mode {wish.mode} listens to no {other}: it would be ignored",
                param=f"conditioning.{other}",
                suggestion=f'mode "{_mode_of(other)}", or null here',
            )
    if role is None:
        _refuse_idle_consent(wish)
        return None
    clip: Clip | None = getattr(wish.conditioning, role)
    if clip is None:
        raise InvalidRequest(
            f"mode {wish.mode} needs conditioning.{role}",
            param=f"conditioning.{role}",
            suggestion=f'{{"artifact_id": "…"}} of an upload (POST /artifacts) or an earlier song, or a file '
            f"{role} in multipart/form-data",
        )
    return clip


def conditioning(wish: GenerateRequest, sound: Sound | None, song_s: float) -> Conditioning:
    """What is listened to, with its end filled in.

    Raises InvalidRequest and ConsentMissing, naming the parameter.
    """
    clip = clip_of(wish)
    if clip is None:
        return Conditioning()
    if sound is None:
        raise ValueError("a clip needs the sound that it is of")
    param = f"conditioning.{ROLES[wish.mode]}"
    filled = _cut(clip, sound, param)
    if isinstance(filled, PromptAudio):
        _check_room(filled, song_s)
    if not sound.ours and wish.rights.input_audio_consent is None:
        raise ConsentMissing(
            f"{param} is sound from outside: say by what right it is used",
            param="rights.input_audio_consent",
            suggestion='{"basis": "own"}, or licensed, public_domain, cc',
        )
    return Conditioning.model_validate({ROLES[wish.mode]: filled})


def heard_s(conditioning: Conditioning, song_s: float) -> float:
    """How long the finished file is."""
    clip = conditioning.prompt_audio
    return song_s - clip_s(clip) if clip is not None and not clip.include else song_s


def clip_s(clip: Clip) -> float:
    """The length of a clip whose end is filled in."""
    if clip.end_s is None:
        raise ValueError("the clip of an effective request has an end")
    return clip.end_s - clip.start_s


def _cut(clip: Clip, sound: Sound, param: str) -> Clip:
    end_s = sound.duration_s if clip.end_s is None else clip.end_s
    if end_s > sound.duration_s + _ROUNDING_S:
        raise InvalidRequest(
            f"the clip ends at {end_s:g} s, and the sound has {sound.duration_s:g} s",
            param=f"{param}.end",
            suggestion=f"at most {sound.duration_s:g}, or null",
        )
    if end_s - clip.start_s < MIN_CLIP_S:
        raise InvalidRequest(
            f"the clip goes from {clip.start_s:g} s to {end_s:g} s; it needs {MIN_CLIP_S:g} s or more",
            param=f"{param}.start",
            suggestion=f"at most {max(end_s - MIN_CLIP_S, 0):g}",
        )
    return clip.model_copy(update={"end_s": end_s})


def _check_room(clip: PromptAudio, song_s: float) -> None:
    if clip_s(clip) + MIN_DURATION_S > song_s:
        raise InvalidRequest(
            f"duration counts the clip: {song_s:g} s leave nothing to make after {clip_s(clip):g} s",
            param="duration",
            suggestion=f"more than {clip_s(clip):g}, or an earlier conditioning.prompt_audio.end",
        )


def _refuse_idle_consent(wish: GenerateRequest) -> None:
    if wish.rights.input_audio_consent is not None:
        raise InvalidRequest(
            f"mode {wish.mode} brings no sound to consent to: it would be ignored",
            param="rights.input_audio_consent",
            suggestion="null",
        )


def _mode_of(role: str) -> str:
    return next(mode for mode, listens in ROLES.items() if listens == role)
