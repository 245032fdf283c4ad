"""Prepared sets and bases that a training test takes seconds with."""

from __future__ import annotations

import json
from pathlib import Path

from data.tunes import write

from muscgen.backends.loading import Choice
from muscgen.data.preparer import codec_choice
from muscgen.data.run import Wish, prepare
from muscgen.models.card import Card, read_card
from muscgen.training.config import Config, Optimiser, Saving, Words, read

WORDS = ("harp", "techno", "sad violin", "marimba", "funk with slap bass", "lofi", "jazz trio", "choir")


def prepared(
    folder: Path, base: Path, clips: int = 8, seconds: float = 1.0, licence: str = "CC-BY-4.0"
) -> Path:
    """Clips of one artist each, with a caption each, and the codes of the base's codec."""
    root = folder / "songs"
    for n in range(clips):
        write(root / f"{n}.wav", n, 1.0, 32_000)
        said = {"artist": f"Artist {n}", "license": licence, "description": WORDS[n % len(WORDS)]}
        said |= {"split": "train" if n < clips - 1 or clips < 4 else "valid"}
        (root / f"{n}.json").write_text(json.dumps(said))
    codec, sound = codec_choice(base.name, base, Choice("onnx", "cpu", "fp32"), folder / "cache")
    use = "noncommercial" if "-NC" in licence else "commercial"
    wish = Wish("folder", root, use, folder / "data", sound, codec=codec, workers=1)
    prepare(wish, lambda _: None)
    return folder / "data"


def config(data: Path, out: Path, base: Path, **more) -> Config:
    """Fast, without samples, on one device."""
    usual = {
        "id": f"ours/{out.name}",
        "out": out,
        "data": (data,),
        "base": str(base),
        "steps": 4,
        "window_s": 1.0,
        "device": "cpu",
        "saving": Saving(every_steps=2, sample_s=0, valid_batches=1),
        "optimiser": Optimiser(batch=2, warmup_steps=0, schedule="constant"),
    }
    return read(None, **usual | more)


def card(base: Path) -> Card:
    return read_card(base)


NO_WORDS_LOST = Words(drop=0.0, add_facts=0.0)
