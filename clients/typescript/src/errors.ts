// Made from muscgen.errors by generate.py: the tree of the service's refusals.

/** Base of the tree. `param` names the field at fault, `suggestion` says what would work. */
export class MuscgenError extends Error {
  code: string = "internal_error";
  /** HTTP's. */
  status: number = 500;
  /** Whether the same request may succeed later. */
  retryable: boolean = false;
  param: string | null = null;
  suggestion: string | null = null;
  /** Seconds. */
  retryAfter: number | null = null;
  requestId: string | null = null;

  constructor(readonly detail: string) {
    super(detail);
    this.name = new.target.name;
  }
}

export class Unavailable extends MuscgenError {
  override code = "unavailable";
  override status = 503;
  override retryable = true;
}

export class NotInstalled extends Unavailable {
  override code = "not_installed";
  override status = 501;
  override retryable = false;
}

export class AuditUnavailable extends Unavailable {
  override code = "audit_unavailable";
  override status = 503;
  override retryable = true;
}

export class NoWorker extends Unavailable {
  override code = "no_worker";
  override status = 503;
  override retryable = true;
}

export class StoreUnavailable extends Unavailable {
  override code = "store_unavailable";
  override status = 503;
  override retryable = true;
}

export class StoreFull extends StoreUnavailable {
  override code = "store_full";
  override status = 507;
  override retryable = true;
}

export class DeviceLost extends Unavailable {
  override code = "device_lost";
  override status = 503;
  override retryable = true;
}

export class QueueUnavailable extends Unavailable {
  override code = "queue_unavailable";
  override status = 503;
  override retryable = true;
}

export class FetchFailed extends MuscgenError {
  override code = "fetch_failed";
  override status = 502;
  override retryable = false;
}

export class SourceAway extends FetchFailed {
  override code = "source_away";
  override status = 503;
  override retryable = true;
}

export class SourceRefused extends FetchFailed {
  override code = "source_refused";
  override status = 502;
  override retryable = false;
}

export class SourceMissing extends FetchFailed {
  override code = "source_missing";
  override status = 502;
  override retryable = false;
}

export class FilesWrong extends FetchFailed {
  override code = "files_wrong";
  override status = 502;
  override retryable = false;
}

export class Failed extends MuscgenError {
  override code = "failed";
  override status = 500;
  override retryable = false;
}

export class BadSong extends Failed {
  override code = "bad_song";
  override status = 500;
  override retryable = true;
}

export class AttemptsExhausted extends Failed {
  override code = "attempts_exhausted";
  override status = 500;
  override retryable = true;
}

export class DeadlineExceeded extends Failed {
  override code = "deadline_exceeded";
  override status = 504;
  override retryable = false;
}

export class InternalError extends Failed {
  override code = "internal_error";
  override status = 500;
  override retryable = true;
}

export class Cancelled extends MuscgenError {
  override code = "cancelled";
  override status = 409;
  override retryable = false;
}

export class LeaseLost extends MuscgenError {
  override code = "lease_lost";
  override status = 409;
  override retryable = false;
}

export class CheckpointInvalid extends MuscgenError {
  override code = "checkpoint_invalid";
  override status = 500;
  override retryable = false;
}

export class ConfigurationError extends MuscgenError {
  override code = "configuration_error";
  override status = 500;
  override retryable = false;
}

export class Rejected extends MuscgenError {
  override code = "rejected";
  override status = 400;
  override retryable = false;
}

export class MalformedBody extends Rejected {
  override code = "malformed_body";
  override status = 400;
  override retryable = false;
}

export class InvalidRequest extends Rejected {
  override code = "invalid_request";
  override status = 422;
  override retryable = false;
}

export class DurationTooLong extends InvalidRequest {
  override code = "duration_too_long";
  override status = 422;
  override retryable = false;
}

export class PromptTooLong extends InvalidRequest {
  override code = "prompt_too_long";
  override status = 422;
  override retryable = false;
}

export class UnknownModel extends InvalidRequest {
  override code = "unknown_model";
  override status = 422;
  override retryable = false;
}

export class UnreadableAudio extends InvalidRequest {
  override code = "unreadable_audio";
  override status = 422;
  override retryable = false;
}

export class ConsentMissing extends InvalidRequest {
  override code = "consent_missing";
  override status = 422;
  override retryable = false;
}

export class StatementInvalid extends InvalidRequest {
  override code = "statement_invalid";
  override status = 422;
  override retryable = false;
}

export class DeadlineTooShort extends InvalidRequest {
  override code = "deadline_too_short";
  override status = 422;
  override retryable = false;
}

export class PromptRefused extends InvalidRequest {
  override code = "prompt_refused";
  override status = 422;
  override retryable = false;
}

export class IdempotencyConflict extends InvalidRequest {
  override code = "idempotency_conflict";
  override status = 422;
  override retryable = false;
}

export class Unauthorized extends Rejected {
  override code = "unauthorized";
  override status = 401;
  override retryable = false;
}

export class Forbidden extends Rejected {
  override code = "forbidden";
  override status = 403;
  override retryable = false;
}

export class LinkRefused extends Forbidden {
  override code = "link_refused";
  override status = 403;
  override retryable = false;
}

