"""The folder of models on this machine: where one lies, where one grows, who is at it, and how it goes.

models/facebook--musicgen-small/                  whole, with card.toml and origin.json
models/.fetching/facebook--musicgen-small.lock    held by the one process that fetches or removes it
models/.fetching/facebook--musicgen-small@1a2b/   what has come so far; renamed to its place when it is whole
models/.fetching/facebook--musicgen-small@gone-…/ what made way or is removed, until its bytes are gone
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from muscgen.artifacts.files import FULL, locked, make_private, sync, write
from muscgen.errors import InvalidRequest, StoreFull, StoreUnavailable
from muscgen.fetching.patience import Patience
from muscgen.models.registry import folder_name

WORKSHOP = ".fetching"
KEPT_FREE_BYTES = 200_000_000  # for songs, the queue and the log
_LOOK_S = 0.2
_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)


def check_id(model: str) -> None:
    """Raises InvalidRequest for what can be no model's id, or would share another's folder."""
    if not _ID.fullmatch(model) or "--" in model or ".." in model:
        raise InvalidRequest(
            f"{model[:100]!r} is no model's id",
            param="model",
            suggestion="letters, digits, '.', '_', '-', and an owner before one '/': facebook/musicgen-small",
        )


@contextlib.contextmanager
def written(models_path: Path) -> Iterator[None]:
    """Turn what a disk answers that is full, read-only or another's into words for whoever is elsewhere."""
    try:
        yield
    except OSError as error:
        kind = StoreFull if error.errno in FULL else StoreUnavailable
        raise kind(
            f"{models_path} cannot be written to: {error.strerror or error}",
            suggestion="MUSCGEN_MODELS_DIR, where workers may write and there is room",
        ) from error


class Shelf:
    """The models' folder."""

    def __init__(self, models_path: Path) -> None:
        self.path = models_path
        self._workshop = models_path / WORKSHOP

    def place(self, model: str) -> Path:
        """Where the model lies once it is whole."""
        check_id(model)
        return self.path / folder_name(model)

    def name(self) -> str:
        """What tells this folder from those of other machines: made up once, and kept in it."""
        make_private(self._workshop)
        path = self._workshop / "place"
        with locked(self._workshop):
            if not path.is_file():
                write(path, secrets.token_hex(8).encode())
        return path.read_text("ascii")

    def workbench(self, model: str, commit: str) -> Path:
        """Where that version of the model grows; those of its other versions go."""
        name = self.place(model).name
        bench = self._workshop / f"{name}@{commit[:16]}"
        for other in self._workshop.glob(f"{name}@*"):
            if other != bench:
                _discard(other)
        make_private(bench)
        return bench

    @contextlib.contextmanager
    def alone(self, model: str, patience: Patience, waiting: Callable[[], None]) -> Iterator[None]:
        """Be the only one, of all processes on this disk, who changes the model. Raises Cancelled.

        waiting: called once if somebody else is at it. A dead holder's lock goes with it.
        """
        make_private(self._workshop)
        path = self._workshop / f"{self.place(model).name}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            told = False
            while not _taken(descriptor):
                if not told:
                    waiting()
                told = True
                patience.stop.wait(_LOOK_S)
                patience.check()
            yield
        finally:
            os.close(descriptor)

    def check_space(self, needed: int) -> None:
        """Raises StoreFull where so many bytes have no room."""
        free = shutil.disk_usage(self._workshop).free
        if needed + KEPT_FREE_BYTES > free:
            raise StoreFull(
                f"{needed / 1e6:,.0f} MB are to come, and {self.path} has {free / 1e6:,.0f} MB free, "
                f"of which {KEPT_FREE_BYTES / 1e6:,.0f} MB are kept",
                suggestion="muscgen models list and remove, or MUSCGEN_MODELS_DIR on a larger disk",
            )

    def put(self, bench: Path, model: str) -> Path:
        """The grown model in its place; an older version makes way, and those who have it open keep it."""
        place = self.place(model)
        shutil.rmtree(bench / ".parts", ignore_errors=True)
        sync(bench)
        aside = self._aside(place, model) if place.exists() else None
        bench.rename(place)
        sync(self.path)
        if aside is not None:
            _discard(aside)
        return place

    def remove(self, place: Path, model: str) -> None:
        """Gone at once and whole, by a rename; its bytes follow."""
        _discard(self._aside(place, model), whole=True)

    def clear(self, model: str) -> int:
        """Remove what a fetch or a removal that was broken off left; how many bytes."""
        gone = 0
        for bench in self._workshop.glob(f"{self.place(model).name}@*"):
            if not bench.is_symlink():
                gone += sum(path.stat().st_size for path in bench.rglob("*") if path.is_file())
            _discard(bench)
        return gone

    def _aside(self, place: Path, model: str) -> Path:
        """Under a name that `clear` and the next `workbench` know, should this process be killed."""
        make_private(self._workshop)
        aside = self._workshop / f"{self.place(model).name}@gone-{secrets.token_hex(6)}"
        place.rename(aside)
        sync(place.parent)
        return aside


def _discard(folder: Path, *, whole: bool = False) -> None:
    """A link goes, and what it points to stays. whole: raises OSError where something cannot be removed."""
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=not whole)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
