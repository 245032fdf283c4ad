"""Prepared sessions on disk: made once a machine, then mapped in a fraction of a second.

An entry is a folder that appears whole, by a rename. Its name is a digest of everything it was made from.
Two processes that race both prepare it, and the second to finish takes the first one's. What is damaged is
made again. Without a directory the entries lie in one of the cache's own, and go with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
import time
import weakref
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import onnxruntime as ort

from muscgen.backends.onnx.chain import chained
from muscgen.backends.onnx.graph import Graph
from muscgen.backends.onnx.session import MODEL, WEIGHTS, load, load_changed, prepare
from muscgen.errors import StoreFull

RECIPE = 1  # count up when weights are prepared differently for an unchanged graph
REVISION = "revision"  # the file that says of whose weights: with a model its sessions are removed
_MANIFEST = "manifest.json"
_BLOCK_BYTES = 1 << 22
_PREPARING = ".preparing-"
_UNUSED_AFTER_S = 30 * 86_400.0
_ABANDONED_AFTER_S = 3_600.0  # preparing the largest model takes minutes


class SessionCache:
    """Sessions of the checkpoint whose weights have the digest `revision`."""

    def __init__(self, directory: Path | None, revision: str) -> None:
        if directory is None:
            directory = Path(tempfile.mkdtemp(prefix="muscgen-sessions-"))
            weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)
        self._directory = directory
        self._revision = revision

    def session(self, graph: Graph, threads: int) -> ort.InferenceSession:
        """A running session of `graph`, from the disk where it lies there whole. Raises StoreFull."""
        self._directory.mkdir(parents=True, exist_ok=True)
        entry = self._entry(graph)
        if not _whole(entry):
            _clear_abandoned(self._directory)
            _clear_unused(self._directory)
            self._prepare(graph, entry)
        with suppress(OSError):  # a cache that others fill and that is not ours to write
            os.utime(entry / _MANIFEST)
        return load(entry, threads)

    def chain(self, graph: Graph, tokens: int, threads: int) -> ort.InferenceSession | None:
        """The chain of a step that `session` was asked for before, over the same file of weights.

        None where that file has gone since.
        """
        entry = self._entry(graph)
        if not (entry / MODEL).exists():
            return None
        return load_changed(entry, threads, lambda model: chained(model, tokens))

    def _entry(self, graph: Graph) -> Path:
        return self._directory / f"{graph.name}-{self._key(graph)}"

    def _key(self, graph: Graph) -> str:
        parts = (str(RECIPE), ort.__version__, cpu_features(), self._revision)
        digest = hashlib.sha256("\0".join(parts).encode())
        digest.update(graph.model())  # says the precision, the shapes and the order of every operation
        return digest.hexdigest()[:32]

    def _prepare(self, graph: Graph, entry: Path) -> None:
        self._check_space(2 * graph.weight_bytes)  # as they are, and packed
        with _workplace(self._directory) as folder:
            prepare(graph, folder)
            manifest = {
                name: _checksum(folder / name) for name in (MODEL, WEIGHTS) if (folder / name).exists()
            }
            (folder / _MANIFEST).write_text(json.dumps(manifest), "utf-8")
            (folder / REVISION).write_text(self._revision, "ascii")
            _put(folder, entry)

    def _check_space(self, needed: int) -> None:
        """onnxruntime would say it in numbers, and only when the disk is full."""
        free = shutil.disk_usage(self._directory).free
        if needed > free:
            raise StoreFull(
                f"to prepare a model takes {needed / 1e6:,.0f} MB for a while, and {self._directory} has "
                f"{free / 1e6:,.0f} MB free",
                suggestion="free some: models of earlier versions lie there; or another MUSCGEN_HOME",
            )


def cpu_features() -> str:
    """What packed weights depend on: the machine's architecture and its instruction sets."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return f"{platform.machine()} {' '.join(sorted(flags.split()))}"


@contextmanager
def _workplace(parent: Path) -> Iterator[Path]:
    """A folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=_PREPARING, dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _clear_abandoned(directory: Path) -> None:
    """Removes what processes that were killed while preparing left behind."""
    for folder in directory.glob(f"{_PREPARING}*"):
        with suppress(FileNotFoundError):  # another process clears too
            if time.time() - folder.stat().st_mtime > _ABANDONED_AFTER_S:
                shutil.rmtree(folder, ignore_errors=True)


def _clear_unused(directory: Path) -> None:
    """Removes what was made for other versions, settings and models, and asked for by nobody for long."""
    for manifest in directory.glob(f"*/{_MANIFEST}"):
        with suppress(FileNotFoundError):
            if time.time() - manifest.stat().st_mtime > _UNUSED_AFTER_S:
                shutil.rmtree(manifest.parent, ignore_errors=True)


def _put(folder: Path, entry: Path) -> None:
    """Renames `folder` to `entry`; a whole entry that is there already stays, a damaged one makes way."""
    for path in folder.iterdir():
        _sync(path)
    with _workplace(folder.parent) as aside:
        for _ in range(2):
            try:
                folder.rename(entry)
            except OSError:
                if _whole(entry):
                    return
                _move_aside(entry, aside)
            else:
                folder.mkdir()  # for the owner of the workplace to remove
                return
    raise OSError(f"cannot put a prepared session at {entry}")


def _move_aside(entry: Path, aside: Path) -> None:
    try:
        entry.rename(aside / entry.name)
    except FileNotFoundError:
        return  # another process was faster


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _whole(entry: Path) -> bool:
    """Whether every file of the entry has the bytes it was given."""
    try:
        manifest = json.loads((entry / _MANIFEST).read_text("utf-8"))
        return MODEL in manifest and all(_checksum(entry / name) == value for name, value in manifest.items())
    except (OSError, ValueError, TypeError, AttributeError):
        return False


def _checksum(path: Path) -> str:
    """Size and CRC-32: against cut and rotten files, not against malice."""
    checksum = size = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            checksum, size = zlib.crc32(block, checksum), size + len(block)
    return f"{size}:{checksum:08x}"
