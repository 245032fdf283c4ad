"""The text encoder as onnxruntime runs it."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from muscgen.backends.onnx.slab import Text
from muscgen.backends.tables import relative_buckets
from muscgen.models.config import TextConfig

Floats = NDArray[np.float32]


class Encoder:
    """Token ids to a Text, over the session of `text_graph`. Thread-safe."""

    def __init__(self, config: TextConfig, session: ort.InferenceSession) -> None:
        self._config, self._session = config, session

    def __call__(self, ids: list[int]) -> Text:
        return Text(self._run(ids)[1])

    def states(self, ids: list[int]) -> Floats:
        """The projected states [L, H] that cross-attention looks at: for inspection and tests."""
        return self._run(ids)[0]

    def _run(self, ids: list[int]) -> tuple[Floats, Floats]:
        buckets = relative_buckets(len(ids), self._config)
        states, cross = self._session.run(
            ["states", "cross"], {"ids": np.array(ids, np.int64), "buckets": buckets}
        )
        return states, cross
