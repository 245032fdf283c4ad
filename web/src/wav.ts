// 16-bit WAV: read while it streams in, written from what a microphone heard.

export interface Shape {
  sampleRate: number;
  channels: number;
}

/** Takes bytes as they come and gives samples of whole frames, a channel each, once the header is known. */
export class WavReader {
  shape: Shape | null = null;
  private rest = new Uint8Array(0);

  push(bytes: Uint8Array): Float32Array<ArrayBuffer>[] {
    let all = join(this.rest, bytes);
    if (!this.shape) {
      const head = header(all);
      if (!head) {
        this.rest = all;
        return [];
      }
      this.shape = head.shape;
      all = all.subarray(head.length);
    }
    const size = 2 * this.shape.channels;
    const whole = all.length - (all.length % size);
    this.rest = all.slice(whole);
    return split(all.subarray(0, whole), this.shape.channels);
  }
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}

function split(bytes: Uint8Array, channels: number): Float32Array<ArrayBuffer>[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames = bytes.byteLength / 2 / channels;
  return Array.from({ length: channels }, (_, channel) => {
    const samples = new Float32Array(frames);
    for (let i = 0; i < frames; i++) samples[i] = view.getInt16(2 * (i * channels + channel), true) / 32768;
    return samples;
  });
}

function header(bytes: Uint8Array): { shape: Shape; length: number } | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
  let shape: Shape | null = null;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true);
    if (tag(at) === "data" && shape) return { shape, length: at + 8 };
    if (tag(at) === "fmt " && at + 24 <= bytes.length) {
      shape = { channels: view.getUint16(at + 10, true), sampleRate: view.getUint32(at + 12, true) };
    }
    at += 8 + size + (size % 2);
  }
  return null;
}

/** A decoded sound as a WAV file. */
export function wavOf(sound: AudioBuffer): Blob {
  const { numberOfChannels: channels, length: frames, sampleRate } = sound;
  const view = new DataView(new ArrayBuffer(44 + 2 * channels * frames));
  const text = (at: number, word: string) => [...word].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, view.byteLength - 8, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, 2 * channels * sampleRate, true);
  view.setUint16(32, 2 * channels, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * channels * frames, true);
  const tracks = Array.from({ length: channels }, (_, c) => sound.getChannelData(c));
  for (let i = 0, at = 44; i < frames; i++) {
    for (const track of tracks) {
      view.setInt16(at, Math.max(-1, Math.min(1, track[i] ?? 0)) * 32767, true);
      at += 2;
    }
  }
  return new Blob([view], { type: "audio/wav" });
}
