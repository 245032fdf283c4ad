"""OpenVINO over the exported graphs: stateful, weights by NNCF in int8, everything else as it comes.

Its wheels lie in a folder of their own, which `make bench-peers` fills, without what they depend on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.exported import Array

FOLDER = "openvino"
_SINGLE = {"PERFORMANCE_HINT": "LATENCY"}
_EXACT = {"INFERENCE_PRECISION_HINT": "f32"}  # bfloat16 otherwise, where the CPU has it


class OpenvinoParts:
    """Keys and values are the model's state, as optimum-intel makes it."""

    def __init__(self, exported: Path, wheels: Path, precision: str) -> None:
        sys.path.append(str(wheels))
        import openvino

        self._ov, self._core = openvino, openvino.Core()
        self._settings = _SINGLE | (_EXACT if precision == "fp32" else {})
        text, decoder = (self._read(exported, name, precision) for name in ("text", "decoder"))
        self._heads, self._width = (decoder.input("past_0").partial_shape[at].get_length() for at in (1, 3))
        self._text = self._compiled(text)
        self._decoder = self._compiled(_stateful(decoder))
        self._codec = self._compiled(self._read(exported, "codec", "fp32"))

    def begin(self, ids: Array, mask: Array) -> None:
        cross = self._text.infer({"ids": ids, "mask": mask})
        self._inputs = {f"cross_{at}": part.copy() for at, part in enumerate(cross.values())}
        self._inputs["mask"] = mask
        empty = self._ov.Tensor(np.zeros((len(mask), self._heads, 0, self._width), np.float32))
        for state in self._decoder.query_state():
            state.state = empty

    def step(self, tokens: Array) -> Array:
        self._decoder.infer(self._inputs | {"tokens": tokens}, share_inputs=True, share_outputs=True)
        return np.asarray(self._decoder.get_output_tensor(0).data)

    def sound(self, codes: Array) -> Array:
        return np.asarray(self._codec.infer({"codes": codes})[0])

    def _read(self, exported: Path, name: str, precision: str) -> Any:  # noqa: ANN401
        """The graph; its int8 twin is made once."""
        if precision == "fp32":
            return self._core.read_model(exported / f"{name}.onnx")
        compressed = exported / f"{name}.{precision}.xml"
        if not compressed.exists():
            import nncf

            whole = self._core.read_model(exported / f"{name}.onnx")
            self._ov.save_model(nncf.compress_weights(whole), compressed, compress_to_fp16=False)
        return self._core.read_model(compressed)

    def _compiled(self, model: Any) -> Any:  # noqa: ANN401
        return self._core.compile_model(model, "CPU", self._settings).create_infer_request()


def _stateful(decoder: Any) -> Any:  # noqa: ANN401
    from openvino._offline_transformations import apply_make_stateful_transformation

    names = [value.get_any_name() for value in decoder.inputs]
    pasts = [name for name in names if name.startswith("past")]
    apply_make_stateful_transformation(decoder, {name: name.replace("past", "present") for name in pasts})
    return decoder
