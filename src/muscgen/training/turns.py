"""What the trainings of a language model and of a codec do alike: step by step, kept so that a run goes on.

A training says what a step is, what it is judged by, and what is heard at a save.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, Generic, NoReturn, TypeVar

import torch
from torch import Tensor

from muscgen.errors import ConfigurationError
from muscgen.training.ahead import Ahead, Place
from muscgen.training.average import Average
from muscgen.training.checkpoints import Checkpoints, Learnt, State
from muscgen.training.codec_config import CodecTraining
from muscgen.training.config import Config, Optimiser
from muscgen.training.log import Line, Log

B = TypeVar("B")
C = TypeVar("C", Config, CodecTraining)
Tell = Callable[[dict[str, Any]], None]
_TOGETHER = 10  # steps whose figures a GPU is asked for at once: it waits for nobody meanwhile


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """A step that was taken, its figures still on their way."""

    step: int
    rate: float
    figures: dict[str, Tensor]
    norm: Tensor


class Turns(ABC, Generic[C, B]):
    """One process's part of a run, over batches B. Who trains sets `_weights`, then calls `_prepare`.

    average: of the weights; they wear it while they are judged, and heard, and kept as a model.
    """

    average: Average
    _weights: dict[str, torch.nn.Parameter]
    _threads = 1  # that make batches

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
    def _batch(self, step: int, place: int) -> B:
        """A function of both and of nothing else; called on another thread."""

    @abstractmethod
    def _learn(self, step: int, batches: Iterator[B]) -> dict[str, Tensor]:
        """Gradients of one step, of its next batches; the losses of all processes, `loss` among them."""

    @abstractmethod
    def _judged(self) -> dict[str, float]:
        """The losses of validation."""

    @abstractmethod
    def _heard(self, steps: int) -> dict[str, Any]:
        """What is told of samples after so many steps, by the main process."""

    def run(self) -> Line:
        """All steps that are left; the last line of the log."""
        config, main = self._config, self._accelerator.is_main_process
        config.out.mkdir(parents=True, exist_ok=True)
        if main:
            self._log.begin(self._done)
        together = _TOGETHER if self._accelerator.device.type == "cuda" else 1
        with Ahead(self._batch, self._places(), self._threads) as batches:
            self._since, taken = time.monotonic(), list[Taken]()
            for step in range(self._done, config.steps):
                taken.append(self._step(step, batches))
                saves = step + 1 == config.steps or (step + 1) % config.saving.every_steps == 0
                if saves or len(taken) == together:
                    self._settle(taken, saves=saves)
                    taken = []
        if main:
            self._log.draw()
        lines = self._log.lines()
        return lines[-1] if lines else {}

    def _places(self) -> Iterator[Place]:
        """Of this process's batches, in order."""
        count, accelerator = self._config.optimiser.accumulate, self._accelerator
        for step in range(self._done, self._config.steps):
            for part in range(count):
                yield step, part * accelerator.num_processes + accelerator.process_index

    def _prepare(self, model: torch.nn.Module, share_of: Callable[[str], float] = lambda _: 1.0) -> Any:  # noqa: ANN401  (accelerate's wrapper)
        """The model on its device; all that moves as the newest checkpoint left it.

        share_of: of the learning rate, for the weight of that name.
        """
        optimiser, device = self._config.optimiser, self._accelerator.device
        model = model.to(device)  # its parameters stay who they are
        shares = {name: share_of(name) for name in self._weights}
        self._optimiser: Any = torch.optim.AdamW(
            [
                {"params": [self._weights[name] for name in shares if shares[name] == share], "share": share}
                for share in dict.fromkeys(shares.values())
            ],
            lr=self._config.learning_rate,
            betas=optimiser.betas,
            weight_decay=optimiser.weight_decay,
            fused=device.type == "cuda",
        )
        self.average = Average(self._weights, optimiser.average)
        self._state = self._checkpoints.resume(self._state, self._learnt())
        self._done = self._state.steps
        if self._done > self._config.steps:
            raise ConfigurationError(
                f"{self._done} steps are done in {self._config.out}, which is more than {self._config.steps}",
                param="steps",
                suggestion=f"{self._done} makes a model of what is there",
            )
        prepared, self._optimiser = self._accelerator.prepare(model, self._optimiser)
        return prepared

    def _learnt(self) -> Learnt:
        inner = getattr(self._optimiser, "optimizer", self._optimiser)  # accelerate wraps it
        return Learnt(self._weights, self.average.values, inner)

    def _step(self, step: int, batches: Iterator[B]) -> Taken:
        config, accelerator = self._config, self._accelerator
        rate = config.learning_rate * schedule(step, config.steps, config.optimiser)
        for group in self._optimiser.param_groups:
            group["lr"] = rate * group["share"]
        torch.manual_seed(step_seed(config.seed, step, accelerator.process_index))
        figures = self._learn(step, batches)
        norm = accelerator.clip_grad_norm_(self._weights.values(), config.optimiser.clip)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self.average.follow(step)
        return Taken(step, rate, figures, norm)

    def _settle(self, taken: list[Taken], *, saves: bool) -> None:
        """Into the log, and told; with what a save finds, in the last line.

        Raises ConfigurationError after a step whose numbers are none: it is neither kept nor gone on from.
        """
        lines = [_line(one) for one in taken]  # the device is waited for, and then is the time
        took_s = round((time.monotonic() - self._since) / len(taken), 4)
        lines = [line | {"took_s": took_s} for line in lines]
        good = list(takewhile(_finite, lines))
        if saves and len(good) == len(lines):
            good[-1] |= self._save(taken[-1].step + 1)
        if self._accelerator.is_main_process:
            self._log.add(*good)
        for line in good:
            self._tell(line)
        if len(good) < len(lines):
            self._give_up(lines[len(good)])
        self._since = time.monotonic()

    def _give_up(self, line: Line) -> NoReturn:
        left = "there is no checkpoint yet"
        helps = "a lower learning_rate or more warmup_steps"
        if kept := self._checkpoints.all():
            left = f"the last checkpoint is that of step {kept[-1]}"
            model = f"; steps {kept[-1]} makes a model of it" if self._state.books is not False else ""
            helps += f", in another out{model}"
        raise ConfigurationError(
            f"step {line['step']} has loss {line['loss']:g} and gradient {line['gradient']:g}; {left}",
            param="optimiser.learning_rate",
            suggestion=helps,
        )

    def _save(self, steps: int) -> dict[str, Any]:
        """A checkpoint, validation, samples; by the main process, while the others wait."""
        main = self._accelerator.is_main_process
        if main:
            self._checkpoints.save(replace(self._state, steps=steps), self._learnt())
        with self.average.worn():
            found: dict[str, Any] = self._judged()
            if main:
                found |= self._heard(steps)
        if main:
            self._log.draw()
        self._accelerator.wait_for_everyone()
        return found


def _line(taken: Taken) -> Line:
    return {
        "step": taken.step + 1,
        **{name: round(float(value), 6) for name, value in taken.figures.items()},
        "rate": taken.rate,
        "gradient": round(float(taken.norm), 5),
    }


def _finite(line: Line) -> bool:
    return math.isfinite(line["loss"]) and math.isfinite(line["gradient"])


def schedule(step: int, steps: int, optimiser: Optimiser) -> float:
    """The share of the learning rate: a straight warm-up, then a cosine down to `least`, or nothing."""
    warm = optimiser.warmup_steps
    if step < warm:
        return (step + 1) / (warm + 1)
    if optimiser.schedule == "constant":
        return 1.0
    along = (step - warm) / max(1, steps - warm)
    return optimiser.least + (1 - optimiser.least) * 0.5 * (1 + math.cos(math.pi * along))


def step_seed(seed: int, step: int, process: int) -> int:
    """Of the generators, in one step of one process."""
    return (seed * 1_000_003 + step) * 1_009 + process
