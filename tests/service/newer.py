"""`python -m tests.service.newer ...` is `muscgen ...` of a later version, as far as its fellows can see.

Its requests have a field more, which decides what is made; so have its workers' signs of life, its progress,
its events and its results.
"""

from __future__ import annotations

import json
from typing import Any

from muscgen.cli import main
from muscgen.jobs.base import QueueBase
from muscgen.request import SongRequest

MORE = {
    "heartbeat": 1,  # which argument of a script is JSON that gets a field more
    "report": 2,
    "emit": 3,
    "finish": 2,
}
_to_json, _from_json, _run = SongRequest.to_json, SongRequest.from_json.__func__, QueueBase._run


def to_json(self: SongRequest) -> str:
    return json.dumps(json.loads(_to_json(self)) | {"mood": "calm"})


def from_json(cls: type[SongRequest], text: str | bytes) -> SongRequest:
    content = json.loads(text)
    content.pop("mood", None)
    return _from_json(cls, json.dumps(content))


async def run(self: QueueBase, script: str, keys: Any, *arguments: Any) -> Any:
    given = list(arguments)
    if (place := MORE.get(script)) is not None:
        given[place] = json.dumps(json.loads(given[place]) | {"mood": {"of": "a later version"}})
    return await _run(self, script, keys, *given)


SongRequest.to_json = to_json
SongRequest.from_json = classmethod(from_json)
QueueBase._run = run

if __name__ == "__main__":
    main()
