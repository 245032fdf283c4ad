"""Problems in the shapes that vendors' clients read. Replicate's reads RFC 9457, as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PROBLEM = "application/problem+json"
JSON = "application/json"
_ELEVENLABS = ("/v1/music", "/v1/sound-generation")
_OPENAI = ("/v1/audio",)
_REPLICATE = ("/v1/predictions", "/v1/files", "/v1/webhooks")


def shaped(members: Mapping[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """A problem's members as the client of this path reads them, and their media type.

    path: below where the service is mounted.
    """
    if _below(path, _ELEVENLABS):
        return _elevenlabs(members), JSON
    if _below(path, _OPENAI):
        return _openai(members), JSON
    if _below(path, _REPLICATE) or path.endswith("/predictions"):
        return {**members, "detail": _sentence(members)}, PROBLEM  # their client reads no more of it
    return dict(members), PROBLEM


def _below(path: str, roots: tuple[str, ...]) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in roots)


def _elevenlabs(members: Mapping[str, Any]) -> dict[str, Any]:
    """422 is a list of faults by place, everything else a status and a message."""
    if members["status"] == 422:
        faults = members.get("errors") or [members]
        return {"detail": [_fault(fault, members["code"]) for fault in faults]}
    more = {name: members.get(name) for name in ("param", "request_id")}
    return {"detail": {"status": members["code"], "message": _sentence(members)} | more}


def _fault(fault: Mapping[str, Any], code: str) -> dict[str, Any]:
    place = (fault.get("param") or "").split(".") if fault.get("param") else []
    return {"loc": ["body", *place], "msg": _sentence(fault), "type": code}


def _openai(members: Mapping[str, Any]) -> dict[str, Any]:
    kinds = {401: "authentication_error", 403: "permission_error", 404: "not_found_error"}
    kinds |= {429: "rate_limit_error"}
    usual = "server_error" if members["status"] >= 500 else "invalid_request_error"
    told = {
        "message": _sentence(members),
        "type": kinds.get(members["status"], usual),
        "param": members.get("param"),
        "code": members["code"],
    }
    return {"error": told}


def _sentence(fault: Mapping[str, Any]) -> str:
    param, hint, detail = fault.get("param"), fault.get("suggestion"), str(fault["detail"])
    named = f"{param}: {detail}" if param and param not in detail else detail
    return f"{named}. Try: {hint}" if hint else named
