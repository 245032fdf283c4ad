"""Files of torch.save, read without torch and without running what is in them.

Such a file is a zip: `<name>/data.pkl` describes the objects, `<name>/data/<key>` holds each storage, stored
plain. A pickle names functions to call; here only those that rebuild a tensor are known, they are our own,
and any other name is refused before anything is called. Tensors stay on disk until they are read.
"""

from __future__ import annotations

import pickle  # nosec B403  the reader below knows no name but our own
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from io import BytesIO
from math import prod
from pathlib import Path
from struct import error as StructError
from typing import Any

from muscgen.errors import CheckpointInvalid
from muscgen.models.tensorfile import ITEM_BYTES, Shape, Stored

_STORAGES: Mapping[str, str] = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
}
_PICKLE = "/data.pkl"
_MAX_PICKLE_BYTES = 100_000_000  # of the largest MusicGen: 0.1 MB
_LOCAL_HEADER_BYTES = 30  # of a zip's entry, before its name
_NO_ZIP = (
    zipfile.BadZipFile, zlib.error, StructError, OSError, EOFError, ValueError,
    NotImplementedError, RuntimeError, OverflowError,
)  # fmt: skip
_BROKEN = (
    pickle.UnpicklingError, StructError, EOFError, ValueError, KeyError, TypeError, AttributeError,
    IndexError, OverflowError, RecursionError, MemoryError,
)  # fmt: skip


def read_torch(path: Path) -> Any:  # noqa: ANN401  (whatever was saved)
    """The saved object, a Stored for every tensor. Raises CheckpointInvalid naming what is not allowed."""
    archive = _Archive(path)
    unpickler = _Unpickler(archive)
    try:
        return unpickler.load()
    except _BROKEN as error:
        raise CheckpointInvalid(f"{path.name} is no file of torch.save: {error!r}") from error


class _Archive:
    """Where each entry of the zip lies in the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as file:
                self._entries = {entry.filename: entry for entry in file.infolist()}
                self.root = self._root()
                self.pickle = file.read(f"{self.root}{_PICKLE}")
                order = f"{self.root}/byteorder"
                little = order not in self._entries or file.read(order) == b"little"
        except _NO_ZIP as error:
            raise CheckpointInvalid(f"{path.name} is no zip as torch.save writes it: {error}") from error
        if not little:
            raise CheckpointInvalid(f"{path.name} was saved on a big-endian machine; save it again elsewhere")

    def _root(self) -> str:
        names = [name for name in self._entries if name.endswith(_PICKLE) and name.count("/") == 1]
        if len(names) != 1 or self._entries[names[0]].file_size > _MAX_PICKLE_BYTES:
            raise ValueError(f"it holds no {_PICKLE[1:]} of a sensible size")
        return names[0].removesuffix(_PICKLE)

    def start(self, key: str, size: int) -> int:
        """The first byte of a storage that must have `size` bytes."""
        entry = self._entries[f"{self.root}/data/{key}"]
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise CheckpointInvalid(
                f"{self.path.name}: {entry.filename} is compressed; torch.save stores plain"
            )
        with self.path.open("rb") as file:
            file.seek(entry.header_offset)
            header = file.read(_LOCAL_HEADER_BYTES)
            length = file.seek(0, 2)
        names = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        start = entry.header_offset + _LOCAL_HEADER_BYTES + names
        if header[:4] != b"PK\3\4" or entry.file_size < size or start + size > length:
            raise CheckpointInvalid(f"{self.path.name} ends within {entry.filename}: the file is cut short")
        return start


class _Unpickler(pickle.Unpickler):
    """Knows ordered dictionaries and tensors, and no other global."""

    def __init__(self, archive: _Archive) -> None:
        super().__init__(BytesIO(archive.pickle), encoding="utf-8")
        self._archive = archive

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor()
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _Parameter()
        raise CheckpointInvalid(
            f"{self._archive.path.name} names {module}.{name}, which no checkpoint needs: refused, not run"
        )

    def persistent_load(self, pid: Any) -> Stored:  # noqa: ANN401
        """A storage, as a tensor of one axis."""
        kind, dtype, key, _device, count = pid
        if kind != "storage" or dtype not in ITEM_BYTES or not isinstance(count, int) or count < 0:
            raise ValueError(f"unknown storage {pid!r}")
        start = self._archive.start(str(key), count * ITEM_BYTES[dtype]) if count else 0
        return _Sealed(self._archive.path, dtype, (count,), start)


class _Sealed(Stored):
    """A tensor to which a pickle can do nothing more, such as pointing it to another file."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("tensors have no state to set")


class _Tensor:
    """torch._utils._rebuild_tensor_v2. Without attributes, so that a pickle can change nothing of it."""

    __slots__ = ()

    def __call__(self, storage: Stored, offset: int, shape: Shape, strides: Shape, *_rest: object) -> Stored:
        if any(type(size) is not int or size < 0 for size in (offset, *shape)):
            raise ValueError(f"a tensor of {shape!r} from {offset!r}")
        if _strides(shape) != tuple(
            stride if size > 1 else 0 for stride, size in zip(strides, shape, strict=True)
        ):
            raise CheckpointInvalid(
                f"{storage.path.name} holds a tensor {list(shape)} that is not contiguous"
            )
        if offset + prod(shape) > storage.shape[0]:
            raise CheckpointInvalid(f"{storage.path.name} holds a tensor {list(shape)} beyond its storage")
        start = storage.start + offset * ITEM_BYTES[storage.dtype]
        return _Sealed(storage.path, storage.dtype, tuple(shape), start)


class _Parameter:
    """torch._utils._rebuild_parameter: the tensor itself."""

    __slots__ = ()

    def __call__(self, tensor: Stored, *_rest: object) -> Stored:
        return tensor


def _strides(shape: Shape) -> Shape:
    """Of a contiguous tensor, in elements; 0 where an axis of one has no stride that matters."""
    return tuple(prod(shape[axis + 1 :]) if size > 1 else 0 for axis, size in enumerate(shape))
