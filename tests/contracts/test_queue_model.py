"""Any order of calls, over every way of a job there is, against a model without a server."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from queues import MODEL, audited, faults, song

from muscgen.errors import IdempotencyConflict, JobExpired, JobNotFound, LeaseLost, QueueFull
from muscgen.jobs import TERMINAL, Claim, Queue, State, connect, submit
from muscgen.jobs.keys import tag
from muscgen.jobs.limits import Limits

from .model import CLASSES, TURN, Job, Model

MAX_ATTEMPTS = 2
MAX_DEPTH = 7
LIMITS = {"": Limits(), "one at once": Limits(concurrency=1), "three wait": Limits(queue_depth=3)}
AUDIT_EVERY = 6  # it looks at every key
_numbers = itertools.count()
some = st.integers(0, 40)
ENDS = ("finish", "fail", "confirm_cancel")
WAYS = {
    "finish": lambda queue, claim: queue.finish(claim, {}),
    "fail": lambda queue, claim: queue.fail(claim, {"code": "x"}, retry=False),
    "confirm_cancel": lambda queue, claim: queue.confirm_cancel(claim),
    "hand_back": lambda queue, claim: queue.hand_back(claim),
    "report": lambda queue, claim: queue.report(claim, {}),
    "save_codes": lambda queue, claim: queue.save_codes(claim, {0: b"stale"}),
}


class Jobs(RuleBasedStateMachine):
    url: ClassVar[str]
    ids: ClassVar[Iterator[int]]

    def __init__(self):
        super().__init__()
        type(self).ids = itertools.count()  # one example is the same twice
        self.loop = asyncio.new_event_loop()
        self.queue = Queue(
            connect(self.url),
            prefix=f"model{next(_numbers)}",
            max_attempts=MAX_ATTEMPTS,
            max_depth=MAX_DEPTH,
            lease_s=60.0,
            backoff_cap_s=30.0,
        )
        self.base = self.queue._keys(MODEL).base
        self.model = Model(MAX_ATTEMPTS, MAX_DEPTH, 4_000)
        self.named: dict[str, tuple[str, str]] = {}  # idempotency key: job, body
        self.claims: list[Claim] = []
        self.steps = 0
        self.stack = AsyncExitStack()
        self.ask(self.stack.enter_async_context(audited(self.queue.redis, self.queue.prefix)))

    def ask(self, call):
        return self.loop.run_until_complete(call)

    def teardown(self):
        self.ask(self.stack.aclose())
        self.ask(self.queue.close())
        self.loop.close()

    def one(self, number: int, *, of=lambda _: True) -> Job | None:
        found = [job for job in self.model.jobs.values() if of(job)]
        return found[number % len(found)] if found else None

    # -- clients

    @initialize(priorities=st.lists(st.sampled_from(CLASSES), min_size=3, max_size=5))
    def a_few_jobs(self, priorities):
        for priority in priorities:
            self._enqueue(priority, "", "song")

    @rule(priority=st.sampled_from(CLASSES), tenant=st.sampled_from(list(LIMITS)), shared=st.booleans())
    def enqueue(self, priority, tenant, shared):
        self._enqueue(priority, tenant, f"{tenant} song" if shared else "")

    @precondition(lambda self: any(job.work for job in self.model.jobs.values()))
    @rule(number=some, priority=st.sampled_from(CLASSES))
    def enqueue_an_equal_one(self, number, priority):
        if job := self.one(number, of=lambda job: job.work):
            self._enqueue(priority, job.tenant, job.work)

    def _enqueue(self, priority: str, tenant: str, work: str) -> None:
        limits = LIMITS[tenant]
        call = self.queue.enqueue(song(priority=priority), tenant=tenant, work=work, limits=limits)
        if self.model.refusal(tenant, work, limits.queue_depth or 0):
            with pytest.raises(QueueFull):
                self.ask(call)
            return
        enqueued = self.ask(call)
        job = self.model.enqueue(enqueued.job_id, priority, tenant, work, limits.concurrency or 0)
        assert enqueued.created
        assert enqueued.position == self.model.position(job)

    @rule(key=st.sampled_from("xy"), body=st.sampled_from("bc"))
    def enqueue_once(self, key, body):
        call = self.queue.enqueue(song(), idempotency_key=key, body_hash=body)
        job_id, before = self.named.get(key, ("", body))
        if before != body:
            with pytest.raises(IdempotencyConflict):
                self.ask(call)
        elif job_id:
            found = self.ask(call)
            assert (found.job_id, found.created) == (job_id, False)
        elif self.model.refusal("", "", 0):
            with pytest.raises(QueueFull):
                self.ask(call)
        else:
            job_id = self.ask(call).job_id
            self.named[key] = job_id, body
            self.model.enqueue(job_id, "normal", "", "")

    @precondition(lambda self: len(self.model.jobs) > 1)
    @rule(number=some)
    def cancel(self, number):
        if job := self.one(number):
            self.model.cancel(job)
            assert self.ask(self.queue.cancel(job.id)).state is job.state

    @precondition(lambda self: len(self.model.jobs) > 3)
    @rule(number=some)
    def delete(self, number):
        if job := self.one(number):
            self.ask(self.queue.delete(job.id))
            self.model.delete(job)
            self._forget_name(job.id)
            with pytest.raises(JobNotFound):
                self.ask(self.queue.get(job.id))

    # -- workers

    @precondition(lambda self: self.model.line() != [])
    @rule()
    def claim_one(self):
        self._claim(1)

    @precondition(lambda self: self.model.line() != [])
    @rule()
    def claim_two(self):
        self._claim(2)

    @precondition(lambda self: self.model.line() != [])
    @rule()
    def claim_all(self):
        self._claim(9)

    def _claim(self, limit: int) -> None:
        found = self.ask(self.queue.claim([MODEL], "w", limit))
        assert [claim.job_id for claim in found] == self.model.claim(
            {claim.job_id: claim.token for claim in found}, limit
        )
        for claim in found:
            job = self.model.jobs[claim.job_id]
            assert claim.attempt == job.attempts
        self.claims += found

    def held(self, number: int) -> tuple[Claim, Job] | None:
        """A claim that its worker still holds."""
        found = [(claim, job) for claim in self.claims if (job := self.model.jobs.get(claim.job_id))]
        found = [
            (claim, job)
            for claim, job in found
            if job.owner == claim.token and job.state is State.RUNNING and not self.model.is_fan(job)
        ]
        return found[number % len(found)] if found else None

    @precondition(lambda self: self.held(0) is not None)
    @rule(number=some)
    def finish(self, number):
        if mine := self.held(number):
            claim, job = mine
            assert self.ask(self.queue.finish(claim, {})) is self.model.finish(job)

    @precondition(lambda self: self.held(0) is not None)
    @rule(number=some, retry=st.booleans())
    def fail(self, number, retry):
        if mine := self.held(number):
            claim, job = mine
            ended = self.ask(self.queue.fail(claim, {"code": "x"}, retry=retry))
            assert ended is self.model.fail(job, retry=retry)

    @precondition(lambda self: self.held(0) is not None)
    @rule(number=some, codes=st.binary(min_size=1, max_size=4))
    def stop_as_asked(self, number, codes):
        if mine := self.held(number):
            claim, job = mine
            self.ask(self.queue.save_codes(claim, {0: codes}))
            job.codes = codes
            assert self.ask(self.queue.cancel(job.id)).cancel_requested
            self.model.cancel(job)
            assert self.ask(self.queue.report(claim, {})).stop
            assert self.ask(self.queue.confirm_cancel(claim)) is self.model.end(job, State.CANCELLED)

    @precondition(lambda self: self.held(0) is not None)
    @precondition(lambda self: self.held(0) is not None)
    @rule(number=some)
    def ask_again_for_what_is_being_cancelled(self, number):
        if mine := self.held(number):
            _, job = mine
            self.model.cancel(job)
            self.ask(self.queue.cancel(job.id))
            self._enqueue("normal", job.tenant, job.work)

    @rule(number=some)
    def hand_back(self, number):
        if mine := self.held(number):
            claim, job = mine
            assert self.ask(self.queue.hand_back(claim)) is self.model.hand_back(job)

    @precondition(lambda self: self.held(0) is not None)
    @rule(number=some, codes=st.binary(min_size=1, max_size=4))
    def save_codes(self, number, codes):
        if mine := self.held(number):
            claim, job = mine
            self.ask(self.queue.save_codes(claim, {0: codes}))
            job.codes = codes

    @precondition(lambda self: any(not self._opens(claim) for claim in self.claims))
    @rule(number=some, way=st.sampled_from(list(WAYS)))
    def use_an_old_token(self, number, way):
        """By the one who ended the job, nothing again; by others, LeaseLost."""
        old = [claim for claim in self.claims if not self._opens(claim)]
        if not old:
            return
        claim = old[number % len(old)]
        job = self.model.jobs.get(claim.job_id)
        if way in ENDS and job and job.owner == claim.token and not job.open:
            assert self.ask(WAYS[way](self.queue, claim)) is job.state
        else:
            with pytest.raises(LeaseLost):
                self.ask(WAYS[way](self.queue, claim))

    def _opens(self, claim: Claim) -> bool:
        job = self.model.jobs.get(claim.job_id)
        return job is not None and job.owner == claim.token and job.state is State.RUNNING

    # -- operators

    @precondition(lambda self: self.model.depth() > 4)
    @rule()
    def purge(self):
        assert self.ask(self.queue.purge(MODEL)) == self.model.purge()

    @rule()
    def pause_and_resume(self):
        self.ask(self.queue.pause(MODEL))
        assert self.ask(self.queue.claim([MODEL], "w", 9)) == []
        assert self.ask(self.queue.stats(MODEL)).paused
        self.ask(self.queue.resume(MODEL))

    @precondition(lambda self: self.model.dead != set())
    @rule(number=some)
    def revive(self, number):
        letters = self.ask(self.queue.dead_letters(MODEL))
        assert {letter.job_id for letter in letters} == self.model.dead
        if not letters:
            return
        letter = letters[number % len(letters)]
        call = self.queue.revive(letter.job_id)
        if self.model.refusal("", "", 0):
            with pytest.raises(QueueFull):
                self.ask(call)
            return
        tenant = self.ask(self.queue.get(job_id := self.ask(call).job_id)).tenant
        self.model.enqueue(job_id, letter.request.delivery.priority, tenant, "")
        self.model.dead.remove(letter.job_id)

    # -- time

    def running(self) -> list[Job]:
        """Those that hold a lease."""
        running = [job for job in self.model.jobs.values() if job.state is State.RUNNING]
        return sorted((job for job in running if not self.model.is_fan(job)), key=lambda job: job.id)

    @precondition(lambda self: self.running() != [])
    @rule()
    def leases_run_out(self):
        own = self.running()
        for job in own:
            self.ask(self.queue.redis.zadd(f"{self.base}leases", {job.id: 1}))
        for job in own:
            self.model.lapse(job)
        self.ask(self.queue.sweep())

    @precondition(
        lambda self: any(job.delayed and job.state is State.QUEUED for job in self.model.jobs.values())
    )
    @rule()
    def retries_come_due(self):
        for job in self.model.jobs.values():
            if job.delayed and job.state is State.QUEUED:
                self.ask(self.queue.redis.zadd(f"{self.base}delayed", {job.id: 1}))
                job.delayed = False
        self.ask(self.queue.sweep())

    @precondition(lambda self: sum(job.open for job in self.model.jobs.values()) > 2)
    @rule(number=some)
    def a_deadline_passes(self, number):
        if job := self.one(number, of=lambda job: job.open):
            self.ask(self.queue.redis.hset(f"{self.base}job:{job.id}", "deadline", 1))
            self.ask(self.queue.redis.zadd(f"{self.base}deadlines", {job.id: 1}))
            self.model.end(job, State.CANCELLED if job.cancel else State.EXPIRED)
            self.ask(self.queue.sweep())

    @precondition(lambda self: any(self.model.jobs[one].score >= 2 * TURN for one in self.model.line()))
    @rule()
    def batch_jobs_grow_old(self):
        for job_id in self.model.line():
            self.ask(self.queue.redis.hset(f"{self.base}job:{job_id}", "created", 1))
        self.model.age()
        self.ask(self.queue.sweep())

    @precondition(lambda self: any(not job.open for job in self.model.jobs.values()))
    @rule(number=some)
    def a_record_expires(self, number):
        job = self.one(number, of=lambda job: not job.open)
        self.ask(self.queue.redis.delete(f"{self.base}job:{job.id}", f"{self.base}ev:{job.id}"))
        for digest in self.ask(self.queue.redis.keys(f"{self.base}idem:*")):
            if self.ask(self.queue.redis.hget(digest, "job")) == job.id.encode():
                self.ask(self.queue.redis.delete(digest))
        self.ask(self.queue.redis.zadd(f"{self.base}expiring", {job.id: 1}))
        self.ask(self.queue.sweep())
        del self.model.jobs[job.id]
        self._forget_name(job.id)
        with pytest.raises(JobExpired):
            self.ask(self.queue.get(job.id))

    def _forget_name(self, job_id: str) -> None:
        self.named = {key: kept for key, kept in self.named.items() if kept[0] != job_id}

    # -- what must always be so

    @invariant()
    def the_queue_is_as_the_model_says(self):
        found = {job.id: job for job in self.ask(self.queue.list(limit=200)).jobs}
        assert found.keys() == self.model.jobs.keys()
        for job_id, job in found.items():
            model = self.model.jobs[job_id]
            told = (job.state, job.attempts, job.position, job.cancel_requested, job.cache, job.leader)
            position = self.model.position(model) if model.open else None
            assert told == (model.state, model.attempts, position, model.cancel, model.cache, model.leader)
            assert (job.expires_at is not None) == (job.state in TERMINAL)

    @invariant()
    def every_key_is_in_its_place(self):
        self.steps += 1
        if self.steps % AUDIT_EVERY == 0:
            assert self.ask(faults(self.queue.redis, self.queue.prefix)) == []

    @invariant()
    def an_end_is_told_once_and_last_and_codes_go_with_it(self):
        if job := self.one(self.steps):
            events = self.ask(self.queue._read(job.id, "0", 0))
            ends = [event.kind == "completed" for event in events]
            assert sum(ends) == (not job.open)
            assert job.open or ends[-1]
            assert self.ask(self.queue.load_codes(job.id)).get(0) == job.codes


def test_any_order_of_calls_does_what_the_model_says(server, monkeypatch):
    machine = type("OnThisServer", (Jobs,), {"url": server.url})
    monkeypatch.setattr(submit, "new_job_id", lambda model: f"job_{tag(model)}_{next(machine.ids):08}")
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=80,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
