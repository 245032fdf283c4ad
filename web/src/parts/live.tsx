import { useEffect, useRef } from "preact/hooks";
import type { LiveSound } from "../live";
import type { Song } from "../songs";
import { clock } from "../words";

const PEAKS_PER_S = 20;

/** What there is of a song while the rest of it is made. */
export function Live({ song, live }: { song: Song; live: LiveSound }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const totalS = song.job.value?.request.duration ?? 10;
  song.heard.value; // drawn again as it grows
  useEffect(() => {
    let frame = requestAnimationFrame(function again() {
      if (canvas.current) draw(canvas.current, live, totalS);
      frame = requestAnimationFrame(again);
    });
    return () => cancelAnimationFrame(frame);
  }, [live, totalS]);
  return (
    <div class="live">
      <canvas ref={canvas} width={1200} height={120} role="img" aria-label={`${clock(live.receivedS)} of ${clock(totalS)} made`} />
      <button type="button" aria-pressed={live.audible} onClick={() => live.setAudible(!live.audible)}>
        {live.audible ? "Mute" : "Listen"}
      </button>
    </div>
  );
}

function draw(canvas: HTMLCanvasElement, live: LiveSound, totalS: number): void {
  const pen = canvas.getContext("2d");
  if (!pen) return;
  const style = getComputedStyle(canvas);
  const { width, height } = canvas;
  pen.clearRect(0, 0, width, height);
  const step = width / (totalS * PEAKS_PER_S);
  const played = live.positionS * PEAKS_PER_S;
  live.peaks.forEach((peak, i) => {
    pen.fillStyle = style.getPropertyValue(i < played ? "--accent" : "--wave");
    const tall = Math.max(2, peak * height);
    pen.fillRect(i * step, (height - tall) / 2, Math.max(1, step - 1), tall);
  });
}
