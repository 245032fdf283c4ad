"""EnCodec's decoder, always in float32, as the two halves that a WindowedCodecStream joins."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from muscgen.backends.base import Codes, Samples
from muscgen.backends.codec_stream import Hidden
from muscgen.backends.torch.weights import Weights
from muscgen.models.layout import CODEC, last, residual, upsampling

State = tuple[torch.Tensor, torch.Tensor]  # h, c: [layers, C, H]
FULL = torch.float32


class Codec:
    """Both halves are pure: a song's state goes in and out."""

    def __init__(self, weights: Weights) -> None:
        self._codec = codec = weights.config.codec
        self._device = weights.device
        decoder = weights.config.decoder
        self._tables = [_with_zero_row(weights, k) for k in range(decoder.codebooks // decoder.channels)]
        self._first = Conv(weights, f"{CODEC}.0.conv")
        self._lstm = lstm(weights, f"{CODEC}.1.lstm")
        self._stages = [_Stage(weights, stage) for stage in range(len(codec.ratios))]
        self._last = Conv(weights, last(codec))

    def frames(self, codes: Codes, state: State | None) -> tuple[Hidden, State]:
        """codes [C, K, F + kernel - 1], h and c [layers, C, H] -> hidden [C, H, F], h and c afterwards."""
        tokens = torch.from_numpy(codes.astype(np.int64)).to(self._device)
        vectors = torch.stack([table[tokens[:, k]] for k, table in enumerate(self._tables)])
        x = self._first(vectors.sum(0).transpose(1, 2)).transpose(1, 2)  # [C, F, H]
        y, after = self._lstm(x, state)
        hidden: Hidden = (y + x).transpose(1, 2).cpu().numpy()
        return hidden, after

    def samples(self, hidden: Hidden) -> Samples:
        """hidden [C, H, F] -> samples [C, F x hop]. Both ends are treated as ends of the song."""
        x = torch.tensor(hidden, device=self._device)
        for stage in self._stages:
            x = stage(x)
        x = self._last(padded(F.elu(x), self._codec.last_kernel - 1, self._codec.pad_mode))
        samples: Samples = x[:, 0].cpu().numpy()
        return samples


class Conv:
    def __init__(self, weights: Weights, name: str, *, dilation: int = 1, stride: int = 1) -> None:
        self._weight, self._bias = weights(f"{name}.weight", FULL), weights(f"{name}.bias", FULL)
        self._dilation, self._stride = dilation, stride

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv1d(x, self._weight, self._bias, self._stride, dilation=self._dilation)


class _Stage:
    """ELU, a transposed convolution that makes `ratio` samples of one, residual blocks."""

    def __init__(self, weights: Weights, stage: int) -> None:
        codec = weights.config.codec
        name, self._ratio = upsampling(codec, stage), codec.ratios[stage]
        self._weight, self._bias = weights(f"{name}.weight", FULL), weights(f"{name}.bias", FULL)
        self._residuals = [
            Residual(weights, residual(codec, stage, j), j) for j in range(codec.residual_layers)
        ]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        ratio, length = self._ratio, x.shape[-1] * self._ratio
        start = ratio - ratio // 2
        x = F.conv_transpose1d(F.elu(x), self._weight, self._bias, stride=ratio)
        x = x[..., start : start + length]
        for block in self._residuals:
            x = block(x)
        return x


class Residual:
    def __init__(self, weights: Weights, name: str, j: int) -> None:
        codec = weights.config.codec
        dilation = codec.dilation_growth**j
        self._margin, self._mode = (codec.residual_kernel - 1) * dilation, codec.pad_mode
        self._wide, self._narrow = (
            Conv(weights, f"{name}.1.conv", dilation=dilation),
            Conv(weights, f"{name}.3.conv"),
        )

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        y = self._wide(padded(F.elu(x), self._margin, self._mode))
        return x + self._narrow(F.elu(y))


def padded(x: torch.Tensor, total: int, mode: str) -> torch.Tensor:
    """x [C, N, T] with `total` samples more, reflected or zeros, the odd one on the left."""
    return F.pad(x, (total - total // 2, total // 2), mode=mode)


def _with_zero_row(weights: Weights, k: int) -> torch.Tensor:
    """The codes' vectors, and one of zeros for the code that stands for silence."""
    return F.pad(weights(f"audio_encoder.quantizer.layers.{k}.codebook.embed", FULL), (0, 0, 0, 1))


def lstm(weights: Weights, name: str) -> nn.LSTM:
    codec = weights.config.codec
    # Made where it runs, of ordinary tensors: cuDNN wants the weights in one piece, and lays them so now.
    with torch.inference_mode(mode=False), torch.no_grad():
        module = nn.LSTM(
            codec.lstm_width, codec.lstm_width, codec.lstm_layers, batch_first=True, device=weights.device
        )
        module.load_state_dict({part: weights(f"{name}.{part}", FULL) for part in module.state_dict()})
    return module.eval().requires_grad_(requires_grad=False)
