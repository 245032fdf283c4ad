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
from muscgen.jobs.process import ServerProcess, find_binary

START_LIMIT_S = 20.0  # loading a large AOF takes seconds
POLL_S = 0.02
RESTART_PAUSE_S = 0.5
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
        self._broken: Exception | None = None

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
        """Start or attach; the URL once the server answers. Blocking, 0.1 s as a rule.

        Raises ConfigurationError where there is no binary or it will not run, QueueUnavailable when it
        does not answer within 20 s.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        until = time.monotonic() + START_LIMIT_S
        while time.monotonic() < until:
            if self._lock is None and self._take_lock():
                self._launch()
            if self._broken is not None:
                self.stop()
                raise ConfigurationError(
                    f"the embedded server did not start: {self._broken}"
                ) from self._broken
            if self._answers():
                telemetry.event("queue.embedded", owner=self.owner, socket=str(self._socket))
                return self.url
            time.sleep(POLL_S)
        self.stop()
        raise QueueUnavailable(
            f"the embedded server in {self.directory} did not answer within {START_LIMIT_S:g} s"
        )

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

    def _take_lock(self) -> bool:
        """The server inherits the lock, so nobody starts a second one while a first still runs."""
        lock = (self.directory / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            return False
        self._lock = lock
        return True

    def _launch(self) -> None:
        self._stopping.clear()
        # The parent-death signal is bound to the thread that forks: it must live as long as the server.
        self._watcher = threading.Thread(target=self._watch, name="muscgen-queue", daemon=True)
        self._watcher.start()

    def _watch(self) -> None:
        """Run the server and run it again when it dies."""
        assert self._lock is not None  # noqa: S101  taken before the thread starts
        started = 0.0
        try:
            binary = find_binary()
            while not self._stopping.is_set():
                if time.monotonic() - started < RESTART_PAUSE_S:
                    self._stopping.wait(RESTART_PAUSE_S)
                started = time.monotonic()
                self._process = ServerProcess(binary, self.directory, self._socket, self._lock.fileno())
                code = self._process.wait(self._stopping)
                if code is not None:
                    telemetry.warning("queue.died", code=code)
                    if code > 0:  # it refused by itself; a signal is a negative code
                        raise ConfigurationError(self._process.last_words())
        except (OSError, ConfigurationError) as error:
            self._broken = error
            telemetry.warning("queue.broken", error=str(error))
        finally:
            if self._process is not None:
                self._process.stop()

    def _answers(self) -> bool:
        client = redis.Redis(unix_socket_path=str(self._socket), socket_timeout=1.0)
        with contextlib.closing(client):
            try:
                return bool(client.ping())
            except (redis.RedisError, OSError):  # not yet listening, or loading its file
                return False


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
