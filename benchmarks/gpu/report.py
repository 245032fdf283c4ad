"""The tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

PEER = "transformers"


def text(found: Mapping[str, Any]) -> str:
    """Markdown of what was measured."""
    return "".join(_parts(found))


def _parts(found: Mapping[str, Any]) -> Iterator[str]:
    made, limits = found["made"], found["limits"]
    products = ", ".join(f"{rate:.1f} with {size} bytes" for size, rate in limits["tflops"].items())
    yield f"""\
# MusicGen on a GPU

{made["date"]}, commit {made["commit"]}: `python -m benchmarks.gpu{" --short" if made["short"] else ""}`

- {made["device"]}, {made["memory"]}, driver {made["driver"]}, CUDA {made["cuda"]}; {made["host"]}.
  Measured here: it copies {limits["read_gb_s"]:.0f} GB/s, read and written, and makes products of 10^12
  operations a second: {products} a number.
- {made["versions"]}.
- Workload: the published sizes' shapes with random weights; guidance 3, so two rows a song; top-k 250.
"""
    if "steps" in found:
        yield _STEPS
        yield _table(_STEP_HEAD, map(_step, found["steps"]))
    if "memory" in found:
        yield "\n## Memory\n\nA slot is one song: keys and values of both rows, for the longest.\n\n"
        yield _table(
            "size | precision | slots | MB a slot | MB in all | load s", map(_memory, found["memory"])
        )
    if "songs" in found:
        yield _SONGS
        yield _table(_SONG_HEAD, (_song(row, found["songs"]) for row in found["songs"]))
    if "codec" in found:
        yield "\n## EnCodec\n\nTen seconds of sound, one song.\n\n"
        yield _table(
            "who | how | x real time",
            ([row["who"], row["codec"], f"{row['real_time_factor']:.0f}"] for row in found["codec"]),
        )


_STEPS = """
## The language model

Steps with draws, without text and codec, for songs of 30 s: the mean over all lengths that such a song goes
through. Share: of the device's limit, at the longest; what a step would take if weights, keys and values were
read once at the speed above, or all products made, whichever is longer.

"""
_STEP_HEAD = "size | precision | graphs | songs at once | ms | steps/s | x real time | songs/hour | share"
_SONGS = """
## Whole songs

Text, language model, draws and codec; all begun at once. The first time our engine captures its graphs.

"""
_SONG_HEAD = (
    "songs | who | wall s | x real time | 30 s songs/hour | x transformers | first audio s | first time s"
)


def _step(row: Mapping[str, Any]) -> list[str]:
    last = list(row["ms"].values())[-1]
    return [
        row["size"],
        row["precision"],
        "yes" if row["graphs"] else "no",
        str(row["slots"]),
        f"{row['mean_ms']:.2f}",
        f"{row['steps_s']:.0f}",
        f"{row['real_time_factor']:.1f}",
        f"{row['songs_per_hour']:.0f}",
        f"{row['least_ms'] / last:.0%}",
    ]


def _memory(row: Mapping[str, Any]) -> list[str]:
    figures = (f"{row['slot_mb']:.0f}", f"{row['all_mb']:.0f}", f"{row['load_s']:.1f}")
    return [row["size"], row["precision"], str(row["slots"]), *figures]


def _song(row: Mapping[str, Any], rows: list[Mapping[str, Any]]) -> list[str]:
    peers = [each["wall_s"] for each in rows if each["who"] == PEER and each["songs"] == row["songs"]]
    return [
        str(row["songs"]),
        row["who"],
        f"{row['wall_s']:.2f}",
        f"{row['real_time_factor']:.1f}",
        f"{row['songs_per_hour']:.0f}",
        f"{peers[0] / row['wall_s']:.1f}" if peers else "",
        f"{row['first_audio_s']:.2f}" if "first_audio_s" in row else "",
        f"{row['cold_s']:.2f}" if "cold_s" in row else "",
    ]


def _table(head: str, rows: Iterable[list[str]]) -> str:
    lines = [head, *(" | ".join(row) for row in rows)]
    drawn = [f"| {line} |\n" for line in lines]
    return "".join([drawn[0], "|" + "---|" * (head.count("|") + 1) + "\n", *drawn[1:]])
