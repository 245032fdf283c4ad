// Server-sent events, from chunks of text.

import type { JobEvent } from "./types.js";

/** Takes chunks and gives events; `last` is where a broken connection is taken up. */
export class EventReader {
  last = "";
  private rest = "";
  private fields: Record<string, string> = {};

  get headers(): Record<string, string> {
    const asked = { Accept: "text/event-stream" };
    return this.last ? { ...asked, "Last-Event-ID": this.last } : asked;
  }

  /** Forget what was begun: a new connection begins with a whole event. */
  reset(): void {
    this.rest = "";
    this.fields = {};
  }

  *feed(chunk: string): Generator<JobEvent> {
    const lines = (this.rest + chunk).split("\n");
    this.rest = lines.pop() ?? "";
    for (const line of lines) {
      const event = this.line(line.replace(/\r$/, ""));
      if (event) yield event;
    }
  }

  private line(line: string): JobEvent | null {
    if (line) {
      const at = line.indexOf(":");
      const name = at < 0 ? line : line.slice(0, at);
      // Without a name it is a comment, such as the heartbeat.
      if (name) this.fields[name] = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");
      return null;
    }
    const fields = this.fields;
    this.fields = {};
    if (fields["data"] === undefined) return null;
    this.last = fields["id"] ?? this.last;
    const payload = JSON.parse(fields["data"]) as Record<string, unknown>;
    return { id: fields["id"] ?? "", kind: fields["event"] ?? "message", payload };
  }
}
