"""What the runs come to, in words."""

from __future__ import annotations

from typing import Any


def page(found: dict[str, Any]) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in found["machine"].items())
    rows = found["crowds"]
    songs = [name for name in found["songs"][0] if name != "run"]
    crowds = [name for name in rows[0] if name != "faults"]
    lines = [
        "# Simulation",
        "",
        f"By `{found['command']}`; {facts}.",
        "Redis has its append-only file (everysec); all runs on one machine.",
        "",
        "## One song",
        "",
        "What it asks of Redis, above what is asked at rest: the real API and worker, and the simulation.",
        "",
        *table(["run", *songs], found["songs"]),
        "",
        "## Many workers",
        "",
        "`wanted_songs_per_s` is what the workers would make if Redis answered at once; `late_s` by how much",
        "a song's end came later; `report_p99_ms` what a worker waits for an answer, in line with its",
        "fellows in the same process. Where `simulation_cores` is near 1 the simulation is at its end,",
        "not Redis.",
        "",
        *table(crowds, rows),
        "",
        *faults(rows),
        *capacity(rows),
        "",
    ]
    return "\n".join(lines)


def table(names: list[str], rows: list[dict[str, Any]]) -> list[str]:
    head = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    return head + [f"| {' | '.join(str(row[name]) for name in names)} |" for row in rows]


def faults(rows: list[dict[str, Any]]) -> list[str]:
    return [f"- {row['workers']} workers met {row['faults']}" for row in rows if row["faults"]]


def capacity(rows: list[dict[str, Any]]) -> list[str]:
    """What one core of Redis would bear, by the run that asked most of it."""
    busy = [row for row in rows if row["songs_at_once"] and row["redis_cores"] > 0]
    if not busy:
        return []
    most = max(busy, key=lambda row: row["scripts_per_s"])
    at_once = most["songs_per_s"] / most["redis_cores"] if most["songs_per_s"] else 0.0
    scripts = most["scripts_per_s"] / most["redis_cores"]
    return [
        f"A core of Redis bears {scripts:,.0f} scripts a second, or {at_once:,.0f} such songs a second:",
        f"by the run with {most['workers']:,} workers, which took {most['redis_cores']} of one.",
    ]
