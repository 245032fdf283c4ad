"""One line of the log.

    {"seq":7,"time":"…","kind":"generate","who":"acme","what":{…},"previous":"…","hash":"…","seal":"…"}

`hash` is the SHA-256 of the line's text before `,"hash"`, closed with a brace; `previous` the hash of the
line before it, 64 zeros for the first; `seal` the HMAC-SHA256 of the hash under the log's key. So whoever has
the file can check the chain, and whoever has the key that nobody else wrote it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

Kind = Literal["accept", "consent", "revoke", "generate", "verify", "rotate", "torn", "broken"]
KINDS: tuple[Kind, ...] = get_args(Kind)  # the last two are the log's own: what it found when it was opened
GENESIS = "0" * 64
MAX_LINE_BYTES = 16_384

Fact = str | int | float | bool | list[str] | None


@dataclass(frozen=True, slots=True)
class Line:
    """Who did what, when; digests in the place of words. time: ISO 8601 in UTC."""

    seq: int
    time: str
    kind: Kind
    who: str
    what: Mapping[str, Fact]
    previous: str
    hash: str
    seal: str

    @classmethod
    def after(
        cls, seq: int, previous: str, key: bytes, *, at: float, kind: Kind, who: str, what: Mapping[str, Fact]
    ) -> Line:
        """The line that follows the one with this number and hash. at: Unix seconds."""
        time = datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        bare = cls(seq + 1, time, kind, who, dict(sorted(what.items())), previous, "", "")
        digest = bare.digest()
        return cls(bare.seq, time, kind, who, bare.what, previous, digest, sealed(key, digest))

    @classmethod
    def read(cls, text: bytes) -> Line:
        """Raises ValueError for what no log wrote."""
        try:
            line = cls(**json.loads(text))
        except TypeError as error:
            raise ValueError("it is no line of a log") from error
        typed: tuple[tuple[object, type], ...] = ((line.seq, int), (line.hash, str), (line.what, dict))
        if not all(isinstance(value, kind) for value, kind in typed):
            raise ValueError("it is no line of a log")
        return line

    def digest(self) -> str:
        """What `hash` must be."""
        return hashlib.sha256(self._head().encode()).hexdigest()

    def text(self) -> str:
        """The line as it stands in the file, without its end. ASCII."""
        return f'{self._head()[:-1]},"hash":{json.dumps(self.hash)},"seal":{json.dumps(self.seal)}}}'

    def to_dict(self) -> dict[str, Any]:
        return json.loads(self.text())  # type: ignore[no-any-return]

    def _head(self) -> str:
        fields = {
            "seq": self.seq,
            "time": self.time,
            "kind": self.kind,
            "who": self.who,
            "what": self.what,
            "previous": self.previous,
        }
        return json.dumps(fields, separators=(",", ":"), allow_nan=False)


def sealed(key: bytes, words: str) -> str:
    """HMAC-SHA256, hex."""
    return hmac.new(key, words.encode(), hashlib.sha256).hexdigest()


def is_sealed(key: bytes, words: str, seal: str) -> bool:
    return hmac.compare_digest(sealed(key, words), seal)
