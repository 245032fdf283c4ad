"""Payload to symbols and back: a convolutional code of rate 1/6, read by soft Viterbi.

Constraint length 9, the generators of the rate 1/3 code in Proakis' table (octal 557 663 711) and three of
their kin. Zeros flush the register, so every path ends where it began. The code has no checksum: whether a
payload was read right, the seal says (pattern.py).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from muscgen.provenance.watermark.payload import BITS

_MEMORY = 8
_GENERATORS = (0o557, 0o663, 0o711, 0o651, 0o537, 0o725)
_RATE = len(_GENERATORS)
_STATES = 1 << _MEMORY
SYMBOLS = (BITS + _MEMORY) * _RATE

Floats = NDArray[np.float64]


def encode(payload: bytes) -> Floats:
    """Six bytes -> symbols [SYMBOLS], each -1 or 1."""
    bits = np.unpackbits(np.frombuffer(payload, np.uint8)).tolist()
    register, symbols = 0, []
    for bit in [*bits, *[0] * _MEMORY]:
        register = (register << 1 | bit) & (2 * _STATES - 1)
        symbols.append(_OUTPUTS[register])
    return np.concatenate(symbols)


def decode(symbols: Floats) -> bytes:
    """The likeliest payload for soft symbols [SYMBOLS]."""
    metric = np.full(_STATES, -np.inf)
    metric[0] = 0.0
    choices = []
    for heard in symbols.reshape(-1, _RATE):
        candidates = metric[_BEFORE] + _BRANCHES @ heard
        choice = candidates.argmax(axis=1)
        metric = candidates[_EVERY, choice]
        choices.append(choice)
    state, bits = 0, []
    for choice in reversed(choices):
        bits.append(state & 1)
        state = int(_BEFORE[state, choice[state]])
    return np.packbits(bits[: _MEMORY - 1 : -1]).tobytes()


def _outputs(register: int) -> Floats:
    return np.array([2.0 * ((register & taps).bit_count() & 1) - 1.0 for taps in _GENERATORS])


# The register is the state before a bit and the bit; the state after it is all but its oldest bit.
_OUTPUTS = [_outputs(register) for register in range(2 * _STATES)]
_EVERY = np.arange(_STATES)
_BEFORE = np.stack([_EVERY >> 1, _EVERY >> 1 | _STATES >> 1], axis=1)
_BRANCHES = np.array([[_OUTPUTS[before << 1 | after & 1] for before in _BEFORE[after]] for after in _EVERY])
