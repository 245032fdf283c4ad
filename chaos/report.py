"""What a run comes to, in words."""

from __future__ import annotations

from typing import Any

MOST_FAULTS = 50


def table(found: dict[str, Any]) -> str:
    """The result as a page."""
    where = found["facts"]
    command = f"python -m chaos --minutes {where['minutes']} --seed {where['seed']}"
    lines = [
        "# Chaos",
        "",
        f"By `{command}`; {', '.join(f'{name} {value}' for name, value in where.items())}.",
        "",
    ]
    lines += [
        "| harm | times |",
        "|---|---|",
        *(f"| {name} | {times} |" for name, times in found["harm"].items()),
    ]
    lines += ["", "| what came of it | |", "|---|---|"]
    lines += [f"| {name} | {count} |" for name, count in found["counts"].items()]
    lines += ["", *_verdict(found["faults"]), ""]
    return "\n".join(lines)


def _verdict(faults: list[str]) -> list[str]:
    if not faults:
        return [
            "No fault: every accepted job ended once, as its client was told, and told of it once; every",
            "song and every live sound was that of an undisturbed run; no key, file or slot was left.",
        ]
    shown = [f"- {fault}" for fault in faults[:MOST_FAULTS]]
    return [f"**{len(faults)} faults:**", "", *shown, *(["- ..."] if len(faults) > MOST_FAULTS else [])]
