"""Which uploads a block list finds, and which it takes for something that they are not.

python -m benchmarks.fingerprints [FOLDER] [--short] [--work .bench/watermark] [--report NAME]

All tracks, those of benchmarks.watermark or a folder's, are put on one list, by their first 30 s. Then each
is asked for, in excerpts from anywhere, after whatever may happen to music; and each time also of the list
without it, where any name is a false one. Some ten minutes of one core. NAME.json has all numbers, NAME.md
the tables.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.watermark import material
from benchmarks.watermark.attacks import Attack, attacks
from benchmarks.watermark.material import Track, excerpt
from muscgen.audio import Audio
from muscgen.finishing.encode import encode
from muscgen.intake.fingerprint import fingerprint
from muscgen.rights.recordings import Recording, Recordings, text_of

LENGTHS_S = 30.0, 20.0, 10.0, 6.0, 5.0
USUAL_S = 10.0
AT_ALL_LENGTHS = "nothing", "mp3 128 kbit/s"


@dataclass(slots=True)
class Row:
    """found: by the right name. wrong: by another one. false: of the list without it, by any name."""

    change: str
    seconds: float
    tried: int = 0
    found: int = 0
    wrong: int = 0
    false: int = 0


def main() -> None:
    asked = _arguments()
    asked.work.mkdir(parents=True, exist_ok=True)
    tracks = material.tracks(asked.work, asked.folder)[:: 8 if asked.short else 1]
    changes = attacks(material.speech(asked.work))
    with tempfile.TemporaryDirectory() as folder:
        rows = list(_rows(tracks, changes, Path(folder)))
    results = {"made": machine.describe() | {"tracks": len(tracks)}, "rows": [asdict(row) for row in rows]}
    asked.report.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
    asked.report.with_suffix(".md").write_text(_text(rows, len(tracks), machine.describe()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fingerprints")
    parser.add_argument("folder", type=Path, nargs="?", help="of music instead of ours")
    parser.add_argument("--short", action="store_true", help="an eighth of the tracks")
    parser.add_argument("--work", type=Path, default=Path(".bench/watermark"))
    parser.add_argument("--report", type=Path, default=Path("benchmarks/FINGERPRINTS"))
    return parser.parse_args()


def _rows(tracks: Sequence[Track], changes: Sequence[Attack], folder: Path) -> Iterator[Row]:
    entries = [Recording(track.name, track.audio.duration_s, _print(track.audio)) for track in tracks]
    everything = _listed(folder / "all", entries)
    others = [_listed(folder / str(at), entries[:at] + entries[at + 1 :]) for at, _ in enumerate(entries)]
    for change in changes:
        for seconds in LENGTHS_S if change.name in AT_ALL_LENGTHS else (USUAL_S,):
            row, dice = Row(change.name, seconds), np.random.default_rng(1)
            for track, without in zip(tracks, others, strict=True):
                _ask(row, track, change.change(excerpt(track.audio, seconds, dice)), everything, without)
            print(f"{row.change}, {seconds:g} s: {row.found} of {row.tried}", file=sys.stderr)
            yield row


def _ask(row: Row, track: Track, sound: Audio, everything: Recordings, without: Recordings) -> None:
    taken = _print(sound).encode()
    named = everything.find(taken)
    row.tried += 1
    row.found += named == track.name
    row.wrong += named not in (None, track.name)
    row.false += without.find(taken) is not None


def _print(sound: Audio) -> str:
    """As an upload's is taken: of a file, in the limited process."""
    with tempfile.TemporaryFile() as file:
        file.write(encode(sound, "flac"))
        file.flush()
        return fingerprint(file).decode()


def _listed(path: Path, entries: Sequence[Recording]) -> Recordings:
    path.write_text(text_of(entries), "utf-8")
    return Recordings([path])


def _text(rows: Sequence[Row], tracks: int, made: dict[str, str]) -> str:
    out = io.StringIO()
    tried, false = sum(row.tried for row in rows), sum(row.false + row.wrong for row in rows)
    out.write(
        "# Recordings of a block list, found again\n\n`python -m benchmarks.fingerprints`\n\n"
        f"Commit {made['commit']}, {tracks} tracks, each on the list by its first 30 s. False names: {false} "
        f"of {2 * tried} questions, half of the whole list and half of the list without the track.\n\n"
        "| what happened to it | excerpt | found | missed | named as another | of the list without it |\n"
        "|---|---|---|---|---|---|\n"
    )
    for row in rows:
        cells = row.change, f"{row.seconds:g} s", row.found, row.tried - row.found - row.wrong
        out.write(f"| {' | '.join(map(str, (*cells, row.wrong, row.false)))} |\n")
    return out.getvalue()


if __name__ == "__main__":
    main()
