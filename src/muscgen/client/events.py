"""Server-sent events, line by line."""

from __future__ import annotations

import json

from muscgen.client.documents import Event


class EventReader:
    """Takes lines and gives events; `last` is where a broken connection is taken up."""

    def __init__(self) -> None:
        self.last = ""
        self._fields: dict[str, str] = {}

    @property
    def headers(self) -> dict[str, str]:
        return {"Accept": "text/event-stream"} | ({"Last-Event-ID": self.last} if self.last else {})

    def feed(self, line: str) -> Event | None:
        """The event that the line ends, if it ends one."""
        if line:
            name, _, value = line.partition(":")
            if name:  # else a comment, such as the heartbeat
                self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        if "data" not in fields:
            return None
        self.last = fields.get("id", self.last)
        return Event(
            id=fields.get("id", ""), kind=fields.get("event", "message"), payload=json.loads(fields["data"])
        )
