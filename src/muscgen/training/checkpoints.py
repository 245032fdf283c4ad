"""What a run goes on from: the weights that learn, their average, the optimiser's moments, the step.

It appears whole.

Tensors are safetensors, nothing is pickled. Of the optimiser, AdamW: `exp_avg`, `exp_avg_sq` and `step`.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from muscgen.data.place import TEMPORARY
from muscgen.errors import CheckpointInvalid, ConfigurationError

_WEIGHTS, _MOMENTS, _STATE = "weights.safetensors", "moments.safetensors", "state.json"
_AVERAGE = "average.safetensors"
_NAMES = ("exp_avg", "exp_avg_sq", "step")


@dataclass(frozen=True, slots=True)
class Learnt:
    """What moves in a run. weights: by name; average: of each of them, or of none (average.py)."""

    weights: Mapping[str, nn.Parameter]
    average: Mapping[str, torch.Tensor]
    optimiser: torch.optim.Optimizer


@dataclass(frozen=True, slots=True)
class State:
    """steps: how many are done. config, manifests, base: what it must be gone on with.

    base: its revision; older states have none, and are gone on with whatever the base is.
    books: whether a new codec's codebooks have begun; None where nothing is said of it.
    """

    steps: int
    config: str
    manifests: tuple[str, ...]
    base: str = ""
    books: bool | None = None

    def differs(self, wanted: State) -> str:
        """What a run is not the same in that goes on with this; empty where it is."""
        if self.config != wanted.config:
            return "configuration"
        if self.manifests != wanted.manifests:
            return "data"
        return "base" if self.base and self.base != wanted.base else ""


class Checkpoints:
    """Those of one run, in `folder`."""

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder, self._keep = folder, keep

    def save(self, state: State, learnt: Learnt) -> Path:
        """The checkpoint's folder; it is there, whole, when this returns. Older ones are removed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(state.steps)
        temporary = self._folder / f"{TEMPORARY}{secrets.token_hex(8)}"
        temporary.mkdir()
        try:
            save_file(_plain(learnt.weights), temporary / _WEIGHTS)
            save_file(_plain(_moments(learnt)), temporary / _MOMENTS)
            if learnt.average:
                save_file(_plain(learnt.average), temporary / _AVERAGE)
            (temporary / _STATE).write_text(json.dumps(asdict(state)), "utf-8")
            for file in temporary.iterdir():
                _sync(file)
            shutil.rmtree(path, ignore_errors=True)
            temporary.rename(path)
            _sync(self._folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        for old in self.all()[: -self._keep]:
            shutil.rmtree(self._path(old), ignore_errors=True)
        return path

    def all(self) -> list[int]:
        """Steps of the checkpoints that are there, ascending."""
        return sorted(
            int(path.parent.name.removeprefix("step-")) for path in self._folder.glob(f"step-*/{_STATE}")
        )

    def resume(self, wanted: State, learnt: Learnt) -> State:
        """Put the newest checkpoint's numbers in place; returns how far it is, `wanted` where there is none.

        Raises ConfigurationError where it belongs to another configuration, other data or another base.
        """
        for leftover in self._folder.glob(f"{TEMPORARY}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        if not (found := self.all()):
            return wanted
        path = self._path(found[-1])
        state = _state(path)
        if what := state.differs(wanted):
            raise ConfigurationError(
                f"{path} was made with another {what}",
                param="out",
                suggestion="another out, or what it was made with; an earlier version called what it made "
                "after the folder even where a file gave an id: --id says so",
            )
        _restore(path, learnt)
        return replace(wanted, steps=state.steps, books=state.books)

    def _path(self, steps: int) -> Path:
        return self._folder / f"step-{steps:08d}"


def _state(path: Path) -> State:
    try:
        fields = json.loads((path / _STATE).read_text("utf-8"))
        return State(
            int(fields["steps"]),
            str(fields["config"]),
            tuple(fields["manifests"]),
            str(fields.get("base", "")),
            fields.get("books"),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointInvalid(f"{path / _STATE}: {error!r}") from error


@torch.no_grad()
def _restore(path: Path, learnt: Learnt) -> None:
    saved, moments = _read(path / _WEIGHTS), _read(path / _MOMENTS)
    average = _read(path / _AVERAGE) if learnt.average else {}
    if saved.keys() != learnt.weights.keys() or average.keys() != learnt.average.keys():
        raise CheckpointInvalid(f"{path} holds other weights than those that learn")
    for name, weight in learnt.weights.items():
        weight.copy_(saved[name])
    for name, mean in learnt.average.items():
        mean.copy_(average[name])
    counted_there = learnt.optimiser.defaults.get("fused")  # steps lie on the device, too
    for name, weight in learnt.weights.items():
        learnt.optimiser.state[weight] = {
            kind: moments[f"{kind}.{name}"].to(weight.device if kind != "step" or counted_there else "cpu")
            for kind in _NAMES
        }


def _read(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointInvalid(f"{path}: {error!r}") from error


def _moments(learnt: Learnt) -> dict[str, torch.Tensor]:
    return {
        f"{kind}.{name}": learnt.optimiser.state[weight][kind]
        for name, weight in learnt.weights.items()
        for kind in _NAMES
    }


def _plain(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().to("cpu").contiguous().clone() for name, tensor in tensors.items()}


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
