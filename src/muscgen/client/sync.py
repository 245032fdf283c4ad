"""The client for threads."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

import httpx

from muscgen.client import flows
from muscgen.client.connection import LIMITS, address, connection_error, options
from muscgen.client.documents import Artifact, Event, JobDocument, Output, Wish
from muscgen.client.events import EventReader
from muscgen.client.flows import Ask, Flow, T
from muscgen.client.problems import problem_of
from muscgen.client.retries import Retries
from muscgen.client.songs import Writing, checked, format_of, opened, output_of, source_of


class Client:
    """A service at a URL. Use it as a context manager, or close it.

    key: its API key. retries: for connections that fail and services that are busy. timeout_s: between two
    bytes. transport: for tests. Every method raises muscgen.errors.MuscgenError.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        key: str | None = None,
        retries: Retries = Retries(),
        timeout_s: float = LIMITS.read_s,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._base = address(url)
        self._http = httpx.Client(**options(key, timeout_s), transport=transport)
        self._retries = retries

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def generate(
        self,
        prompt: str | None = None,
        *,
        wait_s: float = 600.0,
        idempotency_key: str | None = None,
        **wish: Unpack[Wish],
    ) -> Job:
        """The finished job. Raises its failure, or JobNotFinished after `wait_s`: the job goes on then."""
        return self.submit(prompt, idempotency_key=idempotency_key, **wish).wait(wait_s)

    def submit(
        self, prompt: str | None = None, *, idempotency_key: str | None = None, **wish: Unpack[Wish]
    ) -> Job:
        """The accepted job. Under an idempotency key of one's own, the same request is the same job."""
        return Job(self, self._run(flows.submit(prompt, wish, idempotency_key)))

    def job(self, job_id: str) -> Job:
        return Job(self, self._run(flows.job(f"jobs/{job_id}")))

    def jobs(self, **filters: str | int) -> Iterator[Job]:
        """Newest first; filters: state, model, limit (a page)."""
        cursor: str | None = None
        while True:
            page, cursor = self._run(flows.jobs_page(cursor, filters))
            yield from (Job(self, one) for one in page)
            if cursor is None:
                return

    def models(self) -> list[dict[str, Any]]:
        """What can be asked for: limits, licence, defaults, schema of the parameters."""
        return self._run(flows.models())

    def upload(self, path: str | Path) -> Artifact:
        """A sound file becomes an artifact that requests may listen to."""
        return self._run(flows.upload(Path(path)))

    def read(self, artifact_id: str) -> bytes:
        """A file by its SHA-256, which is checked."""
        return checked(self._run(flows.content(f"artifacts/{artifact_id}")), artifact_id)

    def address(self, url: str) -> str:
        """One of the service's addresses, in full."""
        return str(self._base.join(url))

    def ask(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  JSON
        """Whatever else the API has, such as GET `admin/queues`: the document that answers."""
        return self._run(flows.anything(method, url, params, body))

    def verify(
        self, path: str | Path, *, receipt: Path | None = None, credentials: Path | None = None
    ) -> dict[str, Any]:
        """Where a file comes from: the verdict and each check."""
        return self._run(flows.verify(Path(path), receipt, credentials))

    def _run(self, flow: Flow[T]) -> T:
        try:
            ask = next(flow)
            while True:
                ask = flow.send(self._answer(ask))
        except StopIteration as end:
            result: T = end.value
            return result

    def _answer(self, ask: Ask) -> httpx.Response:
        tried = 0
        while True:
            outcome = self._try(ask)
            pause_s = self._retries.pause_s(tried, ask, outcome)
            if pause_s is None:
                if isinstance(outcome, httpx.TransportError):
                    raise connection_error(outcome, self._base) from outcome
                return outcome
            time.sleep(pause_s)
            tried += 1

    def _try(self, ask: Ask) -> httpx.Response | httpx.TransportError:
        try:
            with opened(ask.body) as body:
                return self._http.request(
                    ask.method,
                    self._base.join(ask.url),
                    headers=ask.headers,
                    params=ask.params or None,
                    content=body,
                )
        except httpx.TransportError as error:
            return error

    @contextmanager
    def _open(
        self, url: str, headers: Mapping[str, str] | None = None, params: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        with self._http.stream("GET", self._base.join(url), headers=headers, params=params) as answer:
            if answer.status_code >= 400:
                answer.read()
                raise problem_of(answer)
            yield answer


class Job:
    """A job of the service; `now` is what was last known of it."""

    def __init__(self, client: Client, now: JobDocument) -> None:
        self._client = client
        self.now = now

    @property
    def id(self) -> str:
        return self.now.id

    @property
    def status(self) -> str:
        return self.now.status

    @property
    def outputs(self) -> list[Output]:
        return self.now.outputs

    def refresh(self, hold_s: int = 0) -> Job:
        """What is known of it now; hold_s: or as soon as it is final, within so many seconds (0 to 60)."""
        self.now = self._client._run(flows.job(self.now.urls.self, hold_s))
        return self

    def wait(self, limit_s: float = 600.0) -> Job:
        """Until it has its song. Raises its failure, or JobNotFinished after the limit: it goes on then."""
        self.now = self._client._run(flows.finished(self.now, limit_s))
        return self

    def cancel(self) -> Job:
        self.now = self._client._run(flows.cancel(self.now))
        return self

    def delete(self) -> None:
        """The record and its files."""
        self._client._run(flows.delete(self.now))

    def events(self) -> Iterator[Event]:
        """From the first to `completed`; a connection that breaks is taken up where it broke."""
        reader, broken = EventReader(), 0
        while True:
            try:
                with self._client._open(self.now.urls.events, reader.headers) as answer:
                    for line in answer.iter_lines():
                        if event := reader.feed(line):
                            broken = 0
                            yield event
                            if event.kind == "completed":
                                return
                    if answer.status_code == 204:
                        return
            except httpx.TransportError as error:
                broken += 1
                if broken > self._client._retries.most:
                    raise connection_error(error, self._client._base) from error
            time.sleep(0.5)

    def stream(self, output: int = 0, format: str = "wav") -> Iterator[bytes]:  # noqa: A002
        """The song's bytes while it is made, from its beginning; the file's, once it is done."""
        wanted = {"output": str(output), "format": format}
        try:
            with self._client._open(self.now.urls.audio, None, wanted) as answer:
                yield from answer.iter_bytes()
        except httpx.TransportError as error:
            raise connection_error(error, self._client._base) from error

    def read(self, output: int = 0) -> bytes:
        """The finished song's file, as the job asked for it."""
        artifact = output_of(self.now, output).artifact
        return checked(self._client._run(flows.content(artifact.url)), artifact.sha256)

    def receipt(self, output: int = 0) -> bytes | None:
        """What the song was made from and by what, signed; None where the service writes none."""
        return self._client._run(flows.paper(output_of(self.now, output), "receipt"))

    def credentials(self, output: int = 0) -> bytes | None:
        """Content credentials that belong beside the file; None where they are in it, or there are none."""
        return self._client._run(flows.paper(output_of(self.now, output), "credentials"))

    def address(self, url: str) -> str:
        """One of the service's addresses, in full."""
        return self._client.address(url)

    def save(self, path: str | Path, output: int = 0) -> Path:
        """The finished song as the file that the path's ending names; there when it is whole."""
        path = Path(path)
        url, params, sha256 = source_of(self.now, output_of(self.now, output), format_of(path))
        try:
            with self._client._open(url, None, params) as answer, Writing(path, sha256) as file:
                for chunk in answer.iter_bytes():
                    file.write(chunk)
        except httpx.TransportError as error:
            raise connection_error(error, self._client._base) from error
        return path
