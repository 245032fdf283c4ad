"""EnCodec's encoder, always in float32."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from muscgen.backends.base import Samples
from muscgen.backends.hearing import Ear, Floats
from muscgen.backends.torch.codec import FULL, Conv, Residual, lstm, padded
from muscgen.backends.torch.weights import Weights
from muscgen.models.layout import HEARING, downsampling, heard_last, heard_lstm, heard_residual


class Hearing:
    """Both halves are pure; `ear` is what backends/hearing.py runs."""

    def __init__(self, weights: Weights) -> None:
        self._codec = codec = weights.config.codec
        self._device = weights.device
        self._first = Conv(weights, f"{HEARING}.0.conv")
        self._stages = [_Stage(weights, stage) for stage in range(len(codec.ratios))]
        self._lstm = lstm(weights, heard_lstm(codec))
        self._last = Conv(weights, heard_last(codec))
        decoder = weights.config.decoder
        tables = [
            weights(f"audio_encoder.quantizer.layers.{k}.codebook.embed", FULL).cpu().numpy()
            for k in range(decoder.codebooks // decoder.channels)
        ]
        self.ear = Ear(self._hidden, self._vectors, tables)

    def _hidden(self, samples: Samples) -> Floats:
        x = torch.tensor(samples, device=self._device)[:, None]
        x = self._first(padded(x, self._codec.kernel - 1, self._codec.pad_mode))
        for stage in self._stages:
            x = stage(x)
        hidden: Floats = x.cpu().numpy()
        return hidden

    def _vectors(self, hidden: Floats) -> Floats:
        x = torch.tensor(hidden, device=self._device).transpose(1, 2)  # [C, F, H]
        y, _ = self._lstm(x)
        x = F.elu((y + x).transpose(1, 2))
        vectors: Floats = (
            self._last(padded(x, self._codec.last_kernel - 1, self._codec.pad_mode)).cpu().numpy()
        )
        return vectors


class _Stage:
    """Residual blocks, ELU, a convolution that makes one sample of `ratio`."""

    def __init__(self, weights: Weights, stage: int) -> None:
        codec = weights.config.codec
        self._ratio, self._mode = tuple(reversed(codec.ratios))[stage], codec.pad_mode
        self._residuals = [
            Residual(weights, heard_residual(codec, stage, j), j) for j in range(codec.residual_layers)
        ]
        self._down = Conv(weights, downsampling(codec, stage), stride=self._ratio)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        for block in self._residuals:
            x = block(x)
        ratio = self._ratio
        missing = -x.shape[-1] % ratio  # padded as well, so that the last stride is full
        return self._down(F.pad(F.elu(x), (ratio - ratio // 2, ratio // 2 + missing), mode=self._mode))
