"""What an evaluation leaves: evaluation.json, index.html, and the songs with their prompts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from muscgen.audio import Audio
from muscgen.data import place as files
from muscgen.evaluation.asked import Asked
from muscgen.evaluation.judge import Judgement, Song
from muscgen.evaluation.prompts import Prompt
from muscgen.finishing.encode import encode

JSON, PAGE, SOUNDS, PROMPTS = "evaluation.json", "index.html", "sounds", "prompts.jsonl"
_PEAK = 0.98
_CLASSES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """model: the card as clients see it, where there is one. setting: what a comparison must share."""

    model: dict[str, Any] | None
    setting: dict[str, Any]
    judgement: Judgement

    def to_dict(self) -> dict[str, Any]:
        judged = self.judgement
        return {
            "model": self.model,
            "setting": self.setting,
            "measures": {name: measure.to_dict() for name, measure in judged.measures.items()},
            "curves": {
                name: [{"windows": round(1 / x), "distance": y} for x, y in curve.points]
                for name, curve in judged.curves.items()
            },
            "warnings": list(judged.warnings),
            "songs": [song_dict(song) for song in judged.songs],
        }


def write(evaluation: Evaluation, folder: Path, page: str, *, made_here: bool) -> None:
    """made_here: keep the songs too, so that they can be judged again (`--generated`). Raises OSError."""
    if made_here:
        lines = []
        for song in evaluation.judgement.songs:
            name = song_file(song)
            files.write(folder / name, encode(playable(song.clip.audio), "wav"))
            prompt = song.clip.prompt or Prompt(prompt="-")
            fields = prompt.model_dump(exclude_none=True, exclude_defaults=True) | {"file": name.name}
            lines.append(files.to_line(fields))
        files.write(folder / PROMPTS, b"".join(lines))
    files.write(folder / JSON, json.dumps(evaluation.to_dict(), indent=2, ensure_ascii=False).encode())
    files.write(folder / PAGE, page.encode())


def song_file(song: Song) -> Path:
    """Where a song that was made here is written, below the folder."""
    return Path(SOUNDS, f"{song.clip.name}.wav")


def playable(audio: Audio) -> Audio:
    """Without peaks beyond full scale, and without numbers that are none."""
    samples = np.nan_to_num(audio.samples, nan=0.0, posinf=0.0, neginf=0.0)
    loudest = float(np.abs(samples).max(initial=0.0))
    return Audio(samples * np.float32(min(1.0, _PEAK / max(loudest, 1e-9))), audio.sample_rate)


def song_dict(song: Song) -> dict[str, Any]:
    prompt = song.clip.prompt
    return {
        "name": song.clip.name,
        "prompt": prompt.prompt if prompt else None,
        "seed": song.clip.seed,
        "seconds": round(song.clip.audio.duration_s, 3),
        "asked": asked_dict(prompt.asked) if prompt else None,
        "heard": {
            "bpm": song.heard.bpm,
            "key": song.heard.key,
            "families": sorted(song.heard.sounding),
            "chances": song.heard.families,
        },
        "nearest": {
            "recording": song.nearest.recording,
            "different_bits": round(song.nearest.different_bits, 4),
            "is_copy": song.nearest.is_copy,
            "tune_of": song.nearest.tune_of,
            "tune": round(song.nearest.tune, 4),
        },
        "clap": None if song.clap is None else round(song.clap, 4),
        "bad": song.bad,
    }


def asked_dict(asked: Asked) -> dict[str, Any]:
    return {
        "bpm": asked.bpm,
        "key": None if asked.key is None else f"{_CLASSES[asked.key[0]]} {asked.key[1]}",
        "families": sorted(asked.families),
        "without": sorted(asked.without),
    }
