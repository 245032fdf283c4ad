// How the service is reached: keys, retries, deadlines, and what it means when it does not answer.

import { InvalidRequest, Unavailable } from "./errors.js";
import { problemOf } from "./problems.js";
import { pause, sleep } from "./retries.js";
import type { Retries } from "./retries.js";

export interface Ask {
  method?: "GET" | "POST" | "DELETE";
  headers?: Record<string, string>;
  params?: Record<string, string | number>;
  body?: string | Blob | FormData;
  signal?: AbortSignal | undefined;
  /** A stream, which may take longer than one answer. */
  endless?: boolean;
}

export class Connection {
  readonly base: URL;

  constructor(
    url: string,
    private readonly key: string | null,
    readonly retries: Retries,
    private readonly timeout: number,
    private readonly fetch: typeof globalThis.fetch,
  ) {
    this.base = baseOf(url);
  }

  /** One of the service's addresses, in full. */
  address(url: string, params: Record<string, string | number> = {}): URL {
    const full = new URL(url, this.base);
    for (const [name, value] of Object.entries(params)) full.searchParams.set(name, String(value));
    return full;
  }

  /** The answer, sent again where that helps. Throws MuscgenError; what aborts the signal is thrown as it is. */
  async ask(url: string, ask: Ask = {}): Promise<Response> {
    for (let tried = 0; ; tried += 1) {
      const { answer, fault } = await this.try(url, ask);
      if (answer?.ok) return answer;
      const wait = pause(this.retries, tried, answer);
      if (wait === null) throw answer ? await problemOf(answer) : this.away(fault);
      await answer?.body?.cancel();
      await sleep(wait, ask.signal);
    }
  }

  async json<T>(url: string, ask: Ask = {}): Promise<T> {
    return (await (await this.ask(url, ask)).json()) as T;
  }

  away(fault: unknown): Unavailable {
    const cause = fault instanceof Error && fault.cause instanceof Error ? fault.cause : fault;
    const why = cause instanceof Error ? cause.message || cause.name : String(cause);
    const error = new Unavailable(`${this.base.href.replace(/\/$/, "")} did not answer: ${why}`);
    error.suggestion = "is it running?";
    error.cause = fault;
    return error;
  }

  private async try(url: string, ask: Ask): Promise<{ answer: Response | null; fault?: unknown }> {
    const headers = new Headers(ask.headers);
    const full = this.address(url, ask.params);
    // The key is the service's alone.
    if (this.key && full.origin === this.base.origin) headers.set("Authorization", `Bearer ${this.key}`);
    const limits = [ask.signal, ask.endless ? undefined : AbortSignal.timeout(this.timeout * 1000)];
    const signal = AbortSignal.any(limits.filter((limit) => limit !== undefined));
    try {
      return { answer: await this.fetch(full, { method: ask.method ?? "GET", headers, body: ask.body ?? null, signal }) };
    } catch (fault) {
      if (ask.signal?.aborted) throw ask.signal.reason;
      return { answer: null, fault };
    }
  }
}

function baseOf(url: string): URL {
  const error = new InvalidRequest(`${url} is no address`);
  error.param = "url";
  error.suggestion = "http://127.0.0.1:8000";
  let base: URL;
  try {
    base = new URL(url.replace(/\/+$/, "") + "/");
  } catch {
    throw error;
  }
  if (!["http:", "https:"].includes(base.protocol)) throw error;
  return base;
}
