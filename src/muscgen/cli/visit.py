"""A client's whole visit to a service that lives for as long."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import httpx
import typer

from muscgen.cli.files import slug, write
from muscgen.cli.inprocess import bar
from muscgen.errors import ConfigurationError, InternalError, InvalidRequest
from muscgen.settings import PREFIX

LISTENING = " is listening on "
STOP_LIMIT_S = 60.0
HURRY_S = 0.3  # between the two signals, which must not become one
HTTP_LIMIT_S = 30.0  # between two bytes; the event stream has a heartbeat every 15 s
LOG_LINES = 15


def visit(wish: dict[str, Any], out: Path, home: Path) -> None:
    """Start, ask, follow, fetch, check, draw, stop. Raises MuscgenError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequest(f"{out} cannot be made: {error.strerror}", param="out") from error
    path = out / f"{slug(wish['prompt'])}.wav"
    with service(home) as url, httpx.Client(base_url=url, timeout=HTTP_LIMIT_S) as client:
        try:
            job = song(client, {"json": wish})
            output = job["outputs"][0]
            content = fetched(client, output["artifact"])
        except httpx.HTTPError as error:
            raise InternalError(f"the service did not answer as it should: {error}") from error
        write(path, content)
        write(path.with_suffix(".png"), picture(content, wish["prompt"]))
    _tell(job, output, path)


@contextlib.contextmanager
def service(home: Path) -> Iterator[str]:
    """`muscgen serve` on a free port with its own home; its URL. Stopped as Ctrl-C would."""
    log = home / "serve.log"
    with log.open("wb") as words:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "muscgen", "serve", "--port", "0"),
                *("--home", str(home), "--parent", str(os.getpid())),
            ],
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith(PREFIX)},
            start_new_session=True,  # Ctrl-C is for us, and we stop it
        )
        try:
            assert process.stdout is not None  # noqa: S101  asked for above
            yield _address(process.stdout, log)
        except BaseException:
            _stop(process, hurry=True)
            raise
        finally:
            _stop(process)
            if process.stdout is not None:
                process.stdout.close()
    if process.returncode != 0:
        raise InternalError(f"the service ended with exit code {process.returncode}: {_last_words(log)}")


def _stop(process: subprocess.Popen[str], *, hurry: bool = False) -> None:
    """As Ctrl-C would; in a hurry as Ctrl-C twice, which finishes no songs."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(HURRY_S if hurry else STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        if hurry:
            return
        process.kill()
        process.wait()


def song(client: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    """The finished job, followed by its events. Raises InvalidRequest, InternalError.

    body: as httpx takes it, `json` or `files`.
    """
    answer = client.post("/generate", **body)
    if answer.status_code >= 400:
        problem = answer.json()
        error = InvalidRequest if answer.status_code < 500 else InternalError
        raise error(str(problem["detail"]), suggestion=problem.get("suggestion"))
    job: dict[str, Any] = answer.json()
    with bar() as progress:
        task = progress.add_task("queued", total=1.0)
        with client.stream("GET", job["urls"]["events"]) as stream:
            for kind, payload in events(stream):
                if kind == "progress":
                    progress.update(task, description=payload["stage"], completed=payload["fraction"])
        progress.update(task, completed=1.0)
    job = client.get(job["urls"]["self"]).raise_for_status().json()
    if job["status"] != "succeeded":
        raise InternalError(
            f"the job {job['status']}: {(job['error'] or {}).get('detail', 'no reason given')}"
        )
    return job


def events(stream: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kind and payload of each server-sent event."""
    stream.raise_for_status()
    kind = ""
    for line in stream.iter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            yield kind, json.loads(value)


def fetched(client: httpx.Client, artifact: dict[str, Any]) -> bytes:
    """The artifact's content, whose digest is what the job says. Raises InternalError where it is not."""
    content = client.get(artifact["url"]).raise_for_status().content
    digest = hashlib.sha256(content).hexdigest()
    if digest != artifact["sha256"]:
        raise InternalError(f"the file's sha256 is {digest}, and the job says {artifact['sha256']}")
    return content


def picture(content: bytes, title: str) -> bytes:
    """The song as PNG."""
    from muscgen.finishing.encode import decode
    from muscgen.finishing.picture import draw

    return draw(decode(content), title)


def _address(words: IO[str], log: Path) -> str:
    for line in words:
        if LISTENING in line:
            # Whatever it prints later must not fill the pipe.
            threading.Thread(target=words.read, daemon=True).start()
            return line.partition(LISTENING)[2].strip()
    raise ConfigurationError(f"the service did not start: {_last_words(log)}")


def _last_words(log: Path) -> str:
    return " / ".join(log.read_text("utf-8", "replace").splitlines()[-LOG_LINES:])


def _tell(job: dict[str, Any], output: dict[str, Any], path: Path) -> None:
    usage = job["usage"]
    typer.echo(f"song               {path}")
    typer.echo(f"picture            {path.with_suffix('.png')}")
    typer.echo(f"sha256             {output['artifact']['sha256']} (checked)")
    typer.echo(f"seed               {output['seed']}")
    typer.echo(f"model              {job['model']['id']}, licence {job['model']['license']}")
    typer.echo(f"real-time factor   {usage['real_time_factor']:.2f}")
    typer.echo(f"first audio after  {usage['time_to_first_audio']:.2f} s")
    for warning in job["warnings"]:
        typer.echo(f"warning            {warning}")
