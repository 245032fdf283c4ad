"""The loop: AdamW over windows of codes, on one device or many, under accelerate.

Every step seeds the generators with its own number, and draws its windows by it. So a run that was killed and
goes on from its last checkpoint is the run that was not killed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from muscgen.backends.listening import codec_revision
from muscgen.data.trained import descends, register
from muscgen.models.card import Card
from muscgen.models.checkpoint import Checkpoint
from muscgen.training import memory, output
from muscgen.training.batches import Batches, Shape, Windows, exchanged, with_facts
from muscgen.training.checkpoints import State
from muscgen.training.clips import Clip, Prepared, frames, prepared
from muscgen.training.config import Config, Stage, Words
from muscgen.training.licensing import computed
from muscgen.training.model import load, refuse_adapter, refuse_own_folder, tokenizer, trainable
from muscgen.training.samples import listen
from muscgen.training.speaker import Lesson, Speaker
from muscgen.training.texts import Texts
from muscgen.training.turns import Tell, Turns

_SAMPLES = 2  # captions of the set, where no prompts are given


@dataclass(frozen=True, slots=True)
class Run:
    """What a run is made of, before anything is loaded."""

    config: Config
    base: Card
    data: list[Prepared]

    @property
    def state(self) -> State:
        manifests = tuple(one.manifest.sha256 for one in self.data)
        return State(0, self.config.digest, manifests, self.base.revision)


def plan(config: Config, base: Card) -> Run:
    """Raises whatever stands in the way: data, licence, a base that cannot be trained."""
    if not config.from_nothing:
        refuse_adapter(base)
    refuse_own_folder(base, config.out)
    data = prepared(config.data, codec_revision(Checkpoint(base.path)))
    computed(base, [one.manifest for one in data])
    return Run(config, base, data)


def train(run: Run, tell: Tell) -> dict[str, Any]:
    """Train, and leave the model in `config.out`; returns the last figures. Raises MuscgenError, OSError."""
    from accelerate import Accelerator

    config = run.config
    accelerator = Accelerator(cpu=config.device == "cpu", mixed_precision="no")  # the speaker sees to it
    loop = _Loop(run, accelerator, tell)
    if accelerator.is_main_process:
        for one in run.data:
            register(one.folder, config.id, one.manifest.sha256, path=config.out)
        descends(run.base, config.id, path=config.out)
    with _fast_products():
        figures = loop.run()
    if accelerator.is_main_process:
        terms = computed(run.base, [one.manifest for one in run.data])
        with loop.average.worn():
            output.write(loop.model, output.Made.of(config), run.base, terms, run.data, figures)
    accelerator.wait_for_everyone()
    return figures


class _Loop(Turns[Config, Lesson]):
    """One process's part of a run."""

    def __init__(self, run: Run, accelerator: Any, tell: Tell) -> None:  # noqa: ANN401  (accelerate's)
        super().__init__(run.config, run.state, accelerator, tell)
        self._base, config = run.base, run.config
        checkpoint = Checkpoint(run.base.path)
        self._model_config = checkpoint.config
        self._clips = {
            split: [clip for one in run.data for clip in one.clips[split]] for split in ("train", "valid")
        }
        self._batches = {stage: self._drawn("train", stage, config.words) for stage in _stages(config)}
        valid = Stage(
            share=1, window_s=config.window_s, batch=config.optimiser.batch, openings=config.valid_openings
        )
        self._judges = (
            self._drawn("valid", valid, Words(drop=0.0, add_facts=1.0)) if self._clips["valid"] else None
        )
        self._captions = tuple(dict.fromkeys(map(with_facts, self._clips["valid"])))
        self._words = Texts(tokenizer(run.base.path), checkpoint.config.text.max_tokens)
        self.model = load(run.base.path, config)
        self._weights, self._halves = trainable(self.model), _halves(config)
        self._say_memory(self.model)
        self._speaker = self._prepare(Speaker(self.model, halves=self._halves), self._share)

    def _batch(self, step: int, place: int) -> Lesson:
        return self._lesson(self._batches[self._config.stage(step)].at(step, place))

    def _learn(self, step: int, batches: Iterator[Lesson]) -> dict[str, torch.Tensor]:  # noqa: ARG002
        accelerator = self._accelerator
        self._speaker.train()
        count, losses = self._config.optimiser.accumulate, []
        for part in range(count):
            loss = self._loss(next(batches)) / count
            if part + 1 < count:
                with accelerator.no_sync(self._speaker):
                    accelerator.backward(loss)
            else:
                accelerator.backward(loss)
            losses.append(accelerator.gather(loss.detach()).mean())
        return {"loss": torch.stack(losses).sum()}

    def _lesson(self, windows: Windows) -> Lesson:
        """A window without words has no text."""
        spoken = torch.tensor([bool(text) for text in windows.texts])
        return Lesson(*self._words(windows.texts), spoken, torch.from_numpy(windows.labels))

    def _loss(self, lesson: Lesson) -> torch.Tensor:
        """In nats a code."""
        loss: torch.Tensor = self._speaker(lesson.to(self._accelerator.device))
        return loss

    @torch.no_grad()
    def _judged(self) -> dict[str, float]:
        """Losses of validation under the windows' own captions, and under others where there are others.

        Their difference is what the model makes of words.
        """
        if self._judges is None or not self._config.saving.valid_batches:
            return {}
        self._speaker.eval()
        count, total = self._config.saving.valid_batches, dict[str, float]()
        for n in range(count):
            windows = self._judges.at(n, 0)
            found = {"valid": windows}
            if len(self._captions) > 1:
                others = exchanged(windows.texts, (*self._captions[n:], *self._captions[:n]))
                found["valid_shuffled"] = Windows(windows.labels, others)
            for name, one in found.items():
                total[name] = total.get(name, 0.0) + float(self._loss(self._lesson(one)))
        return {name: round(loss / count, 6) for name, loss in total.items()}

    def _heard(self, steps: int) -> dict[str, Any]:
        saving = self._config.saving
        if not saving.sample_s:
            return {}
        clips = self._clips["valid"] or self._clips["train"]
        prompts = saving.prompts or tuple(with_facts(clip) for clip in clips[:_SAMPLES])
        folder = self._config.out / "samples" / f"step-{steps:08d}"
        words = tokenizer(self._base.path)
        samples = listen(self.model, words, prompts, saving.sample_s, self._base.sampling, folder)
        return {"bad_samples": sum(bool(sample["bad"]) for sample in samples), "samples": len(samples)}

    def _share(self, name: str) -> float:
        return self._config.text_rate if name.startswith("text_encoder.") else 1.0

    def _drawn(self, split: str, stage: Stage, words: Words) -> Batches:
        clips: Sequence[Clip] = self._clips[split]
        decoder = self._model_config.decoder
        shape = Shape(self._frames(stage), decoder.delays, decoder.special)
        return Batches(clips, shape, words, self._config.seed, stage.batch, stage.openings)

    def _frames(self, stage: Stage) -> int:
        return frames(stage.window_s, self._model_config.codec)

    def _say_memory(self, model: torch.nn.Module) -> None:
        """Of the stage that needs most."""
        device = self._accelerator.device
        every = sum(parameter.numel() for parameter in model.parameters())
        learning = sum(parameter.numel() for parameter in self._weights.values())
        how = memory.How(fused=device.type == "cuda", halves=self._halves)
        windows = [(stage.batch, self._frames(stage)) for stage in _stages(self._config)]
        need = memory.needs(every, learning, self._model_config, self._config, windows, how)
        self._tell({"memory": str(need), "parameters": every, "learning": learning})
        memory.check(need, memory.free_bytes(str(device)), self._config)


def _stages(config: Config) -> tuple[Stage, ...]:
    return config.stages or (config.stage(0),)


@contextmanager
def _fast_products() -> Iterator[None]:
    """A GPU multiplies fp32 with TF32's ten bits: enough for a language model."""
    usual = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = usual


def _halves(config: Config) -> bool:
    """Whether products are of bf16."""
    if config.precision == "auto":
        return config.device == "auto" and torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return config.precision == "bf16"
