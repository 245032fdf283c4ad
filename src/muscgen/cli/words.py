"""Errors in words, and what they mean for the shell."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

import typer

from muscgen.cli import INTERRUPTED
from muscgen.cli.server import refuse_server
from muscgen.errors import ConfigurationError, InvalidRequest, MuscgenError, Rejected

FAILED, BAD_INPUT = 1, 2
BAD_SETTINGS = 78  # EX_CONFIG of sysexits.h: how a worker tells who started it that it never will


@contextlib.contextmanager
def in_words(bad_settings: int = FAILED, *, as_json: bool = False, anywhere: bool = False) -> Iterator[None]:
    """Exit 2 for what was asked wrongly, 1 for what failed, 130 for Ctrl-C; no traces of our own errors.

    bad_settings: the exit code for ConfigurationError. as_json: errors are a line of JSON, on standard error
    too. anywhere: whether the command can be done at a service; otherwise a chosen one is refused.
    """
    try:
        if not anywhere:
            refuse_server()
        yield
    except MuscgenError as error:
        _complain(error, as_json=as_json)
        code = bad_settings if isinstance(error, ConfigurationError) else FAILED
        raise typer.Exit(BAD_INPUT if isinstance(error, Rejected) else code) from error
    except OSError as error:  # a folder that is not ours, a full disk, a reader of our words that went away
        about = f": {error.filename}" if error.filename else ""
        typer.echo(f"muscgen: {error.strerror or error}{about}", err=True)
        raise typer.Exit(FAILED) from error
    except KeyboardInterrupt as error:
        typer.echo("stopped", err=True)
        raise typer.Exit(INTERRUPTED) from error


def person() -> str:
    """Who is at the command line, as the system calls them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number that nobody gave a name, as in many containers
        return f"uid {os.getuid()}"


def sections_of(words: Sequence[str]) -> tuple[dict[str, Any], ...]:
    """`SECONDS:PROMPT`, each, as sections of a wish. Raises InvalidRequest."""
    return tuple(map(_section, words))


def _section(words: str) -> dict[str, Any]:
    seconds, _, prompt = words.partition(":")
    try:
        return {"duration": float(seconds), "prompt": prompt.strip()}
    except ValueError:
        raise InvalidRequest(
            f"{words!r} is no section", param="section", suggestion='"12:soft piano": seconds, colon, prompt'
        ) from None


def say(document: object, words: str, *, as_json: bool) -> None:
    """One document for programs, or the words for people, who may be told nothing."""
    if as_json or words:
        typer.echo(json.dumps(document, indent=2) if as_json else words)


def _complain(error: MuscgenError, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"error": error.to_dict()}), err=True)
        return
    typer.echo(f"muscgen: {error.detail}", err=True)
    if error.suggestion:
        typer.echo(f"  try: {error.suggestion}", err=True)
