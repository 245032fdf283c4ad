"""Those who race, each in a process of its own.

A peer loads its model, warms up, and reads a line of JSON a race from standard input, {"songs", "seconds"};
it answers with what it took.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROMPT = "upbeat funk with slap bass and drums, 125 bpm, A minor"
TEMPERATURE, TOP_K, GUIDANCE = 1.0, 250, 3.0  # audiocraft's defaults
FRAME_RATE = 50
WARM_UP_S = 0.5  # of music
REFERENCE = "transformers fp32"
Race = Callable[[int, float], dict[str, float]]


def muscgen(precision: str) -> Callable[[Path], Race]:
    """Our engine: text, language model, sampling and codec, streamed."""

    def load(folder: Path) -> Race:
        from muscgen.backends.onnx import OnnxBackend
        from muscgen.engine import Engine, Song
        from muscgen.request import Sampling

        cache = folder.parent / "sessions"
        backend = OnnxBackend.load(folder, precision=precision, rows=16, cache_dir=cache)
        engine = Engine(backend, slots=8)
        sampling = Sampling(temperature=TEMPERATURE, top_k=TOP_K, top_p=0.0, guidance_scale=GUIDANCE)

        def race(songs: int, seconds: float) -> dict[str, float]:
            handles = [engine.submit(Song(PROMPT, None, seconds, seed, sampling)) for seed in range(songs)]
            made = [handle.result() for handle in handles]
            return {"first_audio_s": max(song.time_to_first_audio_s for song in made)}

        return race

    return load


def transformers(folder: Path) -> Race:
    """MusicgenForConditionalGeneration.generate, torch on the CPU in float32."""
    import torch
    from transformers import AutoTokenizer, MusicgenForConditionalGeneration

    model = MusicgenForConditionalGeneration.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def race(songs: int, seconds: float) -> dict[str, float]:
        inputs = tokenizer([PROMPT] * songs, return_tensors="pt", padding=True)
        with torch.inference_mode():
            model.generate(
                **inputs,
                do_sample=True,
                temperature=TEMPERATURE,
                top_k=TOP_K,
                guidance_scale=GUIDANCE,
                max_new_tokens=round(seconds * FRAME_RATE) + 3,
            )
        return {}

    return race


def audiocraft(folder: Path) -> Race:
    """audiocraft's own generation loop, torch on the CPU in float32."""
    from benchmarks.audiocraft import generator

    model = generator(folder, folder.parent)

    def race(songs: int, seconds: float) -> dict[str, float]:
        model.set_generation_params(
            top_k=TOP_K, temperature=TEMPERATURE, cfg_coef=GUIDANCE, duration=seconds, use_sampling=True
        )
        model.generate([PROMPT] * songs)
        return {}

    return race


def exported(precision: str) -> Callable[[Path], Race]:
    """onnxruntime over a plain export, one token a call: MusicGPT's way."""

    def load(folder: Path) -> Race:
        from benchmarks.exported import FOLDER, OnnxParts, export

        return _looped(OnnxParts(export(folder, folder.parent / FOLDER), precision), folder)

    return load


def openvino(precision: str) -> Callable[[Path], Race]:
    """OpenVINO over the same export."""

    def load(folder: Path) -> Race:
        from benchmarks import openvino
        from benchmarks.exported import FOLDER, export

        graphs = export(folder, folder.parent / FOLDER)
        return _looped(openvino.OpenvinoParts(graphs, folder.parent / openvino.FOLDER, precision), folder)

    return load


def _looped(parts: Any, folder: Path) -> Race:  # noqa: ANN401
    from benchmarks.exported import generate
    from muscgen.request import Sampling

    sampling = Sampling(temperature=TEMPERATURE, top_k=TOP_K, top_p=0.0, guidance_scale=GUIDANCE)

    def race(songs: int, seconds: float) -> dict[str, float]:
        generate(parts, folder, [PROMPT] * songs, round(seconds * FRAME_RATE), sampling)
        return {}

    return race


PEERS: dict[str, Callable[[Path], Race]] = {
    "muscgen int8": muscgen("int8"),
    "muscgen fp32": muscgen("fp32"),
    REFERENCE: transformers,
    "audiocraft fp32": audiocraft,
    "onnx export int8": exported("int8"),
    "onnx export fp32": exported("fp32"),
    "openvino int8": openvino("int8"),
    "openvino fp32": openvino("fp32"),
}


def main(name: str, folder: str) -> None:
    started = time.perf_counter()
    race = PEERS[name](Path(folder))
    load_s = time.perf_counter() - started
    race(1, WARM_UP_S)
    _say({"load_s": load_s})
    for line in sys.stdin:
        wanted = json.loads(line)
        started = time.perf_counter()
        found = race(wanted["songs"], wanted["seconds"])
        wall_s = time.perf_counter() - started
        _say({"wall_s": wall_s, "peak_mb": _peak_mb()} | found)


def _peak_mb() -> float:
    """Of this process alone: getrusage's figure is inherited from whoever started it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts bytes
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
