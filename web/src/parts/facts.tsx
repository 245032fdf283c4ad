import type { Job, Output } from "../types";
import { keyIn, tempoIn } from "../words";
import { known } from "../wish";

const ENOUGH_S = 5; // as the service has it: a shorter song may be too short to find the mark in

interface Fact {
  name: string;
  asked: string;
  measured: string;
}

/** What was asked for beside what is heard in the file, and the marks that it carries. */
export function Facts({ job, output }: { job: Job; output: Output }) {
  const rows = factsOf(job, output).filter((fact) => fact.measured !== "");
  return (
    <details>
      <summary>Measured, and marks</summary>
      <table>
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col">Asked</th>
            <th scope="col">Measured</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((fact) => (
            <tr key={fact.name}>
              <th scope="row">{fact.name}</th>
              <td>{fact.asked || "–"}</td>
              <td>{fact.measured}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <Marks job={job} output={output} />
    </details>
  );
}

function factsOf(job: Job, output: Output): Fact[] {
  const words = job.request.prompt ?? "";
  const { lufs, true_peak_db, bpm, key } = output.analysis as Record<string, number | string | null | undefined>;
  const level = (job.request.output as { normalize?: { lufs?: number } } | undefined)?.normalize?.lufs;
  return [
    { name: "Tempo", asked: unit(tempoIn(words), "bpm"), measured: unit(bpm, "bpm") },
    { name: "Key", asked: keyIn(words) ?? "", measured: unit(key, "") },
    { name: "Loudness", asked: unit(level, "LUFS"), measured: unit(lufs, "LUFS") },
    { name: "True peak", asked: "", measured: unit(true_peak_db, "dB") },
    { name: "Length", asked: unit(job.request.duration, "s"), measured: unit(output.artifact.duration, "s") },
    { name: "Made in", asked: "", measured: unit(job.usage?.compute_seconds?.toFixed(1), "s") },
  ];
}

function unit(value: number | string | null | undefined, name: string): string {
  return value === null || value === undefined ? "" : `${value} ${name}`.trim();
}

function markIn(output: Output): string {
  const mark = output.watermark;
  if (!mark) return "No watermark.";
  if (mark.detected) return `Watermark ${mark.payload} is heard in the file.`;
  if (output.artifact.duration < ENOUGH_S) return `The watermark is in the file, which is too short to read it: that needs ${ENOUGH_S} s.`;
  return "The watermark is not heard in the file.";
}

function Marks({ job, output }: { job: Job; output: Output }) {
  const model = known.value.find((one) => one.id === job.model.id);
  const provenance = output.provenance ?? {};
  return (
    <ul class="marks small">
      <li>{markIn(output)}</li>
      {"c2pa" in provenance && <li>{provenance.c2pa ? "Content credentials are in the file or beside it." : "No content credentials."}</li>}
      {typeof provenance.receipt_url === "string" && (
        <li>
          <a href={new URL(provenance.receipt_url, document.baseURI).toString()} target="_blank" rel="noreferrer">
            Receipt
          </a>
        </li>
      )}
      <li>
        Licence of the model: {job.model.license ?? "unknown"}. {model?.attribution}
      </li>
    </ul>
  );
}
