"""What the trainings of a language model and of a codec do alike: step by step, kept so that a run goes on.

A training says what a step is, what it is judged by, and what is heard at a save.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import torch

from muscgen import telemetry
from muscgen.training.checkpoints import Checkpoints, State
from muscgen.training.codec_config import CodecTraining
from muscgen.training.config import Config, Optimiser
from muscgen.training.log import Log

C = TypeVar("C", Config, CodecTraining)
Tell = Callable[[dict[str, Any]], None]
_LEAST = 0.1  # of the learning rate at the end of a cosine


class Turns(ABC, Generic[C]):
    """One process's part of a run. Who trains sets `_weights` and calls `_prepare` before `run`."""

    _weights: dict[str, torch.nn.Parameter]

    def __init__(
        self,
        config: C,
        state: State,
        accelerator: Any,  # noqa: ANN401  (accelerate's)
        tell: Tell,
    ) -> None:
        self._config: C = config
        self._state, self._accelerator, self._tell = state, accelerator, tell
        self._checkpoints = Checkpoints(config.out / "checkpoints", config.saving.keep)
        self._log = Log(config.out)

    @abstractmethod
    def _learn(self, step: int) -> dict[str, float]:
        """Gradients of one step; the losses of all processes, `loss` among them."""

    @abstractmethod
    def _judged(self) -> dict[str, float]:
        """The losses of validation."""

    @abstractmethod
    def _heard(self, steps: int) -> dict[str, Any]:
        """What is told of samples after so many steps, by the main process."""

    def run(self) -> dict[str, Any]:
        """All steps that are left; the last line of the log."""
        config, main = self._config, self._accelerator.is_main_process
        config.out.mkdir(parents=True, exist_ok=True)
        if main:
            self._log.begin(self._done)
        line: dict[str, Any] = {}
        for step in range(self._done, config.steps):
            line = self._step(step)
            if not math.isfinite(line["loss"]):
                telemetry.warning("training.not_finite", step=step + 1)
            if step + 1 == config.steps or (step + 1) % config.saving.every_steps == 0:
                line |= self._save(step + 1)
            if main:
                self._log.add(line)
            self._tell(line)
        if main:
            self._log.draw()
        lines = self._log.lines()
        return line or (lines[-1] if lines else {})

    def _prepare(self, model: torch.nn.Module) -> Any:  # noqa: ANN401  (accelerate's wrapper)
        """The model on its device, its weights and optimiser as the newest checkpoint left them."""
        optimiser = self._config.optimiser
        self._optimiser: Any = torch.optim.AdamW(
            self._weights.values(),
            lr=self._config.learning_rate,
            betas=optimiser.betas,
            weight_decay=optimiser.weight_decay,
        )
        model = model.to(self._accelerator.device)
        self._done = self._checkpoints.resume(self._state, self._weights, self._optimiser)
        prepared, self._optimiser = self._accelerator.prepare(model, self._optimiser)
        return prepared

    def _step(self, step: int) -> dict[str, Any]:
        config, accelerator, started = self._config, self._accelerator, time.monotonic()
        rate = config.learning_rate * schedule(step, config.steps, config.optimiser)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        torch.manual_seed(step_seed(config.seed, step, accelerator.process_index))
        figures = self._learn(step)
        norm = accelerator.clip_grad_norm_(self._weights.values(), config.optimiser.clip)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        return {
            "step": step + 1,
            **{name: round(value, 6) for name, value in figures.items()},
            "rate": rate,
            "gradient": round(float(norm), 5),
            "took_s": round(time.monotonic() - started, 4),
        }

    def _save(self, steps: int) -> dict[str, Any]:
        """Validation, a checkpoint, samples; by the main process, while the others wait."""
        found: dict[str, Any] = self._judged()
        if self._accelerator.is_main_process:
            state = State(steps, self._state.config, self._state.manifests)
            inner = getattr(self._optimiser, "optimizer", self._optimiser)  # accelerate wraps it
            self._checkpoints.save(state, self._weights, inner)
            found |= self._heard(steps)
            self._log.draw()
        self._accelerator.wait_for_everyone()
        return found


def schedule(step: int, steps: int, optimiser: Optimiser) -> float:
    """The share of the learning rate: a straight warm-up, then a cosine down to a tenth, or nothing."""
    warm = optimiser.warmup_steps
    if step < warm:
        return (step + 1) / (warm + 1)
    if optimiser.schedule == "constant":
        return 1.0
    along = (step - warm) / max(1, steps - warm)
    return _LEAST + (1 - _LEAST) * 0.5 * (1 + math.cos(math.pi * along))


def step_seed(seed: int, step: int, process: int) -> int:
    """Of the generators, in one step of one process."""
    return (seed * 1_000_003 + step) * 1_009 + process
