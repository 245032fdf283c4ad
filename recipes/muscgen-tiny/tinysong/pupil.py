"""Who learns on CPUs: step by step, kept so that a run that was killed goes on as if it had not been.

What is learnt in the end is the average of the last steps.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from muscgen.training.average import Average
from muscgen.training.config import Optimiser
from muscgen.training.turns import schedule

_DECAY, _CLIP = 0.01, 1.0
_KEEP_EVERY_S = 120.0


class Size(Protocol):
    """learning_rate at its highest, after warmup_steps; least: the share of it that is left at the end.

    average: the share that stays at each step.
    """

    @property
    def steps(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def warmup_steps(self) -> int: ...
    @property
    def least(self) -> float: ...
    @property
    def average(self) -> float: ...


class Pupil:
    """A module, its average and its optimiser, as `place` has them, if it does."""

    def __init__(self, module: nn.Module, size: Size, betas: tuple[float, float], place: Path) -> None:
        self._module, self._size, self._place, self.step = module, size, place, 0
        self.average = Average(dict(module.named_parameters()), size.average)
        self._rates = Optimiser(warmup_steps=size.warmup_steps, least=size.least)
        self._optimiser = torch.optim.AdamW(module.parameters(), betas=betas, weight_decay=_DECAY)
        place.mkdir(parents=True, exist_ok=True)
        if self._kept.is_file():
            state = torch.load(self._kept, weights_only=True)
            self.step, self.average.values = state["step"], state["average"]
            module.load_state_dict(state["module"])
            self._optimiser.load_state_dict(state["optimiser"])

    def learn(self, loss: Tensor) -> float:
        """One step; the loss before it."""
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._module.parameters(), _CLIP)
        for group in self._optimiser.param_groups:
            group["lr"] = self._size.learning_rate * schedule(self.step, self._size.steps, self._rates)
        self._optimiser.step()
        self.average.follow(self.step)
        self.step += 1
        return float(loss.detach())

    def attend(self, lesson: Callable[[], list[float]], judge: Callable[[], dict[str, Any]]) -> None:
        """Lessons until all steps are done; kept, judged and told of every few minutes, between lessons.

        lesson: takes steps, and gives the losses before them.
        """
        last, losses = time.monotonic(), list[float]()
        while self.step < self._size.steps:
            losses += lesson()
            if self.step == self._size.steps or time.monotonic() - last > _KEEP_EVERY_S:
                self._keep({"step": self.step, "loss": round(float(np.mean(losses)), 4)}, judge)
                last, losses = time.monotonic(), []

    def _keep(self, found: dict[str, Any], judge: Callable[[], dict[str, Any]]) -> None:
        with self.average.worn():
            found |= judge()
        with (self._place / "log.jsonl").open("a") as log:
            log.write(json.dumps(found) + "\n")
        print(found, flush=True)
        part = self._kept.with_suffix(".part")
        state = {"module": self._module.state_dict(), "optimiser": self._optimiser.state_dict()}
        torch.save({**state, "average": self.average.values, "step": self.step}, part)
        part.replace(self._kept)

    @property
    def _kept(self) -> Path:
        return self._place / "kept.pt"
