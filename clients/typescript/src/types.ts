// The service's documents, by the names that this client uses for them. Seconds, bytes, ISO 8601.

import type { components } from "./schema.js";

type Schemas = components["schemas"];

/** Whatever may be left out, at every depth: the service fills it in. */
type Gaps<T> = T extends readonly (infer Item)[] ? Item[] : T extends object ? { [Name in keyof T]?: Gaps<T[Name]> } : T;

/** What a song is made from: the body of POST /generate. */
export type Wish = Gaps<Schemas["Wish.GenerateRequest"]>;
export type JobDocument = Schemas["JobDocument"];
export type Output = Schemas["OutputMade"];
export type Artifact = Schemas["ArtifactLink"];
export type Upload = Schemas["UploadLink"];
export type VerifyReport = Schemas["VerifyReport"];
export type Problem = Schemas["ProblemDocument"];
export type Status = JobDocument["status"];
export type Format = "wav" | "flac" | "mp3" | "ogg" | "opus";

/** A model that can be asked for; see GET /v1/models for all that is told of one. */
export interface Model {
  id: string;
  description: string;
  license: string;
  license_url: string;
  attribution: string;
  modes: string[];
  state: string;
  limits: Record<string, number>;
  rights: Record<string, unknown>;
  [more: string]: unknown;
}

/** Something that happened to a job: queued, started, progress, audio, output, warning, completed. */
export interface JobEvent {
  id: string;
  kind: string;
  payload: Record<string, unknown>;
}

const FINAL: readonly string[] = ["succeeded", "failed", "cancelled", "expired"];

export function isFinal(job: JobDocument): boolean {
  return FINAL.includes(job.status);
}
