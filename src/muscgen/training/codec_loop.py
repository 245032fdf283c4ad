"""A codec's training: AdamW over windows of sound, or of codes and the sound that they stand for.

Every step seeds the generators with its own number and draws its windows by it (turns.py): a run that
was killed and goes on is the run that was not killed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from muscgen.audio import Audio
from muscgen.backends.listening import codec_revision
from muscgen.data import place as files
from muscgen.data.manifest import read
from muscgen.data.place import Place
from muscgen.data.trained import register
from muscgen.errors import ConfigurationError, InvalidRequest
from muscgen.models.card import Card
from muscgen.models.checkpoint import Checkpoint
from muscgen.models.config import CodecConfig, ModelConfig
from muscgen.training import memory, output, sounds
from muscgen.training.checkpoints import State
from muscgen.training.clips import Prepared, prepared
from muscgen.training.codec_config import CodecTraining
from muscgen.training.codec_model import Codec
from muscgen.training.licensing import computed
from muscgen.training.model import quiet, trainable
from muscgen.training.samples import keep
from muscgen.training.turns import Tell, Turns

_VALID, _BOOKS, _SAMPLED = 1 << 40, 1 << 41, 1 << 42  # steps that no training reaches: what else is drawn by
_FOR_BOOKS = 16  # windows
_PLAIN = 0.3  # of the steps of a codec from nothing: without codes
_SAMPLES = 2
_REFRESH_STEPS, _REFRESHED = 5, 0.7  # codes that are not used are moved; not any more towards the end


@dataclass(frozen=True, slots=True)
class Run:
    """What a run is made of, before anything is loaded."""

    config: CodecTraining
    base: Card
    data: list[Prepared]
    tracks: dict[str, list[sounds.Sound]]  # by split; none where pairs are learnt

    @property
    def state(self) -> State:
        return State(0, self.config.digest, tuple(one.manifest.sha256 for one in self.data))


def plan(config: CodecTraining, base: Card) -> Run:
    """Raises whatever stands in the way: data, licence, a base that cannot be trained."""
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
        rate, channels = checkpoint.config.codec.sample_rate, checkpoint.config.decoder.channels
        for split in ("train", "valid"):
            shards = [shard for one in data for shard in _shards(one, split)]
            tracks[split] = sounds.sounds(shards, rate, channels)
        if not tracks["train"]:
            raise InvalidRequest("the data holds no track to train on", param="data")
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
    figures = loop.run()
    if accelerator.is_main_process:
        if config.learn == "all":
            accelerator.unwrap_model(loop.codec).put_into(loop.model.audio_encoder)
        terms = computed(run.base, [one.manifest for one in run.data])
        output.write(loop.model, _made(config), run.base, terms, run.data, figures)
    accelerator.wait_for_everyone()
    return figures


class _Loop(Turns[CodecTraining]):
    """One process's part of a run."""

    def __init__(self, run: Run, accelerator: Any, tell: Tell) -> None:  # noqa: ANN401  (accelerate's)
        super().__init__(run.config, run.state, accelerator, tell)
        self._run = run
        config = Checkpoint(run.base.path).config
        self._channels, books = config.decoder.channels, config.decoder.codebooks // config.decoder.channels
        self._codec_config = config.codec
        self._frames = _frames(run.config.window_s, config.codec)
        self._samples = self._frames * config.codec.hop
        self._clips = {
            split: [clip for one in run.data for clip in one.clips[split]] for split in ("train", "valid")
        }
        self.model = _loaded(run.base.path)
        rate = config.codec.sample_rate
        codec = Codec(self.model.audio_encoder, books, run.config.learn, run.config.losses, rate)
        if run.config.from_nothing:
            self._forget(codec)
        self._weights = trainable(codec)
        self._say(codec, config)
        self.codec = self._prepare(codec)

    def _learn(self, step: int) -> dict[str, float]:
        accelerator, count = self._accelerator, self._config.optimiser.accumulate
        self.codec.train()
        plain = self._books(step)
        figures: dict[str, float] = {}
        for part in range(count):
            place = part * accelerator.num_processes + accelerator.process_index
            found = self.codec(*self._batch("train", step, place), plain)
            accelerator.backward(found["loss"] / count)
            for name, value in found.items():
                mean = float(accelerator.gather(value.detach()).mean())
                figures[name] = figures.get(name, 0.0) + mean / count
        return figures

    def _books(self, step: int) -> bool:
        """See to the codebooks before a step of a new codec; whether it goes without them.

        All processes hear the same sound for it. A codec from nothing first learns without codes: else its
        encoder soon says the same of everything.
        """
        config, codec = self._config, self._accelerator.unwrap_model(self.codec)
        if config.learn != "all":
            return False
        begins = round(_PLAIN * config.steps) if config.from_nothing else 0
        if config.from_nothing and step == begins:
            chances = sounds.draws(config.seed, _BOOKS, 0)
            heard = sounds.heard(self._run.tracks["train"], self._samples, _FOR_BOOKS, chances)
            sound = torch.from_numpy(heard.reshape(-1, self._samples)).to(self._accelerator.device)
            codec.begin_books(sound)
        elif step >= begins and step % _REFRESH_STEPS == 0 and step < _REFRESHED * config.steps:
            codec.refresh_books(self._batch("train", step, 0)[0])
        return step < begins

    @torch.no_grad()
    def _judged(self) -> dict[str, float]:
        """The losses of validation, each under `valid_...`; `valid` is the whole."""
        has = self._run.tracks.get("valid") or self._clips["valid"]
        count = self._config.saving.valid_batches
        if not has or not count:
            return {}
        self.codec.eval()
        total: dict[str, float] = {}
        for n in range(count):
            for name, value in self.codec(*self._batch("valid", _VALID, n)).items():
                total[name] = total.get(name, 0.0) + float(value) / count
        return {("valid" if name == "loss" else f"valid_{name}"): round(x, 6) for name, x in total.items()}

    def _heard(self, steps: int) -> dict[str, Any]:
        """Windows of validation through the codec and back, each beside what it was."""
        saving, wanted = self._config.saving, _frames(self._config.saving.sample_s, self._codec_config)
        if not saving.sample_s:
            return {}
        split = "valid" if self._run.tracks.get("valid") or self._clips["valid"] else "train"
        codec = self._accelerator.unwrap_model(self.codec).eval()
        folder = self._config.out / "samples" / f"step-{steps:08d}"
        found = []
        for n in range(_SAMPLES):
            chances = sounds.draws(self._config.seed, _SAMPLED, n)
            was, codes = self._drawn(split, wanted, 1, 0.0, chances)
            with torch.no_grad():
                was = codec.decoder(codec.vectors(codes))[:, 0] if was is None else was
            for name, sound in ((f"{n}-was.wav", was), (f"{n}.wav", codec.again(was))):
                audio = Audio(np.ascontiguousarray(sound.cpu().numpy()), self._codec_config.sample_rate)
                said = keep(audio, folder / name)
            found.append(said)
        files.write(folder / "samples.jsonl", b"".join(map(files.to_line, found)))
        return {"bad_samples": sum(bool(sample["bad"]) for sample in found), "samples": len(found)}

    def _batch(self, split: str, step: int, place: int) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Sound [N, T], or codes [N, K, F]; N is windows times channels."""
        config, chances = self._config, sounds.draws(self._config.seed, step, place)
        return self._drawn(split, self._frames, config.optimiser.batch, config.exchange, chances)

    def _drawn(
        self, split: str, frames: int, size: int, exchange: float, chances: np.random.Generator
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        device = self._accelerator.device
        if self._config.learn == "encoder":
            codes = sounds.codes(self._clips[split], frames, size, exchange, chances)
            rows = [codes[:, channel :: self._channels] for channel in range(self._channels)]
            return None, torch.from_numpy(np.concatenate(rows)).to(device)
        samples = frames * self._codec_config.hop
        heard = sounds.heard(self._run.tracks[split], samples, size, chances)
        return torch.from_numpy(heard.reshape(-1, samples)).to(device), None

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


def _frames(seconds: float, codec: CodecConfig) -> int:
    return max(1, round(seconds * codec.sample_rate / codec.hop))


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


def _shards(one: Prepared, split: str) -> list[Path]:
    """Raises ConfigurationError for one that is not the manifest's."""
    found = []
    for shard in one.manifest.shards:
        path = Place(one.folder).shards / shard.name
        if not path.is_file() or path.stat().st_size != shard.bytes:
            raise ConfigurationError(
                f"{path} is not the shard that the manifest speaks of",
                param="data",
                suggestion="muscgen data prepare, as before",
            )
        if shard.split == split:
            found.append(path)
    return found


def _loaded(base: Path) -> Any:  # noqa: ANN401  (transformers' model)
    from transformers import MusicgenForConditionalGeneration

    with quiet():
        model = MusicgenForConditionalGeneration.from_pretrained(  # nosec B615  a folder, and nothing else
            base, dtype=torch.float32, local_files_only=True
        )
    model.requires_grad_(False)
    return model
