// Client of muscgen, the music generation server.
//
//     const client = new Client("http://127.0.0.1:8000");
//     const job = await client.generate({ prompt: "lofi hip hop, mellow electric piano", duration: 8, seed: 7 });
//     await job.save("song.mp3");

export { Client, Job } from "./client.js";
export type { ClientOptions, GenerateOptions, SubmitOptions } from "./client.js";
export * from "./errors.js";
export type { Retries } from "./retries.js";
export type { components, operations, paths } from "./schema.js";
export type {
  Artifact,
  Format,
  JobDocument,
  JobEvent,
  Model,
  Output,
  Problem,
  Status,
  Upload,
  VerifyReport,
  Wish,
} from "./types.js";
