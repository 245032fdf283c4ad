"""The sweep of a bucket: owners that are dead, lives that are over, contents that never got a record."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from muscgen.artifacts.lives import CHECKS, Lives, record_key
from muscgen.artifacts.objects import Found, Objects, Version
from muscgen.artifacts.store import Live, Wants, is_digest, released

SWEEP_EVERY_S = 300.0  # workers ask for a sweep every ten minutes each; one of them is enough
ABANDONED_S = 3_600.0  # longer than any put takes; one that takes longer begins again, and nothing is lost
_LAST = "sweep.json"

_Seen = tuple[Version, frozenset[str]]


class Sweeper:
    """Sweeps, unless another began within `every_s`; remembers the owners that it saw, by record."""

    def __init__(
        self,
        objects: Objects,
        lives: Lives,
        clock: Callable[[], float],
        *,
        every_s: float = SWEEP_EVERY_S,
        abandoned_s: float = ABANDONED_S,
    ) -> None:
        self._objects = objects
        self._lives = lives
        self._clock = clock
        self._every_s = every_s
        self._abandoned_s = abandoned_s
        self._seen: dict[str, _Seen] = {}

    def sweep(self, live: Live, wants: Wants) -> int:
        """How many contents went."""
        if not self._begins():
            return 0
        before, self._seen = self._seen, {}
        gone = 0
        for key, found in self._by_life():
            written = next((each.version for each in found if each.key == record_key(key)), None)
            if written is None:
                self._clear_if_abandoned(key, found)
            elif (owners := self._owners(key, written, before.get(key))) is not None:
                self._seen[key] = (written, owners)
                gone += self._without_dead(key, owners, live, wants)
        return gone

    def _begins(self) -> bool:
        now = self._clock()
        text = json.dumps({"began_at": now}).encode()
        last = self._objects.read(_LAST)
        if last is None:
            return self._objects.create(_LAST, text) is not None
        began_at = json.loads(last[0])["began_at"]
        if began_at <= now < began_at + self._every_s:
            return False
        return self._objects.replace(_LAST, text, last[1]) is not None

    def _by_life(self) -> Iterator[tuple[str, list[Found]]]:
        """The objects of each life; what is not ours is left alone."""
        for key, found in groupby(self._objects.list(), lambda each: "/".join(each.key.split("/")[:2])):
            if is_digest(key.partition("/")[0]):
                yield key, list(found)
            elif key.startswith(f"{CHECKS}/") and self._is_old(found):
                self._objects.delete(key)

    def _owners(self, key: str, written: Version, before: _Seen | None) -> frozenset[str] | None:
        """Those of a life; None where its record cannot be read."""
        if before is not None and before[0] == written:
            return before[1]
        found = self._lives.record(key)
        return None if found is None else frozenset(found[0].owners)

    def _without_dead(self, key: str, owners: frozenset[str], live: Live, wants: Wants) -> bool:
        """Whether the content went."""
        if not owners:
            self._lives.clear(key)  # somebody died over it
            return False
        dead = released(key.partition("/")[0], owners, live, wants)
        life = self._lives.read(key) if dead else None
        return life is not None and self._lives.drop(life, dead)

    def _clear_if_abandoned(self, key: str, found: Iterable[Found]) -> None:
        if self._is_old(found):
            self._lives.take_abandoned(key)

    def _is_old(self, found: Iterable[Found]) -> bool:
        return max(each.changed_at for each in found) <= self._clock() - self._abandoned_s
