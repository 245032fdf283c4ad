// What this browser keeps: the songs that were asked for here, a key, and a few habits.

import { effect, signal, type Signal } from "@preact/signals";
import type { Wish } from "./types";

export interface Entry {
  id: string;
  wish: Wish;
  created: number; // Unix milliseconds
}

const MOST = 100;
const HISTORY = "muscgen.history";

function read<T>(name: string, otherwise: T): T {
  try {
    const text = localStorage.getItem(name);
    return text === null ? otherwise : (JSON.parse(text) as T);
  } catch {
    return otherwise; // private windows may have no storage
  }
}

function write(name: string, value: unknown): void {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    return;
  }
}

/** A signal that outlives the page. */
export function kept<T>(name: string, otherwise: T): Signal<T> {
  const value = signal<T>(read(`muscgen.${name}`, otherwise));
  effect(() => write(`muscgen.${name}`, value.value));
  return value;
}

export const history = (): Entry[] => read<Entry[]>(HISTORY, []);

/** Another tab may have written meanwhile, so the list is read again before it is changed. */
export function remember(entry: Entry): void {
  write(HISTORY, [entry, ...history().filter((other) => other.id !== entry.id)].slice(0, MOST));
}

export function forget(id: string): void {
  write(HISTORY, history().filter((entry) => entry.id !== id));
}

/** forgotten: ids that another tab took out of the history; those that a full one let go are not. */
export function onOtherTab(changed: (forgotten: ReadonlySet<string>) => void): void {
  addEventListener("storage", (event) => {
    if (event.key !== HISTORY) return;
    const left = new Set(history().map((entry) => entry.id));
    const before = JSON.parse(event.oldValue ?? "[]") as Entry[];
    const gone = left.size < MOST ? before.map((entry) => entry.id).filter((id) => !left.has(id)) : [];
    changed(new Set(gone));
  });
}
