import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { takeTheStage } from "../stage";

type Side = "A" | "B";

export interface Choice {
  title: string;
  url: string;
  file: Blob;
}

export const chosen = signal<{ A: Choice | null; B: Choice | null }>({ A: null, B: null });
const heard = signal<Side>("A");
const running = signal<Pair | null>(null);

export function choose(side: Side, choice: Choice): void {
  stop();
  chosen.value = { ...chosen.value, [side]: choice };
}

function stop(): void {
  running.value?.stop();
  running.value = null;
}

/** Two songs that run together, of which one is heard: changing over loses no time. */
class Pair {
  private readonly context = new AudioContext();
  private readonly gains: Record<Side, GainNode> = { A: this.context.createGain(), B: this.context.createGain() };

  async play(files: Record<Side, Blob>, side: Side): Promise<void> {
    const decoded = await Promise.all(
      (["A", "B"] as const).map(async (name) => this.context.decodeAudioData(await files[name].arrayBuffer())),
    );
    const begin = this.context.currentTime + 0.05;
    (["A", "B"] as const).forEach((name, i) => {
      const source = new AudioBufferSourceNode(this.context, { buffer: decoded[i] ?? null, loop: true });
      source.connect(this.gains[name]).connect(this.context.destination);
      source.start(begin);
    });
    this.hear(side);
  }

  hear(side: Side): void {
    this.gains.A.gain.value = side === "A" ? 1 : 0;
    this.gains.B.gain.value = side === "B" ? 1 : 0;
  }

  stop(): void {
    void this.context.close();
  }
}

/** A bar at the foot of the page, once there are two to compare. */
export function Compare() {
  const { A, B } = chosen.value;
  useEffect(() => stop, []);
  if (!A && !B) return null;
  const change = (side: Side) => {
    heard.value = side;
    running.value?.hear(side);
  };
  const play = () => {
    if (!A || !B) return;
    takeTheStage(stop);
    const pair = new Pair();
    running.value = pair;
    void pair.play({ A: A.file, B: B.file }, heard.value);
  };
  const clear = () => {
    stop();
    chosen.value = { A: null, B: null };
  };
  return (
    <aside class="compare" aria-label="Compare two songs">
      {(["A", "B"] as const).map((side) => (
        <button key={side} type="button" aria-pressed={heard.value === side} disabled={!chosen.value[side]} onClick={() => change(side)}>
          <b>{side}</b> {chosen.value[side]?.title ?? "choose one"}
        </button>
      ))}
      <button type="button" class="main" disabled={!A || !B} onClick={() => (running.value ? stop() : play())}>
        {running.value ? "Stop" : "Play both, hear one"}
      </button>
      <button type="button" class="quiet" onClick={clear}>
        Close
      </button>
    </aside>
  );
}
