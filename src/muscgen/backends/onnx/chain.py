"""A prepared step turned into one of several tokens a row, for codes that are known already.

Products with weights, where the time goes, take all tokens at once: a row's numbers do not depend on how many
rows there are. Attention over several queries at once would differ in its last bits from attention over one,
so it stays what it was, once a token, one after the other over the same memory:

    step      x [R, 1, H] ──► attention ──► y
                               ▲     ▼
                                slab
                                          ┌─► attention ─┐
    chain     x [S x R, 1, H] ──► Split ──┼─► attention ─┼──► Concat ──► y
                                          └─► attention ─┘

So S tokens leave the same bits as S steps, and the weights are those of the step, in the same file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from muscgen.backends.onnx import proto
from muscgen.backends.onnx.proto import Field, Message
from muscgen.backends.onnx.step import POSITIONS

# Numbers of fields: of a model, of a graph, of a node, of a value.
_GRAPH = 7
_NODE, _OUTPUT = 1, 12
_INPUTS, _OUTPUTS, _NAME, _KIND = 1, 2, 3, 4
_VALUE_NAME = 1

_ATTENTION = "GroupQueryAttention"
_X, _KEYS, _VALUES, _ENDS = 0, 3, 4, 5  # places among its inputs


def chained(model: Message, tokens: int) -> Message:
    """The optimised step for `tokens` tokens a row, in the order t0r0, t0r1, t1r0, ...; without logits."""
    return proto.message(*(_field(number, value, tokens) for number, value in proto.fields(model)))


def chain_names(output: str, tokens: int) -> list[str]:
    """What a slab is called after each token: outputs, all of one memory. The last is the step's own."""
    return [*_parts(output, tokens - 1), output]


@dataclass(frozen=True, slots=True)
class _Node:
    message: Message
    kind: str
    inputs: list[str]
    outputs: list[str]

    @classmethod
    def read(cls, message: Message) -> _Node:
        (kind,) = _texts(message, _KIND)
        return cls(message, kind, _texts(message, _INPUTS), _texts(message, _OUTPUTS))


def _field(number: int, value: Field, tokens: int) -> tuple[int, Field]:
    return (
        (number, _graph(value, tokens)) if number == _GRAPH and isinstance(value, bytes) else (number, value)
    )


def _graph(graph: Message, tokens: int) -> Message:
    nodes = [_Node.read(message) for message in _messages(graph, _NODE)]
    slabs = {name for node in nodes if node.kind == _ATTENTION for name in node.outputs[1:]}
    written = [_split(POSITIONS, POSITIONS, tokens)]
    for node in _needed(nodes, slabs):
        written.extend(_chain(node, tokens) if node.kind == _ATTENTION else [node.message])
    outputs = [value for value in _messages(graph, _OUTPUT) if _texts(value, _VALUE_NAME)[0] in slabs]
    return proto.message(
        *((_NODE, node) for node in written),
        *(field for field in proto.fields(graph) if field[0] not in (_NODE, _OUTPUT)),
        *((_OUTPUT, value) for output in outputs for value in _values(output, tokens)),
    )


def _needed(nodes: list[_Node], outputs: Iterable[str]) -> list[_Node]:
    """Those that the slabs depend on: nobody looks at the logits of what is known."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            kept.append(node)
            wanted.update(node.inputs)
    return kept[::-1]


def _chain(node: _Node, tokens: int) -> Iterator[Message]:
    """An attention, token by token: each finds in the slab what the one before it left there."""
    y, *slabs = node.outputs
    rest = [field for field in proto.fields(node.message) if field[0] not in (_INPUTS, _OUTPUTS, _NAME)]
    inputs, parts = list(node.inputs), _parts(y, tokens)
    yield _split(inputs[_X], f"{y}_x", tokens)
    after = zip(*(chain_names(slab, tokens) for slab in slabs), strict=True)
    for at, (part, (keys, values)) in enumerate(zip(parts, after, strict=True)):
        inputs[_X] = f"{y}_x_{at}"
        if node.inputs[_ENDS] == POSITIONS:  # a text's end is the same for all tokens
            inputs[_ENDS] = f"{POSITIONS}_{at}"
        named = [(_INPUTS, name) for name in inputs] + [(_OUTPUTS, name) for name in (part, keys, values)]
        yield proto.message(*named, (_NAME, part), *rest)
        inputs[_KEYS], inputs[_VALUES] = keys, values
    yield proto.node("Concat", parts, [y], name=f"{y}_whole", attributes={"axis": 0})


def _split(x: str, name: str, tokens: int) -> Message:
    return proto.node(
        "Split", [x], _parts(name, tokens), name=name, attributes={"axis": 0, "num_outputs": tokens}
    )


def _values(output: Message, tokens: int) -> Iterator[Message]:
    """A graph's output, once for each name it has in the chain."""
    rest = [field for field in proto.fields(output) if field[0] != _VALUE_NAME]
    for name in chain_names(_texts(output, _VALUE_NAME)[0], tokens):
        yield proto.message((_VALUE_NAME, name), *rest)


def _parts(name: str, tokens: int) -> list[str]:
    return [f"{name}_{at}" for at in range(tokens)]


def _messages(message: Message, wanted: int) -> list[Message]:
    return [value for number, value in proto.fields(message) if number == wanted and isinstance(value, bytes)]


def _texts(message: Message, wanted: int) -> list[str]:
    return [value.decode() for value in _messages(message, wanted)]
