// The client against a running service: MUSCGEN_URL, which asks for the key MUSCGEN_KEY.

import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { Cancelled, Client, InvalidRequest, JobNotFinished, JobNotFound, MuscgenError, Rejected } from "../src/index.js";
import { QueueFull, Unauthorized, Unavailable } from "../src/index.js";
import type { JobEvent } from "../src/index.js";

const url = process.env["MUSCGEN_URL"] ?? "";
const key = process.env["MUSCGEN_KEY"] ?? "";
const QUICK = { prompt: "lofi hip hop", duration: 1, seed: 7 };
const LONG = { prompt: "techno", duration: 300 };
const NONE = { most: 0 };

async function fault<T extends Error>(kind: new (detail: string) => T, work: Promise<unknown>): Promise<T> {
  let found: unknown = null;
  try {
    await work;
  } catch (error) {
    found = error;
  }
  assert.ok(found instanceof kind, `expected ${kind.name}, got ${String(found)}`);
  return found;
}

/** A server of our own, for answers that a healthy service does not give. */
async function answering(listener: RequestListener, work: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe("a client of a service", () => {
  const client = new Client(url, { key });
  let folder = "";

  before(async () => {
    assert.ok(url, "MUSCGEN_URL is the address of a running service");
    folder = await mkdtemp(join(tmpdir(), "muscgen-"));
  });
  after(() => rm(folder, { recursive: true }));

  it("makes a song and saves it in any format", async () => {
    const job = await client.generate(QUICK);
    assert.equal(job.status, "succeeded");
    await job.save(join(folder, "song.wav"));
    await job.save(join(folder, "song.flac"));
    assert.equal((await readFile(join(folder, "song.wav"))).subarray(0, 4).toString(), "RIFF");
    assert.equal((await readFile(join(folder, "song.flac"))).subarray(0, 4).toString(), "fLaC");
    assert.deepEqual((await readdir(folder)).sort(), ["song.flac", "song.wav"]);
  });

  it("works in pages of plain http, which have less of crypto", async () => {
    const whole = globalThis.crypto;
    const less = { getRandomValues: whole.getRandomValues.bind(whole) };
    Object.defineProperty(globalThis, "crypto", { value: less, configurable: true });
    try {
      const job = await client.generate(QUICK);
      assert.equal(new TextDecoder().decode((await job.read()).subarray(0, 4)), "RIFF");
      assert.equal((await job.refresh(1)).status, "succeeded");
    } finally {
      Object.defineProperty(globalThis, "crypto", { value: whole, configurable: true });
    }
  });

  it("follows a job from its first event to its last", async () => {
    const job = await client.submit({ ...QUICK, duration: 8, seed: 8 });
    const events: JobEvent[] = [];
    for await (const event of job.events()) events.push(event);
    const kinds = events.map((event) => event.kind);
    assert.equal(kinds[0], "queued");
    assert.equal(kinds.at(-1), "completed");
    assert.ok(kinds.includes("progress"));
    assert.equal((await job.refresh()).status, "succeeded");
  });

  it("hears a song while it is made", async () => {
    const job = await client.submit({ ...QUICK, duration: 20, seed: 9 });
    let bytes = 0;
    let begun = "";
    for await (const chunk of await job.stream(0, "wav")) {
      begun ||= (await job.refresh()).status;
      bytes += chunk.length;
    }
    assert.equal(begun, "running");
    assert.equal(bytes, 44 + 20 * 32_000 * 2);
  });

  it("cancels a job, whose song is then none", async () => {
    const job = await client.submit(LONG);
    await job.cancel();
    await fault(Cancelled, job.wait(60));
  });

  it("leaves a job that takes longer than one waits", async () => {
    const job = await client.submit(LONG);
    const error = await fault(JobNotFinished, job.wait(0.1));
    assert.equal(error.retryable, true);
    await job.cancel();
  });

  it("finds jobs again, and removes them", async () => {
    const job = await client.generate({ ...QUICK, seed: 10 });
    assert.equal((await client.job(job.id)).status, "succeeded");
    const ids: string[] = [];
    for await (const one of client.jobs({ limit: 1 })) ids.push(one.id);
    assert.ok(ids.includes(job.id));
    await job.delete();
    await fault(MuscgenError, client.job(job.id));
  });

  it("is one job under one idempotency key", async () => {
    const options = { idempotencyKey: crypto.randomUUID() };
    const [one, two] = await Promise.all([client.submit(QUICK, options), client.submit(QUICK, options)]);
    assert.equal(one.id, two.id);
  });

  it("brings a sound and verifies a file", async () => {
    const job = await client.generate({ ...QUICK, duration: 6, seed: 11, output: { format: "mp3" } });
    const path = await job.save(join(folder, "marked.mp3"));
    assert.equal((await client.verify(path)).verdict, "genuine");
    const upload = await client.upload(new Blob([await job.read()]));
    assert.equal(upload.sha256, job.outputs[0]?.artifact.sha256);
    const receipt = await (await fetch(job.address(`/artifacts/${upload.id}/receipt`), { headers: { Authorization: `Bearer ${key}` } })).blob();
    const report = await client.verify(path, { receipt });
    assert.equal(report.checks.find((check) => check.name === "receipt")?.result, "matches");
  });

  it("knows the models with their licences", async () => {
    const models = await client.models();
    assert.equal(models.find((model) => model.id === "muscgen-tiny")?.license, "Apache-2.0");
  });

  it("throws the service's own errors", async () => {
    const long = await fault(InvalidRequest, client.submit({ prompt: "x", duration: 9_000 }));
    assert.equal(long.param, "duration");
    assert.ok(long instanceof Rejected);
    assert.ok(long.requestId);
    await fault(JobNotFound, client.job("job_0"));
    await fault(Unauthorized, new Client(url, { key: "wrong" }).models());
    const path = await fault(InvalidRequest, (await client.generate(QUICK)).save(join(folder, "song.txt")));
    assert.equal(path.suggestion, "wav, flac, mp3, ogg, opus");
  });

  it("lets go of what is aborted", async () => {
    const job = await client.submit(LONG);
    const reason = new Error("enough");
    const stop = new AbortController();
    setTimeout(() => stop.abort(reason), 200);
    await assert.rejects(job.wait(60, stop.signal), (error) => error === reason);
    await job.cancel();
  });
});

describe("a client of a service in trouble", () => {
  it("tries again where that helps, with one and the same key", async () => {
    const keys: unknown[] = [];
    const busy: RequestListener = (request, response) => {
      keys.push(request.headers["idempotency-key"]);
      const done = keys.length === 3;
      response.writeHead(done ? 202 : 429, { "Retry-After": "0", "Content-Type": "application/json" });
      response.end(JSON.stringify(done ? { id: "job_1", status: "queued" } : { code: "queue_full", detail: "full" }));
    };
    await answering(busy, async (there) => {
      assert.equal((await new Client(there).submit(QUICK)).id, "job_1");
    });
    assert.equal(keys.length, 3);
    assert.equal(new Set(keys).size, 1);
  });

  it("says how long to stay away where it is not waited for", async () => {
    const busy: RequestListener = (_, response) => {
      response.writeHead(429, { "Retry-After": "7", "X-Request-Id": "r1" });
      response.end(JSON.stringify({ code: "queue_full", detail: "1000 jobs wait", retryable: true }));
    };
    await answering(busy, async (there) => {
      const error = await fault(QueueFull, new Client(there, { retries: NONE }).submit(QUICK));
      assert.deepEqual([error.retryAfter, error.requestId, error.retryable], [7, "r1", true]);
    });
  });

  it("takes a stream of events up where it broke", async () => {
    const asked: unknown[] = [];
    const frame = (id: number, kind: string): string => `id: ${id}-0\nevent: ${kind}\ndata: {"n": ${id}}\n\n`;
    const breaking: RequestListener = (request, response) => {
      if (request.url === "/jobs/job_1") {
        response.end(JSON.stringify({ id: "job_1", status: "running", urls: { events: "/jobs/job_1/events" } }));
        return;
      }
      asked.push(request.headers["last-event-id"]);
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      if (asked.length === 1) {
        response.write(`: hello\n\n${frame(1, "queued")}id: 2-0\nevent: prog`, () => response.destroy());
      } else {
        response.end(frame(2, "progress") + frame(3, "completed"));
      }
    };
    await answering(breaking, async (there) => {
      const kinds: string[] = [];
      for await (const event of (await new Client(there).job("job_1")).events()) kinds.push(event.kind);
      assert.deepEqual(kinds, ["queued", "progress", "completed"]);
    });
    assert.deepEqual(asked, [undefined, "1-0"]);
  });

  it("does not save a file that is not what the job says", async () => {
    const artifact = { url: "/artifacts/a", sha256: "0".repeat(64) };
    const job = { id: "job_1", status: "succeeded", request: { output: { format: "wav" } }, outputs: [{ index: 0, artifact }] };
    const lying: RequestListener = (request, response) =>
      void response.end(request.url === "/artifacts/a" ? "other" : JSON.stringify(job));
    await answering(lying, async (there) => {
      const folder = await mkdtemp(join(tmpdir(), "muscgen-"));
      await writeFile(join(folder, "song.wav"), "before");
      const error = await fault(MuscgenError, (await new Client(there).job("job_1")).save(join(folder, "song.wav")));
      assert.match(error.detail, /sha256/);
      assert.equal(await readFile(join(folder, "song.wav"), "utf8"), "before");
      assert.deepEqual(await readdir(folder), ["song.wav"]);
      await rm(folder, { recursive: true });
    });
  });

  it("says that nobody is there", async () => {
    const error = await fault(Unavailable, new Client("http://127.0.0.1:9", { retries: NONE }).models());
    assert.equal(error.suggestion, "is it running?");
    assert.throws(() => new Client("nowhere"), InvalidRequest);
  });
});
