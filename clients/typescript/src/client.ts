// The client, and a job of the service.

import { Connection } from "./connection.js";
import { JobNotFinished, MuscgenError } from "./errors.js";
import { EventReader } from "./events.js";
import { failureOf, problemOf } from "./problems.js";
import { USUAL, anyKey, sleep } from "./retries.js";
import type { Retries } from "./retries.js";
import { checked, formatOf, outputOf, written } from "./sounds.js";
import { isFinal } from "./types.js";
import type { Format, JobDocument, JobEvent, Model, Output, Upload, VerifyReport, Wish } from "./types.js";

const HOLD_S = 30; // how long one answer may be held back while a job runs
const SOUND = { "Content-Type": "application/octet-stream" };

export interface ClientOptions {
  /** The service's API key. */
  key?: string;
  /** For connections that fail and services that are busy. */
  retries?: Partial<Retries>;
  /** Seconds that one answer may take. */
  timeout?: number;
  /** Another fetch, for tests and proxies. */
  fetch?: typeof globalThis.fetch;
}

export interface SubmitOptions {
  /** The same request under the same key is the same job. Drawn where it is not given. */
  idempotencyKey?: string;
  signal?: AbortSignal;
}

export interface GenerateOptions extends SubmitOptions {
  /** Seconds; the job goes on after. */
  wait?: number;
}

/** A service at a URL. Every method throws MuscgenError, and what aborts a signal as it is. */
export class Client {
  /** @internal */
  readonly connection: Connection;

  constructor(url = "http://127.0.0.1:8000", options: ClientOptions = {}) {
    const retries = { ...USUAL, ...options.retries };
    const fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.connection = new Connection(url, options.key ?? null, retries, options.timeout ?? 60, fetch);
  }

  /** The finished job. Throws its failure, or JobNotFinished after `wait` seconds (600): the job goes on. */
  async generate(wish: Wish, options: GenerateOptions = {}): Promise<Job> {
    const job = await this.submit(wish, options);
    return job.wait(options.wait ?? 600, options.signal);
  }

  /** The accepted job, at once. */
  async submit(wish: Wish, options: SubmitOptions = {}): Promise<Job> {
    const key = options.idempotencyKey ?? anyKey();
    const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
    const body = JSON.stringify(wish);
    const { signal } = options;
    return new Job(this, await this.connection.json("generate", { method: "POST", headers, body, signal }));
  }

  async job(id: string): Promise<Job> {
    return new Job(this, await this.connection.json(`jobs/${encodeURIComponent(id)}`));
  }

  /** Newest first; filters: state, model, limit (a page). */
  async *jobs(filters: Record<string, string | number> = {}): AsyncGenerator<Job> {
    let cursor: string | null = null;
    do {
      const params: Record<string, string | number> = cursor === null ? filters : { ...filters, cursor };
      const page: { jobs: JobDocument[]; next_cursor: string | null } = await this.connection.json("jobs", { params });
      for (const one of page.jobs) yield new Job(this, one);
      cursor = page.next_cursor;
    } while (cursor !== null);
  }

  /** What can be asked for: limits, licence, defaults, schema of the parameters. */
  async models(): Promise<Model[]> {
    return (await this.connection.json<{ data: Model[] }>("v1/models")).data;
  }

  /** A sound file becomes an artifact that requests may listen to. A path needs Node, Deno or Bun. */
  async upload(file: Blob | string): Promise<Upload> {
    const body = await blobOf(file);
    return this.connection.json("artifacts", { method: "POST", headers: SOUND, body });
  }

  /** Where a file comes from: the verdict and each check. */
  async verify(
    file: Blob | string,
    beside: { receipt?: Blob | string; credentials?: Blob | string } = {},
  ): Promise<VerifyReport> {
    if (!beside.receipt && !beside.credentials) {
      const body = await blobOf(file);
      return this.connection.json("verify", { method: "POST", headers: SOUND, body });
    }
    const form = new FormData();
    form.set("file", await blobOf(file), "file");
    if (beside.receipt) form.set("receipt", await blobOf(beside.receipt), "receipt");
    if (beside.credentials) form.set("credentials", await blobOf(beside.credentials), "credentials");
    return this.connection.json("verify", { method: "POST", body: form });
  }
}

