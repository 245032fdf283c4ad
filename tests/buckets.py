"""A bucket on this machine: moto's S3 in a process of its own, which tests may stop and start."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx

START_LIMIT_S = 60.0
_names = itertools.count()


class S3:
    """The server. A stop forgets all objects, as moto keeps them in memory; a pause does not."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }

    def start(self) -> S3:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        until = time.monotonic() + START_LIMIT_S
        while time.monotonic() < until:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{self.url}/moto-api/", timeout=1.0)
                return self
            time.sleep(0.1)
        raise AssertionError("moto did not start")

    def stop(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def new_bucket(self) -> str:
        """The name of an empty bucket."""
        name = f"bucket-{next(_names)}"
        httpx.put(f"{self.url}/{name}").raise_for_status()
        return name

    def keys(self, bucket: str) -> set[str]:
        text = httpx.get(f"{self.url}/{bucket}?list-type=2").raise_for_status().text
        return {part.partition("</Key>")[0] for part in text.split("<Key>")[1:]}

    def write(self, bucket: str, key: str, content: bytes) -> None:
        httpx.put(f"{self.url}/{bucket}/{key}", content=content).raise_for_status()

    def delete(self, bucket: str, key: str) -> None:
        httpx.delete(f"{self.url}/{bucket}/{key}").raise_for_status()


@contextlib.contextmanager
def s3() -> Iterator[S3]:
    server = S3().start()
    try:
        yield server
    finally:
        server.stop()
