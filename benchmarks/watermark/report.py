"""The tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

_BEGIN, _END = "<!-- measured: by benchmarks.watermark -->", "<!-- measured: end -->"


def text(results: Mapping[str, Any]) -> str:
    """Markdown of all parts that were run."""
    return f"# The watermark, measured\n\n`python -m benchmarks.watermark`\n\n{_parts(results, '##')}"


def within(page: str, results: Mapping[str, Any]) -> str:
    """The page with the tables between its two marks."""
    before, _, rest = page.partition(_BEGIN)
    return f"{before}{_BEGIN}\n\n{_parts(results, '###')}\n{_END}{rest.partition(_END)[2]}"


def _parts(results: Mapping[str, Any], level: str) -> str:
    parts = [_WRITERS[name](results[name]) for name in _WRITERS if name in results]
    runs: dict[str, list[str]] = {}
    for name, part in results["made"].items():
        size = ", a short run" if part["short"] else ""
        run = f"commit {part['commit']}, {_tracks(part['tracks'])}{size}, {part['cpu']}"
        runs.setdefault(run, []).append(name)
    made = [f"- {', '.join(names)}: {run}" for run, names in runs.items()]
    return "\n".join([*made, "", *parts]).replace("\n## ", f"\n{level} ")


def _tracks(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {group} tracks" for group, count in counts.items())


def _table(head: str, rows: Iterable[Iterable[object]]) -> str:
    columns = head.count("|") + 1
    lines = [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
    return "\n".join([f"| {head} |", "|" + "---|" * columns, *lines, ""])


def _found(row: Mapping[str, Any]) -> str:
    return f"{row['found']} of {row['tried']}"


def _survival(groups: Mapping[str, list[Mapping[str, Any]]]) -> str:
    names = [row["name"] for row in next(iter(groups.values()))]
    rows = [[name, *(cell for group in groups.values() for cell in _survived(group, name))] for name in names]
    head = "what happened to it | " + " | ".join(
        f"{group}: found | likeness, median | least tenth | bit errors" for group in groups
    )
    wrong = sum(row["wrong"] for group in groups.values() for row in group)
    tried = sum(row["tried"] for group in groups.values() for row in group)
    usual = [row for group in groups.values() for row in group if row["usual"]]
    share = sum(row["found"] for row in usual) / sum(row["tried"] for row in usual)
    least = min(_share(groups, row["name"]) for row in usual)
    notes = (
        f"Excerpts of 10 s from anywhere. Of the usual attacks, up to noise at 30 dB, {share:.2%} survive, "
        f"and {least:.2%} of the one that is survived least. "
        f"Wrong payloads: {wrong} of {tried}. Bit errors: of the code's symbols, before correction.\n"
    )
    return f"## What it survives\n\n{notes}\n" + _table(head, rows)


def _share(groups: Mapping[str, list[Mapping[str, Any]]], name: str) -> float:
    rows = [row for group in groups.values() for row in group if row["name"] == name]
    found: float = sum(row["found"] for row in rows) / sum(row["tried"] for row in rows)
    return found


def _survived(group: list[Mapping[str, Any]], name: str) -> list[str]:
    row = next(row for row in group if row["name"] == name)
    errors = f"{row['bit_errors']:.1%}" if row["found"] else "-"
    return [_found(row), f"{row['likeness_median']:.1f}", f"{row['likeness_tenth']:.1f}", errors]


def _formats(found: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        [name, _found(row), f"{row['likeness_median']:.1f}", f"{row['likeness_least']:.1f}"]
        for name, row in found.items()
    ]
    return "## In the finished file\n\n" + _table("file | found | likeness, median | least", rows)


def _lengths(groups: Mapping[str, list[Mapping[str, Any]]]) -> str:
    names = [row["name"] for row in next(iter(groups.values()))]
    rows = [
        [name, *(_found(row) for group in groups.values() for row in group if row["name"] == name)]
        for name in names
    ]
    return "## By length\n\n" + _table("length | " + " | ".join(groups), rows)


def _audibility(changes: list[Mapping[str, Any]]) -> str:
    rows = [
        [
            change["name"],
            f"{change['snr_db']:.1f} dB",
            f"{change['nmr_db']:.1f} dB",
            f"{change['nmr_db_worst']:.1f} dB",
            f"{change['audible']:.1%}",
            f"{change['odg']:.2f}",
            f"{change['odg_worst']:.2f}",
            "-" if change["visqol"] is None else f"{change['visqol']:.2f}",
            "-" if change["visqol_worst"] is None else f"{change['visqol_worst']:.2f}",
        ]
        for change in changes
    ]
    head = "change | SNR | NMR | worst | frames above the mask | ODG | worst | ViSQOL | worst"
    note = (
        "NMR and ODG by the basic version of PEAQ (ITU-R BS.1387-1, benchmarks/watermark/peaq.py), medians "
        "over tracks and channels; ViSQOL by visqol-python 3.8, in audio mode.\n"
    )
    return f"## How well it hides\n\n{note}\n" + _table(head, rows)


def _adversary(found: Mapping[str, Any]) -> str:
    rows = [
        [
            row["source"],
            f"{row['right']:.1%}",
            f"{row['removed']} of {row['tried']}",
            f"{row['odg']:.2f}",
            f"{row['removed_twice']} of {row['tried']}",
            f"{row['odg_twice']:.2f}",
            f"{row['copied']} of {row['tried']}",
            f"{row['forged']} of {row['tried']}",
        ]
        for row in found["learnt"]
    ]
    copied = found["copied"]
    note = (
        f"Copied from one song, known with and without its mark, into another: {copied['found']} of "
        f"{copied['tried']} found, {copied['with the same payload']} with the first song's payload.\n"
    )
    head = "learnt from | signs right | removed | ODG | at double strength | ODG | copied | forged"
    return "## What somebody learns without the key\n\n" + _table(head, rows) + f"\n{note}"


def _speed(found: Mapping[str, float]) -> str:
    rows = [[name.replace("_", " "), f"{value:.0f} x"] for name, value in found.items()]
    return "## Speed, times real time on one core\n\n" + _table("what | speed", rows)


def _strange(found: Mapping[str, int]) -> str:
    alarms = [name for name, count in found.items() if count]
    return (
        f"## What is no music\n\n{', '.join(found)}: with 10 wrong keys each, alarms in "
        f"{', '.join(alarms) or 'none'}.\n"
    )


def _chance(found: Mapping[str, Any]) -> str:
    end = found["above"] - found["scale"] / found["shape"] if found["shape"] < 0 else float("inf")
    ends = (
        f"ends at {end:.2f}, so by it"
        if end < found["threshold"]
        else "has no end before the threshold, and by it"
    )
    return f"""## False alarms

