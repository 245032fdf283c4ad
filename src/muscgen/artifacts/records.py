"""What a kept file is, and its record: what every store writes down of it and its owners."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from muscgen import telemetry

Owners = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file and what it is. Times are Unix seconds; `expires_at` None is never."""

    id: str
    content_type: str
    extension: str
    bytes: int
    duration_s: float
    sample_rate: int
    channels: int
    created_at: float
    expires_at: float | None = None

    @property
    def sha256(self) -> str:
        """The id is the digest of the content, in hex."""
        return self.id

    @property
    def filename(self) -> str:
        return f"{self.id}.{self.extension}"

    def to_dict(self) -> dict[str, str | int | float | None]:
        """The artifact in wire names, as results carry it."""
        return {
            "id": self.id,
            "sha256": self.sha256,
            "content_type": self.content_type,
            "bytes": self.bytes,
            "duration": self.duration_s,
            "sample_rate": self.sample_rate,
            "channels": self.channels,
            "expires_at": self.expires_at,
        }


@dataclass(frozen=True)
class Record:
    """An artifact and its owners, each with the time until which it wants the file; the latest counts."""

    artifact: Artifact
    owners: Owners

    def owned_by(self, owner: str, until: float | None) -> Record:
        return self._with(self.owners | {owner: until})

    def without(self, *owners: str) -> Record:
        return self._with({name: until for name, until in self.owners.items() if name not in owners})

    def _with(self, owners: Owners) -> Record:
        return Record(replace(self.artifact, expires_at=_latest(owners)), owners)

    def to_json(self) -> bytes:
        return json.dumps({"version": 1, **asdict(self.artifact), "owners": self.owners}, indent=1).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Record:
        """Raises ValueError, KeyError or TypeError for what no store wrote."""
        fields = json.loads(text)
        owners: Owners = fields.pop("owners")
        del fields["version"]
        return cls(Artifact(**fields), owners)


def read(text: bytes, artifact_id: str) -> Record | None:
    """The record, or None with a warning: it was damaged, for stores write records whole."""
    try:
        return Record.from_json(text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        telemetry.warning("artifact.record_damaged", artifact=artifact_id, reason=str(error))
        return None


def together(records: Sequence[Record]) -> Record:
    """Records of equal content as one. There must be one at least."""
    owners: Owners = {}
    for record in records:
        owners |= record.owners
    return Record(replace(records[0].artifact, expires_at=_latest(owners)), owners)


def _latest(owners: Owners) -> float | None:
    times = [until for until in owners.values() if until is not None]
    return max(times) if times and len(times) == len(owners) else None
