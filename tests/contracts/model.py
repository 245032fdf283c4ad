"""The queue of one model, on two pages: what the scripts must do, without a server, a clock or a key."""

from __future__ import annotations

from dataclasses import dataclass, field

from muscgen.jobs import TERMINAL, State

CLASSES = ("interactive", "normal", "batch")
TURN = 10**14  # a score is class x TURN + turn


@dataclass
class Job:
    id: str
    tenant: str
    work: str
    score: int
    most: int = 0  # of its tenant at once; 0: as many as there are
    state: State = State.QUEUED
    attempts: int = 0
    owner: int | None = None
    cancel: bool = False
    delayed: bool = False
    leader: str | None = None
    cache: str = "off"
    codes: bytes | None = None

    @property
    def open(self) -> bool:
        return self.state not in TERMINAL


@dataclass
class Model:
    max_attempts: int
    max_depth: int
    song_ms: int
    jobs: dict[str, Job] = field(default_factory=dict)
    works: dict[str, str] = field(default_factory=dict)  # work: who makes it
    kept: dict[str, str] = field(default_factory=dict)  # work: who made it
    dead: set[str] = field(default_factory=set)
    turns: dict[tuple[int, str], int] = field(default_factory=dict)
    clock: int = 0

    # -- looks

    def is_fan(self, job: Job) -> bool:
        return job.open and job.leader is not None

    def fans(self, job: Job) -> list[Job]:
        return sorted(
            (one for one in self.jobs.values() if one.leader == job.id and one.open), key=lambda one: one.id
        )

    def line(self) -> list[str]:
        """Who waits, the next one first."""
        waiting = [
            job
            for job in self.jobs.values()
            if job.state is State.QUEUED and not job.delayed and not self.is_fan(job)
        ]
        return [job.id for job in sorted(waiting, key=lambda job: (job.score, job.id))]

    def position(self, job: Job) -> int | None:
        order = self.line()
        one = job.leader if self.is_fan(job) else job.id
        return order.index(one) if one in order else None

    def depth(self) -> int:
        return sum(job.state is State.QUEUED and not self.is_fan(job) for job in self.jobs.values())

    def busy(self, tenant: str) -> int:
        mine = (job for job in self.jobs.values() if job.tenant == tenant != "")
        return sum(job.state is State.RUNNING and not self.is_fan(job) for job in mine)

    def waiting_of(self, tenant: str) -> int:
        return sum(job.open for job in self.jobs.values() if job.tenant == tenant) - self.busy(tenant)

    def refusal(self, tenant: str, work: str, queue_depth: int) -> bool:
        """Whether a job that came now would be one too many."""
        leader = self._leader(work)
        if work not in self.kept and leader is None and self.depth() >= self.max_depth:
            return True
        return bool(
            tenant and queue_depth and work not in self.kept and self.waiting_of(tenant) >= queue_depth
        )

    def _leader(self, work: str) -> Job | None:
        leader = self.jobs.get(self.works.get(work, ""))
        return None if leader is None or leader.cancel else leader

    # -- moves

    def enqueue(self, job_id: str, priority: str, tenant: str, work: str, most: int = 0) -> Job:
        lane = (CLASSES.index(priority), tenant)
        turn = max(self.clock, self.turns.get(lane, 0))
        job = self.jobs[job_id] = Job(job_id, tenant, work, lane[0] * TURN + turn, most)
        job.cache = "miss" if work else "off"
        leader = self._leader(work) if work else None
        if work in self.kept:
            job.cache, job.leader, job.state = "hit", self.kept[work], State.SUCCEEDED
        elif leader is not None:
            job.cache, job.leader, job.state = "coalesced", leader.id, leader.state
            if leader.state is State.QUEUED:
                leader.score = min(leader.score, job.score)
        else:
            self.turns[lane] = turn + self.song_ms
            if work:
                self.works[work] = job_id
        return job

    def claim(self, token_of: dict[str, int], limit: int) -> list[str]:
        """Who is claimed; `token_of` says by which tokens, as the queue has told."""
        claimed: list[str] = []
        while len(claimed) < limit:
            order = [self.jobs[job_id] for job_id in self.line()]
            turn = next((job for job in order if not job.most or self.busy(job.tenant) < job.most), None)
            if turn is None:
                if not order:
                    self.turns.clear()
                break
            self.clock = max(self.clock, turn.score % TURN + 1)
            turn.state, turn.owner, turn.attempts = State.RUNNING, token_of.get(turn.id), turn.attempts + 1
            for fan in self.fans(turn):
                fan.state = State.RUNNING
            claimed.append(turn.id)
        return claimed

    def end(self, job: Job, state: State) -> State:
        fans = self.fans(job)
        job.state = state
        if self.works.get(job.work) == job.id:
            del self.works[job.work]
        if state in (State.CANCELLED, State.EXPIRED):
            self._promote(job, fans)
        else:
            for fan in fans:
                fan.state = state
        job.codes = None
        return state

    def _promote(self, job: Job, heirs: list[Job]) -> None:
        if not heirs:
            return
        heir, *others = heirs
        heir.leader, heir.cache, heir.codes = None, "miss", job.codes
        heir.score = min(heir.score, job.score)
        self.works[heir.work] = heir.id
        for fan in others:
            fan.leader = heir.id
        for one in heirs:
            one.state = State.QUEUED
        heir.delayed = False

    def finish(self, job: Job) -> State:
        if job.cancel:
            return self.end(job, State.CANCELLED)
        self.end(job, State.SUCCEEDED)
        if job.work:
            self.kept[job.work] = job.id
        return job.state

    def fail(self, job: Job, *, retry: bool) -> State:
        if job.cancel:
            return self.end(job, State.CANCELLED)
        if not retry:
            return self.end(job, State.FAILED)
        if job.attempts >= self.max_attempts:
            return self.bury(job)
        return self.back(job, delayed=True)

    def bury(self, job: Job) -> State:
        self.dead.add(job.id)
        return self.end(job, State.FAILED)

    def back(self, job: Job, *, delayed: bool = False) -> State:
        """Among those that wait again, unless it was cancelled."""
        if job.cancel:
            return self.end(job, State.CANCELLED)
        job.owner, job.delayed = None, delayed
        for one in (job, *self.fans(job)):
            one.state = State.QUEUED
        return job.state

    def hand_back(self, job: Job) -> State:
        if not job.cancel:
            job.attempts -= 1
        return self.back(job)

    def lapse(self, job: Job) -> State:
        used_up = job.attempts >= self.max_attempts and not job.cancel
        return self.bury(job) if used_up else self.back(job)

    def cancel(self, job: Job) -> State:
        if not job.open:
            return job.state
        job.cancel = True
        if job.state is State.QUEUED or self.is_fan(job):
            self.end(job, State.CANCELLED)
        return job.state

    def delete(self, job: Job) -> None:
        if job.open:
            self.end(job, State.CANCELLED)
        if self.kept.get(job.work) == job.id:
            del self.kept[job.work]
        self.dead.discard(job.id)
        del self.jobs[job.id]

    def purge(self) -> int:
        waiting = [job for job in self.jobs.values() if job.state is State.QUEUED]
        for job in sorted(waiting, key=lambda one: not self.is_fan(one)):
            job.cancel, job.state = True, State.CANCELLED
            job.codes = None
            if self.works.get(job.work) == job.id:
                del self.works[job.work]
        return len(waiting)

    def age(self) -> None:
        for job_id in self.line():
            if self.jobs[job_id].score >= 2 * TURN:
                self.jobs[job_id].score -= TURN
