// The bytes of a song, and how they become a file that is whole or not there.

import { InternalError, InvalidRequest } from "./errors.js";
import { anyKey } from "./retries.js";
import { isFinal } from "./types.js";
import type { Format, JobDocument, Output } from "./types.js";

export const FORMATS: readonly Format[] = ["wav", "flac", "mp3", "ogg", "opus"];

/** Throws InvalidRequest for an output that the job has not, or not yet. */
export function outputOf(job: JobDocument, index: number): Output {
  const found = job.outputs.find((output) => output.index === index);
  if (found) return found;
  const error = new InvalidRequest(`${job.id} (${job.status}) has no output ${index}`);
  error.param = "output";
  error.suggestion = isFinal(job) ? `0 to ${Math.max(0, job.outputs.length - 1)}` : "wait() until it is done";
  throw error;
}

/** The format that a path's ending names. Throws InvalidRequest for one that is no format. */
export function formatOf(path: string): Format {
  const ending = /\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase();
  const found = FORMATS.find((format) => format === ending);
  if (found) return found;
  const error = new InvalidRequest(`${path} names no format`);
  error.param = "path";
  error.suggestion = FORMATS.join(", ");
  throw error;
}

/** Throws InternalError for a content that is not what the job says. In pages of plain http nothing can tell. */
export async function checked(content: Uint8Array<ArrayBuffer>, sha256: string): Promise<Uint8Array<ArrayBuffer>> {
  if (!crypto.subtle) return content;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== sha256) throw new InternalError(`the file's sha256 is ${found}, and the job says ${sha256}`);
  return content;
}

/** Writes beside the path; only a whole file takes its place. Needs Node, Deno or Bun. */
export async function written(path: string, content: Uint8Array): Promise<void> {
  const { rename, rm, writeFile } = await import("node:fs/promises");
  const part = `${path}.${anyKey().slice(0, 8)}.part`;
  try {
    await writeFile(part, content, { flag: "wx" });
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
}
