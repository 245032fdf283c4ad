import { signal } from "@preact/signals";
import { Refusal } from "../api";
import { listening, make } from "../songs";
import { anyOf, clock, EXAMPLES, INSTRUMENTS, KEYS, keyIn, TEMPI, tempoIn, withInstrument, withKey, withTempo } from "../words";
import * as form from "../wish";
import { More } from "./more";
import { Said } from "./said";
import { Sections } from "./sections";
import { Sound } from "./sound";

const sending = signal(false);

async function send(event: Event): Promise<void> {
  event.preventDefault();
  sending.value = true;
  form.refused.value = null;
  try {
    await make(form.wish());
    if (!form.seedLocked.value) form.rollSeed();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    form.refused.value = error.problem;
  } finally {
    sending.value = false;
  }
}

export function Compose() {
  return (
    <form class="compose card" aria-label="A new song" onSubmit={send}>
      <Models />
      <label class="check">
        <input
          type="checkbox"
          checked={form.inSections.value}
          onChange={(event) => (form.inSections.value = event.currentTarget.checked)}
        />
        In sections, for a song that changes
      </label>
      {form.inSections.value ? <Sections /> : <Prompt />}
      <div class="row">
        {!form.inSections.value && <Duration />}
        <Seed />
      </div>
      <Sound />
      <More />
      {form.refused.value && <Said problem={form.refused.value} />}
      <button type="submit" class="main" disabled={sending.value}>
        {sending.value ? "Asking …" : "Make music"}
      </button>
      <label class="check">
        <input
          type="checkbox"
          checked={listening.value}
          onChange={(event) => (listening.value = event.currentTarget.checked)}
        />
        Play it while it is made
      </label>
    </form>
  );
}

function Models() {
  const model = form.model.value;
  return (
    <div>
      <label>
        Model
        <select value={model?.id ?? ""} onChange={(event) => (form.modelId.value = event.currentTarget.value)}>
          {form.known.value.map((one) => (
            <option key={one.id} value={one.id}>
              {one.id} · {one.license}
            </option>
          ))}
        </select>
      </label>
      {model && (
        <p class="small">
          {model.description} Up to {clock(model.limits.max_duration)}; {model.modes.join(", ")};{" "}
          {model.channels === 1 ? "mono" : "stereo"}.{" "}
          <a href={model.license_url} rel="noreferrer" target="_blank">
            {model.license}
          </a>
          {model.rights.usable ? "." : `: ${model.rights.why_not}`}
        </p>
      )}
    </div>
  );
}

function Prompt() {
  const words = form.prompt.value;
  const set = (value: string) => (form.prompt.value = value);
  return (
    <fieldset>
      <legend>What shall it sound like?</legend>
      <label>
        Prompt
        <textarea
          id="prompt"
          rows={3}
          maxLength={form.model.value?.limits.max_prompt_chars ?? 2000}
          value={words}
          onInput={(event) => set(event.currentTarget.value)}
        />
      </label>
      <div class="row helpers">
        <Choice label="Tempo" value={String(tempoIn(words) ?? "")} all={TEMPI.map(String)} pick={(bpm) => set(withTempo(words, bpm))} />
        <Choice label="Key" value={keyIn(words) ?? ""} all={KEYS.flatMap((key) => [`${key} major`, `${key} minor`])} pick={(key) => set(withKey(words, key))} />
        <Choice label="Add instrument" value="" all={INSTRUMENTS} pick={(name) => set(withInstrument(words, name))} />
      </div>
      <div class="row">
        <Choice label="Examples" value="" all={EXAMPLES} pick={(example) => example && set(example)} />
        <button type="button" onClick={() => set(anyOf(EXAMPLES))}>
          Surprise me
        </button>
      </div>
    </fieldset>
  );
}

function Choice(props: { label: string; value: string; all: readonly string[]; pick: (value: string) => void }) {
  const listed = props.value === "" || props.all.includes(props.value);
  return (
    <label>
      {props.label}
      <select value={props.value} onChange={(event) => props.pick(event.currentTarget.value)}>
        <option value="">…</option>
        {!listed && <option value={props.value}>{props.value}</option>}
        {props.all.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
    </label>
  );
}

function Duration() {
  const most = form.model.value?.limits.max_duration ?? 600;
  const set = (event: { currentTarget: HTMLInputElement }) => {
    const seconds = event.currentTarget.valueAsNumber;
    if (Number.isFinite(seconds)) form.duration.value = seconds;
  };
  return (
    <label>
      Seconds
      <span class="pair">
        <input type="range" aria-label="Seconds, roughly" min={2} max={Math.min(most, 120)} step={1} value={form.duration.value} onInput={set} />
        <input type="number" aria-label="Seconds" min={1} max={most} step="any" required value={form.duration.value} onInput={set} />
      </span>
    </label>
  );
}

function Seed() {
  return (
    <label>
      Seed
      <span class="pair">
        <input
          type="number"
          aria-label="Seed"
          min={0}
          max={Number.MAX_SAFE_INTEGER}
          step={1}
          required
          value={form.seed.value}
          onInput={(event) => {
            const value = event.currentTarget.valueAsNumber;
            if (Number.isInteger(value)) form.seed.value = value;
          }}
        />
        <button type="button" onClick={form.rollSeed}>
          Dice
        </button>
        <button
          type="button"
          aria-pressed={form.seedLocked.value}
          onClick={() => (form.seedLocked.value = !form.seedLocked.value)}
        >
          Lock
        </button>
      </span>
    </label>
  );
}
