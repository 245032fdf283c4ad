"""A small language for writing ONNX graphs.

Weights are promises: a graph names them and their shapes, and whoever makes a session from it asks for the
values then, one at a time, or not at all where a prepared session lies in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import DTypeLike, NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 21  # QuantizeLinear in blocks
IR_VERSION = 10
MICROSOFT = "com.microsoft"

Array = NDArray[np.generic]
Shape = Sequence[int | str]
Attribute = int | float | str | list[int]


@dataclass(frozen=True, slots=True)
class Weight:
    """A promised tensor."""

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    make: Callable[[], Array]


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph without its weights."""

    name: str
    model: bytes  # serialised ModelProto whose initialisers are external
    weights: dict[str, Weight]


class GraphBuilder:
    """Nodes in order; every value is known by its name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._constants: dict[tuple[bytes, str, tuple[int, ...]], str] = {}
        self._weights: dict[str, Weight] = {}

    def input(self, name: str, dtype: DTypeLike, shape: Shape) -> str:
        self._inputs.append(_value(name, dtype, shape))
        return name

    def output(self, value: str, name: str, dtype: DTypeLike, shape: Shape) -> None:
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(_value(name, dtype, shape))

    def declare_output(self, name: str, dtype: DTypeLike, shape: Shape) -> None:
        """An output that a node writes itself, as it must where its memory is bound to an input's."""
        self._outputs.append(_value(name, dtype, shape))

    def weight(
        self, name: str, shape: Sequence[int], make: Callable[[], Array], dtype: DTypeLike = np.float32
    ) -> str:
        """A tensor that is made when a session needs it; asked for twice, it is one."""
        if name not in self._weights:
            self._weights[name] = Weight(np.dtype(dtype), tuple(shape), make)
            self._initializers.append(_promise(name, dtype, shape))
        return name

    def constant(self, value: object, dtype: DTypeLike) -> str:
        """A small tensor inside the graph."""
        array = np.asarray(value, dtype)
        key = (array.tobytes(), str(array.dtype), array.shape)
        if key not in self._constants:
            self._constants[key] = f"constant_{len(self._constants)}"
            self._initializers.append(numpy_helper.from_array(array, self._constants[key]))
        return self._constants[key]

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Attribute) -> str:
        """A node with one output, whose name is returned."""
        return self.ops(kind, inputs, 1, domain=domain, **attributes)[0]

    def ops(
        self,
        kind: str,
        inputs: Sequence[str],
        outputs: int | Sequence[str],
        domain: str = "",
        **attributes: Attribute,
    ) -> list[str]:
        """A node with several outputs, counted or named."""
        serial = len(self._nodes)
        names = (
            [f"{kind}_{serial}_{i}" for i in range(outputs)] if isinstance(outputs, int) else list(outputs)
        )
        node = helper.make_node(
            kind, list(inputs), names, f"{kind}_{serial}", None, domain, None, **attributes
        )
        self._nodes.append(node)
        return names

    def linear(self, x: str, name: str, shape: Sequence[int], make: Callable[[], NDArray[np.float32]]) -> str:
        """x [..., K] times the weight [N, K] = `shape`, as checkpoints keep it -> [..., N]."""
        rows, columns = shape
        weight = self.weight(f"{name}.transposed", (columns, rows), lambda: np.ascontiguousarray(make().T))
        return self.op("MatMul", x, weight)

    def build(self) -> Graph:
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, self._initializers)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="muscgen")
        return Graph(self._name, model.SerializeToString(deterministic=True), self._weights)


def _value(name: str, dtype: DTypeLike, shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), list(shape))


def _promise(name: str, dtype: DTypeLike, shape: Sequence[int]) -> onnx.TensorProto:
    tensor = TensorProto(
        name=name, data_type=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), dims=list(shape)
    )
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(
        key="location", value="promised"
    )  # the values come with add_external_initializers
    return tensor
