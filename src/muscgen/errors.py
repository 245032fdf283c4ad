"""Every error muscgen raises on purpose: a noun with consequences.

    MuscgenError
    ├── Rejected                    the request cannot be honoured as it stands
    │   ├── MalformedBody           400  not JSON at all, or JSON that two readers would read in two ways
    │   ├── InvalidRequest          422  a field is unknown, malformed or out of range
    │   │   ├── DurationTooLong     422
    │   │   ├── PromptTooLong       422
    │   │   ├── UnknownModel        422
    │   │   ├── UnreadableAudio     422  a file is no sound, or none that can be decoded within the limits
    │   │   ├── ConsentMissing      422  sound from outside comes without saying by what right
    │   │   ├── StatementInvalid    422  what was signed was not signed with that key
    │   │   ├── DeadlineTooShort    422  no worker here can be that fast
    │   │   ├── PromptRefused       422  names an artist or a work that the installation lists
    │   │   └── IdempotencyConflict 422  one key, two bodies
    │   ├── Unauthorized            401
    │   ├── Forbidden               403  understood, and not permitted
    │   │   ├── LicenceRefused      403  the model's licence does not permit that use, or was not accepted
    │   │   └── ConsentRefused      403  the consent does not cover that use of the sound
    │   │       └── ConsentRevoked  403  it was taken back
    │   ├── NotFound                404
    │   │   ├── JobNotFound         404
    │   │   ├── ArtifactNotFound    404
    │   │   ├── ConsentNotFound     404
    │   │   └── ModelNotFound       404
    │   ├── NotAcceptable           406  the kind of answer that is asked for does not exist
    │   ├── BodyTooSlow             408
    │   ├── JobExpired              410
    │   ├── JobNotFinished          409
    │   ├── NotAnUpload             409  a file that a job made goes with the job
    │   ├── ModelNotFetched         409  known by name, and its weights are not here
    │   ├── ModelInUse              409  it is not taken away under songs that wait or run
    │   ├── BodyTooLarge            413
    │   ├── UnsupportedMediaType    415
    │   ├── RangeNotSatisfiable     416
    │   ├── QueueFull               429  retry after a while
    │   ├── RateLimited             429  the tenant's jobs a minute
    │   └── QuotaExceeded           429  the tenant's seconds of music a day
    ├── Unavailable                 503
    │   ├── StoreFull               507  no space is left for the artifact, or for a model's files
    │   ├── AuditUnavailable        503  it cannot be written down, and must be
    │   ├── NoWorker                503  nobody serves that model now
    │   └── QueueUnavailable        503  Redis does not answer
    ├── FetchFailed             502  a model's files cannot be had; what came whole is kept for the next try
    │   ├── SourceAway          503  offline, or the place does not answer, or breaks off again and again
    │   ├── SourceRefused       502  the place wants a token, a better one, or its terms accepted there
    │   ├── SourceMissing       502  no such repository, revision, manifest or file there
    │   └── FilesWrong          502  what came is not what it was said to be
    ├── Failed                      the job was tried and has no song to show
    │   ├── BadSong                 500  silent, not finite, clipped or dead at the end, twice
    │   ├── AttemptsExhausted       500  every worker that took it died
    │   ├── DeadlineExceeded        504
    │   └── InternalError           500  anything nobody foresaw
    ├── Cancelled                   409  by the client: a normal ending
    ├── LeaseLost                   409  another worker owns the job now; a stale token changes nothing
    ├── CheckpointInvalid           500  tensors are missing, unknown or of another shape
    └── ConfigurationError          500  settings, Redis or files that cannot work together

`code` is for programs and stays for ever, `status` HTTP's; `retryable`: the same request may succeed later.
"""

# ruff: noqa: N818  (the names are what happened, as clients and logs say it)

from __future__ import annotations

from typing import ClassVar


class MuscgenError(Exception):
    """Base of the tree. `param` names the field at fault in wire names, `suggestion` says what would work."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        detail: str,
        *,
        param: str | None = None,
        suggestion: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.param = param
        self.suggestion = suggestion
        self.retry_after_s = retry_after_s

    def to_dict(self) -> dict[str, str | bool | None]:
        """The error as it is stored in a job and shown to clients."""
        return {
            "code": self.code,
            "detail": self.detail,
            "param": self.param,
            "suggestion": self.suggestion,
            "retryable": self.retryable,
        }


class Rejected(MuscgenError):
    code, status = "rejected", 400


class MalformedBody(Rejected):
    code, status = "malformed_body", 400


class InvalidRequest(Rejected):
    code, status = "invalid_request", 422


class DurationTooLong(InvalidRequest):
    code = "duration_too_long"


class PromptTooLong(InvalidRequest):
    code = "prompt_too_long"


class UnknownModel(InvalidRequest):
    code = "unknown_model"


class UnreadableAudio(InvalidRequest):
    code = "unreadable_audio"


class ConsentMissing(InvalidRequest):
    code = "consent_missing"


class StatementInvalid(InvalidRequest):
    code = "statement_invalid"


class DeadlineTooShort(InvalidRequest):
    code = "deadline_too_short"


class PromptRefused(InvalidRequest):
    code = "prompt_refused"


class IdempotencyConflict(InvalidRequest):
    code = "idempotency_conflict"


class Unauthorized(Rejected):
    code, status = "unauthorized", 401


class Forbidden(Rejected):
    code, status = "forbidden", 403


class LicenceRefused(Forbidden):
    code = "licence_refused"


class ConsentRefused(Forbidden):
    code = "consent_refused"


class ConsentRevoked(ConsentRefused):
    code = "consent_revoked"


class NotFound(Rejected):
    code, status = "not_found", 404


class JobNotFound(NotFound):
    code = "job_not_found"


class ArtifactNotFound(NotFound):
    code = "artifact_not_found"


class ConsentNotFound(NotFound):
    code = "consent_not_found"


class ModelNotFound(NotFound):
    code = "model_not_found"


class NotAcceptable(Rejected):
    code, status = "not_acceptable", 406


class BodyTooSlow(Rejected):
    code, status, retryable = "body_too_slow", 408, True


class JobExpired(Rejected):
    code, status = "job_expired", 410


class JobNotFinished(Rejected):
    code, status, retryable = "job_not_finished", 409, True


class NotAnUpload(Rejected):
    code, status = "not_an_upload", 409


class ModelNotFetched(Rejected):
    code, status = "model_not_fetched", 409


class ModelInUse(Rejected):
    code, status = "model_in_use", 409


class BodyTooLarge(Rejected):
    code, status = "body_too_large", 413


class UnsupportedMediaType(Rejected):
    code, status = "unsupported_media_type", 415


class RangeNotSatisfiable(Rejected):
    code, status = "range_not_satisfiable", 416


class QueueFull(Rejected):
    code, status, retryable = "queue_full", 429, True


class RateLimited(Rejected):
    code, status, retryable = "rate_limited", 429, True


class QuotaExceeded(Rejected):
    code, status, retryable = "quota_exceeded", 429, True


class Unavailable(MuscgenError):
    code, status, retryable = "unavailable", 503, True


class AuditUnavailable(Unavailable):
    code = "audit_unavailable"


class NoWorker(Unavailable):
    code = "no_worker"


class StoreFull(Unavailable):
    code, status = "store_full", 507


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
