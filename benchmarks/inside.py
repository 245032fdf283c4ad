"""Our own parts, each in a process of its own: steps, EnCodec against torch's, muscgen-tiny, loading.

python -m benchmarks.inside steps int8 FOLDER | codec FOLDER | songs int8 1 10 FOLDER | load int8 FOLDER CACHE
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.machine import best_s

ROWS, POSITIONS = (1, 2, 8, 16), (20, 250, 750, 1450)
TEXT = "upbeat funk with slap bass and drums, 125 bpm, A minor"


def steps(precision: str, folder: str) -> list[dict[str, Any]]:
    """The least of some steps, for each number of rows at each position; every second row is a null row."""
    from muscgen.backends.onnx import OnnxBackend

    path = Path(folder)
    backend = OnnxBackend.load(path, precision=precision, rows=max(ROWS), cache_dir=path.parent / "sessions")
    for row in range(max(ROWS)):
        backend.open_row(row, None if row % 2 else backend.encode_text(TEXT))
    found = []
    for rows in ROWS:
        tokens = np.zeros((rows, backend.shape.codebooks), np.int32)
        for position in POSITIONS:
            here = np.full(rows, position, np.int32)
            took_s = best_s(lambda tokens=tokens, here=here: backend.step(tokens, here), 12)
            found.append({"precision": precision, "rows": rows, "position": position, "ms": took_s * 1e3})
    return found


def codec(folder: str) -> dict[str, float]:
    """Seconds for 10 s of sound, the two in turn."""
    import torch
    from transformers import MusicgenForConditionalGeneration

    from muscgen.backends.onnx import OnnxBackend

    path = Path(folder)
    theirs = MusicgenForConditionalGeneration.from_pretrained(path).eval().audio_encoder
    ours = OnnxBackend.load(path, precision="fp32", rows=2, cache_dir=path.parent / "sessions")
    codes = np.random.default_rng(0).integers(0, 2048, (4, 500), dtype=np.int32)

    def torchs() -> None:
        with torch.inference_mode():
            theirs.decode(torch.from_numpy(codes.astype(np.int64))[None, None], [None])

    def chunked(frames: int) -> None:
        stream = ours.open_codec()
        for start in range(0, 500, frames):
            stream.push(codes[:, start : start + frames], last=start + frames >= 500)

    work = {"torch": torchs, "chunks": lambda: chunked(25), "whole": lambda: chunked(500)}
    rounds = [{name: _took_s(call) for name, call in work.items()} for _ in range(4)][1:]
    return {name: median(each[name] for each in rounds) for name in work}


def songs(precision: str, count: str, seconds: str, folder: str) -> dict[str, Any]:
    """What a race of ours says of a model that lies in `folder`."""
    from benchmarks.peers import muscgen

    race = muscgen(precision)(Path(folder))
    race(1, 0.5)
    started = time.perf_counter()
    found = race(int(count), float(seconds))
    wall_s = time.perf_counter() - started
    return found | {
        "precision": precision,
        "songs": int(count),
        "wall_s": wall_s,
        "real_time_factor": int(count) * float(seconds) / wall_s,
    }


def load(precision: str, folder: str, cache: str) -> dict[str, float]:
    """Seconds until the first step of a song could be made."""
    from muscgen.backends.onnx import OnnxBackend

    started = time.perf_counter()
    backend = OnnxBackend.load(Path(folder), precision=precision, rows=2, cache_dir=Path(cache))
    loaded_s = time.perf_counter() - started
    for row, text in enumerate((TEXT, None)):
        backend.open_row(row, None if text is None else backend.encode_text(text))
    backend.step(np.zeros((2, backend.shape.codebooks), np.int32), np.zeros(2, np.int32))
    return {"load_s": loaded_s}


def _took_s(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    parts: dict[str, Callable[..., Any]] = {"steps": steps, "codec": codec, "songs": songs, "load": load}
    print(json.dumps(parts[sys.argv[1]](*sys.argv[2:])))
