// Words that the prompt helpers write, and what they find in a prompt.

export const EXAMPLES: readonly string[] = [
  "upbeat funk with slap bass and drums, 125 bpm, A minor",
  "sad violin over strings in D minor, slow",
  "lofi hip hop, mellow electric piano",
  "calm solo piano, slow, C minor",
  "driving techno, 125 bpm, F minor",
  "bossa nova with acoustic guitar and flute, 107 bpm, G major",
  "epic cinematic brass and strings, 94 bpm, E minor",
  "music box lullaby, gentle, F major, 68 bpm",
  "celtic dance with flute and harp, 125 bpm, D major",
  "chiptune, square lead, energetic, 150 bpm, C major",
  "jazz trio, saxophone over piano and walking bass, 107 bpm, B minor",
  "ambient synth pads, very slow, Db major, no drums",
];

export const TEMPI: readonly number[] = [62, 68, 75, 83, 94, 107, 125, 150];
export const KEYS: readonly string[] = ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
export const INSTRUMENTS: readonly string[] = [
  "piano", "electric piano", "acoustic guitar", "electric guitar", "violin", "strings", "flute", "clarinet",
  "saxophone", "trumpet", "brass", "harp", "marimba", "vibraphone", "music box", "organ", "choir", "synth lead",
  "synth pad", "drums",
];

const BPM = /\b(\d{2,3}(?:\.\d+)?)\s*bpm\b/i;
const KEY = /\b([A-G])([#b♯♭]?)\s*(major|minor)\b/;

export function tempoIn(prompt: string): number | null {
  const found = BPM.exec(prompt);
  return found ? Number(found[1]) : null;
}

export function keyIn(prompt: string): string | null {
  const found = KEY.exec(prompt);
  return found ? `${found[1]}${found[2]} ${found[3]}` : null;
}

/** The prompt with its tempo set, or without one. */
export function withTempo(prompt: string, bpm: string): string {
  return put(prompt, BPM, bpm && `${bpm} bpm`);
}

export function withKey(prompt: string, key: string): string {
  return put(prompt, KEY, key);
}

export function withInstrument(prompt: string, name: string): string {
  if (!name || new RegExp(`\\b${name}\\b`, "i").test(prompt)) return prompt;
  return prompt.trim() ? `${prompt.trim().replace(/,$/, "")}, ${name}` : name;
}

function put(prompt: string, pattern: RegExp, words: string): string {
  if (pattern.test(prompt)) {
    const left = prompt.replace(pattern, words);
    return words ? left : left.replace(/(,\s*)+(?=,|$)/g, "").replace(/^\s*,\s*/, "").trim();
  }
  if (!words) return prompt;
  return prompt.trim() ? `${prompt.trim().replace(/,$/, "")}, ${words}` : words;
}

export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function dice(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}

export function anyOf<T>(list: readonly T[]): T {
  return list[dice() % list.length] as T;
}
