"""What was taken back here: consents, tracks, and what they were, by which they are known under other names.

A line of revoked.jsonl: {"consent" or "track": name, "sha256": of its sounds or songs, "by", "reason",
"at": Unix seconds}. Lines of earlier versions have no sha256.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from muscgen.data import place as files
from muscgen.data.place import Place


@dataclass(frozen=True, slots=True)
class TakenBack:
    """names: references of consents, and ids of tracks. of_tracks, of_consents: SHA-256 of what they were."""

    names: frozenset[str] = frozenset()
    of_tracks: frozenset[str] = frozenset()
    of_consents: frozenset[str] = frozenset()

    def has(self, track_id: str, consents: Collection[str], sha256: str) -> bool:
        """Whether a track may not be used, under the consents that cover it now."""
        return track_id in self.names or not self.names.isdisjoint(consents) or self.bars(sha256, consents)

    def bars(self, sha256: str, consents: Collection[str]) -> bool:
        """Whether this was taken back, under any name. Another consent to it holds; a licence does not."""
        return sha256 in self.of_tracks or (not consents and sha256 in self.of_consents)


def read(place: Place) -> TakenBack:
    names: set[str] = set()
    sounds: dict[str, set[str]] = {"track": set(), "consent": set()}
    for line in files.lines(place.revoked):
        for kind, found in sounds.items():
            if name := line.get(kind):
                names.add(name)
                found.update(filter(None, line.get("sha256", ())))
    return TakenBack(frozenset(names), frozenset(sounds["track"]), frozenset(sounds["consent"]))