- {found["pairs"]} pairs of an unmarked excerpt and a wrong key, {found["readings"]} forced readings: the
  highest likeness is {found["highest"]:.2f}, and {found["highest_named"]:.2f} where the payload named its
  round ({found["named"]:.4f} of the readings; 1 / 64 is 0.0156). {found["worth"]:.3%} of the pairs would have
  been read at all.
- A generalised Pareto distribution over {found["above"]:.2f} (the highest hundredth) has shape
  {found["shape"]:.3f} and scale {found["scale"]:.3f}. It {ends} a search that makes all its readings gives a
  false alarm with a probability of {found["alarm_by_fit"]:.1e}; a threshold of
  {found["threshold_by_fit"]:.2f} would do for 1e-6.
- By Hoeffding's inequality that probability is at most {found["alarm_by_hoeffding"]:.1e}, for any sound. The
  threshold is {found["threshold"]:g}.
"""


def _alarms(found: Mapping[str, int]) -> str:
    return (
        f"- {found['alarms']} alarms in {found['searches']} unmarked excerpts of 10 s, each searched with "
        f"{found['keys']} wrong keys at once, as it is, faster and slower.\n"
    )


_WRITERS: dict[str, Callable[[Any], str]] = {
    "survival": _survival,
    "formats": _formats,
    "lengths": _lengths,
    "chance": _chance,
    "alarms": _alarms,
    "strange": _strange,
    "audibility": _audibility,
    "adversary": _adversary,
    "speed": _speed,
}
