// What the service says and is told, as far as this page needs it. Seconds, decibels, bytes.

export type Mode = "text" | "unconditional" | "melody" | "continuation";
export type Format = "wav" | "flac" | "mp3" | "ogg" | "opus";
export type Status = "queued" | "loading" | "running" | "succeeded" | "failed" | "cancelled" | "expired";
export const FORMATS: readonly Format[] = ["wav", "flac", "mp3", "ogg", "opus"];
const FINAL: readonly string[] = ["succeeded", "failed", "cancelled", "expired"];

export function isFinal(status: string): boolean {
  return FINAL.includes(status);
}

export interface Sampling {
  temperature: number;
  top_k: number;
  top_p: number;
  guidance_scale: number;
}

export interface Model {
  id: string;
  license: string;
  license_url: string;
  attribution: string;
  description: string;
  modes: Mode[];
  channels: number;
  sampling: Sampling;
  limits: { min_duration: number; max_duration: number; window: number; max_outputs: number; max_prompt_chars: number };
  rights: { policy: string; usable: boolean; why_not: string | null };
}

export interface Section {
  prompt: string;
  duration: number;
}

export interface Clip {
  artifact_id: string;
  start?: number;
  end?: number | null;
}

export interface Wish {
  model?: string;
  mode?: Mode;
  prompt?: string | null;
  negative_prompt?: string | null;
  sections?: Section[] | null;
  duration?: number;
  n?: number;
  seed?: number | null;
  sampling?: Partial<Sampling>;
  conditioning?: { melody?: Clip | null; prompt_audio?: (Clip & { include?: boolean }) | null };
  rights?: { input_audio_consent?: { basis: string; reference?: string } | null; intended_use?: string | null };
  [other: string]: unknown;
}

export interface Problem {
  title: string;
  status: number;
  code: string;
  detail: string;
  param?: string | null;
  suggestion?: string | null;
  request_id?: string | null;
  errors?: Problem[];
}

export interface Artifact {
  id: string;
  url: string;
  content_type: string;
  bytes: number;
  duration: number;
  sample_rate: number;
  channels: number;
}

export interface Output {
  index: number;
  seed: number;
  stream_url: string;
  artifact: Artifact;
  analysis: Record<string, unknown>;
  watermark: { method: string; payload: string; detected: boolean; confidence: number | null } | null;
  provenance?: Record<string, unknown> | null;
}

export interface Progress {
  fraction: number;
  stage: string | null;
  audio_seconds_done: number;
  eta_seconds: number | null;
}

export interface Job {
  id: string;
  status: Status;
  created_at: string;
  cancel_requested: boolean;
  queue: { position: number | null; eta_seconds: number | null };
  progress: Progress;
  request: Wish & { model: string; mode: Mode; duration: number; n: number; seed: number };
  model: { id: string; license: string | null; revision: string | null };
  outputs: Output[];
  warnings: unknown[];
  cache: string;
  usage: Record<string, number> | null;
  error: Problem | null;
  urls: { self: string; cancel: string; events: string; audio: string };
}

export interface Check {
  name: string;
  result: string;
  detail: string;
}
