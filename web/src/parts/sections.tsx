import type { Section } from "../types";
import { clock } from "../words";
import { model, sections } from "../wish";

function change(index: number, part: Partial<Section>): void {
  sections.value = sections.value.map((section, i) => (i === index ? { ...section, ...part } : section));
}

function move(index: number, by: number): void {
  const list = [...sections.value];
  const [taken] = list.splice(index, 1);
  if (taken) list.splice(index + by, 0, taken);
  sections.value = list;
}

/** Prompts over time; the model's memory carries the music from one to the next. */
export function Sections() {
  const total = sections.value.reduce((sum, section) => sum + section.duration, 0);
  return (
    <fieldset>
      <legend>Sections, {clock(total)} together</legend>
      <ol class="sections">
        {sections.value.map((section, index) => (
          <li key={index}>
            <label>
              Prompt of section {index + 1}
              <input
                type="text"
                required
                maxLength={model.value?.limits.max_prompt_chars ?? 2000}
                value={section.prompt}
                onInput={(event) => change(index, { prompt: event.currentTarget.value })}
              />
            </label>
            <div class="row">
              <label>
                Seconds of section {index + 1}
                <input
                  type="number"
                  min={1}
                  max={model.value?.limits.max_duration ?? 600}
                  step="any"
                  required
                  value={section.duration}
                  onInput={(event) => {
                    const seconds = event.currentTarget.valueAsNumber;
                    if (seconds > 0) change(index, { duration: seconds });
                  }}
                />
              </label>
              <button type="button" aria-label={`Section ${index + 1} earlier`} disabled={index === 0} onClick={() => move(index, -1)}>
                ↑
              </button>
              <button
                type="button"
                aria-label={`Section ${index + 1} later`}
                disabled={index === sections.value.length - 1}
                onClick={() => move(index, 1)}
              >
                ↓
              </button>
              <button
                type="button"
                aria-label={`Remove section ${index + 1}`}
                disabled={sections.value.length === 1}
                onClick={() => (sections.value = sections.value.filter((_, i) => i !== index))}
              >
                ×
              </button>
            </div>
          </li>
        ))}
      </ol>
      <button type="button" onClick={() => (sections.value = [...sections.value, { prompt: sections.value.at(-1)?.prompt ?? "", duration: 10 }])}>
        Add a section
      </button>
    </fieldset>
  );
}
