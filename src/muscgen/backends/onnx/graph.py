"""A small language for writing ONNX graphs.

Weights are promises: a graph names them and their shapes, and whoever makes a session from it asks for the
values then, one at a time, or not at all where a prepared session lies in the cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from muscgen.backends.onnx import proto
from muscgen.backends.onnx.proto import Attribute, Message, Shape

MICROSOFT = "com.microsoft"
OPSETS = {"": 21, MICROSOFT: 1}  # 21: QuantizeLinear in blocks
IR_VERSION = 10
PRODUCER = "muscgen"

Array = NDArray[np.generic]
Place = Mapping[str, object]
_PROMISED: Place = {"location": "promised"}


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
    nodes: list[Message]
    constants: list[Message]
    inputs: list[Message]
    outputs: list[Message]
    weights: dict[str, Weight]

    @property
    def weight_bytes(self) -> int:
        return sum(math.prod(weight.shape) * weight.dtype.itemsize for weight in self.weights.values())

    def model(self, places: Mapping[str, Place] | None = None) -> bytes:
        """The serialised model, whose weights lie at `places`, or are promised where none is named."""
        places = places or {}
        weights = [
            proto.external(name, weight.dtype, weight.shape, places.get(name, _PROMISED))
            for name, weight in self.weights.items()
        ]
        graph = proto.graph(self.name, self.nodes, self.constants + weights, self.inputs, self.outputs)
        return proto.model(graph, OPSETS, IR_VERSION, PRODUCER)


class GraphBuilder:
    """Nodes in order; every value is known by its name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[Message] = []
        self._inputs: list[Message] = []
        self._outputs: list[Message] = []
        self._constants: list[Message] = []
        self._known: dict[tuple[bytes, str, tuple[int, ...]], str] = {}
        self._weights: dict[str, Weight] = {}

    def input(self, name: str, dtype: DTypeLike, shape: Shape) -> str:
        self._inputs.append(proto.value(name, dtype, shape))
        return name

    def output(self, value: str, name: str, dtype: DTypeLike, shape: Shape) -> None:
        self._nodes.append(proto.node("Identity", [value], [name], attributes={}))
        self._outputs.append(proto.value(name, dtype, shape))

    def declare_output(self, name: str, dtype: DTypeLike, shape: Shape) -> None:
        """An output that a node writes itself, as it must where its memory is bound to an input's."""
        self._outputs.append(proto.value(name, dtype, shape))

    def weight(
        self, name: str, shape: Sequence[int], make: Callable[[], Array], dtype: DTypeLike = np.float32
    ) -> str:
        """A tensor that is made when a session needs it; asked for twice, it is one."""
        if name not in self._weights:
            self._weights[name] = Weight(np.dtype(dtype), tuple(shape), make)
        return name

    def constant(self, value: object, dtype: DTypeLike) -> str:
        """A small tensor inside the graph."""
        array = np.asarray(value, dtype)
        key = (array.tobytes(), str(array.dtype), array.shape)
        if key not in self._known:
            self._known[key] = f"constant_{len(self._known)}"
            self._constants.append(proto.tensor(self._known[key], array))
        return self._known[key]

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
        self._nodes.append(
            proto.node(kind, inputs, names, name=f"{kind}_{serial}", domain=domain, attributes=attributes)
        )
        return names

    def linear(self, x: str, name: str, shape: Sequence[int], make: Callable[[], NDArray[np.float32]]) -> str:
        """x [..., K] times the weight [N, K] = `shape`, as checkpoints keep it -> [..., N]."""
        rows, columns = shape
        weight = self.weight(f"{name}.transposed", (columns, rows), lambda: np.ascontiguousarray(make().T))
        return self.op("MatMul", x, weight)

    def build(self) -> Graph:
        return Graph(self._name, self._nodes, self._constants, self._inputs, self._outputs, self._weights)
