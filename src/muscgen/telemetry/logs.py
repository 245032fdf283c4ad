"""Events of muscgen, one a line, as text or JSON, by structlog over the standard library's logging."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import AbstractContextManager
from typing import Any, Literal

import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.typing import EventDict, WrappedLogger

_HEAD = ("time", "level", "event")


def event(name: str, /, **fields: object) -> None:
    """Log an event with fields: `event("job.claimed", job=job_id, waited_s=1.2)`."""
    _log.info(name, fields=fields)


def warning(name: str, /, **fields: object) -> None:
    _log.warning(name, fields=fields)


def error(name: str, problem: BaseException, /, **fields: object) -> None:
    """Log what nobody foresaw, with its trace."""
    _log.error(name, exc_info=problem, fields=fields)


def about(**fields: str) -> AbstractContextManager[None]:
    """Fields of every event inside, in tasks and threads that are begun there too: request, job."""
    return bound_contextvars(**fields)


def configure_logging(style: Literal["text", "json"], level: int = logging.INFO) -> None:
    """Events to standard error; called by commands, never on import."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(style))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for library in ("httpx", "httpx2"):  # ours, and the hub client's
        logging.getLogger(library).setLevel(logging.WARNING)


def show_warnings() -> None:
    """With their fields, of commands that configure no logging: Python's last resort tells names alone."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_formatter("text"))


def _formatter(style: Literal["text", "json"]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            _fields_of_record,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _json if style == "json" else _text,
        ]
    )


def _to_record(_: WrappedLogger, __: str, entry: EventDict) -> tuple[tuple[str], dict[str, Any]]:
    """The event as the standard library keeps it: whoever configures logging decides what becomes of it."""
    name, problem, fields = entry.pop("event"), entry.pop("exc_info", None), entry.pop("fields")
    return (name,), {"exc_info": problem, "extra": {"fields": entry | fields}}


def _fields_of_record(_: WrappedLogger, __: str, entry: EventDict) -> EventDict:
    """No field can pass for the name, the time or the level of its event."""
    fields: dict[str, Any] = getattr(entry["_record"], "fields", {})
    return {name: value for name, value in fields.items() if name not in _HEAD} | dict(entry)


def _json(_: WrappedLogger, __: str, entry: EventDict) -> str:
    return json.dumps(_ordered(entry), default=str)


def _text(_: WrappedLogger, __: str, entry: EventDict) -> str:
    fields = _ordered(entry)
    time, level, name, trace = (fields.pop(part, None) for part in (*_HEAD, "exception"))
    pairs = " ".join(f"{field}={_quoted(value)}" for field, value in fields.items())
    line = f"{time} {level:7} {name} {pairs}".rstrip()
    return f"{line}\n{trace}" if trace else line


def _ordered(entry: EventDict) -> dict[str, Any]:
    """Time, level and name first; milliseconds are enough."""
    entry["time"] = f"{str(entry['time'])[:23]}Z"
    return {name: entry[name] for name in _HEAD} | dict(entry)


def _quoted(value: object) -> str:
    """One word in one line: quoted where it is more, so that no value can pass for another event."""
    text = str(value)
    return text if text and text.isprintable() and " " not in text else json.dumps(text)


_log: structlog.stdlib.BoundLogger = structlog.wrap_logger(
    logging.getLogger("muscgen"),
    wrapper_class=structlog.stdlib.BoundLogger,
    processors=[structlog.stdlib.filter_by_level, merge_contextvars, _to_record],
)
