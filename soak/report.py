"""A run as a page, with pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from soak.plot import Point, chart
from soak.traffic import Book, Ended
from soak.verdict import percentile, thirds
from soak.watch import Sample

WINDOWS = 30  # over the run, for percentiles
MOST_FAULTS = 50


def pictures(samples: list[Sample], ended: list[Ended], seconds: float) -> dict[str, str]:
    """Name -> SVG."""

    def line(name: str) -> list[Point]:
        return [(one.at_s, float(getattr(one, name))) for one in samples]

    def waits(kind: str, share: int) -> list[Point]:
        width = seconds / WINDOWS
        found = []
        for number in range(WINDOWS):
            part = [
                one.whole_s for one in ended if one.kind == kind and number <= one.at_s / width < number + 1
            ]
            if part:
                found.append(((number + 0.5) * width, percentile(part, share)))
        return found

    return {
        "memory": chart("memory, MB", {each: line(f"{each}_mb") for each in ("api", "worker", "redis")}),
        "files": chart("open files", {each: line(f"{each}_files") for each in ("api", "worker")}),
        "latency": chart(
            "seconds from POST to the end of the job",
            {
                "short, 95 %": waits("short", 95),
                "short, median": waits("short", 50),
                "long, median": waits("long", 50),
            },
        ),
        "queue": chart("keys in Redis", {"keys": line("keys")}),
        "depth": chart("jobs", {"waiting": line("waiting"), "running": line("running")}),
    }


def write(out: Path, facts: dict[str, Any], book: Book, samples: list[Sample], faults: list[str]) -> str:
    """Pictures and page into the folder; the page's text."""
    seconds = facts["minutes"] * 60
    for name, svg in pictures(samples, book.ended, seconds).items():
        (out / f"{name}.svg").write_text(svg)
    text = page(facts, book, samples, faults)
    (out / "RESULTS.md").write_text(text)
    return text


def page(facts: dict[str, Any], book: Book, samples: list[Sample], faults: list[str]) -> str:
    where = ", ".join(f"{name} {value}" for name, value in facts.items())
    lines = [
        "# Soak",
        "",
        f"By `make soak HOURS={facts['minutes'] / 60:.3g}`; {where}.",
        "",
        "| | second third | last third |",
        "|---|---|---|",
        *_grown(samples),
        "",
        "| wishes | |",
        "|---|---|",
        *(f"| {name} | {count} |" for name, count in sorted(book.counts.items())),
        "",
        *_verdict(faults, lenient=facts.get("lenient", False)),
        "",
        *(f"![{name}]({name}.svg)\n" for name in ("memory", "files", "latency", "queue", "depth")),
    ]
    return "\n".join(lines)


def _grown(samples: list[Sample]) -> list[str]:
    middle, last = thirds(samples)
    found = []
    for name in ("api_mb", "worker_mb", "redis_mb", "api_files", "worker_files", "keys", "waiting", "load"):
        before, after = (
            sum(getattr(one, name) for one in part) / max(1, len(part)) for part in (middle, last)
        )
        found.append(f"| {name}, mean | {before:.1f} | {after:.1f} |")
    return found


def _verdict(faults: list[str], *, lenient: bool) -> list[str]:
    if not faults:
        growth = "growth was not judged" if lenient else "memory, open files and waits did not grow"
        return [
            f"No fault: every wish ended as it must, and none was lost; {growth};",
            "no key without an expiry was left.",
        ]
    return [f"**{len(faults)} faults:**", "", *(f"- {fault}" for fault in faults[:MOST_FAULTS])]
