import { useSignal } from "@preact/signals";
import { Refusal } from "../api";
import { make, type Song } from "../songs";
import type { Problem, Wish } from "../types";
import { clock, dice } from "../words";
import { model } from "../wish";
import { Live } from "./live";
import { Player } from "./player";
import { Said } from "./said";

const LONGER_S = 10;
const MINUTES_FROM_S = 120;

/** The request again with another seed: another song of the same kind. */
function varied(wish: Wish): Wish {
  return { ...wish, seed: dice() };
}

/** The same seed and more seconds: songs follow from their seeds, so it begins as this one and goes on. */
function longer(wish: Wish, durationS: number): Wish {
  if (!wish.sections?.length) return { ...wish, duration: durationS + LONGER_S };
  const { duration: _, ...rest } = wish; // what the service tells of a song says both; asked for, it is the sections' sum
  const sections = wish.sections.map((section, i) =>
    i + 1 === wish.sections?.length ? { ...section, duration: section.duration + LONGER_S } : section,
  );
  return { ...rest, sections };
}

export function SongCard({ song }: { song: Song }) {
  const job = song.job.value;
  const refused = useSignal<Problem | null>(null);
  const act = async (work: () => Promise<unknown>) => {
    refused.value = null;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refused.value = error.problem;
    }
  };
  const lengthS = job?.request.duration ?? song.wish.duration ?? 0;
  const most = model.value?.limits.max_duration ?? 600;
  return (
    <article class="card song" aria-label={song.title} data-status={job?.status}>
      <header>
        <h3>{song.title}</h3>
        <p class="small">
          {job?.model.id ?? song.wish.model} · {clock(lengthS)} · seed {job?.request.seed ?? song.wish.seed} ·{" "}
          <time dateTime={new Date(song.created).toISOString()}>{new Date(song.created).toLocaleString()}</time>
          {job && job.cache !== "miss" && ` · ${job.cache === "hit" ? "already made" : "made together with an equal one"}`}
        </p>
      </header>
      {song.gone.value && <p class="small">The service no longer keeps it. “Again” makes it anew: the same seed is the same song.</p>}
      {song.making.value && <Making song={song} cancel={() => void act(() => song.cancel())} />}
      {job?.status === "cancelled" && <p>Cancelled.</p>}
      {(job?.error ?? song.problem.value) && job?.status !== "cancelled" && <Said problem={(job?.error ?? song.problem.value) as Problem} />}
      {job?.warnings.map((warning) => (
        <p class="small warning" key={String(warning)}>
          {String(warning)}
        </p>
      ))}
      {job?.status === "succeeded" &&
        job.outputs.map((output) => <Player key={output.index} song={song} job={job} output={output} />)}
      {refused.value && <Said problem={refused.value} />}
      <div class="row actions">
        <button type="button" disabled={lengthS + LONGER_S > most} onClick={() => void act(() => make(longer(song.wish, lengthS)))}>
          Make it longer
        </button>
        <button type="button" onClick={() => void act(() => make(varied(song.wish)))}>
          Vary
        </button>
        {song.gone.value && (
          <button type="button" onClick={() => void act(() => make(song.wish))}>
            Again
          </button>
        )}
        <button type="button" class="quiet" onClick={() => void act(() => song.remove())}>
          Delete
        </button>
      </div>
    </article>
  );
}

function Making({ song, cancel }: { song: Song; cancel: () => void }) {
  const job = song.job.value;
  const progress = song.progress.value ?? job?.progress;
  const waits = job?.status === "queued";
  const words = song.away.value
    ? "The service does not answer; it is asked again"
    : waits
    ? `Waiting${job?.queue.position ? `, ${job.queue.position} before it` : ""}${eta(job?.queue.eta_seconds)}`
    : `${progress?.stage ?? "Beginning"}${eta(progress?.eta_seconds)}`;
  return (
    <>
      <div class="row">
        <progress aria-label={`Progress of ${song.title}`} max={1} value={progress?.fraction ?? 0} />
        <span class="small words">{words}</span>
        <button type="button" disabled={job?.cancel_requested ?? false} onClick={cancel}>
          Cancel
        </button>
      </div>
      {song.live.value && <Live song={song} live={song.live.value} />}
    </>
  );
}

function eta(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "";
  return seconds < MINUTES_FROM_S ? `, about ${Math.max(1, Math.round(seconds))} s` : `, about ${Math.round(seconds / 60)} min`;
}
