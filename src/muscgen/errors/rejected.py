"""The request cannot be honoured as it stands."""

# ruff: noqa: N818  (the names are what happened, as clients and logs say it)

from __future__ import annotations

from muscgen.errors.base import MuscgenError


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


class LinkRefused(Forbidden):
    code = "link_refused"


class LicenceRefused(Forbidden):
    code = "licence_refused"


class UploadRefused(Forbidden):
    code = "upload_refused"


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
