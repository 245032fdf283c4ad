"""The two halves of the codec's decoder as onnxruntime runs them."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from muscgen.backends.base import Codes, Samples
from muscgen.backends.codec_stream import Hidden, WindowedCodecStream
from muscgen.models.config import CodecConfig

State = tuple[NDArray[np.float32], NDArray[np.float32]]  # h, c: [layers, C, H]


def open_stream(
    config: CodecConfig, channels: int, frames: ort.InferenceSession, samples: ort.InferenceSession
) -> WindowedCodecStream[State]:
    """One song's decoder over the sessions of `frames_graph` and `samples_graph`."""
    zeros = np.zeros((config.lstm_layers, channels, config.lstm_width), np.float32)

    def run_frames(codes: Codes, state: State | None) -> tuple[Hidden, State]:
        h, c = state or (zeros, zeros)
        hidden, h, c = frames.run(["hidden", "h_out", "c_out"], {"codes": codes, "h": h, "c": c})
        return hidden, (h, c)

    def run_samples(hidden: Hidden) -> Samples:
        made: Samples = samples.run(["samples"], {"hidden": hidden})[0]
        return made

    return WindowedCodecStream(config, channels, run_frames, run_samples)
