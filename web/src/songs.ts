// The songs on the page: asked for, followed while they are made, kept in the history.

import { batch, computed, signal, type Signal } from "@preact/signals";
import * as api from "./api";
import { follow, type ServiceEvent } from "./events";
import { LiveSound } from "./live";
import { forget, history, kept, onOtherTab, remember } from "./remembered";
import { isFinal, type Job, type Problem, type Progress, type Wish } from "./types";
import { pause } from "./words";

export const listening = kept("listening", true);
export const songs = signal<readonly Song[]>([]);
export const news = signal(""); // what a screen reader says
const LOOK_MS = 1500;
const olderThan = signal<string | null>(null);
export const mayBeMore = signal(true);

/** One job, and all that the page knows of it. */
export class Song {
  readonly job: Signal<Job | null> = signal(null);
  readonly problem: Signal<Problem | null> = signal(null);
  readonly progress: Signal<Progress | null> = signal(null);
  readonly live: Signal<LiveSound | null> = signal(null);
  readonly heard = signal(0); // counts what the live sound tells
  readonly gone = signal(false);
  readonly away = signal(false); // the service does not answer, and is asked again
  readonly making = computed(() => {
    const job = this.job.value;
    return !this.gone.value && !this.problem.value && (job === null || !isFinal(job.status));
  });
  private readonly abort = new AbortController();

  constructor(
    readonly id: string,
    readonly wish: Wish,
    readonly created: number,
  ) {}

  /** Follows the job to its end; what is already final is only read. */
  async attend(hear: boolean): Promise<void> {
    try {
      await this.patiently();
      if (!this.making.value) return;
      void this.wait();
      const events = follow(`jobs/${this.id}/events`, this.abort.signal, (is) => (this.away.value = is));
      for await (const event of events) await this.take(event, hear);
      await this.patiently();
    } catch (error) {
      this.fail(error);
    }
    this.tell();
  }

  private async take(event: ServiceEvent, hear: boolean): Promise<void> {
    if (event.kind === "progress") this.progress.value = event.data as unknown as Progress;
    if (event.kind === "started" || event.kind === "queued") await this.patiently();
    if (event.kind === "audio" && event.data.output === 0 && hear) this.hear(String(event.data.url));
  }

  private hear(url: string): void {
    if (this.live.value) return; // a worker that took over tells of its first sound again
    const live = new LiveSound(url, listening.value, () => this.heard.value++);
    this.live.value = live;
    live.play().catch(() => undefined); // the file comes all the same
  }

  hush(): void {
    this.live.value?.stop();
    this.live.value = null;
  }

  async refresh(): Promise<void> {
    const job = await api.job(this.id);
    if (this.job.value && isFinal(this.job.value.status) && !isFinal(job.status)) return; // an answer that was overtaken
    batch(() => {
      this.job.value = job;
      if (job.status === "running") this.progress.value ??= job.progress;
    });
  }

  /** As often as it takes while the service is away. */
  private async patiently(): Promise<void> {
    for (; !this.abort.signal.aborted; await pause(LOOK_MS)) {
      try {
        await this.refresh();
        this.away.value = false;
        return;
      } catch (error) {
        if (!api.passing(error)) throw error;
        this.away.value = true;
      }
    }
  }

  /** Looks at its place in the queue, which no event tells of, until it has begun. */
  private async wait(): Promise<void> {
    while (["queued", "loading"].includes(this.job.value?.status ?? "") && !this.abort.signal.aborted) {
      await pause(LOOK_MS);
      await this.refresh().catch(() => undefined); // whoever follows the events tells what is wrong
    }
  }

  private fail(error: unknown): void {
    if (error instanceof api.Refusal && [404, 410].includes(error.problem.status)) this.gone.value = true;
    else if (error instanceof api.Refusal) this.problem.value = error.problem;
    else throw error;
  }

  private tell(): void {
    const status = this.gone.value ? "no longer kept" : (this.job.value?.status ?? "not made");
    news.value = `Song ${this.title}: ${status}`;
  }

  get title(): string {
    const wish = this.job.value?.request ?? this.wish;
    const words = wish.prompt || wish.sections?.map((section) => section.prompt).join(" / ");
    return words || (wish.mode ?? "song");
  }

  async cancel(): Promise<void> {
    this.job.value = await api.cancel(this.id);
  }

  async remove(): Promise<void> {
    try {
      await api.remove(this.id);
    } catch (error) {
      if (!(error instanceof api.Refusal && [404, 410].includes(error.problem.status))) throw error;
    }
    forget(this.id);
    this.leave();
  }

  /** No longer on this page. */
  leave(): void {
    this.abort.abort();
    this.hush();
    songs.value = songs.value.filter((song) => song !== this);
  }
}

/** Asks for a song. Throws api.Refusal with what the service says against it. */
export async function make(wish: Wish): Promise<Song> {
  const job = await api.generate(wish);
  const song = new Song(job.id, wish, Date.parse(job.created_at));
  song.job.value = job;
  remember({ id: job.id, wish, created: song.created });
  add([song]);
  news.value = `Song ${song.title}: accepted`;
  void song.attend(true);
  return song;
}

function add(more: readonly Song[]): void {
  const known = new Set(songs.value.map((song) => song.id));
  const fresh = more.filter((song) => !known.has(song.id));
  songs.value = [...songs.value, ...fresh].sort((a, b) => b.created - a.created);
}

/** What was asked for in this browser; songs that are still being made are heard on. */
export function recall(): void {
  const known = new Set(songs.value.map((song) => song.id));
  const found = history().filter((entry) => !known.has(entry.id));
  const recalled = found.map((entry) => new Song(entry.id, entry.wish, entry.created));
  add(recalled);
  for (const song of recalled) void song.attend(false);
}

/** Songs that the service keeps, older ones at each call. */
export async function older(): Promise<void> {
  const page = await api.jobs(olderThan.value);
  olderThan.value = page.next_cursor;
  mayBeMore.value = page.next_cursor !== null;
  const known = new Map(songs.value.map((song) => [song.id, song]));
  const found = page.jobs.filter((job) => !known.has(job.id)).map(songOf);
  add(found);
  for (const song of found) if (song.making.value) void song.attend(false);
}

function songOf(job: Job): Song {
  const song = new Song(job.id, job.request, Date.parse(job.created_at));
  song.job.value = job;
  return song;
}

onOtherTab((forgotten) => {
  for (const song of songs.value) if (forgotten.has(song.id)) song.leave();
  recall();
});
