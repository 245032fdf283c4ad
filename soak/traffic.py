"""Mixed traffic: what is asked for, and whether each wish ends as it must."""

from __future__ import annotations

import asyncio
import math
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chaos.service import Service

# How often each kind is asked for, of a hundred.
MIX = {"short": 40, "long": 8, "streamed": 14, "cancelled": 12, "refused": 10, "cached": 16}
SECONDS = {
    "short": (0.5, 2.0),
    "long": (8.0, 14.0),
    "streamed": (2.0, 5.0),
    "cancelled": (4.0, 8.0),
    "cached": (2.0, 2.0),
}
SAME = 4  # wishes that are asked for again and again
TTL_S = 60  # of a record that nobody deletes
PROMPTS = ("warm lo-fi piano", "upbeat funk with slap bass", "slow strings", "drums alone")
FORMATS = ("wav", "flac", "mp3", "ogg")


@dataclass
class Ended:
    """One wish that is over. Seconds since the run's beginning."""

    kind: str
    at_s: float
    answer_s: float  # to the answer to POST
    whole_s: float  # to the end of the job, for those that were made


@dataclass
class Book:
    """What came of all wishes. `faults` are what must not be."""

    began: float = field(default_factory=time.monotonic)
    ended: list[Ended] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    open: int = 0

    @property
    def now_s(self) -> float:
        return time.monotonic() - self.began

    def fault(self, text: str) -> None:
        self.faults.append(text)
        print(f"FAULT {text}", flush=True)


class Traffic:
    """Wishes of the mix; seeds never repeat but where they are meant to."""

    def __init__(self, service: Service, book: Book, dice: random.Random) -> None:
        self._service, self._book, self._dice = service, book, dice
        self._number = 0

    async def one(self) -> None:
        """A wish of some kind, seen through to its end."""
        kind = self._dice.choices(list(MIX), weights=list(MIX.values()))[0]
        self._book.open += 1
        self._book.counts["asked"] += 1
        try:
            await self._see_through(kind)
        except Exception as error:  # noqa: BLE001  whatever it is, it must not be
            self._book.fault(f"{kind}: {error!r}")
        finally:
            self._book.open -= 1

    def _wish(self, kind: str) -> dict[str, Any]:
        self._number += 1
        body: dict[str, Any] = {"prompt": self._dice.choice(PROMPTS), "delivery": {"ttl": TTL_S}}
        if kind == "refused":
            return body | self._dice.choice(
                [{"duration": -1}, {"duration": 5, "sed": 7}, {"model": "nobody"}]
            )
        if kind == "cached":
            return body | {"prompt": PROMPTS[0], "duration": 2.0, "seed": self._dice.randrange(SAME)}
        seconds = round(self._dice.uniform(*SECONDS[kind]), 1)
        file = {"format": "wav" if kind == "streamed" else self._dice.choice(FORMATS)}
        return body | {"duration": seconds, "seed": 1_000 + self._number, "cache": "off", "output": file}

    async def _see_through(self, kind: str) -> None:
        began = time.monotonic()
        answer = await self._service.make(self._wish(kind), uuid.uuid4().hex)
        answered = time.monotonic() - began
        if kind == "refused":
            if not 400 <= answer.status_code < 500:
                self._book.fault(f"what cannot be was answered {answer.status_code}")
            self._note(kind, answered, answered, "refused")
        elif answer.status_code not in (200, 202):
            self._book.fault(f"{kind} was answered {answer.status_code}: {answer.text[:200]}")
        else:
            job = await self._until_ended(kind, answer.json()["id"])
            self._note(kind, answered, time.monotonic() - began, f"{job['status']}, cache {job['cache']}")
            if kind != "cached":  # the cache forgets a song with the job that made it
                await self._service.ask("DELETE", f"/jobs/{job['id']}")

    async def _until_ended(self, kind: str, job_id: str) -> dict[str, Any]:
        must_be = "succeeded"
        if kind == "streamed":
            await self._listen(job_id)
        if kind == "cancelled":
            must_be = await self._cancel(job_id)
        job = await self._service.ended(job_id)
        if job["status"] != must_be:
            self._book.fault(f"{job_id} ({kind}) is {job['status']}, not {must_be}: {job.get('error')}")
        if job["attempts"] > 1:
            self._book.counts["made again"] += 1
        if job["status"] == "succeeded":
            await self._fetch(job)
        return job

    async def _cancel(self, job_id: str) -> str:
        """How the job must end: as it was told to, unless it had ended."""
        await asyncio.sleep(self._dice.uniform(0.0, 1.5))
        told = (await self._service.ask("POST", f"/jobs/{job_id}/cancel")).json()
        return str(told["status"]) if told["completed_at"] else "cancelled"

    async def _listen(self, job_id: str) -> None:
        heard = await self._service.listen(job_id)
        if heard is None or len(heard[1]) < 32_000:
            self._book.fault(f"{job_id} was not heard: {heard and len(heard[1])}")
        else:
            self._book.counts["heard live" if heard[0] else "heard from the file"] += 1

    async def _fetch(self, job: dict[str, Any]) -> None:
        for output in job["outputs"]:
            answer = await self._service.ask("GET", output["artifact"]["url"])
            if answer.status_code != 200 or len(answer.content) != output["artifact"]["bytes"]:
                self._book.fault(f"{job['id']}: its file is answered {answer.status_code}")

    def _note(self, kind: str, answer_s: float, whole_s: float, how: str) -> None:
        self._book.counts[how] += 1
        self._book.counts[f"by {kind}"] += 1
        self._book.ended.append(
            Ended(kind, round(self._book.now_s, 2), round(answer_s, 4), round(whole_s, 3))
        )


async def at_once(one: Callable[[], Any], together: int, seconds: float) -> float:
    """Wishes a second of a closed loop of so many askers: what the machine bears."""
    until, done = time.monotonic() + seconds, 0

    async def ask_on() -> None:
        nonlocal done
        while time.monotonic() < until:
            await one()
            done += 1

    began = time.monotonic()
    await asyncio.gather(*(ask_on() for _ in range(together)))
    return done / (time.monotonic() - began)


async def at_rate(
    one: Callable[[], Any], per_s: float, seconds: float, dice: random.Random, most: float = math.inf
) -> None:
    """Wishes at random moments, whether earlier ones have ended or not; returns once all have.

    most: of them at once; later ones wait.
    """
    until, asked = time.monotonic() + seconds, set()
    while time.monotonic() < until:
        await asyncio.sleep(dice.expovariate(per_s))
        while len(asked) >= most:
            await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(one())
        asked.add(task)
        task.add_done_callback(asked.discard)
    await asyncio.gather(*asked)
