import { useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import WaveSurfer from "wavesurfer.js";
import Regions, { type Region } from "wavesurfer.js/dist/plugins/regions.esm.js";
import { Refusal, sound } from "../api";
import type { Song } from "../songs";
import { takeTheStage } from "../stage";
import { dark } from "../theme";
import { FORMATS, type Job, type Output, type Problem } from "../types";
import { clock } from "../words";
import * as form from "../wish";
import { choose, chosen } from "./compare";
import { Facts } from "./facts";
import { Said } from "./said";
import { Spectrogram } from "./spectrogram";

const NONCE = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";

/** One finished output: hear, seek, loop, look, take home. */
export function Player({ song, job, output }: { song: Song; job: Job; output: Output }) {
  const place = useRef<HTMLDivElement>(null);
  const waves = useRef<WaveSurfer | null>(null);
  const loop = useRef<Region | null>(null);
  const at = useSignal(0);
  const playing = useSignal(false);
  const ready = useSignal(false);
  const looping = useSignal(false);
  const file = useSignal<Blob | null>(null);
  const problem = useSignal<Problem | null>(null);
  const seen = useSeen(place);
  const lengthS = output.artifact.duration;

  useEffect(() => {
    if (!place.current || !seen) return;
    const style = getComputedStyle(place.current);
    const regions = Regions.create();
    const player = WaveSurfer.create({
      container: place.current,
      height: 72,
      ...coloursOf(place.current),
      cspNonce: NONCE,
      plugins: [regions],
    });
    waves.current = player;
    player.on("timeupdate", (time) => (at.value = time));
    const hush = () => player.pause();
    player.on("play", () => {
      takeTheStage(hush);
      playing.value = true;
    });
    player.on("pause", () => (playing.value = false));
    regions.enableDragSelection({ color: style.getPropertyValue("--region") });
    regions.on("region-created", (region) => {
      loop.current?.remove();
      loop.current = region;
      looping.value = true;
      player.setTime(region.start);
    });
    regions.on("region-out", (region) => {
      if (loop.current === region && player.isPlaying()) void region.play();
    });
    player.on("finish", () => {
      if (looping.value) void player.play();
    });
    void fetchInto(player);
    return () => player.destroy();
  }, [output.artifact.id, seen]);
  useEffect(() => {
    if (place.current) waves.current?.setOptions(coloursOf(place.current));
  }, [dark.value]);

  async function fetchInto(player: WaveSurfer): Promise<void> {
    try {
      file.value = await sound(output.artifact.url);
      await player.loadBlob(file.value);
      ready.value = true;
      takeOver(player);
    } catch (error) {
      if (error instanceof Refusal) problem.value = error.problem;
    }
  }

  /** Goes on where the live sound is, now that the file is there. */
  function takeOver(player: WaveSurfer): void {
    const live = output.index === 0 ? song.live.value : null;
    if (!live) return;
    if (live.audible) {
      player.setTime(live.positionS);
      if (live.positionS < lengthS - 0.5) void player.play().catch(() => undefined);
    }
    song.hush();
  }

  function toggleLoop(): void {
    looping.value = !looping.value;
    if (!looping.value) {
      loop.current?.remove();
      loop.current = null;
    }
  }

  async function download(format: string): Promise<void> {
    problem.value = null;
    try {
      const same = format === (job.request.output as { format?: string } | undefined)?.format;
      const query = `${output.stream_url.includes("?") ? "&" : "?"}format=${format}`;
      save(await sound(same ? output.artifact.url : output.stream_url + query), `${nameOf(song)}.${format}`);
    } catch (error) {
      if (error instanceof Refusal) problem.value = error.problem;
    }
  }

  const name = `${song.title}${job.outputs.length > 1 ? `, variation ${output.index + 1}` : ""}`;
  return (
    <div class="player" role="group" aria-label={`Player of ${name}`}>
      {job.outputs.length > 1 && (
        <h4>
          Variation {output.index + 1} <span class="small">seed {output.seed}</span>
        </h4>
      )}
      <div class="waves" ref={place} />
      <div class="row">
        <button
          type="button"
          class="main"
          aria-label={playing.value ? "Pause" : "Play"}
          disabled={!ready.value}
          onClick={() => void waves.current?.playPause()}
        >
          {playing.value ? "❚❚" : "►"}
        </button>
        <label class="seek">
          <span class="hidden">Position</span>
          <input
            type="range"
            disabled={!ready.value}
            min={0}
            max={lengthS}
            step={0.1}
            value={at.value}
            aria-valuetext={`${clock(at.value)} of ${clock(lengthS)}`}
            onInput={(event) => waves.current?.setTime(event.currentTarget.valueAsNumber)}
          />
        </label>
        <span class="small time">
          {clock(at.value)} / {clock(lengthS)}
        </span>
        <button type="button" aria-pressed={looping.value} title="All of it, or a stretch that you drag over" onClick={toggleLoop}>
          Loop
        </button>
      </div>
      <div class="row actions">
        <label>
          Download
          <select
            value=""
            onChange={(event) => {
              if (event.currentTarget.value) void download(event.currentTarget.value);
              event.currentTarget.value = "";
            }}
          >
            <option value="">as …</option>
            {FORMATS.map((format) => (
              <option key={format} value={format}>
                {format}
              </option>
            ))}
          </select>
        </label>
        {(["A", "B"] as const).map((side) => (
          <button
            key={side}
            type="button"
            aria-pressed={chosen.value[side]?.url === output.artifact.url}
            disabled={!file.value}
            onClick={() => file.value && choose(side, { title: name, url: output.artifact.url, file: file.value })}
          >
            Compare as {side}
          </button>
        ))}
        <Reuse song={song} output={output} />
      </div>
      {problem.value && <Said problem={problem.value} />}
      <Facts job={job} output={output} />
      {file.value && <Spectrogram file={file.value} name={name} />}
    </div>
  );
}

function Reuse({ song, output }: { song: Song; output: Output }) {
  const able = form.known.value.find((model) => model.modes.includes("melody") && model.rights.usable);
  const take = () => {
    if (able && !form.soundUses.value.includes("melody")) form.modelId.value = able.id;
    form.use.value = "melody";
    form.brought.value = { name: song.title, artifact: output.artifact, ours: true };
    document.getElementById("prompt")?.focus();
  };
  return (
    <button type="button" disabled={!able} title={able ? "" : "No model here takes a melody"} onClick={take}>
      Use as melody
    </button>
  );
}

function coloursOf(place: Element) {
  const style = getComputedStyle(place);
  return {
    waveColor: style.getPropertyValue("--wave"),
    progressColor: style.getPropertyValue("--accent"),
    cursorColor: style.getPropertyValue("--ink"),
  };
}

/** Whether it was ever near the window: a long history fetches no songs that nobody looks at. */
function useSeen(place: RefObject<Element | null>): boolean {
  const [seen, set] = useState(false);
  useEffect(() => {
    if (!place.current) return;
    const watch = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && set(true), {
      rootMargin: "400px",
    });
    watch.observe(place.current);
    return () => watch.disconnect();
  }, []);
  return seen;
}

function nameOf(song: Song): string {
  return song.title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60) || "song";
}

function save(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
