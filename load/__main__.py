"""`make load`: what the API bears, without a worker. Writes load/RESULTS.md and load/results.json.

LOAD="--seconds 5 --steady 60" shortens it. LOAD="--short" takes half a minute, and fails for any error.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from load.runs import Row, deep, listeners, post, steady
from load.service import serving

HERE = Path(__file__).parent
RATES = (50, 200, 500)
SHORT = {"seconds": 2.0, "rates": (50.0, 200.0), "listeners": 200, "jobs": 500, "steady": 10.0}
COLUMNS = ("run", "requests", "p50_ms", "p99_ms", "max_ms", "errors", "rss_mb", "load_average")


async def measure(
    seconds: float, rates: Sequence[float], steady_s: float, clients: int, jobs: int
) -> list[Row]:
    rows: list[Row] = []

    def told(*new: Row) -> None:
        for each in new:
            print(json.dumps(each), flush=True)
            rows.append(each)

    with serving() as service:
        await post(service, 50, 2)  # imports and caches
        for rate in rates:
            told(await post(service, rate, seconds))
    with serving() as service:
        told(await listeners(service, clients))
    with serving() as service:
        told(*await deep(service, jobs))
    with serving() as service:
        told(await steady(service, 50, steady_s))
    return rows


def machine() -> dict[str, str]:
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "cpu": model[0].partition(":")[2].strip() if model else platform.machine(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "commit": os.environ.get("LOAD_COMMIT") or commit.stdout.strip(),
        "when": datetime.now(UTC).isoformat(timespec="minutes"),
    }


def table(rows: list[Row], where: dict[str, str], command: str) -> str:
    head = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    body = [f"| {' | '.join(str(each[name]) for name in COLUMNS)} |" for each in rows]
    notes = [
        f"{each['run']}: {name} {each[name]}"
        for each in rows
        for name in ("api_cores", "redis_cores", "client_cores", "all_open_s", "held_mb", "rss_growth_mb")
        if name in each
    ]
    facts = ", ".join(f"{name} {value}" for name, value in where.items())
    return "\n".join(
        [
            "# Load",
            "",
            f"By `{command}`; {facts}. Clients, API and Valkey share the machine; no worker runs.",
            "Latencies of POST count from the time at which each request was meant to be sent (open loop);",
            "those of listeners from the cancel. `load_average` tells what else ran.",
            "",
            *head,
            *body,
            "",
            *(f"- {note}" for note in notes),
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each rate")
    parser.add_argument("--steady", type=float, default=600.0, help="seconds of the memory run")
    parser.add_argument("--listeners", type=int, default=1_000)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, help="of POST /generate, a second")
    parser.add_argument("--short", action="store_true", help="a little of each; ends with 1 for any error")
    if "--short" in sys.argv:
        parser.set_defaults(**SHORT)
    asked = parser.parse_args()
    rows = asyncio.run(measure(asked.seconds, asked.rates, asked.steady, asked.listeners, asked.jobs))
    where = machine()
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "results.json").write_text(json.dumps({"machine": where, "rows": rows}, indent=1) + "\n")
    command = f"python -m load {' '.join(sys.argv[1:])}".strip()
    page = table(rows, where, command)
    (asked.out / "RESULTS.md").write_text(page)
    print(page)
    if asked.short and (failed := [each["run"] for each in rows if each["errors"]]):
        raise SystemExit(f"FAILED: errors in {', '.join(failed)}")


if __name__ == "__main__":
    main()
