// The service's refusals, as the errors that they were there.

import { BY_CODE, Cancelled, Failed, InternalError, JobExpired, MuscgenError, Rejected, Unavailable } from "./errors.js";
import { retryAfter } from "./retries.js";
import type { JobDocument } from "./types.js";

type Members = Record<string, unknown>;

/** The error that an answer of 400 and above tells. */
export async function problemOf(answer: Response): Promise<MuscgenError> {
  let members: Members = {};
  try {
    const found: unknown = await answer.json();
    if (typeof found === "object" && found !== null) members = found as Members;
  } catch {
    // No JSON: a proxy's own words.
  }
  const error = errorOf(members, answer.status);
  error.retryAfter = retryAfter(answer);
  error.requestId ??= answer.headers.get("x-request-id");
  return error;
}

/** Why a final job has no song; null where it has one. */
export function failureOf(job: JobDocument): MuscgenError | null {
  if (job.status === "succeeded") return null;
  if (job.error) return errorOf(job.error as Members, job.error.status);
  if (job.status === "cancelled") return new Cancelled(`${job.id} was cancelled`);
  if (job.status === "expired") return new JobExpired(`${job.id} expired before it was made`);
  return new Failed(`${job.id} ended as ${job.status}`);
}

function errorOf(members: Members, status: number): MuscgenError {
  const kind = BY_CODE[String(members["code"])] ?? byStatus(status);
  const error = new kind(String(members["detail"] ?? `the service answered ${status}`));
  error.status = status;
  error.param = text(members["param"]);
  error.suggestion = text(members["suggestion"]);
  error.requestId = text(members["request_id"]);
  if (typeof members["retryable"] === "boolean") error.retryable = members["retryable"];
  return error;
}

function byStatus(status: number): new (detail: string) => MuscgenError {
  if ([502, 503, 504, 507].includes(status)) return Unavailable;
  return status < 500 ? Rejected : InternalError;
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
