import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Refusal } from "../api";
import { mayBeMore, older, songs } from "../songs";
import type { Problem } from "../types";
import { Said } from "./said";
import { SongCard } from "./song";

/** The songs of this browser, and at a click those that the service keeps. */
export function History() {
  const problem = useSignal<Problem | null>(null);
  const more = async () => {
    problem.value = null;
    try {
      await older();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      problem.value = error.problem;
    }
  };
  useEffect(() => {
    if (songs.value.length === 0) void more();
  }, []);
  return (
    <>
      <h2>Songs</h2>
      {songs.value.length === 0 && <p class="small">None yet. The first takes a few seconds.</p>}
      {songs.value.map((song) => (
        <SongCard key={song.id} song={song} />
      ))}
      {problem.value && <Said problem={problem.value} />}
      {mayBeMore.value && (
        <button type="button" onClick={() => void more()}>
          Songs that the service keeps
        </button>
      )}
    </>
  );
}
