"""Clients of several tenants who ask for songs, each in its own way, and look closely at what they get."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from chaos.service import Service
from chaos.wishes import Sound, Wish, digest

WAYS = ("wait", "wait", "follow", "listen", "listen", "cancel", "twice", "hook", "hook")
CACHES = ("off", "off", "use", "use", "use", "refresh")
FORGOTTEN = 0.5  # how many jobs are deleted once they were looked at
UNDISTURBED = "succeeded"


@dataclass
class Told:
    """A job that was accepted, and what its client was told of it."""

    job_id: str
    way: str
    wish: int
    status: str = ""  # the final one
    deleted: bool = False


@dataclass
class Book:
    """What all askers wrote down. `faults` are what must not be."""

    told: list[Told] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def fault(self, text: str) -> None:
        self.counts["faults"] += 1
        self.faults.append(text)
        print(f"FAULT {text}", flush=True)


@dataclass
class Asker:
    """Asks until `until`, one song after the other."""

    name: str
    service: Service
    wishes: list[Wish]
    sounds: dict[int, Sound]
    book: Book
    dice: random.Random
    hook_url: str = ""

    async def run(self, until: float) -> None:
        number = 0
        while time.monotonic() < until:
            number += 1
            wish, way = self.dice.choice(self.wishes), self.dice.choice(WAYS)
            if way == "listen":
                wish = self.dice.choice([one for one in self.wishes if one.streamed])
            try:
                await self._ask(wish, way, f"{self.name}-{number}")
            except Exception as error:  # noqa: BLE001  whatever it is, it must not be
                self.book.fault(f"{self.name} asked for {wish.number} to {way}: {error!r}")
            await asyncio.sleep(self.dice.uniform(0, 0.5))

    async def _ask(self, wish: Wish, way: str, key: str) -> None:
        body = wish.body | {"cache": self.dice.choice(CACHES)}
        if way == "hook":
            body["delivery"] = {"webhook": {"url": self.hook_url, "events": ["started", "completed"]}}
        answers = await asyncio.gather(
            *(self.service.make(body, key) for _ in range(2 if way == "twice" else 1))
        )
        if any(answer.status_code not in (200, 202) for answer in answers):
            self.book.fault(f"{key}: {[(answer.status_code, answer.text[:300]) for answer in answers]}")
            return
        if len(ids := {answer.json()["id"] for answer in answers}) > 1:
            self.book.fault(f"{key} is two jobs: {ids}")
        told = Told(answers[0].json()["id"], way, wish.number)
        self.book.told.append(told)
        self.book.counts["accepted"] += 1
        await self._see_through(told, wish)

    async def _see_through(self, told: Told, wish: Wish) -> None:
        job_id, must_end = told.job_id, UNDISTURBED
        heard: tuple[bool, bytes] | None = None
        events: list[tuple[str, str]] = []
        match told.way:
            case "cancel":
                must_end = await self._cancel(job_id)
            case "listen":
                heard = await self.service.listen(job_id)
            case "follow":
                events = await self.service.events(job_id)
        job = await self.service.ended(job_id)
        self._note(told, job)
        if told.status != must_end:
            self.book.fault(f"{job_id} ({told.way}) is {told.status}, not {must_end}: {job.get('error')}")
        self._check_events(job_id, events or await self.service.events(job_id))
        if told.status == "succeeded":
            await self._check_sound(job, wish)
        if heard is not None:
            self._check_heard(job_id, wish, *heard)
        if told.way != "hook" and self.dice.random() < FORGOTTEN:
            await self.service.ask("DELETE", f"/jobs/{job_id}")
            told.deleted = True
            self.book.counts["deleted"] += 1

    def _note(self, told: Told, job: dict[str, Any]) -> None:
        told.status = job["status"]
        for what in (told.status, f"cache {job['cache']}", f"by {told.way}"):
            self.book.counts[what] += 1
        self.book.counts["resumed"] += job.get("resumed_from_seconds") is not None
        self.book.counts["second or later attempts"] += job["attempts"] > 1

    def _check_heard(self, job_id: str, wish: Wish, live: bool, content: bytes) -> None:
        sound = self.sounds[wish.number]
        self.book.counts["heard live" if live else "heard from the file"] += 1
        if digest(content) != (sound.live if live else sound.files[0]):
            self.book.fault(f"{job_id}: what was heard {'live ' if live else ''}is another sound")

    async def _cancel(self, job_id: str) -> str:
        """How the job must end: as it was told to, unless it had ended."""
        await asyncio.sleep(self.dice.choice([0.0, 0.5, 2.0]))
        answer = await self.service.ask("POST", f"/jobs/{job_id}/cancel")
        status: str = answer.json()["status"]
        return status if answer.json()["completed_at"] else "cancelled"

    def _check_events(self, job_id: str, events: list[tuple[str, str]]) -> None:
        kinds, ids = [kind for _, kind in events], [number for number, _ in events]
        if kinds.count("completed") != 1 or kinds[-1] != "completed":
            self.book.fault(f"{job_id} ended {kinds.count('completed')} times: {kinds}")
        if len(set(ids)) != len(ids):
            self.book.fault(f"{job_id}: an event was told twice: {ids}")

    async def _check_sound(self, job: dict[str, Any], wish: Wish) -> None:
        sound = self.sounds[wish.number]
        told = [output["audio_sha256"] for output in job["outputs"]]
        files = []
        for output in job["outputs"]:
            answer = await self.service.ask("GET", output["artifact"]["url"])
            files.append(digest(answer.content) if answer.status_code == 200 else str(answer.status_code))
        self.book.counts["songs compared"] += len(files)
        if told != sound.told:
            self.book.fault(f"{job['id']} tells of another sound than an undisturbed run: {told}")
        if files != sound.files:
            self.book.fault(f"{job['id']} sounds otherwise than undisturbed: {files}, not {sound.files}")


async def undisturbed(service: Service, wishes: list[Wish]) -> dict[int, Sound]:
    """Every wish, made in peace, one after the other."""
    found: dict[int, Sound] = {}
    for wish in wishes:
        sound = found[wish.number] = Sound()
        made = await service.make(wish.body | {"cache": "off"}, f"calm-{wish.number}")
        if wish.streamed:
            heard = await service.listen(made.json()["id"])
            if heard is None or not heard[0]:
                raise RuntimeError(f"wish {wish.number} was not heard live: {made.text}")
            sound.live = digest(heard[1])
        job = await service.ended(made.json()["id"])
        for output in job["outputs"]:
            sound.told.append(output["audio_sha256"])
            sound.files.append(digest((await service.ask("GET", output["artifact"]["url"])).content))
        await service.ask("DELETE", f"/jobs/{job['id']}")
    return found
