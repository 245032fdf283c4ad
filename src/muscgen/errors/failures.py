"""What is no fault of the request: something is away, or went wrong."""

# ruff: noqa: N818  (the names are what happened, as clients and logs say it)

from __future__ import annotations

from muscgen.errors.base import MuscgenError


class Unavailable(MuscgenError):
    code, status, retryable = "unavailable", 503, True


class NotInstalled(Unavailable):
    code, status, retryable = "not_installed", 501, False


class AuditUnavailable(Unavailable):
    code = "audit_unavailable"


class NoWorker(Unavailable):
    code = "no_worker"


class StoreUnavailable(Unavailable):
    code = "store_unavailable"


class StoreFull(StoreUnavailable):
    code, status = "store_full", 507


class DeviceLost(Unavailable):
    code = "device_lost"


class QueueUnavailable(Unavailable):
    code = "queue_unavailable"


class FetchFailed(MuscgenError):
    code, status = "fetch_failed", 502


class SourceAway(FetchFailed):
    code, status, retryable = "source_away", 503, True


class SourceRefused(FetchFailed):
    code = "source_refused"


class SourceMissing(FetchFailed):
    code = "source_missing"


class FilesWrong(FetchFailed):
    code = "files_wrong"


class Failed(MuscgenError):
    code = "failed"


class BadSong(Failed):
    """`reason` is one word for programs: not_finite, silent, clipped or dead_tail."""

    code, retryable = "bad_song", True

    def __init__(self, detail: str, *, reason: str = "unusable", suggestion: str | None = None) -> None:
        super().__init__(detail, suggestion=suggestion)
        self.reason = reason


class AttemptsExhausted(Failed):
    code, retryable = "attempts_exhausted", True


class DeadlineExceeded(Failed):
    code, status = "deadline_exceeded", 504


class InternalError(Failed):
    code, retryable = "internal_error", True


class Cancelled(MuscgenError):
    code, status = "cancelled", 409


class LeaseLost(MuscgenError):
    code, status = "lease_lost", 409


class CheckpointInvalid(MuscgenError):
    code = "checkpoint_invalid"


class ConfigurationError(MuscgenError):
    code = "configuration_error"
