"""The Lua scripts, one a transition, each behind the shared part and the table of legal moves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError

from muscgen.errors import AttemptsExhausted, DeadlineExceeded
from muscgen.jobs.connect import Blocking, Client, outages
from muscgen.jobs.states import LEGAL

Argument = str | bytes | int | float
Reply = Any  # what Redis answers; redis-py types every shape it might have

_OVERDUE = DeadlineExceeded("the deadline passed before the song was ready", param="delivery.deadline")
_EXHAUSTED = AttemptsExhausted("every worker that took the job stopped before it was done")


@cache
def source(name: str) -> str:
    """The whole text of a script. It finds all keys of a model from KEYS[1], that model's queue."""
    folder = files("muscgen.jobs") / "lua"
    names = ("_names", "_outbox", "_works", "_shared", name)
    parts = [(folder / f"{part}.lua").read_text("utf-8") for part in names]
    return "\n".join([_constants(), *parts])


@cache
def digest(name: str) -> str:
    """What servers know the script by."""
    return sha1(source(name).encode(), usedforsecurity=False).hexdigest()


def _constants() -> str:
    rows = (f"{state} = {{{', '.join(f'{to} = true' for to in sorted(LEGAL[state]))}}}" for state in LEGAL)
    return "\n".join(
        [
            f"local LEGAL = {{{', '.join(rows)}}}",
            f"local OVERDUE = {_quoted(_OVERDUE.to_dict())}",
            f"local EXHAUSTED = {_quoted(_EXHAUSTED.to_dict())}",
        ]
    )


def _quoted(value: dict[str, Any]) -> str:
    return json.dumps(json.dumps(value))  # ASCII JSON of JSON is a Lua string too


async def run(client: Client, name: str, key: str, arguments: Sequence[Argument]) -> Reply:
    """Run a script by its digest, sending its text only where the server does not know it."""
    with outages():
        try:
            return await client.evalsha(digest(name), 1, key, *arguments)
        except NoScriptError:
            return await client.eval(source(name), 1, key, *arguments)


def run_blocking(client: Blocking, name: str, key: str, arguments: Sequence[Argument]) -> Reply:
    """The same for a thread."""
    with outages():
        try:
            return client.evalsha(digest(name), 1, key, *arguments)
        except NoScriptError:
            return client.eval(source(name), 1, key, *arguments)
