"""Does this consent cover that use of a sound? Pure: who asks has looked the consent up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from muscgen.errors import ConsentRefused, ConsentRevoked
from muscgen.jobs.consents import Held
from muscgen.request import Clip, Scope, Sensitive, SongRequest, Use
from muscgen.rights.policies import farther

PARAM = "rights.input_audio_consent"


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a sound is wanted for. at: Unix seconds.

    input: its SHA-256; None where a consent is inherited by what was made of it.
    """

    model: str
    use: Use
    input: str | None
    sensitive: tuple[Sensitive, ...]
    at: float


def purpose_of(request: SongRequest, deployment_use: Use, at: float, *, inherited: bool = False) -> Purpose:
    """What the request does with the sound that it brings."""
    clip = clip_in(request)
    return Purpose(
        request.model,
        farther(deployment_use, request.rights.intended_use),
        None if inherited or clip is None else clip.artifact_id,
        request.rights.sensitive,
        at,
    )


def clip_in(request: SongRequest) -> Clip | None:
    """The stretch of sound that the request listens to."""
    return request.conditioning.melody or request.conditioning.prompt_audio


def check_standing(held: Held) -> None:
    """Raises ConsentRevoked."""
    if held.revoked is not None:
        raise ConsentRevoked(
            f"consent {held.record.id} was revoked on {_day(held.revoked.at)}",
            param=PARAM,
            suggestion="another consent; one that was told in a request is given anew by POST /consents",
        )


def check_origin(behind: Sequence[Held]) -> None:
    """Raises ConsentRevoked for a song of ours that was made with consents none of which stands any more.

    Another word for it does not save it, nor another tenant.
    """
    if behind and all(held.revoked is not None for held in behind):
        raise ConsentRevoked(
            "this sound is a song of this service, made with a consent that was revoked since", param=PARAM
        )


def check_covers(held: Held, purpose: Purpose) -> None:
    """Raises ConsentRevoked, and ConsentRefused naming what of its scope does not cover the purpose."""
    check_standing(held)
    scope, name = held.record.scope, f"consent {held.record.id}"
    if scope.until is not None and scope.until.timestamp() <= purpose.at:
        raise ConsentRefused(f"{name} ended on {scope.until:%Y-%m-%d %H:%M} UTC", param=PARAM)
    _check_listed(name, "model", purpose.model, scope.models, "model")
    _check_listed(name, "use", purpose.use, scope.uses, "rights.intended_use")
    if purpose.input is not None:
        _check_listed(name, "input", purpose.input, scope.inputs, PARAM)
    _check_sensitive(held, scope, purpose)


def check_taken_on(sensitive: Sequence[Sensitive], taken_on: Sequence[Sensitive]) -> None:
    """Raises ConsentRefused for a sensitive use that this service does not take on."""
    for use in sensitive:
        if use not in taken_on:
            raise ConsentRefused(
                f"this service takes on no sound with the sensitive use {use}",
                param="rights.sensitive",
                suggestion=f"its operator may: MUSCGEN_SENSITIVE_USES={use}",
            )


def _check_listed(name: str, what: str, wanted: str, listed: Sequence[str] | None, param: str) -> None:
    if listed is None or wanted in listed:
        return
    shown = ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")
    raise ConsentRefused(
        f"{name} does not cover the {what} {wanted}", param=param, suggestion=f"it covers {shown}"
    )


def _check_sensitive(held: Held, scope: Scope, purpose: Purpose) -> None:
    for use in purpose.sensitive:
        if held.record.inline or use not in scope.sensitive:
            raise ConsentRefused(
                f"the sensitive use {use} needs a consent record that names it",
                param="rights.sensitive",
                suggestion=f'POST /consents with {{"scope": {{"sensitive": ["{use}"]}}}}, and its id here',
            )


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
