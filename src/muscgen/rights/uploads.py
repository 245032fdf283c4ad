"""May this file be used as input? Its own content credentials are asked, and the block lists of recordings.

    setting                     refuses a file whose credentials, or those of what it was made of, say
    inference (the default)     notAllowed of ai_inference: "used as input to a trained AI/ML model"
    any                         notAllowed of ai_inference, ai_generative_training, ai_training or data_mining
    keep                        nothing is refused

Entries are those of `cawg.training-mining` (CAWG, 1.1) and of `c2pa.training-mining` (C2PA 1.x), which it
replaces. `constrained` is notAllowed where it does not say under which constraints; where it does, the upload
is taken, and whoever uses it says in the consent by what right. A no counts even where the signature does not
hold. Songs of this service, by its own valid signature, may come back whatever they say to others.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

from muscgen.errors import UploadRefused
from muscgen.intake import Limits
from muscgen.intake.credentials import Credentials, credentials_of
from muscgen.intake.fingerprint import fingerprint
from muscgen.provenance.trust import Trust, own_trust
from muscgen.rights.recordings import Recordings
from muscgen.settings import Settings, UploadPolicy

_ENTRIES: dict[UploadPolicy, frozenset[str]] = {
    "inference": frozenset({"ai_inference"}),
    "any": frozenset({"ai_inference", "ai_generative_training", "ai_training", "data_mining"}),
    "keep": frozenset(),
}
_STRICT: dict[str | None, int] = {"constrained": 1, "notAllowed": 2}
_LABELS = ("cawg.training-mining", "c2pa.training-mining")
# Embedded credentials and the address of remote ones: without either there is nothing to start a process for.
_MARKS = (b"c2pa", b"dcterms:provenance")


@dataclass(frozen=True, slots=True)
class Uploads:
    """The rules for what comes from outside."""

    policy: UploadPolicy
    recordings: Recordings
    own: Callable[[], Trust]  # in whose signatures are this service's own

    def check(self, file: BinaryIO, limits: Limits) -> dict[str, Any] | None:
        """What the file's credentials say, for whoever brought it; None where it has none. Blocks.

        Raises UploadRefused, UnreadableAudio for what cannot be checked within the limits.
        """
        credentials: Credentials | None = None
        if _is_marked(file):
            credentials = credentials_of(file, [self.own()], limits=limits)
            if credentials.state != "valid" or credentials.trusted_by is None:
                self._ask(credentials)
        if self.recordings and (name := self.recordings.find(fingerprint(file, limits))) is not None:
            raise UploadRefused(
                f"this is, or holds a stretch of, a recording that is not taken here: {name}", param="file"
            )
        return None if credentials is None or credentials.state == "absent" else told(credentials)

    def _ask(self, credentials: Credentials) -> None:
        for name, entry in _entries(credentials):
            if name.partition(".")[2] not in _ENTRIES[self.policy]:
                continue
            if entry["use"] == "notAllowed" or (entry["use"] == "constrained" and not entry["constraints"]):
                raise UploadRefused(
                    f"the file's own content credentials forbid this use: {name} is {entry['use']}",
                    param="file",
                    suggestion="a file whose credentials allow it, or the word of whoever signed them",
                )


def uploads_of(settings: Settings) -> Uploads:
    """The rules of the settings. Raises ConfigurationError."""
    recordings = Recordings(settings.blocklists)
    return Uploads(settings.upload_not_allowed, recordings, partial(own_trust, settings))


def told(credentials: Credentials) -> dict[str, Any]:
    """The credentials in short, as the upload's answer says them."""
    return {
        "state": credentials.state,
        "changed": credentials.changed,
        "signer": credentials.signer,
        "source_types": list(credentials.source_types),
        "training_mining": _strictest(credentials),
        "problems": list(credentials.problems),
    }


def _strictest(credentials: Credentials) -> dict[str, dict[str, str | None]]:
    """Of several entries of one name the one that allows least, the newest first."""
    found: dict[str, dict[str, str | None]] = {}
    for name, entry in _entries(credentials):
        if name not in found or _STRICT.get(entry["use"], 0) > _STRICT.get(found[name]["use"], 0):
            found[name] = entry
    return found


def _entries(credentials: Credentials) -> Iterator[tuple[str, dict[str, str | None]]]:
    """`cawg.ai_inference` and kin, with use and constraints; with care, since anybody may write them."""
    for label in _LABELS:
        for data in credentials.all_assertions(label):
            entries = data.get("entries")
            for name, entry in entries.items() if isinstance(entries, dict) else ():
                if not isinstance(entry, dict):
                    continue
                words = entry.get("constraint_info") or entry.get("constraints_info")
                constraints = str(words)[:500] if words else None
                yield str(name)[:100], {"use": str(entry.get("use"))[:20], "constraints": constraints}


def _is_marked(file: BinaryIO) -> bool:
    file.flush()
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(mark) >= 0 for mark in _MARKS)
