"""The reference, track by track: what is kept of it does not grow with its length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from muscgen.audio import Audio
from muscgen.errors import InvalidRequest
from muscgen.evaluation import clips, families
from muscgen.evaluation.embeddings import Embedding
from muscgen.evaluation.frechet import Cloud, Gathering
from muscgen.evaluation.likeness import Print, printed
from muscgen.evaluation.making import Tell
from muscgen.evaluation.pretrained import Classifier
from muscgen.evaluation.spectra import Floats

_FOR_CODEC = 16  # tracks that go through the codec


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """clouds, means: by embedding; means of each track [N, D]. labels: by track, where there is a classifier.

    of: how many tracks the folder has. excerpts: the first tracks' sound.
    """

    clouds: dict[str, Cloud]
    means: dict[str, Floats]
    prints: tuple[Print, ...]
    families: Floats
    labels: dict[str, Floats]
    excerpts: tuple[Audio, ...]
    of: int
    digest: str


def gathered(
    folder: Path,
    most: int,
    seed: int,
    embeddings: Sequence[Embedding],
    classifier: Classifier | None,
    tell: Tell,
) -> Reference:
    """Listen to a folder. Raises InvalidRequest where nothing in it can be read."""
    paths, of = clips.paths_in(folder, most, seed, "reference")
    gatherings = {embedding.name: Gathering() for embedding in embeddings}
    means: dict[str, list[Floats]] = {embedding.name: [] for embedding in embeddings}
    prints: list[Print] = []
    heard: list[list[float]] = []
    excerpts: list[Audio] = []
    labels: dict[str, Floats] = {}
    for n, path in enumerate(paths):
        tell("reference", n + 1, len(paths))
        clip = clips.read(path, folder)
        if clip is None:
            continue
        for embedding in embeddings:
            values = embedding(clip.audio)
            gatherings[embedding.name].add(values)
            means[embedding.name].append(values.mean(axis=0))
        prints.append(printed(clip.name, clip.audio))
        heard.append(list(families.chances(clip.audio).values()))
        if classifier is not None:
            labels[clip.name] = classifier.labels(clip.audio)
        if len(excerpts) < _FOR_CODEC:
            excerpts.append(clip.audio.trimmed(10.0))
    if not prints:
        raise InvalidRequest(f"no sound in {folder} can be read", param="reference")
    clouds = {name: cloud for name, one in gatherings.items() if (cloud := one.cloud()) is not None}
    return Reference(
        clouds,
        {name: np.stack(rows) for name, rows in means.items()},
        tuple(prints),
        np.mean(heard, axis=0),
        labels,
        tuple(excerpts),
        of,
        clips.digest(paths, folder),
    )
