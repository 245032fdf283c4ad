"""What the model makes of a prompt, and whether it is any good: noise and silence do not show in a loss."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from muscgen.audio import Audio
from muscgen.data import place as files
from muscgen.errors import BadSong
from muscgen.finishing.checks import check, silence_ratio
from muscgen.finishing.encode import encode
from muscgen.finishing.loudness import integrated
from muscgen.request import Sampling
from muscgen.training.model import quiet

_PEAK = 0.98


def listen(
    model: Any,  # noqa: ANN401  (transformers' or peft's)
    tokenizer: Any,  # noqa: ANN401
    prompts: Sequence[str],
    seconds: float,
    sampling: Sampling,
    folder: Path,
) -> list[dict[str, Any]]:
    """Write a wav a prompt, and tell what the checks say of each; `bad` is empty where it is good."""
    found = []
    for n, prompt in enumerate(prompts):
        audio = _made(model, tokenizer, prompt, seconds, sampling, seed=n)
        found.append({"prompt": prompt} | keep(audio, folder / f"{n}.wav"))
    files.write(folder / "samples.jsonl", b"".join(map(files.to_line, found)))
    return found


def keep(audio: Audio, path: Path) -> dict[str, Any]:
    """Write a wav, no louder than it may be, unless it holds numbers that are none; what the checks say."""
    loudest = float(np.abs(audio.samples).max(initial=0.0))
    bad = _bad(audio)
    if np.isfinite(loudest):
        level = _PEAK / loudest if loudest > _PEAK else 1.0
        files.write(path, encode(Audio(audio.samples * np.float32(level), audio.sample_rate), "wav"))
    return {
        "file": path.name,
        "bad": bad,
        "lufs": round(integrated(audio), 1) if not bad else None,
        "silence": round(silence_ratio(audio), 3) if np.isfinite(loudest) else None,
    }


def _made(model: Any, tokenizer: Any, prompt: str, seconds: float, sampling: Sampling, seed: int) -> Audio:  # noqa: ANN401
    plain = model.get_base_model() if hasattr(model, "get_base_model") else model
    codec = plain.config.audio_encoder
    steps = round(seconds * codec.frame_rate) + plain.config.decoder.num_codebooks - 1
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    with quiet(), torch.inference_mode(), torch.random.fork_rng():
        torch.manual_seed(seed)
        words = tokenizer([prompt], return_tensors="pt").to(device)
        samples = plain.generate(
            input_ids=words.input_ids,
            attention_mask=words.attention_mask,
            do_sample=True,
            temperature=sampling.temperature,
            top_k=sampling.top_k,
            guidance_scale=sampling.guidance_scale,
            max_new_tokens=steps,
        )
    model.train(training)
    return Audio(np.ascontiguousarray(samples[0].float().cpu().numpy()), codec.sampling_rate)


def _bad(audio: Audio) -> str:
    """Empty, or what is wrong."""
    try:
        check(audio)
    except BadSong as song:
        return song.reason
    return ""
