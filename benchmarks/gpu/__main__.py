"""`python -m benchmarks.gpu`: MusicGen's sizes on one GPU, ours and transformers' generate.

python -m benchmarks.gpu [--short] [--device cuda] [--parts small peer ...] [--report benchmarks/GPU.md]

About 80 seconds on an H100; --short 10. On a CPU, with `--device cpu --size mini`, it only shows that it
runs.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu import device as card
from benchmarks.gpu import report, sizes, songs, steps
from muscgen.backends.torch import TorchBackend
from muscgen.backends.torch.device import DTYPES

PARTS = "small", "songs", "peer", "profile", "precisions", "medium", "large"
SLOTS = {"small": [1, 8, 32, 64, 128], "medium": [1, 8, 32], "large": [1, 8, 32]}
FEW = [8, 32]
LEAST_S, SHORT_S = 0.2, 0.02  # of steps for each figure


@dataclass
class Bench:
    asked: argparse.Namespace
    device: torch.device
    limits: card.Device
    found: dict[str, Any] = field(default_factory=dict)

    def steps(self, size: str, precision: str, slots: list[int], *, graphs: bool = True) -> None:
        """Every number of songs in one slab, made for the most of them."""
        rows = self.found.setdefault("steps", [])
        with self.loaded(size, precision, max(slots)) as backend:
            if not graphs:
                backend._graphs = None  # noqa: SLF001
            for count in (each for each in slots if 2 * each <= backend.rows):
                row = steps.measure(
                    backend, sizes.ours(size), count, self.least_s, self.limits, DTYPES[precision].itemsize
                )
                captured = backend._graphs is not None  # noqa: SLF001
                rows.append({"size": size, "precision": precision, "graphs": captured} | row)
                self.say(rows[-1])

    @property
    def least_s(self) -> float:
        return SHORT_S if self.asked.short else LEAST_S

    @contextmanager
    def loaded(self, size: str, precision: str, slots: int) -> Iterator[TorchBackend]:
        """A backend with memory for so many songs, or for as many as fit; what a song takes is kept."""
        started, before_mb = time.perf_counter(), card.taken_mb(self.device)
        backend = sizes.load(size, precision, 2 * slots, self.device)
        took_s, taken_mb = time.perf_counter() - started, card.taken_mb(self.device) - before_mb
        slab = backend._slab  # noqa: SLF001
        held = (slab.keys, slab.values, slab.text_keys, slab.text_values)
        slot_mb = 2 * sum(tensor.nbytes for tensor in held) / backend.rows / 1e6
        self.found.setdefault("memory", []).append(
            {"size": size, "precision": precision, "slots": backend.rows // 2, "slot_mb": slot_mb}
            | {"all_mb": taken_mb, "load_s": took_s}
        )
        self.say(self.found["memory"][-1])
        try:
            yield backend
        finally:
            backend.close()
            del backend, slab, held
            gc.collect()
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    def say(self, row: dict[str, Any]) -> None:
        print(json.dumps(row), file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> None:
    asked = _arguments(arguments)
    device = torch.device(asked.device)
    bench = Bench(asked, device, card.limits(device))
    bench.found |= {
        "made": card.describe(device) | {"date": f"{datetime.now(UTC):%Y-%m-%d}", "short": asked.short},
        "limits": {"read_gb_s": bench.limits.read_gb_s, "tflops": bench.limits.tflops},
    }
    failed: list[str] = []
    for part in asked.parts:
        started = time.perf_counter()
        try:
            _WORK[part](bench)
        except Exception:  # noqa: BLE001  (what the other parts find is worth having)
            traceback.print_exc()
            failed.append(part)
        print(f"{part}: {time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True)
        asked.report.with_suffix(".json").write_text(json.dumps(bench.found, indent=1) + "\n")
        asked.report.write_text(report.text(bench.found))
    print(asked.report.read_text())
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu")
    parser.add_argument("--short", action="store_true", help="the first parts, few songs, rough figures")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", default="small", choices=[*sizes.SIZES, *sizes.SIZES_OF_TESTS])
    parser.add_argument("--precision", default="fp16", choices=DTYPES)
    parser.add_argument("--slots", type=int, nargs="+", help="songs at once")
    parser.add_argument("--seconds", type=float, help="length of the songs of the race")
    parser.add_argument("--parts", nargs="+", choices=PARTS)
    parser.add_argument("--report", type=Path, default=Path("benchmarks/GPU.md"))
    asked = parser.parse_args(arguments)
    asked.parts = asked.parts or (PARTS[:2] if asked.short else PARTS)
    asked.slots = asked.slots or ([1, 8] if asked.short else SLOTS["small"])
    asked.seconds = asked.seconds or (1.0 if asked.short else 5.0)
    return asked


def _small(bench: Bench) -> None:
    asked = bench.asked
    bench.steps(asked.size, asked.precision, asked.slots)


def _songs(bench: Bench) -> None:
    asked = bench.asked
    counts = [count for count in asked.slots if count <= 64]
    with bench.loaded(asked.size, asked.precision, max(counts)) as backend:
        for row in songs.ours(backend, counts, asked.seconds):
            bench.found.setdefault("songs", []).append(row)
            bench.say(row)
        bench.found["codec"] = list(songs.codec(backend))


def _peer(bench: Bench) -> None:
    asked = bench.asked
    counts = [count for count in asked.slots if count <= max(FEW)]
    for row in songs.theirs(asked.size, asked.precision, counts, asked.seconds, bench.device):
        bench.found.setdefault("codec" if "codec" in row else "songs", []).append(row)
        bench.say(row)


def _profile(bench: Bench) -> None:
    asked = bench.asked
    slots = min(max(FEW), max(asked.slots))
    with bench.loaded(asked.size, asked.precision, slots) as backend:
        print(f"a step of {slots} songs\n{steps.profile(backend, slots, bench.device)}", flush=True)
        backend._graphs = None  # noqa: SLF001
        print(f"the same without graphs\n{steps.profile(backend, slots, bench.device)}", flush=True)


def _precisions(bench: Bench) -> None:
    asked = bench.asked
    few = [count for count in asked.slots if count <= max(FEW)]
    bench.steps(asked.size, asked.precision, few, graphs=False)
    for precision in (each for each in DTYPES if each != asked.precision):
        bench.steps(asked.size, precision, few)


def _medium(bench: Bench) -> None:
    bench.steps("medium", bench.asked.precision, SLOTS["medium"])


def _large(bench: Bench) -> None:
    bench.steps("large", bench.asked.precision, SLOTS["large"])


_WORK = {
    "small": _small,
    "songs": _songs,
    "peer": _peer,
    "profile": _profile,
    "precisions": _precisions,
    "medium": _medium,
    "large": _large,
}

if __name__ == "__main__":
    main()
