"""Every metric and log event name, in one file. Prompts and keys appear in neither."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any, Literal

from prometheus_client import Counter, Gauge, Histogram

HTTP_SECONDS = Histogram(
    "muscgen_http_request_seconds",
    "Time to answer, by route.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 60),
)
JOBS_ACCEPTED = Counter("muscgen_jobs_accepted_total", "Jobs accepted.", ["model"])
JOBS_FINISHED = Counter("muscgen_jobs_finished_total", "Jobs that reached a final state.", ["model", "state"])
QUEUE_DEPTH = Gauge("muscgen_queue_depth", "Queued jobs.", ["model"])
SONGS_RUNNING = Gauge("muscgen_songs_running", "Songs in the batch.", ["model"])
SONG_SECONDS = Counter("muscgen_song_seconds_total", "Seconds of music made.", ["model"])
REAL_TIME_FACTOR = Histogram(
    "muscgen_real_time_factor",
    "Seconds of music a second of computing.",
    ["model"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32),
)

WEBHOOK_CALLS = Counter(
    "muscgen_webhook_calls_total", "Calls of webhooks, by what came of them.", ["outcome"]
)

AUDIT_MISSED = Counter(
    "muscgen_audit_missed_total", "Acts that the audit log could not hold, by kind.", ["kind"]
)

_log = logging.getLogger("muscgen")


def event(name: str, **fields: object) -> None:
    """Log an event with fields: `event("job.claimed", job=job_id, waited_s=1.2)`."""
    _log.info(name, extra={"fields": fields})


def warning(name: str, **fields: object) -> None:
    _log.warning(name, extra={"fields": fields})


class _Formatter(logging.Formatter):
    def __init__(self, style: Literal["text", "json"]) -> None:
        super().__init__()
        self._json = style == "json"

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = getattr(record, "fields", {})
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        trace = self.formatException(record.exc_info) if record.exc_info else None
        if self._json:
            head = {"time": stamp, "level": record.levelname.lower(), "event": record.getMessage()}
            return json.dumps(head | fields | head | ({"trace": trace} if trace else {}), default=str)
        pairs = " ".join(f"{name}={_quoted(value)}" for name, value in fields.items())
        return f"{stamp} {record.levelname.lower():7} {record.getMessage()} {pairs}".rstrip() + (
            f"\n{trace}" if trace else ""
        )


def _quoted(value: object) -> str:
    """One word in one line: quoted where it is more, so that no value can pass for another event."""
    text = str(value)
    return text if text and text.isprintable() and " " not in text else json.dumps(text)


def configure_logging(style: Literal["text", "json"], level: int = logging.INFO) -> None:
    """Events of muscgen to standard error; called by commands, never on import."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(style))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("httpx").setLevel(logging.WARNING)
