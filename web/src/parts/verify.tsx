import { signal } from "@preact/signals";
import * as api from "../api";
import type { Check, Problem } from "../types";
import { Said } from "./said";

interface Verdict {
  verdict: string;
  detail?: string;
  checks: Check[];
}

const verdict = signal<(Verdict & { file: string }) | null>(null);
const problem = signal<Problem | null>(null);
const looking = signal("");
const over = signal(false);

async function look(file: File): Promise<void> {
  problem.value = null;
  verdict.value = null;
  looking.value = file.name;
  try {
    verdict.value = { ...((await api.verify(file)) as unknown as Verdict), file: file.name };
  } catch (error) {
    if (!(error instanceof api.Refusal)) throw error;
    problem.value = error.problem;
  } finally {
    looking.value = "";
  }
}

/** Any file, ours or not: where does it come from? */
export function Verify() {
  return (
    <section
      id="verify"
      class={`card verify${over.value ? " over" : ""}`}
      aria-label="Verify a file"
      onDragOver={(event) => {
        event.preventDefault();
        over.value = true;
      }}
      onDragLeave={() => (over.value = false)}
      onDrop={(event) => {
        event.preventDefault();
        over.value = false;
        const file = event.dataTransfer?.files[0];
        if (file) void look(file);
      }}
    >
      <h2>Was it made here?</h2>
      <p class="small">Drop a sound file: its watermark and its content credentials are looked for. It is not kept.</p>
      <label>
        A file
        <input
          type="file"
          accept="audio/*"
          onChange={(event) => {
            const file = event.currentTarget.files?.[0];
            if (file) void look(file);
          }}
        />
      </label>
      <div role="status">
        {looking.value && <p>Looking at {looking.value} …</p>}
        {verdict.value && <Told told={verdict.value} />}
      </div>
      {problem.value && <Said problem={problem.value} />}
    </section>
  );
}

function Told({ told }: { told: Verdict & { file: string } }) {
  return (
    <>
      <p>
        <strong>
          {told.file}: {told.verdict.replaceAll("_", " ")}
        </strong>
        {told.detail && ` – ${told.detail}`}
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">Check</th>
            <th scope="col">Result</th>
            <th scope="col">What was found</th>
          </tr>
        </thead>
        <tbody>
          {told.checks.map((check) => (
            <tr key={check.name}>
              <th scope="row">{check.name}</th>
              <td>{check.result}</td>
              <td>{check.detail}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
