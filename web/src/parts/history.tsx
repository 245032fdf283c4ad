import { useEffect } from "preact/hooks";
import { mayBeMore, older, songs } from "../songs";
import { SongCard } from "./song";

/** The songs of this browser, and at a click those that the service keeps. */
export function History() {
  useEffect(() => {
    if (songs.value.length === 0) void older();
  }, []);
  return (
    <>
      <h2>Songs</h2>
      {songs.value.length === 0 && <p class="small">None yet. The first takes a few seconds.</p>}
      {songs.value.map((song) => (
        <SongCard key={song.id} song={song} />
      ))}
      {mayBeMore.value && (
        <button type="button" onClick={() => void older()}>
          Songs that the service keeps
        </button>
      )}
    </>
  );
}
