"""Fingerprints of recordings (Chromaprint), taken in the limited process.

A fingerprint is a row of 32-bit numbers, eight a second. The same recording in another encoding has nearly
the same bits; another recording of the same tune has others.
"""

from __future__ import annotations

import json
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from muscgen.errors import ConfigurationError, UnreadableAudio
from muscgen.intake.confined import Limits, confined

Numbers = NDArray[np.uint32]

MAX_PACKED_BYTES = 1_000_000
_HEAD_BYTES = 4_096


def require() -> None:
    """Raise ConfigurationError where Chromaprint is not installed."""
    try:
        import chromaprint  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            f"block lists of recordings need Chromaprint, which is not here: {error}",
            param="blocklists",
            suggestion="pip install 'muscgen[fingerprint]', and the library: libchromaprint1 in Debian, "
            "chromaprint in Homebrew",
        ) from None


def fingerprint(file: BinaryIO, limits: Limits = Limits()) -> bytes:
    """Of the whole file, which must have a descriptor: as `fpcalc -plain -length 0` says it.

    Raises UnreadableAudio for what cannot be decoded within the limits.
    """
    with confined(file, limits, {"task": "fingerprint", "max_s": limits.max_s}) as child:
        size = _size(child.line(_HEAD_BYTES))
        packed = child.answer.read(size)
    if len(packed) != size:
        raise _failed()
    return packed


def numbers(packed: bytes) -> Numbers:
    """The numbers [N] of a fingerprint. Raises ValueError for what is none."""
    import chromaprint

    try:
        found, _ = chromaprint.decode_fingerprint(packed)
    except (chromaprint.FingerprintError, TypeError) as error:
        raise ValueError("it is no fingerprint") from error
    return np.array(found, np.int64).astype(np.uint32)


def _size(line: bytes) -> int:
    """Nothing the child says is believed without a look: a file may have taken it over."""
    try:
        words = json.loads(line)
        if "refused" in words:
            raise UnreadableAudio(str(words["refused"])[:200], param="file")
        if not 0 <= (size := int(words["bytes"])) <= MAX_PACKED_BYTES:
            raise _failed()
    except (ValueError, KeyError, TypeError):
        raise _failed() from None
    return size


def _failed() -> UnreadableAudio:
    return UnreadableAudio("no fingerprint can be taken of it within the limits", param="file")
