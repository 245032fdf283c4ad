"""The thread that keeps a worker's leases, which a blocked event loop cannot stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Self

from redis.exceptions import RedisError

from muscgen import telemetry
from muscgen.errors import QueueUnavailable
from muscgen.jobs.claims import renewal
from muscgen.jobs.connect import connect_blocking
from muscgen.jobs.job import Claim, Lease
from muscgen.jobs.keys import PREFIX, Keys, control_channels, tag_of
from muscgen.jobs.scripts import Reply, run_blocking

TICK_S = 0.1  # the longest nap, so that close() is prompt


class LeaseKeeper:
    """Renews the leases of all claims of a worker every lease_s/3, and at once when a client says cancel.

    `on_cancel(job_id)`: stop that work, then confirm_cancel; called once a claim (a passed deadline counts).
    `on_lost(job_id)`: stop that work and write nothing more; the claim is dropped from the keeper. It is also
    called when Redis could not be reached for a whole lease. Both run in the keeper's thread: be brief.
    """

    def __init__(
        self,
        url: str,
        *,
        lease_s: float,
        on_lost: Callable[[str], None],
        on_cancel: Callable[[str], None],
        prefix: str = PREFIX,
    ) -> None:
        self.lease_s = lease_s
        self._on_lost = on_lost
        self._on_cancel = on_cancel
        self._prefix = prefix
        self._url = url
        self._redis: Reply = None
        self._claims: dict[
            str, tuple[Claim, float]
        ] = {}  # until when it is surely held, on the monotonic clock
        self._told: set[tuple[str, int]] = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="muscgen-leases", daemon=True)

    def start(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop renewing. What is still held comes back to the queue after one lease; hand it back before."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._redis is not None:
            self._redis.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, claim: Claim) -> None:
        """Keep this lease from now on; call it right after `claim`."""
        with self._lock:
            self._claims[claim.job_id] = (claim, time.monotonic() + self.lease_s)

    def remove(self, claim: Claim) -> None:
        """Keep it no longer: it was finished, failed, handed back or lost."""
        with self._lock:
            kept = self._claims.get(claim.job_id)
            if kept is not None and kept[0].token == claim.token:
                del self._claims[claim.job_id]
            self._told.discard((claim.job_id, claim.token))

    def _run(self) -> None:
        pubsub: Reply = None
        deaf = False  # said once an outage
        due = time.monotonic() + self.lease_s / 3
        while not self._closing.is_set():
            try:
                pubsub = pubsub or self._listen()
                self._hear(pubsub, min(TICK_S, max(due - time.monotonic(), 0.001)))
                deaf = False
            except (QueueUnavailable, RedisError, OSError) as error:
                if not deaf:
                    telemetry.warning("leases.deaf", error=type(error).__name__)
                deaf = True
                _closed(pubsub)
                pubsub = None
                self._closing.wait(TICK_S)
            if time.monotonic() >= due:
                started = time.monotonic()
                due = started + (self.lease_s / 3 if self._renew(self._held()) else self.lease_s / 12)
            self._give_up_old()
        _closed(pubsub)

    def _client(self) -> Reply:
        """Of this thread; made where an outage is an answer, since that of a cluster looks for it at once."""
        if self._redis is None:
            # An answer must come or fail early enough to give up in time.
            self._redis = connect_blocking(self._url, timeout_s=self.lease_s / 6)
        return self._redis

    def _listen(self) -> Reply:
        pubsub = self._client().pubsub(ignore_subscribe_messages=True)
        pubsub.psubscribe(control_channels(self._prefix))
        return pubsub

    def _hear(self, pubsub: Reply, timeout_s: float) -> None:
        message = pubsub.get_message(timeout=timeout_s)
        if message is None or message["type"] != "pmessage":
            return
        kept = self._claims.get(message["data"].decode())
        if kept is not None:
            self._renew([kept[0]])

    def _held(self) -> list[Claim]:
        with self._lock:
            return [claim for claim, _ in self._claims.values()]

    def _renew(self, claims: Sequence[Claim]) -> bool:
        """Whether the server answered for all of them."""
        sent = time.monotonic()  # the server's lease begins later than this
        by_tag: dict[str, list[Claim]] = {}
        for claim in claims:
            by_tag.setdefault(tag_of(claim.job_id), []).append(claim)
        for tag, mine in by_tag.items():
            try:
                codes = run_blocking(
                    self._client(), "renew", Keys(tag, self._prefix).queue, renewal(mine, self.lease_s)
                )
            except (QueueUnavailable, RedisError):
                return False
            for claim, code in zip(mine, codes, strict=True):
                self._learn(claim, Lease(code), sent)
        return True

    def _learn(self, claim: Claim, lease: Lease, sent: float) -> None:
        with self._lock:
            kept = self._claims.get(claim.job_id)
            if kept is None or kept[0].token != claim.token:
                return  # let go of while we asked
            if lease is not Lease.LOST:
                self._claims[claim.job_id] = (claim, sent + self.lease_s)
        if lease is Lease.LOST:
            self._lose(claim)
        elif lease.stop and (claim.job_id, claim.token) not in self._told:
            self._told.add((claim.job_id, claim.token))
            self._call(self._on_cancel, claim.job_id)

    def _give_up_old(self) -> None:
        now = time.monotonic()
        with self._lock:
            old = [claim for claim, until in self._claims.values() if until <= now]
        for claim in old:
            self._lose(claim)

    def _lose(self, claim: Claim) -> None:
        self.remove(claim)
        telemetry.warning("lease.lost", job=claim.job_id)
        self._call(self._on_lost, claim.job_id)

    def _call(self, callback: Callable[[str], None], job_id: str) -> None:
        try:
            callback(job_id)
        except Exception as error:  # noqa: BLE001  one song's callback must not cost the others their leases
            telemetry.warning("lease.callback_failed", job=job_id, error=repr(error))


def _closed(pubsub: Reply) -> None:
    if pubsub is not None:
        try:
            pubsub.close()
        except (RedisError, OSError) as error:
            telemetry.warning("leases.close_failed", error=type(error).__name__)