export class LicenceRefused extends Forbidden {
  override code = "licence_refused";
  override status = 403;
  override retryable = false;
}

export class UploadRefused extends Forbidden {
  override code = "upload_refused";
  override status = 403;
  override retryable = false;
}

export class ConsentRefused extends Forbidden {
  override code = "consent_refused";
  override status = 403;
  override retryable = false;
}

export class ConsentRevoked extends ConsentRefused {
  override code = "consent_revoked";
  override status = 403;
  override retryable = false;
}

export class NotFound extends Rejected {
  override code = "not_found";
  override status = 404;
  override retryable = false;
}

export class JobNotFound extends NotFound {
  override code = "job_not_found";
  override status = 404;
  override retryable = false;
}

export class ArtifactNotFound extends NotFound {
  override code = "artifact_not_found";
  override status = 404;
  override retryable = false;
}

export class ConsentNotFound extends NotFound {
  override code = "consent_not_found";
  override status = 404;
  override retryable = false;
}

export class ModelNotFound extends NotFound {
  override code = "model_not_found";
  override status = 404;
  override retryable = false;
}

export class NotAcceptable extends Rejected {
  override code = "not_acceptable";
  override status = 406;
  override retryable = false;
}

export class BodyTooSlow extends Rejected {
  override code = "body_too_slow";
  override status = 408;
  override retryable = true;
}

export class JobExpired extends Rejected {
  override code = "job_expired";
  override status = 410;
  override retryable = false;
}

export class JobNotFinished extends Rejected {
  override code = "job_not_finished";
  override status = 409;
  override retryable = true;
}

export class NotAnUpload extends Rejected {
  override code = "not_an_upload";
  override status = 409;
  override retryable = false;
}

export class ModelNotFetched extends Rejected {
  override code = "model_not_fetched";
  override status = 409;
  override retryable = false;
}

export class ModelInUse extends Rejected {
  override code = "model_in_use";
  override status = 409;
  override retryable = false;
}

export class BodyTooLarge extends Rejected {
  override code = "body_too_large";
  override status = 413;
  override retryable = false;
}

export class UnsupportedMediaType extends Rejected {
  override code = "unsupported_media_type";
  override status = 415;
  override retryable = false;
}

export class RangeNotSatisfiable extends Rejected {
  override code = "range_not_satisfiable";
  override status = 416;
  override retryable = false;
}

export class QueueFull extends Rejected {
  override code = "queue_full";
  override status = 429;
  override retryable = true;
}

export class RateLimited extends Rejected {
  override code = "rate_limited";
  override status = 429;
  override retryable = true;
}

export class QuotaExceeded extends Rejected {
  override code = "quota_exceeded";
  override status = 429;
  override retryable = true;
}

export const BY_CODE: Readonly<Record<string, new (detail: string) => MuscgenError>> = {
  unavailable: Unavailable,
  not_installed: NotInstalled,
  audit_unavailable: AuditUnavailable,
  no_worker: NoWorker,
  store_unavailable: StoreUnavailable,
  store_full: StoreFull,
  device_lost: DeviceLost,
  queue_unavailable: QueueUnavailable,
  fetch_failed: FetchFailed,
  source_away: SourceAway,
  source_refused: SourceRefused,
  source_missing: SourceMissing,
  files_wrong: FilesWrong,
  failed: Failed,
  bad_song: BadSong,
  attempts_exhausted: AttemptsExhausted,
  deadline_exceeded: DeadlineExceeded,
  internal_error: InternalError,
  cancelled: Cancelled,
  lease_lost: LeaseLost,
  checkpoint_invalid: CheckpointInvalid,
  configuration_error: ConfigurationError,
  rejected: Rejected,
  malformed_body: MalformedBody,
  invalid_request: InvalidRequest,
  duration_too_long: DurationTooLong,
  prompt_too_long: PromptTooLong,
  unknown_model: UnknownModel,
  unreadable_audio: UnreadableAudio,
  consent_missing: ConsentMissing,
  statement_invalid: StatementInvalid,
  deadline_too_short: DeadlineTooShort,
  prompt_refused: PromptRefused,
  idempotency_conflict: IdempotencyConflict,
  unauthorized: Unauthorized,
  forbidden: Forbidden,
  link_refused: LinkRefused,
  licence_refused: LicenceRefused,
  upload_refused: UploadRefused,
  consent_refused: ConsentRefused,
  consent_revoked: ConsentRevoked,
  not_found: NotFound,
  job_not_found: JobNotFound,
  artifact_not_found: ArtifactNotFound,
  consent_not_found: ConsentNotFound,
  model_not_found: ModelNotFound,
  not_acceptable: NotAcceptable,
  body_too_slow: BodyTooSlow,
  job_expired: JobExpired,
  job_not_finished: JobNotFinished,
  not_an_upload: NotAnUpload,
  model_not_fetched: ModelNotFetched,
  model_in_use: ModelInUse,
  body_too_large: BodyTooLarge,
  unsupported_media_type: UnsupportedMediaType,
  range_not_satisfiable: RangeNotSatisfiable,
  queue_full: QueueFull,
  rate_limited: RateLimited,
  quota_exceeded: QuotaExceeded,
};
