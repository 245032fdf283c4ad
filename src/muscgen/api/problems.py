"""Errors as RFC 9457 problems."""

from __future__ import annotations

import math
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from muscgen import telemetry
from muscgen.admission import InvalidFields
from muscgen.api.compat.shapes import PROBLEM, shaped
from muscgen.errors import (
    InternalError,
    InvalidRequest,
    MalformedBody,
    MuscgenError,
    RangeNotSatisfiable,
    Rejected,
    Unauthorized,
    Unavailable,
)

MEDIA_TYPE = PROBLEM
_RETRY_S = 5.0  # where nobody computed a better time: a restart of Redis takes about that


class RangeOutside(RangeNotSatisfiable):
    """A range beyond the file's end, with the size that the answer must name."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the file has {size} bytes, and the range begins after them", param="Range")
        self.size = size


class Problem(JSONResponse):
    """An answer that says what went wrong, in the shape that clients of this address read."""

    def __init__(
        self, members: Mapping[str, Any], scope: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
        content, media_type = shaped(members, path)
        super().__init__(content, members["status"], headers=headers, media_type=media_type)


def request_id(scope: Mapping[str, Any]) -> str | None:
    """The id that the middleware gave this request."""
    found: str | None = scope.get("state", {}).get("request_id")
    return found


def presentable(error: Exception, scope: Mapping[str, Any]) -> MuscgenError:
    """The error as a client may see it; what is our own fault is logged, and told as no more than that."""
    if isinstance(error, Rejected | Unavailable):
        return error
    _log(error, scope)
    return InternalError("something went wrong inside; it has been logged")


def describe(error: MuscgenError) -> dict[str, Any]:
    """The members of a problem that the error itself knows."""
    return _members(error.code, error.status) | {
        "detail": error.detail,
        "param": error.param,
        "suggestion": error.suggestion,
        "retryable": error.retryable,
    }


def describe_stored(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A job's stored error as a problem; unknown codes are from another version and count as internal."""
    code = str(stored.get("code", InternalError.code))
    return _members(code, _STATUSES.get(code, 500)) | {"detail": code.replace("_", " ")} | dict(stored)


def to_problem(error: MuscgenError, scope: Mapping[str, Any]) -> Problem:
    """The whole answer to a request that ended in this error."""
    telemetry.REFUSALS.labels(error.code).inc()
    members = describe(error) | {"request_id": request_id(scope)}
    if isinstance(error, InvalidFields):
        members["errors"] = [
            {"param": fault.param, "detail": fault.detail, "suggestion": fault.suggestion}
            for fault in error.faults
        ]
    return Problem(members, scope, headers=_headers(error))


def install(app: FastAPI) -> None:
    """Make every error of the routes a problem."""
    app.add_exception_handler(MuscgenError, _on_muscgen_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_parameter)
    app.add_exception_handler(HTTPException, _on_http_exception)


async def _on_muscgen_error(request: Request, error: Exception) -> Problem:
    assert isinstance(error, MuscgenError)  # noqa: S101  # Starlette chose the handler by this type
    return to_problem(presentable(error, request.scope), request.scope)


async def _on_invalid_parameter(request: Request, error: Exception) -> Problem:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return to_problem(MalformedBody(f"the body is not JSON: {first['ctx']['error']}"), request.scope)
    name = ".".join(map(str, first["loc"][1:])) or str(first["loc"][0])  # after where it stands: query, body
    unknown = first["type"] == "extra_forbidden"
    message = "is no field of this request" if unknown else str(first["msg"]).removeprefix("Input ")
    return to_problem(InvalidRequest(f"{name} {message}", param=name), request.scope)


async def _on_http_exception(request: Request, error: Exception) -> Problem:
    """Unknown routes and methods, which Starlette finds before any route of ours runs."""
    assert isinstance(error, HTTPException)  # noqa: S101
    phrase = HTTPStatus(error.status_code).phrase.lower()
    code = phrase.replace(" ", "_").replace("-", "_")
    members = _members(code, error.status_code) | {
        "detail": f"{request.method} {request.url.path[:200]}: {phrase}",
        "param": None,
        "suggestion": "GET /openapi.json lists what there is",
        "retryable": False,
        "request_id": request_id(request.scope),
    }
    return Problem(members, request.scope, headers=dict(error.headers or {}))


def _log(error: Exception, scope: Mapping[str, Any]) -> None:
    """Where it happened, not the message: that may quote a prompt."""
    frames = reversed(traceback.extract_tb(error.__traceback__)[-6:])
    telemetry.warning(
        "http.failed",
        request=request_id(scope),
        method=scope.get("method"),
        kind=type(error).__name__,
        where=" < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames),
    )


def _members(code: str, status: int) -> dict[str, Any]:
    title = code.replace("_", " ").capitalize()
    return {"type": f"urn:muscgen:error:{code}", "title": title, "status": status, "code": code}


def _headers(error: MuscgenError) -> dict[str, str]:
    headers: dict[str, str] = {}
    if error.status in (429, 503):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s or _RETRY_S)))
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer realm="muscgen"'
    if isinstance(error, RangeOutside):
        headers["Content-Range"] = f"bytes */{error.size}"
    if error.status in (408, 413):
        headers["Connection"] = "close"  # the rest of the body is not read
    return headers


def _statuses(kind: type[MuscgenError]) -> dict[str, int]:
    found = {kind.code: kind.status}
    for heir in kind.__subclasses__():
        found |= _statuses(heir)
    return found


_STATUSES = _statuses(MuscgenError)
