"""Any order of calls against a model of the queue that fits on a page."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)
from queues import MODEL, song

from muscgen.errors import JobNotFound, LeaseLost
from muscgen.jobs import TERMINAL, Claim, EmbeddedServer, Queue, State, connect

MAX_ATTEMPTS = 2
CLASSES = ("interactive", "normal", "batch")
_numbers = itertools.count()


@dataclass
class Model:
    priority: str
    number: int
    state: State = State.QUEUED
    attempts: int = 0
    owner: int | None = None
    cancel: bool = False
    delayed: bool = False

    def end(self, wanted: State) -> State:
        self.state = State.CANCELLED if self.cancel else wanted
        return self.state

    def wait(self) -> State:
        if self.end(State.QUEUED) is State.QUEUED:
            self.owner = None
        return self.state


class Jobs(RuleBasedStateMachine):
    server: ClassVar[EmbeddedServer]
    claims = Bundle("claims")

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.queue = Queue(
            connect(self.server.url),
            prefix=f"model{next(_numbers)}",
            max_attempts=MAX_ATTEMPTS,
            lease_s=60.0,
            backoff_cap_s=30.0,
        )
        self.jobs: dict[str, Model] = {}

    def ask(self, call):
        return self.loop.run_until_complete(call)

    def teardown(self):
        for job_id, job in list(self.jobs.items()):
            if job.state not in TERMINAL:
                self.ask(self.queue.delete(job_id))
        self.ask(self.queue.close())
        self.loop.close()

    def waiting(self):
        ready = [
            (CLASSES.index(job.priority), job.number, job_id)
            for job_id, job in self.jobs.items()
            if job.state is State.QUEUED and not job.delayed
        ]
        return [job_id for _, _, job_id in sorted(ready)]

    def settle(self, claim: Claim, call, ended) -> None:
        """`call` by the owner does `ended`; by the one who ended it, nothing again; by others, LeaseLost."""
        job = self.jobs.get(claim.job_id)
        if job is None or job.owner != claim.token:
            with pytest.raises(LeaseLost):
                self.ask(call)
        elif job.state is State.RUNNING:
            assert self.ask(call) is ended(job)
        else:
            assert self.ask(call) is job.state

    @rule(priority=st.sampled_from(CLASSES))
    def enqueue(self, priority):
        enqueued = self.ask(self.queue.enqueue(song(priority=priority)))
        self.jobs[enqueued.job_id] = Model(priority, next(_numbers))
        assert enqueued.position == self.waiting().index(enqueued.job_id)

    @rule(target=claims)
    def claim(self):
        expected = self.waiting()[:1]
        found = self.ask(self.queue.claim([MODEL], "w", 1))
        assert [claim.job_id for claim in found] == expected
        if not found:
            return None
        [claim] = found
        job = self.jobs[claim.job_id]
        job.state, job.owner, job.attempts = State.RUNNING, claim.token, job.attempts + 1
        assert claim.attempt == job.attempts
        return claim

    @rule(claim=claims.filter(bool))
    def finish(self, claim):
        self.settle(claim, self.queue.finish(claim, {}), lambda job: job.end(State.SUCCEEDED))

    @rule(claim=claims.filter(bool))
    def fail(self, claim):
        self.settle(
            claim, self.queue.fail(claim, {"code": "x"}, retry=False), lambda job: job.end(State.FAILED)
        )

    @rule(claim=claims.filter(bool))
    def retry(self, claim):
        def ended(job):
            if job.attempts >= MAX_ATTEMPTS:
                return job.end(State.FAILED)
            job.delayed = job.wait() is State.QUEUED
            return job.state

        self.settle(claim, self.queue.fail(claim, {"code": "x"}, retry=True), ended)

    @rule(claim=consumes(claims).filter(bool))
    def hand_back(self, claim):
        def ended(job):
            if job.wait() is State.QUEUED:
                job.attempts -= 1
            return job.state

        job = self.jobs.get(claim.job_id)
        if job is None or job.owner != claim.token or job.state is not State.RUNNING:
            with pytest.raises(LeaseLost):
                self.ask(self.queue.hand_back(claim))
        else:
            assert self.ask(self.queue.hand_back(claim)) is ended(job)

    @rule(claim=claims.filter(bool))
    def confirm_cancel(self, claim):
        self.settle(claim, self.queue.confirm_cancel(claim), lambda job: job.end(State.CANCELLED))

    @rule(number=st.integers(0, 30))
    def cancel(self, number):
        if not self.jobs:
            return
        job_id = list(self.jobs)[number % len(self.jobs)]
        job = self.jobs[job_id]
        if job.state not in TERMINAL:
            job.cancel = True
        if job.state is State.QUEUED:
            job.state, job.owner = State.CANCELLED, None
        assert self.ask(self.queue.cancel(job_id)).state is job.state

    @rule(number=st.integers(0, 30))
    def delete(self, number):
        if not self.jobs:
            return
        job_id = list(self.jobs)[number % len(self.jobs)]
        self.ask(self.queue.delete(job_id))
        del self.jobs[job_id]
        with pytest.raises(JobNotFound):
            self.ask(self.queue.get(job_id))

    @rule()
    def leases_run_out(self):
        keys = self.queue._keys(MODEL)
        for job_id, job in self.jobs.items():
            if job.state is State.RUNNING:
                self.ask(self.queue.redis.zadd(keys.leases, {job_id: 1}))
                if job.attempts >= MAX_ATTEMPTS:
                    job.end(State.FAILED)
                    continue
                job.wait()
        self.ask(self.queue.sweep())

    @rule()
    def retries_come_due(self):
        keys = self.queue._keys(MODEL)
        for job_id, job in self.jobs.items():
            if job.delayed and job.state is State.QUEUED:
                self.ask(self.queue.redis.zadd(keys.delayed, {job_id: 1}))
                job.delayed = False
        self.ask(self.queue.sweep())

    @rule(number=st.integers(0, 30))
    def a_deadline_passes(self, number):
        if not self.jobs:
            return
        job_id = list(self.jobs)[number % len(self.jobs)]
        job, base = self.jobs[job_id], self.queue._keys(MODEL).queue.removesuffix("q")
        if job.state in TERMINAL:
            return
        self.ask(self.queue.redis.hset(f"{base}job:{job_id}", "deadline", 1))
        self.ask(self.queue.redis.zadd(f"{base}deadlines", {job_id: 1}))
        job.end(State.EXPIRED)
        self.ask(self.queue.sweep())

    @invariant()
    def the_queue_is_as_the_model_says(self):
        found = {job.id: job for job in self.ask(self.queue.list(limit=200)).jobs}
        assert {job_id: job.state for job_id, job in found.items()} == {
            job_id: job.state for job_id, job in self.jobs.items()
        }
        order = self.waiting()
        for job_id, job in found.items():
            model = self.jobs[job_id]
            assert job.attempts == model.attempts
            assert job.position == (order.index(job_id) if job_id in order else None)
            assert job.cancel_requested == model.cancel
            assert (job.expires_at is not None) == (job.state in TERMINAL)


def test_any_order_of_calls_does_what_the_model_says(server):
    run_state_machine_as_test(
        type("OnThisServer", (Jobs,), {"server": server}),
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
