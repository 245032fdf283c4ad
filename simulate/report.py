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
        "",
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
    """What a core of Redis bears: a script's cost by the busiest run, a song's scripts by the calmest."""
    busy = [row for row in rows if row["songs_at_once"] and row["redis_cores"] > 0 and row["songs_per_s"] > 0]
    if not busy:
        return []
    most, least = max(busy, key=lambda row: row["scripts_per_s"]), min(busy, key=lambda row: row["late_s"])
    scripts = most["scripts_per_s"] / most["redis_cores"]
    a_song = least["scripts_per_s"] / least["songs_per_s"]
    song_s = least["songs_at_once"] / least["wanted_songs_per_s"]
    return [
        f"A core of Redis bears {scripts:,.0f} scripts a second, by the run with {most['workers']:,}.",
        f"A song of {song_s:g} s asks for {a_song:.0f}, by the run with {least['workers']:,}: that is",
        f"{scripts / a_song:,.0f} songs a second, or {scripts / a_song * song_s:,.0f} under way.",
    ]
