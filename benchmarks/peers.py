"""Those who race, each in a process of its own that keeps its model loaded.

A peer reads a line of JSON a race from standard input, {"songs", "seconds"}, and answers with what it took.
Races of different peers are run in turn, so a noisy minute hits all of them.
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


PEERS: dict[str, Callable[[Path], Race]] = {
    "muscgen int8": muscgen("int8"),
    "muscgen fp32": muscgen("fp32"),
    "transformers fp32": transformers,
    "audiocraft fp32": audiocraft,
}


def main(name: str, folder: str) -> None:
    started = time.perf_counter()
    race = PEERS[name](Path(folder))
    _say({"load_s": time.perf_counter() - started})
    for line in sys.stdin:
        wanted = json.loads(line)
        started = time.perf_counter()
        found = race(wanted["songs"], wanted["seconds"])
        wall_s = time.perf_counter() - started
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        _say({"wall_s": wall_s, "peak_mb": peak_mb} | found)


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
