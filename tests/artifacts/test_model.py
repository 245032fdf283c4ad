"""Any order of puts, releases and sweeps, against a dictionary."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from obstore.store import MemoryStore
from places import Place, bucket_of, directory, put

from muscgen.errors import ArtifactNotFound

owners = st.sampled_from(["a", "b", "c"])
songs = st.sampled_from([b"one", b"two", b""])


class StoreMachine(RuleBasedStateMachine):
    """The store against a dictionary of who owns what."""

    @staticmethod
    def make(root: Path) -> Place:
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.place = self.make(Path(self.directory.name))
        self.store = self.place.again()
        self.model: dict[bytes, set[str]] = {}

    def teardown(self) -> None:
        self.directory.cleanup()

    @rule(song=songs, owner=owners)
    def put(self, song, owner):
        put(self.store, song, owner)
        self.model.setdefault(song, set()).add(owner)

    @rule(song=songs, owner=owners)
    def release(self, song, owner):
        left = self.model.get(song, set())
        went = left == {owner}
        left.discard(owner)
        if not left:
            self.model.pop(song, None)
        assert self.store.release(hashlib.sha256(song).hexdigest(), owner) == went

    @rule(living=st.sets(owners))
    def sweep(self, living):
        left = {song: names & living for song, names in self.model.items()}
        gone = sum(not names for names in left.values())
        self.model = {song: names for song, names in left.items() if names}
        assert self.store.sweep(living.__contains__) == gone

    @invariant()
    def agrees(self):
        for song in (b"one", b"two", b""):
            digest = hashlib.sha256(song).hexdigest()
            if song in self.model:
                assert self.store.owners(digest) == self.model[song]
                with self.store.open(digest, verify=True) as file:
                    assert file.read() == song
            else:
                with pytest.raises(ArtifactNotFound):
                    self.store.get(digest)
        assert len(self.place.names()) == 2 * len(self.model)


class FolderMachine(StoreMachine):
    @staticmethod
    def make(root: Path) -> Place:
        return directory(root, [1_000.0])


class BucketMachine(StoreMachine):
    @staticmethod
    def make(root: Path) -> Place:
        return bucket_of(MemoryStore(), root, [1_000.0])


LIMITS = settings(max_examples=20, stateful_step_count=15, deadline=None)
FolderMachine.TestCase.settings = BucketMachine.TestCase.settings = LIMITS
TestFolderAgainstAModel = FolderMachine.TestCase
TestBucketAgainstAModel = BucketMachine.TestCase
