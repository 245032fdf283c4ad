"""Which windows a codec's step learns from: a function of seed, step and place, and of nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from muscgen.models.config import ModelConfig
from muscgen.training import sounds
from muscgen.training.clips import Clip, Codes, frames
from muscgen.training.codec_config import CodecTraining, Hearing
from muscgen.training.codec_model import Windows
from muscgen.training.hearing import changes

_VALID, _BOOKS = 1 << 40, 1 << 41  # steps that no training reaches: what else is drawn by
_FOR_BOOKS = 16  # windows


class Source:
    """Draws windows from the clips' codes, from the tracks' sound, or from both."""

    def __init__(
        self,
        config: CodecTraining,
        model: ModelConfig,
        clips: Mapping[str, Sequence[Clip]],
        tracks: Mapping[str, Sequence[sounds.Sound]],
    ) -> None:
        self._config, self._channels = config, model.decoder.channels
        self._clips, self._tracks = clips, tracks
        self._frames = frames(config.window_s, model.codec)
        self._hop = model.codec.hop
        self._pairs = {
            split: sounds.pairs(ours, tracks.get(split, ()), model.codec.hop) for split, ours in clips.items()
        }

    @property
    def heard(self) -> bool:
        """Whether sound is read, and not only codes."""
        return any(self._tracks.values())

    def train(self, step: int, place: int) -> Windows:
        config, chances = self._config, sounds.draws(self._config.seed, step, place)
        if config.learn != "encoder":
            return self._sound("train", config.optimiser.batch, chances)
        rendered = _count(config.rendered * config.optimiser.batch, chances)
        return self._paired("train", rendered, chances, config.hearing)

    def valid(self, n: int) -> Windows:
        config, chances = self._config, sounds.draws(self._config.seed, _VALID, n)
        if config.learn != "encoder":
            return self._sound("valid", config.optimiser.batch, chances)
        return self._paired("valid", 0, chances)

    def valid_rendered(self, n: int) -> Windows:
        """Codes and nothing but the data's own sound of them."""
        chances = sounds.draws(self._config.seed, _VALID, n)
        return self._paired("valid", self._config.optimiser.batch, chances)

    def can_judge(self, *, rendered: bool = False) -> bool:
        if rendered:
            return bool(self._pairs["valid"])
        return bool(self._clips["valid"] if self._config.learn == "encoder" else self._tracks["valid"])

    def for_books(self) -> torch.Tensor:
        """Sound [N, T] that new codebooks begin with."""
        found = self._sound("train", _FOR_BOOKS, sounds.draws(self._config.seed, _BOOKS, 0)).sound
        assert found is not None  # noqa: S101 - codebooks learn from sound only
        return found

    def one(self, split: str, length: int, chances: np.random.Generator) -> Windows:
        """A window of so many frames: its sound, or its codes where pairs are learnt."""
        if self._config.learn != "encoder":
            return self._sound(split, 1, chances, length)
        return Windows(codes=self._rows(sounds.codes(self._clips[split], length, 1, 0.0, chances)))

    def _sound(
        self, split: str, size: int, chances: np.random.Generator, length: int | None = None
    ) -> Windows:
        samples = (length or self._frames) * self._hop
        heard = sounds.heard(self._tracks[split], samples, size, chances)
        return Windows(sound=torch.from_numpy(heard.reshape(-1, samples)))

    def _paired(
        self, split: str, rendered: int, chances: np.random.Generator, hearing: Hearing | None = None
    ) -> Windows:
        """Codes, and the data's own sound of the first `rendered` windows."""
        config, size = self._config, self._config.optimiser.batch
        codes, own = [], None
        if rendered:
            first, own = self._rendered(split, rendered, chances)
            codes.append(first)
        if rendered < size:
            made = sounds.codes(self._clips[split], self._frames, size - rendered, config.exchange, chances)
            codes.append(self._rows(made))
        windows = np.arange(size)
        rows = [np.tile(part, self._channels) for part in (windows[:rendered], windows[rendered:])]
        by = changes(hearing, np.concatenate(rows), chances) if hearing and hearing.share else None
        return Windows(own, torch.cat(codes), by)

    def _rendered(
        self, split: str, count: int, chances: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Codes [N, K, F] and sound [N, T] of so many windows' channels."""
        pairs = self._pairs[split]
        chosen = chances.integers(0, len(pairs), count)
        found = [pairs[n].window(self._frames, chances) for n in chosen]
        sound = np.stack([sound for _, sound in found], 1)  # [C, B, T], as the rows of codes lie
        own = torch.from_numpy(np.ascontiguousarray(sound.reshape(-1, sound.shape[-1])))
        return self._rows(np.stack([codes for codes, _ in found])), own

    def _rows(self, codes: Codes) -> torch.Tensor:
        """Codes [B, K, F] of windows as those of their channels: all of the first, then of the second."""
        rows: list[NDArray[np.integer]] = [
            codes[:, channel :: self._channels] for channel in range(self._channels)
        ]
        return torch.from_numpy(np.concatenate(rows).astype(np.int64))


def _count(wanted: float, chances: np.random.Generator) -> int:
    """A whole number, in the mean the one that is wanted. One that is whole costs no chance."""
    whole, part = divmod(round(wanted, 9), 1)
    return int(whole) + (bool(part) and bool(chances.random() < part))
