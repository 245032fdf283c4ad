// The form: what the next song shall be. Each field is a signal; `wish()` is the request that they make.

import { computed, signal } from "@preact/signals";
import * as api from "./api";
import { kept } from "./remembered";
import type { Artifact, Model, Problem, Section, Wish } from "./types";
import { anyOf, dice, EXAMPLES } from "./words";

export interface Brought {
  name: string;
  artifact: Artifact;
  ours: boolean; // a song of this service, which needs no consent
}

export const MOST_SEED = 2 ** 32;
export const known = signal<readonly Model[]>([]);
export const preferred = signal(""); // the service's default model
export const modelId = kept("model", "");
export const prompt = signal(anyOf(EXAMPLES));
export const negative = signal("");
export const duration = kept("duration", 10);
export const variations = signal(1);
export const seed = signal(dice());
export const seedLocked = signal(false);
export const sampling = signal<Record<string, string>>({}); // only what was changed
export const inSections = signal(false);
export const sections = signal<readonly Section[]>([
  { prompt: "calm solo piano, slow, C minor", duration: 10 },
  { prompt: "epic cinematic brass and strings, C minor", duration: 10 },
]);
export const brought = signal<Brought | null>(null);
export const use = signal<"melody" | "continuation">("melody");
export const basis = signal("");
export const reference = signal("");
export const purpose = signal("");
export const refused = signal<Problem | null>(null);

export const model = computed(() => known.value.find((one) => one.id === (modelId.value || preferred.value)) ?? null);
export const soundUses = computed(() => {
  const modes = model.value?.modes ?? [];
  return (["melody", "continuation"] as const).filter((mode) => modes.includes(mode));
});

export async function learnModels(): Promise<void> {
  const found = await api.models();
  known.value = found.data;
  preferred.value = found.default;
  if (!found.data.some((one) => one.id === modelId.value)) modelId.value = found.default;
}

/** The request that the form stands for. */
export function wish(): Wish {
  const sound = brought.value;
  const made: Wish = { model: model.value?.id ?? modelId.value, n: variations.value, seed: seed.value };
  if (inSections.value) made.sections = [...sections.value];
  else {
    made.duration = duration.value;
    if (prompt.value.trim()) made.prompt = prompt.value.trim();
    else if (!sound) made.mode = "unconditional";
  }
  if (negative.value.trim()) made.negative_prompt = negative.value.trim();
  const changed = Object.entries(sampling.value).filter(([, value]) => value.trim() !== "");
  if (changed.length) made.sampling = Object.fromEntries(changed.map(([name, value]) => [name, Number(value)]));
  if (sound) hear(made, sound);
  if (purpose.value) made.rights = { ...made.rights, intended_use: purpose.value };
  return made;
}

function hear(made: Wish, sound: Brought): void {
  made.mode = use.value;
  const clip = { artifact_id: sound.artifact.id };
  made.conditioning = use.value === "melody" ? { melody: clip } : { prompt_audio: clip };
  if (!sound.ours && basis.value) {
    const consent = { basis: basis.value, ...(reference.value.trim() ? { reference: reference.value.trim() } : {}) };
    made.rights = { input_audio_consent: consent };
  }
}

export function rollSeed(): void {
  seed.value = dice();
}
