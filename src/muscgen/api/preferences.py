"""How the client wants to wait: the Prefer and Accept headers (RFC 7240, RFC 9110)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastapi import Request

from muscgen.api.formats import CONTENT_TYPES, KINDS, quality, taken
from muscgen.errors import InvalidRequest, NotAcceptable, UnsupportedMediaType

MAX_WAIT_S = 60
EVENT_STREAM = "text/event-stream"
_JSON = {"application/json", "application/problem+json", "application/*", "*/*"}
_WAIT = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class Preferences:
    """wait_s: how long to hold the answer back for a finished job; 0 is not at all.

    stream: its events are the answer. audio: its sound is.
    """

    wait_s: int
    stream: bool
    audio: bool

    @property
    def stays(self) -> bool:
        """Whether the connection is to last until the job is done, or for some time."""
        return self.stream or self.audio or self.wait_s > 0

    @property
    def applied(self) -> dict[str, str]:
        """The header that confirms them."""
        return {"Preference-Applied": f"wait={self.wait_s}" if self.wait_s else "respond-async"}


def preferences(request: Request) -> Preferences:
    """Raises InvalidRequest for a wait beyond the limit, NotAcceptable for an answer that there is not."""
    wait_s = _wait_s(",".join(request.headers.getlist("prefer")))
    accept = ",".join(request.headers.getlist("accept"))
    stream = EVENT_STREAM in _kinds(accept)
    return Preferences(wait_s, stream, not stream and _audio(accept))


def require_json(request: Request) -> None:
    """Raises UnsupportedMediaType unless the body says that it is JSON, in UTF-8 if it names a charset."""
    kind, *parameters = (part.strip().lower() for part in request.headers.get("content-type", "").split(";"))
    charsets = [part.partition("=")[2].strip('"') for part in parameters if part.startswith("charset=")]
    if kind != "application/json" or any(charset not in ("utf-8", "utf8") for charset in charsets):
        raise UnsupportedMediaType(
            "the body must be JSON in UTF-8", param="Content-Type", suggestion="application/json"
        )


def _wait_s(header: str) -> int:
    for preference in header.split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            return _checked(value.strip().strip('"'))
    return 0


def _checked(value: str) -> int:
    if not _WAIT.fullmatch(value) or int(value) > MAX_WAIT_S:
        raise InvalidRequest(
            f"wait is a whole number of seconds up to {MAX_WAIT_S}",
            param="Prefer",
            suggestion=f"wait={MAX_WAIT_S}, or respond-async and GET /jobs/{{id}}?wait={MAX_WAIT_S}",
        )
    return int(value)


def _kinds(accept: str) -> set[str]:
    return {part.partition(";")[0].strip().lower() for part in accept.split(",")} - {""}


def _audio(accept: str) -> bool:
    """Whether sound suits the client at least as well as the job's document."""
    kinds = _kinds(accept)
    entries = [entry for entry in taken(accept) if entry.name.startswith("audio/")]
    sound = max(quality(entries, encoding) for encoding in CONTENT_TYPES)
    if not kinds or sound == 0 < len(kinds & _JSON):
        return False
    if sound == 0:
        raise NotAcceptable(
            "the answer is a job, a stream of its events, or its sound",
            param="Accept",
            suggestion=", ".join(["application/json", EVENT_STREAM, *KINDS]),
        )
    return sound >= max((entry.quality for entry in taken(accept) if entry.name in _JSON), default=0.0)
