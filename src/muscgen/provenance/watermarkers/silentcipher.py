"""SilentCipher (Singh et al., Interspeech 2024; MIT): 40 bits by a network, at 44.1 kHz.

The bits are the deployment's and the job's. It has no key, so it tells where a song comes from, and proves
nothing. Its package pins torch to at most 2.0; written against the interface of its release 1.0.5.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from muscgen.audio import Audio
from muscgen.errors import ConfigurationError
from muscgen.provenance.watermark import Payload
from muscgen.provenance.watermark.overlay import Floats
from muscgen.provenance.watermarkers.base import Heard
from muscgen.provenance.watermarkers.blocks import Blocks, Shape, clearest

METHOD = "silentcipher-40"
FILES = "hparams.yaml", "enc_c.ckpt", "dec_c.ckpt", "dec_m_0.ckpt"
RATE = 44_100
ENOUGH = 0.75  # share of the symbols that agree; four are possible, so chance gives a quarter and some
_LETTERS = 5  # of 8 bits
_BLOCK_S = 3.0
_FADE = 441


class SilentCipher:
    """Its networks, read from a folder by the package `silentcipher`."""

    method = METHOD
    rate_hz = RATE

    def __init__(self, folder: Path) -> None:
        """Raises ConfigurationError."""
        try:
            package = import_module("silentcipher")
        except ImportError as error:
            raise ConfigurationError(
                "the watermark silentcipher needs the package silentcipher",
                param="watermark_method",
                suggestion="pip install silentcipher",
            ) from error
        self._model: Any = package.get_model(
            model_type="44.1k", ckpt_path=str(folder), config_path=str(folder / "hparams.yaml"), device="cpu"
        )
        # A message begins anew after so many samples, and so must each block, or the joint would garble it.
        config = self._model.config
        message = config.HOP_LENGTH * config.message_len
        self._shape = Shape(RATE, message * max(1, round(_BLOCK_S * RATE / message)), message, _FADE)

    def stream(self, payload: Payload, *, sample_rate: int, channels: int) -> Blocks:
        letters = [*payload.deployment.to_bytes(2), *payload.job.to_bytes(3)]

        def change(samples: Floats) -> Floats:
            return np.stack([self._marked(channel, letters) - channel for channel in samples])

        return Blocks(self._shape, change, sample_rate=sample_rate, channels=channels)

    def _marked(self, channel: Floats, letters: list[int]) -> Floats:
        if not channel.any():
            return channel
        sdr_db = self._model.config.message_sdr
        marked, _ = self._model.encode_wav(channel, RATE, letters, message_sdr=sdr_db, calc_sdr=False)
        whole = np.zeros_like(channel)
        whole[: len(marked)] = marked[: len(whole)]
        return whole

    def find(self, audio: Audio, *, warped: bool = True) -> Heard | None:  # noqa: ARG002
        return clearest(audio, self._hear)

    def _hear(self, audio: Audio) -> Heard | None:
        channel = audio.samples.mean(axis=0)
        if not channel.any():
            return None
        heard = self._model.decode_wav(channel, audio.sample_rate, phase_shift_decoding=True)
        if not heard["status"] or len(heard["messages"][0]) != _LETTERS:
            return None
        confidence, letters = float(heard["confidences"][0]), bytes(heard["messages"][0])
        if confidence < ENOUGH:
            return None
        return Heard(
            METHOD, confidence, deployment=int.from_bytes(letters[:2]), job=int.from_bytes(letters[2:])
        )
