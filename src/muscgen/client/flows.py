"""What is asked of the service, without input or output: each flow yields requests and is sent their answers.

So the two clients differ only in how they send and wait. A flow raises what the service refuses.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import httpx

from muscgen.client.documents import Artifact, JobDocument, Output
from muscgen.client.problems import failure_of, problem_of
from muscgen.errors import InvalidRequest, JobNotFinished

T = TypeVar("T")
HOLD_S = 30  # how long one answer may be held back while a job runs
JSON = {"Content-Type": "application/json"}
SOUND = {"Content-Type": "application/octet-stream"}


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. body: bytes, or a file that each try opens anew. safe: sent twice, it does once."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str | int] = field(default_factory=dict)
    body: bytes | Path | None = None
    safe: bool = True


Flow = Generator[Ask, httpx.Response, T]


def answered(ask: Ask) -> Flow[httpx.Response]:
    answer = yield ask
    if answer.status_code >= 400:
        raise problem_of(answer)
    return answer


def document(ask: Ask) -> Flow[Any]:
    answer = yield from answered(ask)
    return answer.json()


def submit(prompt: str | None, wish: Mapping[str, Any], idempotency_key: str | None) -> Flow[JobDocument]:
    """The job of a request; its key makes it one job however often the network has it sent."""
    body = dict(wish) if prompt is None else {"prompt": prompt, **wish}
    headers = {**JSON, "Idempotency-Key": idempotency_key or str(uuid.uuid4())}
    found = yield from document(Ask("POST", "generate", headers, body=_packed(body)))
    return JobDocument.model_validate(found)


def job(url: str, hold_s: int = 0) -> Flow[JobDocument]:
    """hold_s: how long the answer may be held back while the job is not final."""
    found = yield from document(Ask("GET", url, params={"wait": hold_s} if hold_s else {}))
    return JobDocument.model_validate(found)


def finished(
    now: JobDocument, limit_s: float, clock: Callable[[], float] = time.monotonic
) -> Flow[JobDocument]:
    """The job once it has its song. Raises its failure, or JobNotFinished after the limit."""
    until = clock() + limit_s
    while not now.final:
        left_s = until - clock()
        if left_s <= 0:
            raise JobNotFinished(
                f"{now.id} is {now.status} after {limit_s:g} s",
                suggestion="wait again: the job goes on",
            )
        now = yield from job(now.urls.self, max(1, min(HOLD_S, int(left_s))))
    if failure := failure_of(now):
        raise failure
    return now


def cancel(now: JobDocument) -> Flow[JobDocument]:
    found = yield from document(Ask("POST", now.urls.cancel))
    return JobDocument.model_validate(found)


def delete(now: JobDocument) -> Flow[None]:
    yield from answered(Ask("DELETE", now.urls.self))


def upload(path: Path) -> Flow[Artifact]:
    found = yield from document(Ask("POST", "artifacts", SOUND, body=path))
    return Artifact.model_validate(found)


def verify(path: Path, receipt: Path | None = None, credentials: Path | None = None) -> Flow[dict[str, Any]]:
    ask = Ask("POST", "verify", SOUND, body=path)
    more = {"receipt": receipt, "credentials": credentials}
    if files := {name: each.read_bytes() for name, each in more.items() if each is not None}:
        form = httpx.Request("POST", "http://form", files={"file": path.read_bytes(), **files})
        ask = Ask("POST", "verify", {"Content-Type": form.headers["Content-Type"]}, body=form.read())
    found = yield from document(ask)
    return dict(found)


def content(url: str) -> Flow[bytes]:
    answer = yield from answered(Ask("GET", url))
    return answer.content


def paper(output: Output, name: Literal["receipt", "credentials"]) -> Flow[bytes | None]:
    """What goes with a song's file; None where its job names no address of it."""
    url = (output.provenance or {}).get(f"{name}_url")
    return None if url is None else (yield from content(url))


def anything(
    method: str, url: str, params: Mapping[str, str | int] | None, body: Mapping[str, Any] | None
) -> Flow[Any]:
    """The document that answers; None where the answer is empty."""
    content = None if body is None else _packed(body)
    ask = Ask(method, url, JSON if body is not None else {}, params or {}, content, safe=method != "POST")
    answer = yield from answered(ask)
    return answer.json() if answer.content else None


def _packed(body: Mapping[str, Any]) -> bytes:
    """Raises InvalidRequest for what JSON cannot say, such as a number that is none."""
    for name, value in body.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InvalidRequest(f"{name} cannot be sent: {error}", param=name) from error
    return json.dumps(body).encode()


def models() -> Flow[list[dict[str, Any]]]:
    found = yield from document(Ask("GET", "v1/models"))
    return list(found["data"])


def jobs_page(
    cursor: str | None, filters: Mapping[str, str | int]
) -> Flow[tuple[list[JobDocument], str | None]]:
    """Newest first, and where the next page begins."""
    params = {**filters, **({"cursor": cursor} if cursor else {})}
    found = yield from document(Ask("GET", "jobs", params=params))
    return [JobDocument.model_validate(one) for one in found["jobs"]], found["next_cursor"]
