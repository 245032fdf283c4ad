"""What a training takes of memory, said before it starts. Estimates, of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from muscgen.errors import ConfigurationError
from muscgen.models.config import ModelConfig
from muscgen.training.codec_config import CodecTraining
from muscgen.training.config import Config
from muscgen.training.speaker import MOST_LOGITS

_FLOAT = 4
_ADAM = 2 * _FLOAT  # two moments
_KEPT = 34  # bytes of a layer a token and number of its width, were all of them halves
_MIXED = 50  # the same where products are halves, and sums, norms and residuals are not
_BLOCK = 8  # tensors that a convolution block keeps for its gradients
_ROOM = 0.9  # of what is free


@dataclass(frozen=True, slots=True)
class How:
    """A device computes. fused: attention keeps no weights; halves: products are of 16 bits."""

    fused: bool = False
    halves: bool = False


@dataclass(frozen=True, slots=True)
class Needs:
    """weights: all; moving: gradients and moments of those that learn; passing: activations and logits."""

    weights: int
    moving: int
    passing: int

    @property
    def total(self) -> int:
        return self.weights + self.moving + self.passing

    def __str__(self) -> str:
        parts = (("weights", self.weights), ("gradients and moments", self.moving), ("a batch", self.passing))
        return f"{_said(self.total)}: " + ", ".join(f"{name} {_said(size)}" for name, size in parts)


def needs(
    parameters: int,
    learning: int,
    model: ModelConfig,
    config: Config,
    windows: Sequence[tuple[int, int]],
    how: How,
) -> Needs:
    """parameters: of the whole model; learning: of what requires gradients.

    windows: how many at once, of how many frames; the largest count. Activations of a layer a token: 34
    numbers for each of its width (Korthikanti et al., "Reducing Activation Recomputation in Large Transformer
    Models", 2022, whose bytes are halves of ours), and the attention's weights, where they are kept; with
    gradient checkpointing one number a layer and one layer's rest.
    """
    most = max(_passing(model, config, batch, frames, how) for batch, frames in windows)
    return Needs(parameters * _FLOAT, learning * _moving(config), most)


def _passing(model: ModelConfig, config: Config, batch: int, frames: int, how: How) -> int:
    decoder = model.decoder
    tokens = batch * (frames + max(decoder.delays) + 1)
    width_bytes = (_MIXED if how.halves else 2 * _KEPT) * decoder.width * tokens
    attention_numbers = 0 if how.fused else 3 * decoder.heads * tokens * (frames + 1)
    layer = width_bytes + _FLOAT * attention_numbers
    layers = decoder.layers * layer
    if config.gradient_checkpointing:
        layers = decoder.layers * _FLOAT * decoder.width * tokens + layer
    numbers = tokens * decoder.codebooks * decoder.vocabulary
    numbers = numbers // decoder.codebooks if numbers > MOST_LOGITS else numbers
    logits = 3 * _FLOAT * numbers  # themselves, their softmax, its gradient
    return layers + logits


def _moving(config: Config | CodecTraining) -> int:
    """Bytes of a number that learns: its gradient, its moments, its average."""
    return _FLOAT + _ADAM + (_FLOAT if config.optimiser.average else 0)


def codec_needs(parameters: int, learning: int, model: ModelConfig, config: CodecTraining) -> Needs:
    """Of a codec: the convolutions' outputs at every rate, and distances to all codes of a codebook.

    A block keeps about eight tensors of its width: two activations and a convolution before, in and after it,
    and the sum. An encoder and a decoder have one block a rate; what does not learn keeps nothing, so of an
    encoder whose front stays there is only one block at a time.
    """
    codec, decoder = model.codec, model.decoder
    sounds = config.optimiser.batch * decoder.channels
    samples = config.window_s * codec.sample_rate
    width, rate, blocks = codec.filters, 1.0, list[float]()
    for ratio in reversed(codec.ratios):
        blocks.append(_BLOCK * width * samples * rate)
        width, rate = 2 * width, rate / ratio
    numbers = sum(blocks) if config.front_rate else max(blocks)
    halves = 1 if config.learn == "encoder" else 2  # a decoder's gradients pass through it in any case
    frames = samples / codec.hop
    distances = 3 * frames * decoder.vocabulary * decoder.codebooks / decoder.channels
    passing = round(_FLOAT * sounds * (halves * numbers + distances))
    return Needs(parameters * _FLOAT, learning * _moving(config), passing)


def check(need: Needs, free: int | None, config: Config | CodecTraining) -> None:
    """Raises ConfigurationError where it will not fit, with what would help."""
    if free is None or need.total <= free * _ROOM:
        return
    stages = config.stages if isinstance(config, Config) else ()
    batch, window_s = ("stages.batch", "stages.window_s") if stages else ("optimiser.batch", "window_s")
    helps = []
    if max([stage.batch for stage in stages] or [config.optimiser.batch]) > 1:
        helps.append(f"{batch} 1 (and accumulate)")
    if isinstance(config, Config) and not config.gradient_checkpointing:
        helps.append("gradient_checkpointing")
    if isinstance(config, Config) and config.method == "full":
        helps.append("method lora")
    helps.append(f"a shorter {window_s}")
    raise ConfigurationError(
        f"this training needs about {need}; {_said(free)} are free",
        param="memory",
        suggestion=", ".join(helps),
    )


def free_bytes(device: str) -> int | None:
    """On the device, now; None where nobody can say."""
    import torch

    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info()[0])
    if device == "cpu":
        import psutil

        return int(psutil.virtual_memory().available)
    return None


def _said(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
