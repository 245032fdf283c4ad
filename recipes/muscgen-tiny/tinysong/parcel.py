"""What a training learnt, small enough to be sent: the weights that are not its start's, in half precision.

A machine with a GPU often lets out little. Here the same start is made again, bit for bit, and the parcel
opened over it: NN.safetensors of at most 15 MiB each, and words.tar.gz with all that is no weight.
"""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

_WEIGHTS = "model.safetensors"
_MOST_BYTES = 15 << 20
_LEFT = ("checkpoints", "samples")  # of a training's folder


def sent(learnt: Path, start: Path, parcel: Path) -> None:
    """`parcel` holds what has to be known of the model `learnt` by who has `start`."""
    shutil.rmtree(parcel, ignore_errors=True)
    parcel.mkdir(parents=True)
    before = load_file(start / _WEIGHTS)
    parts: list[dict[str, torch.Tensor]] = [{}]
    room = _MOST_BYTES
    for name, tensor in load_file(learnt / _WEIGHTS).items():
        if name in before and torch.equal(tensor, before[name]):
            continue
        half = tensor.half() if tensor.is_floating_point() else tensor
        if half.nbytes > room:
            parts.append({})
            room = _MOST_BYTES
        parts[-1][name] = half
        room -= half.nbytes
    for number, part in enumerate(parts):
        save_file(part, parcel / f"{number:02d}.safetensors", {"format": "pt"})
    with tarfile.open(parcel / "words.tar.gz", "w:gz") as tar:
        for path in sorted(learnt.iterdir()):
            if path.name not in (_WEIGHTS, *_LEFT):
                tar.add(path, path.name)


def opened(parcel: Path, start: Path, learnt: Path) -> None:
    """`learnt` becomes the model that was sent. Raises OSError, KeyError for a start that is another."""
    learnt.mkdir(parents=True, exist_ok=True)
    weights = load_file(start / _WEIGHTS)
    for path in sorted(parcel.glob("*.safetensors")):
        for name, tensor in load_file(path).items():
            weights[name] = tensor.to(weights[name].dtype)
    save_file(weights, learnt / _WEIGHTS, {"format": "pt"})
    with tarfile.open(fileobj=io.BytesIO((parcel / "words.tar.gz").read_bytes())) as tar:
        tar.extractall(learnt, filter="data")  # nosec B202  filtered
