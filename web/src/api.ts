// The service over HTTP. Every refusal is a Refusal with the service's own words.

import type { Artifact, Job, Model, Problem, Wish } from "./types";

let key = "";

export function useKey(value: string): void {
  key = value.trim();
}

export class Refusal extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

/** An address of the service, wherever it is mounted. */
function address(path: string): string {
  return new URL(path, document.baseURI).toString();
}

function unreachable(): Problem {
  return { title: "No answer", status: 0, code: "unreachable", detail: "The service does not answer.", suggestion: "Is it running?" };
}

async function refusalOf(answer: Response): Promise<Refusal> {
  try {
    return new Refusal((await answer.json()) as Problem);
  } catch {
    const title = answer.statusText || `Status ${answer.status}`;
    return new Refusal({ title, status: answer.status, code: "http", detail: title });
  }
}

export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (key) headers.set("Authorization", `Bearer ${key}`);
  let answer: Response;
  try {
    answer = await fetch(address(path), { ...init, headers, redirect: "follow" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refusal(unreachable());
  }
  if (!answer.ok) throw await refusalOf(answer);
  return answer;
}

async function json<T>(path: string, init: RequestInit = {}): Promise<T> {
  return (await (await ask(path, init)).json()) as T;
}

export interface Models {
  default: string;
  data: Model[];
}

export const models = (): Promise<Models> => json("v1/models");
export const job = (id: string): Promise<Job> => json(`jobs/${encodeURIComponent(id)}`);
export const cancel = (id: string): Promise<Job> => json(`jobs/${encodeURIComponent(id)}/cancel`, { method: "POST" });

export function jobs(cursor: string | null): Promise<{ jobs: Job[]; next_cursor: string | null }> {
  return json(`jobs?limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
}

export async function remove(id: string): Promise<void> {
  await ask(`jobs/${encodeURIComponent(id)}`, { method: "DELETE" });
}

export function generate(wish: Wish): Promise<Job> {
  // A key of its own makes a repeated click or a retry after a broken connection find the same job.
  const headers = { "Content-Type": "application/json", "Idempotency-Key": anyKey() };
  return json("generate", { method: "POST", headers, body: JSON.stringify(wish) });
}

/** crypto.randomUUID is for pages of https and of this machine alone; a service of the house has neither. */
function anyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(16).padStart(8, "0")).join("");
}

/** Whether the service may answer again by itself: it is away, or busy. */
export function passing(error: unknown): error is Refusal {
  return error instanceof Refusal && (error.problem.status === 0 || error.problem.status >= 500 || error.problem.status === 429);
}

export function upload(sound: Blob): Promise<Artifact> {
  const headers = { "Content-Type": "application/octet-stream" };
  return json("artifacts", { method: "POST", headers, body: sound });
}

export function verify(file: Blob): Promise<Record<string, unknown>> {
  return json("verify", { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file });
}

export async function sound(path: string): Promise<Blob> {
  return (await ask(path)).blob();
}
