import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import * as api from "./api";
import { kept } from "./remembered";
import { Compare } from "./parts/compare";
import { Compose } from "./parts/compose";
import { History } from "./parts/history";
import { Said } from "./parts/said";
import { Verify } from "./parts/verify";
import { news, recall } from "./songs";
import { dark, turn } from "./theme";
import type { Problem } from "./types";
import { known, learnModels } from "./wish";

const key = kept("key", "");
const closed = signal<Problem | null>(null); // why the service shows nothing
const keyWanted = signal(false);

const AGAIN_MS = 3000;

async function open(): Promise<void> {
  api.useKey(key.value);
  try {
    await learnModels();
    closed.value = null;
    keyWanted.value = false;
    recall();
  } catch (error) {
    if (!(error instanceof api.Refusal)) throw error;
    closed.value = error.problem;
    keyWanted.value = keyWanted.value || [401, 403].includes(error.problem.status);
    if (api.passing(error)) setTimeout(() => void open(), AGAIN_MS);
  }
}

function Key() {
  return (
    <form
      class="key"
      onSubmit={(event) => {
        event.preventDefault();
        void open();
      }}
    >
      <label>
        API key
        <input
          type="password"
          autocomplete="off"
          value={key.value}
          onInput={(event) => (key.value = event.currentTarget.value)}
        />
      </label>
      <button type="submit">Use it</button>
    </form>
  );
}

function Theme() {
  return (
    <button type="button" class="quiet" aria-pressed={dark.value} onClick={turn}>
      Dark
    </button>
  );
}

export function App() {
  useEffect(() => void open(), []);
  return (
    <>
      <a class="skip" href="#songs">
        To the songs
      </a>
      <header>
        <h1>muscgen</h1>
        <p>Music from words.</p>
        <nav aria-label="Service">
          <a href="#verify">Verify a file</a>
          <a href="docs">API</a>
          <Theme />
        </nav>
      </header>
      {(keyWanted.value || key.value) && <Key />}
      {closed.value && <Said problem={closed.value} />}
      <p class="aside" role="status" aria-live="polite">
        {news.value}
      </p>
      <main>
        {known.value.length > 0 && <Compose />}
        <section id="songs" aria-label="Songs" tabIndex={-1}>
          {known.value.length > 0 && <History />}
          {known.value.length > 0 && <Verify />}
        </section>
      </main>
      <Compare />
    </>
  );
}
