"""From songs and their sound to an encoder that has learnt: features are stored, then lessons are held."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinysong import ears, features, lessons
from tinysong.checkpoint import opened
from tinysong.features import Features, Song
from tinysong.scales import Teaching
from tinysong.shortcut import Shortcut

_SEED, _SPARE_S = 20, 20.0  # of noise: so much longer than a passage
_ENCODER = "audio_encoder.encoder."


def teach(start: Path, out: Path, size: Teaching) -> ears.Weights:
    """`out` has songs and what was rendered of them. Returns the encoder's weights, by a model's names."""
    place, codec = out / "taught", opened(start).audio_encoder
    held = _stored(codec, out, place, size)
    lessons.learn(codec.encoder, held, place)
    return {f"{_ENCODER}{name}": tensor for name, tensor in codec.encoder.state_dict().items()}


def _stored(codec: Any, out: Path, place: Path, size: Teaching) -> lessons.Lessons:  # noqa: ANN401
    shortcut, chances = Shortcut(codec), np.random.default_rng(_SEED)
    sets: dict[str, dict[str, Features]] = {"train": {}, "valid": {}}
    for split, found in sets.items():
        songs = features.composed(out / "songs", split)
        made = {"composed": songs[: size.composed]}
        if split == "train":
            made["exchanged"] = [*features.exchanged(songs, size.exchanged, chances)]
        for name, codes in made.items():
            found[name] = _set(place / split / name, features.played(codes, shortcut))
        if any((out / "rendered" / split).glob("*.wav")):
            found["rendered"] = _set(
                place / split / "rendered", features.rendered(out / "rendered" / split, shortcut)
            )
    noises = features.noises(shortcut, size.passage_s + _SPARE_S, chances)
    return lessons.Lessons(sets["train"], sets["valid"], noises, size)


def _set(path: Path, songs: Iterator[Song]) -> Features:
    """Those that are there are not made again."""
    if not (path / "codes.npz").is_file():
        print(f"{path.name}: {features.store(songs, path)} frames", flush=True)
    return Features(path)
