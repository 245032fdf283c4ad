import type { Problem } from "../types";

/** What the service says against something, in its words, with what would work. */
export function Said({ problem }: { problem: Problem }) {
  const all = problem.errors?.length ? problem.errors : [problem];
  return (
    <div class="said" role="alert">
      {all.map((one) => (
        <p key={`${one.param} ${one.detail}`}>
          <strong>{one.param ? `${one.param}: ` : ""}</strong>
          {one.detail}
          {one.suggestion && <span class="try"> Try: {one.suggestion}</span>}
        </p>
      ))}
    </div>
  );
}
