// A song heard while it is made: WAV from the service, scheduled piece by piece in Web Audio.

import { ask } from "./api";
import { takeTheStage } from "./stage";
import { WavReader } from "./wav";

const LEAD_S = 0.3; // sound that is there before the first note is played; a pause of the network hides in it
const PEAKS_PER_S = 20;

export class LiveSound {
  /** Loudest samples, 0..1, of each twentieth of a second so far. */
  readonly peaks: number[] = [];
  private readonly context: AudioContext;
  private readonly volume: GainNode;
  private readonly abort = new AbortController();
  private next = 0;
  private from: number | null = null;
  private received = 0;
  private readonly hush = () => this.setAudible(false);
  private held: { loudest: number; samples: number } = { loudest: 0, samples: 0 };

  constructor(
    readonly url: string,
    audible: boolean,
    private readonly changed: () => void,
  ) {
    this.context = new AudioContext();
    this.volume = new GainNode(this.context, { gain: audible ? 1 : 0 });
    this.volume.connect(this.context.destination);
    if (audible) takeTheStage(this.hush);
  }

  /** Seconds that have been received. */
  get receivedS(): number {
    return this.received;
  }

  /** The second that is heard now. */
  get positionS(): number {
    return this.from === null ? 0 : Math.min(Math.max(0, this.context.currentTime - this.from), this.received);
  }

  get audible(): boolean {
    return this.volume.gain.value > 0 && this.context.state === "running";
  }

  setAudible(on: boolean): void {
    if (on) takeTheStage(this.hush);
    this.volume.gain.value = on ? 1 : 0;
    if (on) void this.context.resume();
    this.changed();
  }

  /** Reads to the end of the song; a broken connection is taken up at the second where it broke. */
  async play(): Promise<void> {
    void this.context.resume();
    for (let tries = 0; tries < 3 && !this.abort.signal.aborted; tries++) {
      try {
        await this.read();
        return;
      } catch (error) {
        if (this.abort.signal.aborted || tries === 2) throw error;
      }
    }
  }

  private async read(): Promise<void> {
    const query = `format=wav${this.received ? `&from=${this.received.toFixed(3)}` : ""}`;
    const separator = this.url.includes("?") ? "&" : "?";
    const answer = await ask(`${this.url}${separator}${query}`, { signal: this.abort.signal });
    const reader = answer.body?.getReader();
    const wav = new WavReader();
    for (;;) {
      const piece = await reader?.read();
      if (!piece || piece.done) return;
      const tracks = wav.push(piece.value);
      if (wav.shape && tracks[0]?.length) this.schedule(tracks, wav.shape.sampleRate);
    }
  }

  private schedule(tracks: Float32Array<ArrayBuffer>[], sampleRate: number): void {
    const frames = tracks[0]?.length ?? 0;
    const buffer = new AudioBuffer({ length: frames, numberOfChannels: tracks.length, sampleRate });
    tracks.forEach((track, channel) => buffer.copyToChannel(track, channel));
    const now = this.context.currentTime;
    if (this.from === null || this.next < now) {
      // The first piece, or the network was slower than the music: begin again a little later.
      this.next = now + LEAD_S;
      this.from = this.next - this.received;
    }
    const source = new AudioBufferSourceNode(this.context, { buffer });
    source.connect(this.volume);
    source.start(this.next);
    this.next += buffer.duration;
    this.received += buffer.duration;
    this.measure(tracks[0] ?? new Float32Array(0), sampleRate);
    this.changed();
  }

  private measure(samples: Float32Array, sampleRate: number): void {
    const each = sampleRate / PEAKS_PER_S;
    for (const sample of samples) {
      this.held.loudest = Math.max(this.held.loudest, Math.abs(sample));
      if (++this.held.samples >= each) {
        this.peaks.push(this.held.loudest);
        this.held = { loudest: 0, samples: 0 };
      }
    }
  }

  stop(): void {
    this.abort.abort();
    if (this.context.state !== "closed") void this.context.close();
  }
}
