"""A client's whole visit to a service that lives for as long."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import typer

from muscgen.cli.files import slug, write
from muscgen.cli.remote import followed, save
from muscgen.client import Client, JobDocument
from muscgen.errors import ConfigurationError, InternalError, InvalidRequest
from muscgen.settings import PREFIX, Settings

LISTENING = " is listening on "
STOP_LIMIT_S = 60.0
HURRY_S = 0.3  # between the two signals, which must not become one
LOG_LINES = 15


# What signs and marks songs is the installation's own; all else is as in a fresh one.
_MARKS = ("WATERMARK", "SIGNING", "CREDENTIALS", "RECEIPTS", "TAGS", "AIGC", "AUDIT")


def visit(wish: dict[str, Any], out: Path, home: Path, settings: Settings, *, as_json: bool = False) -> None:
    """Start, ask, follow, fetch, check, draw, stop. Raises MuscgenError.

    home: the service's, for as long as it lives, but for its keys and its audit log: these are those of the
    settings, so that the song can be checked afterwards.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequest(f"{out} cannot be made: {error.strerror}", param="out") from error
    for name in ("keys", "audit"):
        (settings.home / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / name).symlink_to((settings.home / name).absolute(), target_is_directory=True)
    path = out / f"{slug(wish['prompt'])}.wav"
    with service(home) as url, Client(url) as client:
        job = followed(client.submit(**wish))
        write(path.with_suffix(".png"), picture(save(job, path), wish["prompt"]))
    _tell(job.now, path, as_json=as_json)


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
            env={name: value for name, value in os.environ.items() if _is_kept(name)},
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


def _is_kept(name: str) -> bool:
    return not name.startswith(PREFIX) or name.removeprefix(PREFIX).startswith(_MARKS)


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


def _tell(job: JobDocument, path: Path, *, as_json: bool) -> None:
    usage, output = job.usage or {}, job.outputs[0]
    if as_json:
        told = {
            "path": str(path),
            "picture": str(path.with_suffix(".png")),
            "job": job.model_dump(mode="json"),
        }
        typer.echo(json.dumps(told, indent=2))
        return
    typer.echo(f"song               {path}")
    typer.echo(f"picture            {path.with_suffix('.png')}")
    typer.echo(f"to check it        muscgen verify {path}")
    typer.echo(f"sha256             {output.artifact.sha256} (checked)")
    typer.echo(f"audio sha256       {output.audio_sha256}")
    typer.echo(f"seed               {output.seed}")
    typer.echo(f"model              {job.model['id']}, licence {job.model['license']}")
    typer.echo(f"real-time factor   {usage['real_time_factor']:.2f}")
    typer.echo(f"first audio after  {usage['time_to_first_audio']:.2f} s")
    for warning in job.warnings:
        typer.echo(f"warning            {warning}")
