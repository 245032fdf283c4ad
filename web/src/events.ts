// Server-sent events through fetch, since EventSource can carry no API key. Reconnects with Last-Event-ID.

import { ask, passing, Refusal } from "./api";
import { pause } from "./words";

export interface ServiceEvent {
  id: string;
  kind: string;
  data: Record<string, unknown>;
}

const PAUSE_MS = 1000;

/** The events of a job until `completed`; a broken connection is taken up where it broke, and told by `away`. */
export async function* follow(path: string, signal: AbortSignal, away: (is: boolean) => void): AsyncGenerator<ServiceEvent> {
  let last = "";
  while (!signal.aborted) {
    try {
      const headers = new Headers({ Accept: "text/event-stream" });
      if (last) headers.set("Last-Event-ID", last);
      const answer = await ask(path, { headers, signal });
      away(false);
      if (answer.status === 204 || answer.body === null) return;
      for await (const event of parse(answer.body)) {
        last = event.id || last;
        yield event;
        if (event.kind === "completed") return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refusal && !passing(error)) throw error;
      away(true);
    }
    await pause(PAUSE_MS);
  }
}

async function* parse(body: ReadableStream<Uint8Array>): AsyncGenerator<ServiceEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const event = frame(text.slice(0, end));
        text = text.slice(end + 2);
        if (event) yield event;
      }
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}

function frame(text: string): ServiceEvent | null {
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trimStart());
  }
  const data = fields.get("data");
  if (data === undefined) return null;
  return { id: fields.get("id") ?? "", kind: fields.get("event") ?? "message", data: JSON.parse(data) };
}
