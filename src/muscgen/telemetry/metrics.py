"""Every metric. Names end in their unit; labels are models, states and codes, never ids."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_WAITS_S = (0.01, 0.05, 0.25, 1, 2.5, 5, 10, 30, 60, 300, 1_800)

# ---- the API
HTTP_SECONDS = Histogram(
    "muscgen_http_request_seconds",
    "Time to the head of the answer, by route.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 60),
)
REFUSALS = Counter("muscgen_refusals_total", "Requests that were refused, by the error's code.", ["code"])
JOBS_ACCEPTED = Counter("muscgen_jobs_accepted_total", "Jobs accepted.", ["model"])
JOBS_SERVED = Counter(
    "muscgen_jobs_served_total",
    "Accepted jobs by what the cache did for them: miss, hit, coalesced, off.",
    ["model", "cache"],
)
WEBHOOK_CALLS = Counter(
    "muscgen_webhook_calls_total", "Calls of webhooks, by what came of them.", ["outcome"]
)

# ---- the worker
JOBS_FINISHED = Counter("muscgen_jobs_finished_total", "Jobs that reached a final state.", ["model", "state"])
ATTEMPTS = Counter(
    "muscgen_attempts_total", "Claims of jobs: the first, or again after a failure.", ["model", "attempt"]
)
WAIT_SECONDS = Histogram(
    "muscgen_queue_wait_seconds", "From acceptance to the first claim.", ["model"], buckets=_WAITS_S
)
ETA_RATIO = Histogram(
    "muscgen_eta_ratio",
    "What a job took, divided by what its client was told when it was accepted.",
    ["model"],
    buckets=(0.1, 0.25, 0.5, 0.8, 1, 1.25, 2, 4, 10),
)
SONGS_RUNNING = Gauge("muscgen_songs_running", "Songs under way.", ["model"])
SONG_SECONDS = Counter("muscgen_song_seconds_total", "Seconds of music made.", ["model"])
REAL_TIME_FACTOR = Histogram(
    "muscgen_real_time_factor",
    "Seconds of music a second of computing.",
    ["model"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32),
)
FIRST_AUDIO_SECONDS = Histogram(
    "muscgen_first_audio_seconds",
    "From a song's start to its first sound.",
    ["model"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8, 16),
)
FINISHING_SECONDS = Histogram(
    "muscgen_finishing_seconds",
    "Checks, loudness, watermark, encoding and signing of a song.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30),
)
WATERMARK_CONFIDENCE = Histogram(
    "muscgen_watermark_confidence",
    "Likeness of the mark in finished files, in standard deviations of chance.",
    buckets=(4, 6, 8, 10, 12, 14, 16, 18, 20, 25),
)
WATERMARK_MISSED = Counter(
    "muscgen_watermark_missed_total", "Finished files long enough for a mark in which none is heard."
)
MODEL_LOAD_SECONDS = Histogram(
    "muscgen_model_load_seconds",
    "Loading a model.",
    ["model"],
    buckets=(0.5, 1, 2, 5, 10, 30, 60, 120),
)

# ---- both
AUDIT_MISSED = Counter(
    "muscgen_audit_missed_total", "Acts that the audit log could not hold, by kind.", ["kind"]
)
