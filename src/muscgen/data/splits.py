"""Which tracks a model learns from, and which judge it: all tracks of one group together, always alike.

The set's own splits hold where it has some. A group that they tear apart goes as a whole to train where it
has tracks there, else to valid or to test: what judges a model must be new to it. Which of both, and where
others belong, is drawn by a hash of the group's name.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from muscgen.data.track import Split
from muscgen.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Shares:
    """Of groups that have no split of their own."""

    valid: float = 0.05
    test: float = 0.05

    def __post_init__(self) -> None:
        if self.valid < 0 or self.test < 0 or self.valid + self.test >= 1:
            raise InvalidRequest(
                f"shares of {self.valid:g} for valid and {self.test:g} for test leave nothing to train on",
                param="valid",
                suggestion="two shares of 0 or more, together below 1",
            )

    def of(self, group: str) -> Split:
        """The same on every machine and in every run."""
        number = _key(group) / 2**64
        if number < self.test:
            return "test"
        return "valid" if number < self.test + self.valid else "train"


DEFAULT_SHARES = Shares()
_JUDGES: tuple[Split, Split] = ("valid", "test")


class Splits:
    """Sees every track of a run once, and then says where each belongs."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._own: dict[int, Split] = {}

    def see(self, group: str, own: Split | None) -> None:
        if own is not None:
            key = _key(group)
            before = self._own.setdefault(key, own)
            if before != own:
                self._own[key] = "train" if "train" in (before, own) else _JUDGES[key % 2]

    def of(self, group: str) -> Split:
        return self._own.get(_key(group)) or self._shares.of(group)


def _key(group: str) -> int:
    """Half a sign of a pair is one too: JSON can say it, UTF-8 cannot."""
    return int.from_bytes(hashlib.sha256(group.encode("utf-8", "surrogatepass")).digest()[:8])
