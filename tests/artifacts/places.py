"""Places where stores keep things, and ways to do to them what nobody should."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import obstore
from obstore.store import MemoryStore, S3Store

from muscgen.artifacts import Artifact, DirectoryStore, HotStore, Store
from muscgen.artifacts.bucket import BucketStore
from muscgen.artifacts.lives import Lives
from muscgen.artifacts.objects import Objects
from muscgen.artifacts.sweeping import Sweeper
from muscgen.jobs.connect import Blocking

SONG = b"a song" * 1_000
SOUND = {
    "content_type": "audio/flac",
    "extension": "flac",
    "duration_s": 1.5,
    "sample_rate": 32_000,
    "channels": 1,
}


@dataclass
class Place:
    """Where a store keeps things, and a way to do to them what nobody should."""

    again: Callable[..., Store]  # one more store of the same place, as another process has it
    names: Callable[[], set[str]]
    damage: Callable[[str, bytes | None], None]  # of the content of that id; None: it is lost
    lose_record: Callable[[str], None]
    clock: list[float]
    objects: Objects | None = None


def put(store: Store, content: bytes = SONG, owner: str = "job_1", **more: object) -> Artifact:
    return store.put(content, owner=owner, **SOUND | more)


def everybody(_owner: str) -> bool:
    return True


def nobody(_owner: str) -> bool:
    return False


def directory(root: Path, clock: list[float]) -> Place:
    def names() -> set[str]:
        return {str(path) for path in root.rglob("*") if path.is_file() and path.name != ".lock"}

    def damage(artifact_id: str, content: bytes | None) -> None:
        contents = [name for name in names() if artifact_id in name and not name.endswith(".json")]
        (path,) = (Path(name) for name in contents if "+" not in name)
        path.unlink() if content is None else path.write_bytes(content)

    def lose_record(artifact_id: str) -> None:
        (root / artifact_id[:2] / f"{artifact_id}.json").unlink()

    return Place(lambda: DirectoryStore(root, clock=lambda: clock[0]), names, damage, lose_record, clock)


def bucket_of(store: MemoryStore | S3Store, spool: Path, clock: list[float]) -> Place:
    def again(given: Objects | None = None) -> Store:
        objects = given or Objects(store)

        def now() -> float:
            return clock[0]

        sweeper = Sweeper(objects, Lives(objects, now), now, every_s=0.0, abandoned_s=-1e12)
        return BucketStore(objects, spool, clock=now, sweeper=sweeper)

    def names() -> set[str]:
        return {found.key for found in Objects(store).list()} - {"sweep.json"}

    def damage(artifact_id: str, content: bytes | None) -> None:
        (key,) = (name for name in names() if name.startswith(artifact_id) and name.endswith("/content"))
        obstore.delete(store, key) if content is None else obstore.put(store, key, content)

    def lose_record(artifact_id: str) -> None:
        (key,) = (name for name in names() if name.startswith(artifact_id) and name.endswith("/record.json"))
        obstore.delete(store, key)

    return Place(again, names, damage, lose_record, clock, Objects(store))


def hot(place: Place, client: Blocking) -> Place:
    """The same with its small files in Redis."""

    def again() -> Store:
        clock = place.clock
        return HotStore(
            place.again(), client, largest_bytes=100_000, total_bytes=1_000_000, clock=lambda: clock[0]
        )

    return replace(place, again=again)
