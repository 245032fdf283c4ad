"""Processes that share a bucket, in any order of their single steps, some of them killed on the way.

Each step is one request to the bucket. Hypothesis says whose turn it is; who gets none until the others are
done is a process that was paused; who is killed goes without a word.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from obstore.store import MemoryStore
from places import bucket_of, nobody, put

from muscgen.artifacts import Store, lives
from muscgen.artifacts.objects import Objects
from muscgen.errors import ArtifactNotFound

SONG = b"song"
STEP_LIMIT_S = 20.0


class Killed(BaseException):
    """The process ends here."""


class Process:
    """A thread whose every request waits for its turn."""

    def __init__(self, work: Callable[[Store], None], place) -> None:
        self.done = False
        self.finished = False  # rather than killed
        self._kill = False
        self._turn, self._waits = threading.Semaphore(0), threading.Semaphore(0)
        store = place.again(_Stepping(place.objects, self))
        store._honours_conditions = True  # as it found when it started
        self._thread = threading.Thread(target=self._run, args=(work, store), daemon=True)
        self._thread.start()
        self._arrive()

    def step(self, *, kill: bool = False) -> None:
        self._kill = kill
        self._turn.release()
        self._arrive()

    def gate(self) -> None:
        self._waits.release()
        self._turn.acquire()
        if self._kill:
            raise Killed

    def _arrive(self) -> None:
        assert self._waits.acquire(timeout=STEP_LIMIT_S)

    def _run(self, work: Callable[[Store], None], store: Store) -> None:
        try:
            work(store)
            self.finished = True
        except Killed:
            pass
        finally:
            self.done = True
            self._waits.release()


class _Stepping(Objects):
    def __init__(self, objects: Objects, process: Process) -> None:
        super().__init__(objects._store)
        self._process = process

    def __getattribute__(self, name):
        method = super().__getattribute__(name)
        if name not in ("read", "create", "replace", "write", "delete", "list"):
            return method

        def stepping(*arguments, **more):
            self._process.gate()
            found = method(*arguments, **more)
            return iter(list(found)) if name == "list" else found

        return stepping


def puts(owner: str) -> Callable[[Store], None]:
    return lambda store: put(store, SONG, owner)


def puts_and_releases(owner: str) -> Callable[[Store], None]:
    def work(store: Store) -> None:
        store.release(put(store, SONG, owner).id, owner)

    return work


def releases(owner: str, artifact_id: str) -> Callable[[Store], None]:
    return lambda store: store.release(artifact_id, owner)


def shares(owner: str, artifact_id: str, shared: list[bool]) -> Callable[[Store], None]:
    def work(store: Store) -> None:
        try:
            store.share(artifact_id, owner)
        except ArtifactNotFound:
            shared.append(False)

    return work


def sweeps(living: set[str]) -> Callable[[Store], None]:
    return lambda store: store.sweep(living.__contains__)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_is_owned_is_kept_and_what_is_not_goes(data, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        numbers = itertools.count()
        patch.setattr(
            lives.secrets, "token_hex", lambda _: f"{next(numbers):04}"
        )  # so that it can be replayed
        patch.setattr(lives.time, "sleep", lambda _: None)
        race(data, bucket_of(MemoryStore(), tmp_path_factory.getbasetemp() / "spool", [1e12]))


def race(data, place) -> None:
    store = place.again()
    artifact = put(store, SONG, "early")
    living = (
        {"early", "a", "b", "shared"} if data.draw(st.booleans(), "early lives") else {"a", "b", "shared"}
    )
    shared: list[bool] = []
    processes = {
        "a puts": Process(puts("a"), place),
        "b puts": Process(puts("b"), place),
        "c passes": Process(puts_and_releases("c"), place),
        "early goes": Process(releases("early", artifact.id), place),
        "shared": Process(shares("shared", artifact.id, shared), place),
        "sweep": Process(sweeps(living), place),
        "sweep again": Process(sweeps(living), place),
    }
    kills = data.draw(st.sets(st.sampled_from(sorted(processes)), max_size=2), "killed on the way")
    while waiting := sorted(name for name, process in processes.items() if not process.done):
        name = data.draw(st.sampled_from(waiting), "turn")
        processes[name].step(kill=name in kills and data.draw(st.integers(0, 7), "life") == 0)

    owners = {owner for owner, name in (("a", "a puts"), ("b", "b puts")) if processes[name].finished}
    if processes["shared"].finished and not shared:
        owners.add("shared")
    for _ in range(2):
        assert_kept(store, artifact.id, owners)
        store.sweep(living.__contains__)
    store.sweep(nobody)
    assert place.names() == set()


def assert_kept(store: Store, artifact_id: str, owners: set[str]) -> None:
    if not owners:
        return
    assert owners <= store.owners(artifact_id)
    with store.open(artifact_id, verify=True) as file:
        assert file.read() == SONG
