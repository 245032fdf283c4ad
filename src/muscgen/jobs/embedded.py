"""A Valkey or Redis of our own in the data directory, for when no URL is given."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

import redis

from muscgen import telemetry
from muscgen.errors import ConfigurationError, QueueUnavailable
from muscgen.jobs.connect import connect_blocking
from muscgen.jobs.process import ServerProcess, find_binary

START_LIMIT_S = 20.0  # loading a large AOF takes seconds
POLL_S = 0.02
RESTART_PAUSE_S = 0.5  # doubled up to the longest, until it has run for that long
LONGEST_PAUSE_S = 10.0
MAX_SOCKET_PATH_BYTES = 100  # sun_path holds 107, on macOS 103


class EmbeddedServer:
    """Serves `directory`, or attaches to the process that already does.

    The owner's server is restarted when it dies, keeps its jobs over kill -9, and goes with its owner;
    those who attached then see QueueUnavailable.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self._socket = _socket_path(self.directory)
        self._process: ServerProcess | None = None
        self._lock: IO[str] | None = None
        self._watcher: threading.Thread | None = None
        self._stopping = threading.Event()
        self._served = False
        self._broken: ConfigurationError | None = None

    @property
    def owner(self) -> bool:
        """Whether this object runs the server."""
        return self._lock is not None

    @property
    def pid(self) -> int | None:
        """The server's process id, where this object runs it."""
        return self._process.pid if self._process else None

    @property
    def url(self) -> str:
        """`unix://<socket>`, quoted."""
        return f"unix://{quote(str(self._socket))}"

    def start(self) -> str:
        """Start or attach; the URL once the server answers. Blocking, 0.1 s as a rule. May be called again.

        Raises ConfigurationError where there is no binary or it will not run, QueueUnavailable when it
        does not answer within 20 s.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        self._broken = None
        until = time.monotonic() + START_LIMIT_S
        while time.monotonic() < until:
            self._own()
            if self._broken is not None:
                broken = self._broken
                self.stop()
                raise broken
            try:
                with contextlib.closing(connect_blocking(self.url, timeout_s=1.0)) as client:
                    client.ping()
            except redis.exceptions.BusyLoadingError:  # a large file takes its time
                until = time.monotonic() + START_LIMIT_S
            except (redis.RedisError, OSError):
                pass  # not listening yet
            else:
                self._served = True
                telemetry.event("queue.embedded", owner=self.owner, socket=str(self._socket))
                return self.url
            time.sleep(POLL_S)
        self.stop()
        raise QueueUnavailable(f"the server in {self.directory} did not answer within {START_LIMIT_S:g} s")

    def stop(self) -> None:
        """Shut the server down cleanly if it is ours; never that of another process."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
            self._watcher = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _own(self) -> None:
        """Run the server if nobody else does."""
        if self._lock is None:
            self._lock = self._take_lock()
        if self._lock is not None and not (self._watcher and self._watcher.is_alive()):
            self._stopping.clear()
            # The parent-death signal is bound to the thread that forks: it must live as long as the server.
            self._watcher = threading.Thread(
                target=self._watch, args=(self._lock.fileno(),), name="muscgen-queue", daemon=True
            )
            self._watcher.start()

    def _take_lock(self) -> IO[str] | None:
        """The server inherits the lock, so nobody starts a second one while a first still runs."""
        lock = (self.directory / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            return None
        return lock

    def _watch(self, lock_fd: int) -> None:
        """Run the server, and run it again when it dies."""
        pause_s = RESTART_PAUSE_S
        try:
            binary = find_binary()
            while not self._stopping.is_set():
                started = time.monotonic()
                self._process = ServerProcess(binary, self.directory, self._socket, lock_fd)
                code = self._process.wait(self._stopping)
                if code is None:
                    return
                telemetry.warning("queue.died", code=code)
                if not self._served:
                    raise ConfigurationError(f"the embedded server failed: {self._process.last_words()}")
                lasted = time.monotonic() - started > LONGEST_PAUSE_S
                pause_s = RESTART_PAUSE_S if lasted else min(2 * pause_s, LONGEST_PAUSE_S)
                self._stopping.wait(pause_s)
        except ConfigurationError as error:
            self._broken = error
        except OSError as error:
            self._broken = ConfigurationError(f"the embedded server failed: {error}")
        finally:
            if self._process is not None:
                self._process.stop()


def _socket_path(directory: Path) -> Path:
    """In the data directory; where that is too long for a socket, in a private one named by its hash."""
    path = directory / "queue.sock"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES:
        return path
    name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    short = Path(tempfile.gettempdir()) / f"muscgen-{os.getuid()}-{name}"
    short.mkdir(mode=0o700, exist_ok=True)
    state = short.lstat()
    if state.st_uid != os.getuid() or state.st_mode & 0o077 or short.is_symlink():
        raise ConfigurationError(f"{short} is not a private directory of this user", param="home")
    return short / "queue.sock"
