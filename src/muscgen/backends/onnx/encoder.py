"""The text encoder as onnxruntime runs it."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from muscgen.backends.onnx.slab import Text
from muscgen.backends.prefix import Words
from muscgen.backends.tables import relative_buckets
from muscgen.models.config import ModelConfig

Floats = NDArray[np.float32]


class Encoder:
    """Token ids to a Text, or a melody model's Words, over the session of `text_graph`. Thread-safe."""

    def __init__(self, config: ModelConfig, session: ort.InferenceSession) -> None:
        self._config, self._session = config.text, session
        self._outputs = ["states"] if config.melody else ["states", "cross"]

    def __call__(self, ids: list[int]) -> Text | Words:
        states, *cross = self._run(ids)
        return Text(cross[0]) if cross else Words(states)

    def states(self, ids: list[int]) -> Floats:
        """The projected states [L, H] that cross-attention looks at: for inspection and tests."""
        return self._run(ids)[0]

    def _run(self, ids: list[int]) -> list[Floats]:
        buckets = relative_buckets(len(ids), self._config)
        made: list[Floats] = self._session.run(
            self._outputs, {"ids": np.array(ids, np.int64), "buckets": buckets}
        )
        return made
