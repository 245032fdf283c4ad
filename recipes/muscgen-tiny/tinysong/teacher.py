"""From songs and their sound to an encoder that learnt, and a language model that goes on from what it hears.

Features of songs are stored, then lessons are held. Each of both has songs of its own: what taught the
encoder it hears better than anything that comes later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from muscgen.training.model import tokenizer
from muscgen.training.texts import Texts
from tinysong import continuing, ears, features, lessons
from tinysong.checkpoint import opened
from tinysong.features import Asked, Features, Song
from tinysong.listener import Listener
from tinysong.scales import Continuing, Teaching
from tinysong.shortcut import Shortcut

_SEED, _SPARE_S = 20, 20.0  # of noise: so much longer than what is heard at once
_ENCODER = "audio_encoder.encoder."
_LONGEST = 128  # tokens of words


def teach(start: Path, out: Path, size: Teaching, later: int) -> ears.Weights:
    """`out` has songs and what was rendered of them, of which the last are for later.

    Returns the encoder's weights, by a model's names.
    """
    place, codec = out / "taught", opened(start).audio_encoder
    shortcut, chances = Shortcut(codec), np.random.default_rng(_SEED)
    sets: dict[str, dict[str, Features]] = {"train": {}, "valid": {}}
    for split, found in sets.items():
        songs = [codes for codes, _ in features.composed(out / "songs", split)]
        made = {"composed": songs[: size.composed]}
        if split == "train":
            made["exchanged"] = [*features.exchanged(songs, size.exchanged, chances)]
        for name, codes in made.items():
            found[name] = _set(place / split / name, features.played(codes, shortcut))
        if sounds := _sounds(out, split)[: -later if split == "train" else None]:
            found["rendered"] = _set(place / split / "rendered", features.rendered(sounds, shortcut))
    noises = features.noises(shortcut, size.passage_s + _SPARE_S, chances)
    lessons.learn(codec.encoder, lessons.Lessons(sets["train"], sets["valid"], noises, size), place)
    return {f"{_ENCODER}{name}": tensor for name, tensor in codec.encoder.state_dict().items()}


def carry_on(model: Path, out: Path, size: Continuing, earlier: int) -> ears.Weights:
    """`model` has the encoder that was taught, by the first of the songs. Returns its decoder's weights."""
    place, pupil = out / "continued", opened(model)
    shortcut, chances = Shortcut(pupil.audio_encoder), np.random.default_rng(_SEED)
    songs = {split: features.composed(out / "songs", split) for split in ("train", "valid")}
    exact = _asked(songs["train"])
    songs["train"] = songs["train"][earlier : earlier + size.composed]
    sets: dict[str, dict[str, continuing.Songs]] = {split: {} for split in songs}
    for split, found in sets.items():
        played = sorted(songs[split], key=lambda song: song[0].shape[1])  # as they are stored
        heard = _set(place / split / "composed", features.played([codes for codes, _ in played], shortcut))
        found["composed"] = continuing.Songs(heard, [words for _, words in played])
        if sounds := _sounds(out, split)[-size.rendered if split == "train" else None :]:
            heard = _set(place / split / "rendered", features.rendered(sounds, shortcut))
            words = [json.loads(path.with_suffix(".json").read_text())["description"] for path in sounds]
            found["rendered"] = continuing.Songs(heard, words)
    noises = features.noises(shortcut, size.most_s + _SPARE_S, chances)
    listener, texts = Listener(pupil.audio_encoder.encoder), Texts(tokenizer(model), _LONGEST)
    passages = continuing.Passages(exact, sets["train"], sets["valid"], noises, size, listener, texts)
    return continuing.learn(pupil, passages, place)


def _asked(songs: Sequence[Asked]) -> continuing.Songs:
    return continuing.Songs(features.Pieces.of([codes for codes, _ in songs]), [words for _, words in songs])


def _sounds(out: Path, split: str) -> list[Path]:
    return sorted((out / "rendered" / split).glob("*.wav"))


def _set(path: Path, songs: Iterator[Song]) -> Features:
    """Those that are there are not made again."""
    if not (path / "codes.npz").is_file():
        print(f"{path.name}: {features.store(songs, path)} frames", flush=True)
    return Features(path)
