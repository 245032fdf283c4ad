// What the microphone hears, as a WAV file that every service can read.

import { wavOf } from "./wav";

export class Recording {
  private readonly pieces: Blob[] = [];

  private constructor(
    private readonly stream: MediaStream,
    private readonly recorder: MediaRecorder,
  ) {
    recorder.addEventListener("dataavailable", (event) => this.pieces.push(event.data));
  }

  /** Asks for the microphone. Throws where there is none or it is refused. */
  static async begin(): Promise<Recording> {
    if (!navigator.mediaDevices) throw new Error("browsers lend it to pages of https or of this machine alone");
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
    const recording = new Recording(stream, new MediaRecorder(stream));
    recording.recorder.start(250);
    return recording;
  }

  async finish(): Promise<Blob> {
    const stopped = new Promise((resolve) => this.recorder.addEventListener("stop", resolve, { once: true }));
    this.recorder.stop();
    await stopped;
    this.release();
    const packed = await new Blob(this.pieces, { type: this.recorder.mimeType }).arrayBuffer();
    const context = new AudioContext();
    try {
      return wavOf(await context.decodeAudioData(packed));
    } finally {
      void context.close();
    }
  }

  release(): void {
    for (const track of this.stream.getTracks()) track.stop();
  }
}
