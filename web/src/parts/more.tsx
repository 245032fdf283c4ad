import * as form from "../wish";
import type { Sampling } from "../types";

const FIELDS: readonly { name: keyof Sampling; label: string; min: number; max: number; step: string }[] = [
  { name: "temperature", label: "Temperature", min: 0.01, max: 5, step: "any" },
  { name: "top_k", label: "Top k (0: all)", min: 0, max: 2048, step: "1" },
  { name: "top_p", label: "Top p (0: off)", min: 0, max: 1, step: "any" },
  { name: "guidance_scale", label: "Guidance (1: none)", min: 1, max: 20, step: "any" },
];

/** What most people leave as it is. */
export function More() {
  const model = form.model.value;
  return (
    <details>
      <summary>More</summary>
      <div class="grid">
        {FIELDS.map((field) => (
          <label key={field.name}>
            {field.label}
            <input
              type="number"
              min={field.min}
              max={field.max}
              step={field.step}
              placeholder={model ? String(model.sampling[field.name]) : ""}
              value={form.sampling.value[field.name] ?? ""}
              onInput={(event) => (form.sampling.value = { ...form.sampling.value, [field.name]: event.currentTarget.value })}
            />
          </label>
        ))}
        <label>
          Variations
          <input
            type="number"
            min={1}
            max={model?.limits.max_outputs ?? 8}
            required
            value={form.variations.value}
            onInput={(event) => {
              const count = event.currentTarget.valueAsNumber;
              if (Number.isInteger(count)) form.variations.value = count;
            }}
          />
        </label>
        <label>
          What it is for
          <select value={form.purpose.value} onChange={(event) => (form.purpose.value = event.currentTarget.value)}>
            <option value="">what this service is for</option>
            <option value="research">research</option>
            <option value="noncommercial">noncommercial</option>
            <option value="commercial">commercial</option>
          </select>
        </label>
      </div>
      <label>
        Not this (negative prompt)
        <input type="text" maxLength={2000} value={form.negative.value} onInput={(event) => (form.negative.value = event.currentTarget.value)} />
      </label>
    </details>
  );
}
