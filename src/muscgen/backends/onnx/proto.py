"""The few messages that an ONNX model is made of, in protobuf's wire format.

The onnx package writes them too, and much else, at 33 MB; the tests compare. Numbers of fields and kinds are
onnx.proto's. Fields are written in the order of their numbers, so that equal models are equal bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import DTypeLike, NDArray

Message = bytes
Shape = Sequence[int | str]
Attribute = int | float | str | list[int]
Field = int | float | str | bytes

_VARINT, _BYTES, _FIXED_32 = 0, 2, 5  # how a field's value is written
_FLOAT, _INT, _STRING, _INTS = 1, 2, 3, 7  # AttributeProto.AttributeType
_EXTERNAL = 1  # TensorProto.DataLocation
_DTYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "bool": 9}  # TensorProto.DataType


def model(graph: Message, opsets: Mapping[str, int], ir_version: int, producer: str) -> Message:
    """opsets: domain -> version."""
    sets = [message((1, domain), (2, version)) for domain, version in opsets.items()]
    return message((1, ir_version), (2, producer), (7, graph), *_each(8, sets))


def graph(
    name: str,
    nodes: Iterable[Message],
    initializers: Iterable[Message],
    inputs: Iterable[Message],
    outputs: Iterable[Message],
) -> Message:
    return message(
        *_each(1, nodes), (2, name), *_each(5, initializers), *_each(11, inputs), *_each(12, outputs)
    )


def node(
    kind: str,
    inputs: Iterable[str],
    outputs: Iterable[str],
    *,
    name: str = "",
    domain: str = "",
    attributes: Mapping[str, Attribute],
) -> Message:
    """One operation. An input that is left out is an empty name."""
    written = [_attribute(key, value) for key, value in sorted(attributes.items())]
    names = _each(3, [name] if name else [])
    domains = _each(7, [domain] if domain else [])
    return message(*_each(1, inputs), *_each(2, outputs), *names, (4, kind), *_each(5, written), *domains)


def value(name: str, dtype: DTypeLike, shape: Shape) -> Message:
    """An input's or output's name and kind; a str in `shape` names a length that calls decide."""
    lengths = [message((2 if isinstance(length, str) else 1, length)) for length in shape]
    tensor = message((1, _kind(dtype)), (2, message(*_each(1, lengths))))
    return message((1, name), (2, message((1, tensor))))


def tensor(name: str, array: NDArray[np.generic]) -> Message:
    """A tensor with its numbers."""
    raw = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return message(*_each(1, array.shape), (2, _kind(array.dtype)), (8, name), (9, raw))


def external(name: str, dtype: DTypeLike, shape: Sequence[int], place: Mapping[str, object]) -> Message:
    """A tensor whose numbers lie at `place`: a file's location, and the offset of the first byte in it."""
    entries = [message((1, key), (2, str(known))) for key, known in place.items()]
    return message(*_each(1, shape), (2, _kind(dtype)), (8, name), *_each(13, entries), (14, _EXTERNAL))


def fields(written: Message) -> Iterator[tuple[int, Field]]:
    """The numbered fields of a message; texts and messages in it stay bytes. Raises ValueError."""
    at = 0
    while at < len(written):
        key, at = _read_varint(written, at)
        number, kind = key >> 3, key & 7
        value: Field
        match kind:
            case 0:  # _VARINT
                value, at = _read_varint(written, at)
            case 2:  # _BYTES
                size, at = _read_varint(written, at)
                value, at = written[at : at + size], at + size
            case 5:  # _FIXED_32
                (value,), at = struct.unpack_from("<f", written, at), at + 4
            case _:
                raise ValueError(f"field {number} is of kind {kind}, which ONNX's messages do not have")
        yield number, value


def _kind(dtype: DTypeLike) -> int:
    return _DTYPES[np.dtype(dtype).name]


def _attribute(name: str, value: Attribute) -> Message:
    match value:
        case int():
            return message((1, name), (3, value), (20, _INT))
        case float():
            return message((1, name), (2, value), (20, _FLOAT))
        case str():
            return message((1, name), (4, value), (20, _STRING))
        case list():
            return message((1, name), *_each(8, value), (20, _INTS))


def _each(number: int, values: Iterable[Field]) -> list[tuple[int, Field]]:
    return [(number, value) for value in values]


def message(*fields: tuple[int, Field]) -> Message:
    """Any message, of numbered fields."""
    return b"".join(_field(number, value) for number, value in fields)


def _field(number: int, value: Field) -> bytes:
    match value:
        case int():
            return _varint(number << 3 | _VARINT) + _varint(value)
        case float():
            return _varint(number << 3 | _FIXED_32) + struct.pack("<f", value)
        case str():
            value = value.encode()
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; negative numbers as 64 bits of two's complement."""
    value &= (1 << 64) - 1
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


def _read_varint(written: Message, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where the next field begins."""
    value = shift = 0
    while True:
        value |= (written[at] & 0x7F) << shift
        if written[at] < 0x80:
            return value - (value >> 63 << 64), at + 1
        at, shift = at + 1, shift + 7
