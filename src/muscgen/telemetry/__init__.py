"""What an operator sees: every metric, log field and span is named in this room. No prompt, no key is in any.

metrics   Prometheus: what is counted and measured
logs      structlog: events with fields, one a line; the request's and the job's id come by themselves
traces    OpenTelemetry: from the HTTP request through the queue to the song, where an endpoint is set
"""

from muscgen.telemetry.logs import about, configure_logging, error, event, show_warnings, warning
from muscgen.telemetry.metrics import (
    ATTEMPTS,
    AUDIT_MISSED,
    ETA_RATIO,
    FINISHING_SECONDS,
    FIRST_AUDIO_SECONDS,
    HTTP_SECONDS,
    JOBS_ACCEPTED,
    JOBS_FINISHED,
    JOBS_SERVED,
    MODEL_LOAD_SECONDS,
    REAL_TIME_FACTOR,
    REFUSALS,
    SONG_SECONDS,
    SONGS_RUNNING,
    WAIT_SECONDS,
    WATERMARK_CONFIDENCE,
    WATERMARK_MISSED,
    WEBHOOK_CALLS,
)
from muscgen.telemetry.traces import configure_tracing, exemplar, here, span

__all__ = [
    "ATTEMPTS",
    "AUDIT_MISSED",
    "ETA_RATIO",
    "FINISHING_SECONDS",
    "FIRST_AUDIO_SECONDS",
    "HTTP_SECONDS",
    "JOBS_ACCEPTED",
    "JOBS_FINISHED",
    "JOBS_SERVED",
    "MODEL_LOAD_SECONDS",
    "REAL_TIME_FACTOR",
    "REFUSALS",
    "SONGS_RUNNING",
    "SONG_SECONDS",
    "WAIT_SECONDS",
    "WATERMARK_CONFIDENCE",
    "WATERMARK_MISSED",
    "WEBHOOK_CALLS",
    "about",
    "configure_logging",
    "configure_tracing",
    "error",
    "event",
    "exemplar",
    "here",
    "show_warnings",
    "span",
    "warning",
]
