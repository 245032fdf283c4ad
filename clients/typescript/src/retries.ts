// When a request is sent again, and after how long.

export interface Retries {
  /** Tries after the first. */
  most: number;
  /** Seconds; a service that asks for a longer pause is not waited for. */
  longest: number;
}

export const USUAL: Retries = { most: 4, longest: 60 };
const AGAIN: readonly number[] = [429, 502, 503, 504];
const FIRST_S = 0.5;
const LONGEST_S = 8;

/** For an Idempotency-Key. crypto.randomUUID is missing in pages of plain http. */
export function anyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(16).padStart(8, "0")).join("");
}

/** Seconds until the next try; null where there is none. `answer` is null where there was no answer. */
export function pause(retries: Retries, tried: number, answer: Response | null): number | null {
  if (tried >= retries.most) return null;
  if (answer !== null) {
    if (!AGAIN.includes(answer.status)) return null;
    const wish = retryAfter(answer);
    if (wish !== null) return wish <= retries.longest ? wish : null;
  }
  // Clients that were cut off together come back apart.
  return Math.min(LONGEST_S, FIRST_S * 2 ** tried) * (0.5 + Math.random() / 2);
}

export function retryAfter(answer: Response): number | null {
  const text = answer.headers.get("retry-after");
  return text !== null && /^\d+$/.test(text) ? Number(text) : null;
}

/** Resolves after the time; rejects with the signal's reason as soon as it is aborted. */
export function sleep(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, seconds * 1000);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
