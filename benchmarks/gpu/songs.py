"""Whole songs by our engine and by transformers' generate, and their codecs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from benchmarks.checkpoint import TINY
from benchmarks.gpu import sizes
from benchmarks.gpu.steps import FRAME_RATE, SAMPLING
from benchmarks.peers import GUIDANCE, PROMPT, TEMPERATURE, TOP_K, WARM_UP_S
from muscgen.backends.torch import TorchBackend
from muscgen.backends.torch.device import DTYPES
from muscgen.engine import Engine, Song

CODEC_S, CHUNK_FRAMES, DELAY_STEPS = 10, 25, 3
Row = dict[str, Any]


def ours(backend: TorchBackend, counts: list[int], seconds: float) -> Iterator[Row]:
    """Text, language model, draws and codec; every song begun at once, each with a seed of its own."""
    for count in counts:
        engine = Engine(backend, slots=count)
        try:
            _sing(engine, count, WARM_UP_S)
            cold_s, _ = _sing(engine, count, seconds)  # makes the graphs of all lengths and numbers of rows
            took_s, first_s = _sing(engine, count, seconds)
        finally:
            engine.close()
        yield _row("muscgen", count, seconds, took_s) | {"first_audio_s": first_s, "cold_s": cold_s}


def theirs(
    size: str, precision: str, counts: list[int], seconds: float, device: torch.device
) -> Iterator[Row]:
    """MusicgenForConditionalGeneration.generate, then its codec by itself."""
    model = _peer(size, precision, device)
    tokens = round(seconds * FRAME_RATE) + DELAY_STEPS
    _generate(model, 1, round(WARM_UP_S * FRAME_RATE), device)
    for count in counts:
        took_s = _took_s(lambda count=count: _generate(model, count, tokens, device))
        yield _row("transformers", count, seconds, took_s)
    codes = torch.from_numpy(_codes(4).astype(np.int64)).to(device)[None, None]

    def decode() -> None:
        with torch.inference_mode():
            model.audio_encoder.decode(codes, [None])[0].cpu()

    decode()
    yield {"who": "transformers", "codec": "whole", "real_time_factor": CODEC_S / _took_s(decode)}


def codec(backend: TorchBackend) -> Iterator[Row]:
    """A song of ten seconds, whole and in chunks of half a second."""
    codes = _codes(backend.shape.codebooks)

    def decode(frames: int) -> None:
        stream = backend.open_codec()
        for start in range(0, codes.shape[1], frames):
            stream.push(codes[:, start : start + frames], last=start + frames >= codes.shape[1])

    for name, frames in (("whole", codes.shape[1]), ("chunks of 0.5 s", CHUNK_FRAMES)):
        decode(frames)
        took_s = _took_s(lambda frames=frames: decode(frames))
        yield {"who": "muscgen", "codec": name, "real_time_factor": CODEC_S / took_s}


def _sing(engine: Engine, count: int, seconds: float) -> tuple[float, float]:
    """Seconds until all are done, and until the last of them could be heard."""
    started = time.perf_counter()
    handles = [engine.submit(Song(PROMPT, None, seconds, seed, SAMPLING)) for seed in range(count)]
    made = [handle.result() for handle in handles]
    return time.perf_counter() - started, max(song.time_to_first_audio_s for song in made)


def _peer(size: str, precision: str, device: torch.device) -> Any:  # noqa: ANN401
    from transformers import MusicgenForConditionalGeneration

    with torch.device(device):
        model = MusicgenForConditionalGeneration(sizes.theirs(size))
    model.generation_config.guidance_scale = GUIDANCE
    return model.to(DTYPES[precision]).eval()


def _generate(model: Any, count: int, tokens: int, device: torch.device) -> None:  # noqa: ANN401
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(TINY)
    inputs = tokenizer([PROMPT] * count, return_tensors="pt", padding=True)
    with torch.inference_mode():
        sound = model.generate(
            **inputs.to(device),
            do_sample=True,
            temperature=TEMPERATURE,
            top_k=TOP_K,
            max_new_tokens=tokens,
        )
        sound.cpu()


def _codes(codebooks: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2048, (codebooks, CODEC_S * FRAME_RATE), dtype=np.int32)


def _row(who: str, count: int, seconds: float, took_s: float) -> Row:
    return {
        "who": who,
        "songs": count,
        "seconds": seconds,
        "wall_s": took_s,
        "real_time_factor": count * seconds / took_s,
        "songs_per_hour": 3600 * count * seconds / took_s / 30,
    }


def _took_s(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
