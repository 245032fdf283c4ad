import { signal } from "@preact/signals";
import * as api from "../api";
import { Recording } from "../record";
import { clock } from "../words";
import * as form from "../wish";
import type { Problem } from "../types";
import { Said } from "./said";

const recording = signal<Recording | null>(null);
const uploading = signal(false);
const problem = signal<Problem | null>(null);

async function bring(name: string, file: Blob): Promise<void> {
  uploading.value = true;
  problem.value = null;
  try {
    form.brought.value = { name, artifact: await api.upload(file), ours: false };
  } catch (error) {
    if (!(error instanceof api.Refusal)) throw error;
    problem.value = error.problem;
  } finally {
    uploading.value = false;
  }
}

async function record(): Promise<void> {
  const running = recording.value;
  problem.value = null;
  try {
    if (!running) {
      recording.value = await Recording.begin();
      return;
    }
    recording.value = null;
    await bring("recording", await running.finish());
  } catch (error) {
    recording.value = null;
    const detail = error instanceof Error ? error.message : String(error);
    problem.value = { title: "No recording", status: 0, code: "microphone", detail: `The microphone gave no sound: ${detail}` };
  }
}

/** A melody to follow or a clip to go on from, with the question by what right. */
export function Sound() {
  const uses = form.soundUses.value;
  const sound = form.brought.value;
  if (!uses.length) return null;
  if (!uses.includes(form.use.value)) form.use.value = uses[0] ?? "continuation";
  return (
    <details open={sound !== null || recording.value !== null || uploading.value}>
      <summary>Start from a sound</summary>
      {sound ? <Brought uses={uses} /> : <Bring />}
      {uploading.value && <p role="status">Uploading …</p>}
      {problem.value && <Said problem={problem.value} />}
    </details>
  );
}

function Bring() {
  return (
    <div class="row">
      <label>
        A file
        <input
          type="file"
          accept="audio/*"
          onChange={(event) => {
            const file = event.currentTarget.files?.[0];
            if (file) void bring(file.name, file);
          }}
        />
      </label>
      <button type="button" aria-pressed={recording.value !== null} onClick={() => void record()}>
        {recording.value ? "Stop and use it" : "Record"}
      </button>
    </div>
  );
}

function Brought({ uses }: { uses: readonly ("melody" | "continuation")[] }) {
  const sound = form.brought.value;
  if (!sound) return null;
  return (
    <>
      <p>
        {sound.name}, {clock(sound.artifact.duration)}{" "}
        <button type="button" onClick={() => (form.brought.value = null)}>
          Without it
        </button>
      </p>
      <label>
        Use it as
        <select value={form.use.value} onChange={(event) => (form.use.value = event.currentTarget.value as "melody")}>
          {uses.map((use) => (
            <option key={use} value={use}>
              {use === "melody" ? "a melody to follow" : "the beginning, to go on from"}
            </option>
          ))}
        </select>
      </label>
      {!sound.ours && <Consent />}
    </>
  );
}

function Consent() {
  return (
    <fieldset>
      <legend>By what right do you use this sound?</legend>
      <div class="row">
        <label>
          Right
          <select required value={form.basis.value} onChange={(event) => (form.basis.value = event.currentTarget.value)}>
            <option value="">choose …</option>
            <option value="own">it is mine</option>
            <option value="licensed">I have a licence</option>
            <option value="public_domain">it is in the public domain</option>
            <option value="cc">Creative Commons</option>
          </select>
        </label>
        <label>
          Reference (a contract, a licence, an address)
          <input type="text" maxLength={500} value={form.reference.value} onInput={(event) => (form.reference.value = event.currentTarget.value)} />
        </label>
      </div>
    </fieldset>
  );
}
