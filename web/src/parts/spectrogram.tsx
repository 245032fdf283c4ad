import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { spectrum } from "../spectrum";

/** Time to the right, pitch upwards on a logarithmic scale, drawn when it is looked at. */
export function Spectrogram({ file, name }: { file: Blob; name: string }) {
  const open = useSignal(false);
  return (
    <details onToggle={(event) => (open.value = event.currentTarget.open)}>
      <summary>Spectrogram</summary>
      {open.value && <Picture file={file} name={name} />}
    </details>
  );
}

function Picture({ file, name }: { file: Blob; name: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    void (async () => {
      const context = new OfflineAudioContext(1, 1, 32000);
      const sound = await context.decodeAudioData(await file.arrayBuffer());
      if (canvas.current) paint(canvas.current, sound);
    })();
  }, [file]);
  return <canvas ref={canvas} class="spectrogram" width={900} height={192} role="img" aria-label={`Spectrogram of ${name}`} />;
}

function paint(canvas: HTMLCanvasElement, sound: AudioBuffer): void {
  const pen = canvas.getContext("2d");
  if (!pen) return;
  const { width, height } = canvas;
  const image = pen.createImageData(width, height);
  const levels = spectrum(sound.getChannelData(0), sound.sampleRate, width, height);
  levels.forEach((level, i) => {
    // From night through fire to light.
    image.data[4 * i] = 255 * Math.min(1, 1.6 * level);
    image.data[4 * i + 1] = 255 * Math.max(0, 1.7 * level - 0.6);
    image.data[4 * i + 2] = 255 * (level < 0.5 ? 0.25 + 0.5 * level : Math.max(0, 2 * level - 1));
    image.data[4 * i + 3] = 255;
  });
  pen.putImageData(image, 0, 0);
}
