"""Sounds in folders, and those that were made."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from muscgen import intake, telemetry
from muscgen.audio import Audio
from muscgen.data import place as files
from muscgen.errors import InvalidRequest, UnreadableAudio
from muscgen.evaluation.prompts import Prompt

ENDINGS = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".aiff", ".aif"}
LONGEST_S = 120.0  # of a file that is listened to
SHORTEST_S = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A sound with its name. prompt: what it was made of, where that is known. file: where it lay before."""

    name: str
    audio: Audio
    prompt: Prompt | None = None
    seed: int | None = None
    file: Path | None = None


def paths_in(folder: Path, most: int, seed: int, param: str) -> tuple[list[Path], int]:
    """Sound files below a folder in order, `most` of them drawn by the seed; and how many there are.

    Raises InvalidRequest where there is none.
    """
    if not folder.is_dir():
        raise InvalidRequest(f"there is no folder {folder}", param=param)
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    if not found:
        raise InvalidRequest(
            f"{folder} holds no sound",
            param=param,
            suggestion=f"files ending in {', '.join(sorted(ENDINGS))}",
        )
    if len(found) <= most:
        return found, len(found)
    chosen = np.random.default_rng(seed).choice(len(found), most, replace=False)
    return [found[n] for n in sorted(chosen)], len(found)


def read(path: Path, folder: Path, prompt: Prompt | None = None) -> Clip | None:
    """None, and a word in the log, for what is no sound or too short to say anything."""
    try:
        with path.open("rb") as file:
            audio = intake.decode(file, end_s=LONGEST_S)
    except UnreadableAudio as error:
        telemetry.warning("evaluation.unreadable", file=str(path), reason=error.detail)
        return None
    if audio.duration_s < SHORTEST_S:
        telemetry.warning("evaluation.too_short", file=str(path), seconds=audio.duration_s)
        return None
    return Clip(str(path.relative_to(folder)), audio, prompt, file=path)


def generated(folder: Path, prompts: Sequence[Prompt]) -> list[Clip]:
    """The sounds of a folder, each with the prompt that names it.

    Raises InvalidRequest where there is none, or a named file is not there or named twice.
    """
    by_file: dict[str, Prompt] = {}
    for prompt in prompts:
        if prompt.file and by_file.setdefault(prompt.file, prompt) is not prompt:
            raise InvalidRequest(f"two prompts say that {prompt.file} was made of them", param="prompts")
    if prompts and not by_file:
        raise InvalidRequest(
            "none of the prompts says which file was made of it",
            param="prompts",
            suggestion='{"prompt": "...", "file": "0.wav"}, a line each, in a file ending in .jsonl',
        )
    if missing := sorted(name for name in by_file if not (folder / name).is_file()):
        raise InvalidRequest(f"{folder} holds no {missing[0]}", param="prompts")
    paths = [folder / name for name in by_file] or paths_in(folder, 10_000, 0, "generated")[0]
    clips = [read(path, folder, by_file.get(str(path.relative_to(folder)))) for path in paths]
    found = [clip for clip in clips if clip is not None]
    if not found:
        raise InvalidRequest(f"no sound in {folder} can be read", param="generated")
    return found


def digest(paths: Sequence[Path], folder: Path) -> str:
    """Hex; of names and content."""
    words = [f"{path.relative_to(folder)} {files.sha256_of(path)}" for path in paths]
    return hashlib.sha256("\n".join(words).encode("utf-8", "surrogateescape")).hexdigest()
