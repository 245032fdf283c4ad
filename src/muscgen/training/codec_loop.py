"""A codec's training: AdamW over windows of sound, or of codes and the sound that they stand for.

Every step seeds the generators with its own number and draws its windows by it (turns.py): a run that
was killed and goes on is the run that was not killed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from muscgen.audio import Audio
from muscgen.backends.listening import codec_revision
from muscgen.data import place as files
from muscgen.data.manifest import read
from muscgen.data.trained import descends, register
from muscgen.errors import InvalidRequest
from muscgen.models.card import Card
from muscgen.models.checkpoint import Checkpoint
from muscgen.models.config import ModelConfig
from muscgen.training import codec_books, memory, output, sounds
from muscgen.training.checkpoints import State
from muscgen.training.clips import Prepared, frames, prepared, shards
from muscgen.training.codec_config import CodecTraining
from muscgen.training.codec_model import Codec, Windows
from muscgen.training.codec_windows import Source
from muscgen.training.licensing import computed
from muscgen.training.model import quiet, refuse_adapter, refuse_own_folder, trainable
from muscgen.training.samples import keep
from muscgen.training.turns import Tell, Turns

_SAMPLED = 1 << 42  # a step that no training reaches: what samples are drawn by
_SAMPLES = 2
_TOLD = 10  # every so many steps, the share of codes that are heard right
_DECODING = 8  # threads that read sound, at most


@dataclass(frozen=True, slots=True)
class Run:
    """What a run is made of, before anything is loaded."""

    config: CodecTraining
    base: Card
    data: list[Prepared]
    tracks: dict[str, list[sounds.Sound]]  # by split; none where only the decoder's sound is heard

    @property
    def state(self) -> State:
        manifests = tuple(one.manifest.sha256 for one in self.data)
        return State(0, self.config.digest, manifests, self.base.revision)


def plan(config: CodecTraining, base: Card) -> Run:
    """Raises whatever stands in the way: data, licence, a base that cannot be trained."""
    refuse_adapter(base)
    refuse_own_folder(base, config.out)
    if not (base.path / "config.json").is_file():
        raise InvalidRequest(
            f"{config.base} is in audiocraft's layout; transformers reads its own only", param="base"
        )
    checkpoint = Checkpoint(base.path)
    if checkpoint.config.melody is not None:
        raise InvalidRequest(f"{config.base} is a melody model, which cannot be trained here", param="base")
    tracks: dict[str, list[sounds.Sound]] = {}
    if config.learn == "encoder":
        data = prepared(config.data, codec_revision(checkpoint))
    else:
        data = [
            Prepared(folder, read(folder), {"train": [], "valid": [], "test": []}) for folder in config.data
        ]
    if config.learn != "encoder" or config.rendered:
        rate, channels = checkpoint.config.codec.sample_rate, checkpoint.config.decoder.channels
        for split in ("train", "valid"):
            there = [path for one in data for of, path in shards(one.folder, one.manifest) if of == split]
            tracks[split] = sounds.sounds(there, rate, channels, everywhere=config.learn != "encoder")
        if not tracks["train"]:
            raise InvalidRequest("the data holds no sound of a track to train on", param="data")
    computed(base, [one.manifest for one in data])
    return Run(config, base, data, tracks)


def train(run: Run, tell: Tell) -> dict[str, Any]:
    """Train, and leave the model in `config.out`; returns the last figures. Raises MuscgenError, OSError."""
    from accelerate import Accelerator

    config = run.config
    accelerator = Accelerator(cpu=config.device == "cpu", mixed_precision="no")  # a codec does not bear bf16
    loop = _Loop(run, accelerator, tell)
    if accelerator.is_main_process:
        for one in run.data:
            register(one.folder, config.id, one.manifest.sha256, path=config.out)
        descends(run.base, config.id, path=config.out)
    with _whole_products():
        figures = loop.run()
    if accelerator.is_main_process:
        terms = computed(run.base, [one.manifest for one in run.data])
        with loop.average.worn():
            if config.learn == "all":
                accelerator.unwrap_model(loop.codec).put_into(loop.model.audio_encoder)
            output.write(loop.model, _made(config), run.base, terms, run.data, figures)
    accelerator.wait_for_everyone()
    return figures


class _Loop(Turns[CodecTraining, Windows]):
    """One process's part of a run."""

    def __init__(self, run: Run, accelerator: Any, tell: Tell) -> None:  # noqa: ANN401  (accelerate's)
        super().__init__(run.config, run.state, accelerator, tell)
        config = Checkpoint(run.base.path).config
        books = config.decoder.codebooks // config.decoder.channels
        self._codec_config = config.codec
        clips = {
            split: [clip for one in run.data for clip in one.clips[split]] for split in ("train", "valid")
        }
        self._split = "valid" if run.tracks.get("valid") or clips["valid"] else "train"  # that is heard
        self._source = Source(run.config, config, clips, run.tracks)
        self._threads = min(_DECODING, os.cpu_count() or 1) if self._source.heard else 1
        self.model = _loaded(run.base.path)
        rate = config.codec.sample_rate
        codec = Codec(self.model.audio_encoder, books, run.config.learn, run.config.losses, rate)
        if run.config.from_nothing:
            self._forget(codec)
        front = run.config.front_rate
        if not front:
            codec.freeze_front()
        self._weights = trainable(codec)
        self._say(codec, config)
        self.codec = self._prepare(codec, lambda name: front if codec.is_front(name) else 1.0)
        self._state = replace(self._state, books=codec_books.begun(run.config, self._state))

    def _batch(self, step: int, place: int) -> Windows:
        return self._source.train(step, place)

    def _learn(self, step: int, batches: Iterator[Windows]) -> dict[str, torch.Tensor]:
        accelerator, count = self._accelerator, self._config.optimiser.accumulate
        self.codec.train()
        plain = self._books(step)
        told = step % _TOLD == 0 or step + 1 == self._config.steps
        figures: dict[str, torch.Tensor] = {}
        for _ in range(count):
            found = self.codec(next(batches).to(accelerator.device), plain=plain, told=told)
            accelerator.backward(found["loss"] / count)
            for name, value in found.items():
                mean = accelerator.gather(value.detach()).mean() / count
                figures[name] = figures[name] + mean if name in figures else mean
        return figures

    def _books(self, step: int) -> bool:
        """See to the codebooks before a step of a new codec; whether it goes without them.

        The main process does, by its chances; the others are told, for only gradients are shared.
        """
        from accelerate.utils import broadcast

        accelerator, state = self._accelerator, self._state
        if change := codec_books.due(self._config, step, begun=bool(state.books)):
            codec, device = accelerator.unwrap_model(self.codec), accelerator.device
            if accelerator.is_main_process and change == "begin":
                codec.begin_books(self._source.for_books().to(device))
            elif accelerator.is_main_process:
                codec.refresh_books(self._batch(step, 0).to(device).sound)
            broadcast([book.data for book in codec.books])
            self._state = replace(state, books=True)
        return not self._state.books

    @torch.no_grad()
    def _judged(self) -> dict[str, float]:
        """The losses under `valid_...`; `valid` is the whole, `valid_rendered` that of the data's sound."""
        found: dict[str, float] = {}
        if self._source.can_judge():
            found |= self._losses("valid", self._source.valid)
        if self._source.can_judge(rendered=True):
            found |= self._losses("valid_rendered", self._source.valid_rendered)
        return found

    def _losses(self, name: str, drawn: Callable[[int], Windows]) -> dict[str, float]:
        count = self._config.saving.valid_batches
        self.codec.eval()
        total: dict[str, float] = {}
        for n in range(count):
            for part, value in self.codec(drawn(n).to(self._accelerator.device)).items():
                total[part] = total.get(part, 0.0) + float(value) / count
        return {(name if part == "loss" else f"{name}_{part}"): round(x, 6) for part, x in total.items()}

    def _heard(self, steps: int) -> dict[str, Any]:
        """Windows of validation through the codec and back, each beside what it was."""
        saving, wanted = self._config.saving, frames(self._config.saving.sample_s, self._codec_config)
        if not saving.sample_s:
            return {}
        codec = self._accelerator.unwrap_model(self.codec).eval()
        folder = self._config.out / "samples" / f"step-{steps:08d}"
        found = []
        for n in range(_SAMPLES):
            chances = sounds.draws(self._config.seed, _SAMPLED, n)
            was = self._sampled(self._split, wanted, chances)
            for name, sound in ((f"{n}-was.wav", was), (f"{n}.wav", codec.again(was))):
                audio = Audio(np.ascontiguousarray(sound.cpu().numpy()), self._codec_config.sample_rate)
                said = keep(audio, folder / name)
            found.append(said)
        files.write(folder / "samples.jsonl", b"".join(map(files.to_line, found)))
        return {"bad_samples": sum(bool(sample["bad"]) for sample in found), "samples": len(found)}

    @torch.no_grad()
    def _sampled(self, split: str, frames: int, chances: np.random.Generator) -> torch.Tensor:
        """One window of sound [C, T]: the data's, or what the decoder makes of its codes."""
        codec = self._accelerator.unwrap_model(self.codec)
        windows = self._source.one(split, frames, chances).to(self._accelerator.device)
        if windows.codes is None:
            assert windows.sound is not None  # noqa: S101 - one of the two is there
            return windows.sound
        made: torch.Tensor = codec.decoder(codec.vectors(windows.codes))[:, 0]
        return made

    def _forget(self, codec: Codec) -> None:
        """What learns begins anew, as transformers begins it; codebooks later (`_books`)."""
        config = self._config
        torch.manual_seed(config.seed)
        fresh = type(self.model.audio_encoder)(self.model.config.audio_encoder)
        if config.learn != "decoder":
            codec.encoder.load_state_dict(fresh.encoder.state_dict())
        if config.learn != "encoder":
            codec.decoder.load_state_dict(fresh.decoder.state_dict())

    def _say(self, codec: Codec, model: ModelConfig) -> None:
        every = sum(parameter.numel() for parameter in codec.parameters())
        learning = sum(parameter.numel() for parameter in self._weights.values())
        need = memory.codec_needs(every, learning, model, self._config)
        self._tell({"memory": str(need), "parameters": every, "learning": learning})
        memory.check(need, memory.free_bytes(str(self._accelerator.device)), self._config)


@contextmanager
def _whole_products() -> Iterator[None]:
    """fp32 as it is on a GPU, too: a codec does not bear TF32's ten bits."""
    cudnn, usual = torch.backends.cudnn, torch.backends.cudnn.allow_tf32
    cudnn.allow_tf32 = False
    try:
        yield
    finally:
        cudnn.allow_tf32 = usual


def _made(config: CodecTraining) -> output.Made:
    how = {"encoder": "the codec's encoder", "decoder": "the codec's decoder", "all": "the whole codec"}
    limits = (
        "its language model speaks another codec's codes: train one on this base"
        if config.learn == "all"
        else ""
    )
    return output.Made(
        config.id,
        config.out,
        config.base,
        config.steps,
        how[config.learn],
        limits=limits,
        sampled=bool(config.saving.sample_s),
    )


def _loaded(base: Path) -> Any:  # noqa: ANN401  (transformers' model)
    from transformers import MusicgenForConditionalGeneration

    with quiet():
        model = MusicgenForConditionalGeneration.from_pretrained(  # nosec B615  a folder, and nothing else
            base, dtype=torch.float32, local_files_only=True
        )
    model.requires_grad_(False)
    return model