/** A job of the service; `now` is what was last known of it. */
export class Job {
  constructor(
    private readonly client: Client,
    public now: JobDocument,
  ) {}

  get id(): string {
    return this.now.id;
  }

  get status(): JobDocument["status"] {
    return this.now.status;
  }

  get outputs(): Output[] {
    return this.now.outputs;
  }

  /** What is known of it now; or as soon as it is final, within `hold` seconds (up to 60). */
  async refresh(hold = 0): Promise<this> {
    this.now = await this.client.connection.json(this.now.urls.self, hold ? { params: { wait: hold } } : {});
    return this;
  }

  /** Until it has its song. Throws its failure, or JobNotFinished after the limit: it goes on then. */
  async wait(limit = 600, signal?: AbortSignal): Promise<this> {
    const until = performance.now() + limit * 1000;
    while (!isFinal(this.now)) {
      const left = (until - performance.now()) / 1000;
      if (left <= 0) {
        const error = new JobNotFinished(`${this.id} is ${this.status} after ${limit} s`);
        error.suggestion = "wait again: the job goes on";
        throw error;
      }
      const params = { wait: Math.max(1, Math.min(HOLD_S, Math.floor(left))) };
      this.now = await this.client.connection.json(this.now.urls.self, { params, signal });
    }
    const failure = failureOf(this.now);
    if (failure) throw failure;
    return this;
  }

  async cancel(): Promise<this> {
    this.now = await this.client.connection.json(this.now.urls.cancel, { method: "POST" });
    return this;
  }

  /** Remove the record and its files. */
  async delete(): Promise<void> {
    await this.client.connection.ask(this.now.urls.self, { method: "DELETE" });
  }

  /** From the first to `completed`; a connection that breaks is taken up where it broke. */
  async *events(signal?: AbortSignal): AsyncGenerator<JobEvent> {
    const reader = new EventReader();
    const { connection } = this.client;
    for (let broken = 0; ; ) {
      try {
        const answer = await connection.ask(this.now.urls.events, { headers: reader.headers, signal, endless: true });
        if (answer.status === 204) return;
        for await (const chunk of textOf(answer)) {
          for (const event of reader.feed(chunk)) {
            broken = 0;
            yield event;
            if (event.kind === "completed") return;
          }
        }
      } catch (fault) {
        signal?.throwIfAborted();
        if (fault instanceof MuscgenError) throw fault;
        broken += 1;
        if (broken > connection.retries.most) throw connection.away(fault);
      }
      reader.reset();
      await sleep(0.5, signal);
    }
  }

  /** The song's bytes while it is made, from its beginning; the file's, once it is done. */
  async stream(output = 0, format: Format = "wav", signal?: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const { connection } = this.client;
    const answer = await connection.ask(this.now.urls.audio, { params: { output, format }, signal, endless: true });
    if (!answer.body) throw await problemOf(answer);
    return answer.body;
  }

  /** The finished song's file, as the job asked for it or in another format. */
  async read(output = 0, format?: Format): Promise<Uint8Array<ArrayBuffer>> {
    const found = outputOf(this.now, output);
    const { connection } = this.client;
    if (format === undefined || format === this.now.request.output?.format) {
      const answer = await connection.ask(found.artifact.url);
      return checked(new Uint8Array(await answer.arrayBuffer()), found.artifact.sha256);
    }
    const answer = await connection.ask(found.stream_url, { params: { format } });
    return new Uint8Array(await answer.arrayBuffer());
  }

  /** The finished song as the file that the path's ending names; there when it is whole. */
  async save(path: string, output = 0): Promise<string> {
    await written(path, await this.read(output, formatOf(path)));
    return path;
  }

  /** One of the service's addresses, in full. */
  address(url: string): string {
    return this.client.connection.address(url).href;
  }
}

async function* textOf(answer: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const reader = answer.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    await reader.cancel();
  }
}

async function blobOf(file: Blob | string): Promise<Blob> {
  if (typeof file !== "string") return file;
  const { openAsBlob } = await import("node:fs");
  return openAsBlob(file);
}
