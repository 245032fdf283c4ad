// Light or dark: what was chosen here, else what the system is.

import { computed, effect, signal } from "@preact/signals";
import { kept } from "./remembered";

const system = matchMedia("(prefers-color-scheme: dark)");
const systemDark = signal(system.matches);
const chosen = kept<"" | "light" | "dark">("theme", "");

export const dark = computed(() => (chosen.value ? chosen.value === "dark" : systemDark.value));

export function turn(): void {
  chosen.value = dark.value ? "light" : "dark";
}

system.addEventListener("change", (event) => (systemDark.value = event.matches));
effect(() => {
  document.documentElement.dataset.theme = chosen.value;
});
