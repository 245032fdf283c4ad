"""The loop: AdamW over windows of codes, on one device or many, under accelerate.

Every step seeds the generators with its own number, and draws its windows by it. So a run that was killed and
goes on from its last checkpoint is the run that was not killed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from muscgen.backends.listening import codec_revision
from muscgen.data.trained import register
from muscgen.models.card import Card
from muscgen.models.checkpoint import Checkpoint
from muscgen.training import memory, output
from muscgen.training.batches import Batches, Shape, Windows, with_facts
from muscgen.training.checkpoints import State
from muscgen.training.clips import Clip, Prepared, prepared
from muscgen.training.config import Config, Words
from muscgen.training.licensing import computed
from muscgen.training.model import load, tokenizer, trainable
from muscgen.training.samples import listen
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
        return State(0, self.config.digest, tuple(one.manifest.sha256 for one in self.data))


def plan(config: Config, base: Card) -> Run:
    """Raises whatever stands in the way: data, licence, a base that cannot be trained."""
    data = prepared(config.data, codec_revision(Checkpoint(base.path)))
    computed(base, [one.manifest for one in data])
    return Run(config, base, data)


def train(run: Run, tell: Tell) -> dict[str, Any]:
    """Train, and leave the model in `config.out`; returns the last figures. Raises MuscgenError, OSError."""
    from accelerate import Accelerator

    config = run.config
    accelerator = Accelerator(cpu=config.device == "cpu", mixed_precision=_precision(config))
    loop = _Loop(run, accelerator, tell)
    if accelerator.is_main_process:
        for one in run.data:
            register(one.folder, config.id, one.manifest.sha256, path=config.out)
    figures = loop.run()
    if accelerator.is_main_process:
        output.write(
            accelerator.unwrap_model(loop.model),
            output.Made.of(config),
            run.base,
            computed(run.base, [one.manifest for one in run.data]),
            run.data,
            figures,
        )
    accelerator.wait_for_everyone()
    return figures


class _Loop(Turns[Config]):
    """One process's part of a run."""

    def __init__(self, run: Run, accelerator: Any, tell: Tell) -> None:  # noqa: ANN401  (accelerate's)
        super().__init__(run.config, run.state, accelerator, tell)
        self._base = run.base
        checkpoint = Checkpoint(run.base.path)
        codec, decoder = checkpoint.config.codec, checkpoint.config.decoder
        frames = round(run.config.window_s * codec.sample_rate / codec.hop)
        shape = Shape(frames, decoder.delays, decoder.special)
        self._clips = {
            split: [clip for one in run.data for clip in one.clips[split]] for split in ("train", "valid")
        }
        self._batches = self._drawn("train", shape, run.config.words)
        self._judges = (
            self._drawn("valid", shape, Words(drop=0.0, add_facts=1.0)) if self._clips["valid"] else None
        )
        self._words = tokenizer(run.base.path)
        self._longest_text = checkpoint.config.text.max_tokens
        model = load(run.base.path, run.config)
        self._weights = trainable(model)
        self._say_memory(model, checkpoint, frames)
        self.model = self._prepare(model)

    def _learn(self, step: int) -> dict[str, float]:
        accelerator = self._accelerator
        self.model.train()
        total, count = 0.0, self._config.optimiser.accumulate
        for part in range(count):
            place = part * accelerator.num_processes + accelerator.process_index
            loss = self._loss(self._batches.at(step, place)) / count
            if part + 1 < count:
                with accelerator.no_sync(self.model):
                    accelerator.backward(loss)
            else:
                accelerator.backward(loss)
            total += float(accelerator.gather(loss.detach()).mean())
        return {"loss": total}

    def _loss(self, windows: Windows) -> torch.Tensor:
        """Cross-entropy in nats a code, the mean over codebooks. A window without words has no text."""
        device = self._accelerator.device
        words = self._words(
            list(windows.texts),
            return_tensors="pt",
            padding=True,
            truncation=True,
            max_length=self._longest_text,
        )
        spoken = torch.tensor([[bool(text)] for text in windows.texts])
        loss: torch.Tensor = self.model(
            input_ids=words.input_ids.to(device),
            attention_mask=(words.attention_mask * spoken).to(device),
            labels=torch.from_numpy(windows.labels).to(device),
        ).loss
        return loss

    @torch.no_grad()
    def _judged(self) -> dict[str, float]:
        """Losses of validation under the windows' own captions and under each other's.

        Their difference is what the model makes of words.
        """
        if self._judges is None or not self._config.saving.valid_batches:
            return {}
        self.model.eval()
        own, exchanged = 0.0, 0.0
        for n in range(self._config.saving.valid_batches):
            windows = self._judges.at(n, 0)
            own += float(self._loss(windows))
            texts = (*windows.texts[1:], windows.texts[0])
            exchanged += float(self._loss(Windows(windows.labels, texts)))
        count = self._config.saving.valid_batches
        return {"valid": round(own / count, 6), "valid_shuffled": round(exchanged / count, 6)}

    def _heard(self, steps: int) -> dict[str, Any]:
        saving = self._config.saving
        if not saving.sample_s:
            return {}
        clips = self._clips["valid"] or self._clips["train"]
        prompts = saving.prompts or tuple(with_facts(clip) for clip in clips[:_SAMPLES])
        folder = self._config.out / "samples" / f"step-{steps:08d}"
        model = self._accelerator.unwrap_model(self.model)
        samples = listen(model, self._words, prompts, saving.sample_s, self._base.sampling, folder)
        return {"bad_samples": sum(bool(sample["bad"]) for sample in samples), "samples": len(samples)}

    def _drawn(self, split: str, shape: Shape, words: Words) -> Batches:
        clips: Sequence[Clip] = self._clips[split]
        return Batches(clips, shape, words, self._config.seed, self._config.optimiser.batch)

    def _say_memory(self, model: torch.nn.Module, checkpoint: Checkpoint, frames: int) -> None:
        every = sum(parameter.numel() for parameter in model.parameters())
        learning = sum(parameter.numel() for parameter in self._weights.values())
        need = memory.needs(every, learning, checkpoint.config, self._config, frames)
        self._tell({"memory": str(need), "parameters": every, "learning": learning})
        memory.check(need, memory.free_bytes(str(self._accelerator.device)), self._config)


def _precision(config: Config) -> str:
    if config.precision == "auto":
        has = config.device == "auto" and torch.cuda.is_available() and torch.cuda.is_bf16_supported()
        return "bf16" if has else "no"
    return "bf16" if config.precision == "bf16" else "no"
