"""A client that does not give up: it asks again until it is answered, under the same key."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx

PATIENCE_S = 150.0  # for one answer: all that is harmed comes back within seconds
PAUSE_S = 0.3


class NoAnswerError(Exception):
    """Nobody answered in all that time."""


class Service:
    """One tenant's view of the API."""

    def __init__(self, url: str, key: str, tenant: str) -> None:
        self.tenant = tenant
        self.unheard = 0  # answers that had to be asked for again
        self._http = httpx.AsyncClient(base_url=url, timeout=20.0, headers={"Authorization": f"Bearer {key}"})

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401
        """An answer that is one: not 429, not 5xx."""
        until = time.monotonic() + PATIENCE_S
        last = "no answer"
        while time.monotonic() < until:
            try:
                answer = await self._http.request(method, path, **options)
            except httpx.TransportError as error:
                last = repr(error)
            else:
                if answer.status_code != 429 and answer.status_code < 500:
                    return answer
                last = f"{answer.status_code} {answer.text[:200]}"
            self.unheard += 1
            await asyncio.sleep(PAUSE_S)
        raise NoAnswerError(f"{method} {path}: {last}")

    async def make(self, body: dict[str, Any], key: str) -> httpx.Response:
        return await self.ask("POST", "/generate", json=body, headers={"Idempotency-Key": key})

    async def ended(self, job_id: str) -> dict[str, Any]:
        """The job once it is final."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            answer = await self.ask("GET", f"/jobs/{job_id}", params={"wait": 5})
            if answer.status_code != 200:
                raise NoAnswerError(
                    f"job {job_id} was accepted and is {answer.status_code}: {answer.text[:200]}"
                )
            job: dict[str, Any] = answer.json()
            if job["completed_at"]:
                return job
        raise NoAnswerError(f"job {job_id} is not final after {PATIENCE_S} s: {job['status']}")

    async def events(self, job_id: str) -> list[tuple[str, str]]:
        """(id, kind) of every event, across broken connections, until the end of the job."""
        heard: list[tuple[str, str]] = []
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            headers = {"Last-Event-ID": heard[-1][0]} if heard else {}
            try:
                async with self._http.stream("GET", f"/jobs/{job_id}/events", headers=headers) as answer:
                    if answer.status_code == 200:
                        async for event in _events(answer):
                            heard.append(event)  # noqa: PERF401  what came before it broke counts
            except httpx.TransportError:
                pass
            if heard and heard[-1][1] == "completed":
                return heard
            self.unheard += 1
            await asyncio.sleep(PAUSE_S)
        raise NoAnswerError(f"the events of {job_id} do not end: {heard[-3:]}")

    async def listen(self, job_id: str) -> tuple[bool, bytes] | None:
        """Whether it was live, and all that was heard, in one go; None where the job ended without a song."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                async with self._http.stream("GET", f"/jobs/{job_id}/audio") as answer:
                    if answer.status_code == 200:
                        live = answer.headers["accept-ranges"] == "none"
                        return live, b"".join([block async for block in answer.aiter_bytes()])
            except httpx.TransportError:
                pass
            job = (await self.ask("GET", f"/jobs/{job_id}")).json()
            if job["completed_at"] and job["status"] != "succeeded":
                return None
            self.unheard += 1
            await asyncio.sleep(PAUSE_S)
        raise NoAnswerError(f"the sound of {job_id} is not to be had")


async def _events(answer: httpx.Response) -> AsyncIterator[tuple[str, str]]:
    number = kind = ""
    async for line in answer.aiter_lines():
        if line.startswith("id:"):
            number = line[3:].strip()
        elif line.startswith("event:"):
            kind = line[6:].strip()
        elif not line and number and kind:
            yield number, kind
            number = kind = ""
