"""Content credentials (C2PA) of a file from outside, read and checked in the limited process."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

from muscgen.errors import UnreadableAudio
from muscgen.intake.confined import Limits, confined
from muscgen.provenance.trust import Trust

State = Literal["absent", "unreadable", "invalid", "valid"]
MAX_STORE_BYTES = 8_000_000  # of JSON
MAX_ARCHIVE_BYTES = 16_000_000
# Ends of codes that say that bytes are not as they were signed.
_CHANGED = (".mismatch", "assertion.missing", "claimSignature.missing")
_CONDITIONAL = frozenset({"signingCredential.untrusted"})


@dataclass(frozen=True, slots=True)
class TimeStamp:
    """When something was signed, ISO 8601, as an authority says (RFC 3161). trusted: whether we trust it."""

    time: str
    trusted: bool


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a file's credentials say, and whether that holds.

    state: valid where nothing speaks against them but that their signer may be unknown. trusted_by: number of
    the first trust given in the signer, whatever became of the file since; None: none. changed: the file or
    its credentials were changed after signing. problems: C2PA's codes. manifest: the newest, as c2pa's
    Reader tells it; earlier: those of what it was made of, and of that. time_stamp: of the newest's
    signature. why: of `unreadable`.
    """

    state: State
    trusted_by: int | None = None
    changed: bool = False
    problems: tuple[str, ...] = ()
    manifest: Mapping[str, Any] = field(default_factory=dict)
    earlier: tuple[Mapping[str, Any], ...] = ()
    why: str = ""
    time_stamp: TimeStamp | None = None

    @property
    def signer(self) -> dict[str, str | None]:
        """Whom the certificate names: issuer (its organization), common name, serial number."""
        info = self.manifest.get("signature_info") or {}
        return {name: info.get(name) for name in ("issuer", "common_name", "cert_serial_number")}

    @property
    def source_types(self) -> tuple[str, ...]:
        """How the content came to be: the last words of each action's digital source type."""
        kinds = (action.get("digitalSourceType") for action in self.actions)
        return tuple(str(kind).rpartition("/")[2] for kind in kinds if kind)

    @property
    def actions(self) -> list[dict[str, Any]]:
        found = [
            action
            for data in (*self.assertions("c2pa.actions"), *self.assertions("c2pa.actions.v2"))
            for action in data.get("actions") or ()
        ]
        return [action for action in found if isinstance(action, dict)]

    def assertions(self, label: str) -> list[dict[str, Any]]:
        """The data of the newest's assertions of that label, or of its numbered copies (`label__1`)."""
        return _assertions(self.manifest, label)

    def all_assertions(self, label: str) -> list[dict[str, Any]]:
        """The same of all manifests: what the file was made of may have had its own."""
        return [data for each in (self.manifest, *self.earlier) for data in _assertions(each, label)]


def credentials_of(
    file: BinaryIO, trusts: Sequence[Trust] = (), *, sidecar: bytes | None = None, limits: Limits = Limits()
) -> Credentials:
    """The file's credentials, or what a sidecar says of it. Blocks; the file must have a descriptor.

    Raises UnreadableAudio where checking takes too much, or kills the checker.
    """
    return _asked(file, {"trusts": [_told(each) for each in trusts]}, sidecar, None, limits)[0]


def ingredient_of(
    file: BinaryIO, *, label: str, title: str, limits: Limits = Limits()
) -> tuple[Credentials, bytes]:
    """The file as c2pa's archive of an ingredient, its credentials within. Raises UnreadableAudio."""
    described = {"label": label, "title": title}
    return _asked(file, {"trusts": []}, None, described, limits)


def _asked(
    file: BinaryIO,
    order: dict[str, Any],
    sidecar: bytes | None,
    ingredient: Mapping[str, str] | None,
    limits: Limits,
) -> tuple[Credentials, bytes]:
    encoded = None if sidecar is None else base64.b64encode(sidecar).decode()
    with tempfile.TemporaryFile() as more:
        more.write(json.dumps(order | {"sidecar": encoded, "ingredient": ingredient}).encode())
        more.seek(0)
        task = {"task": "credentials", "more_fd": more.fileno()}
        with confined(file, limits, task, more) as child:
            found, size = _parsed(child.line(MAX_STORE_BYTES))
            archive = child.answer.read(size)
    if len(archive) != size:
        raise _failed()
    return found, archive


def _told(trust: Trust) -> dict[str, str] | None:
    """As c2pa's settings say it; its list of signers needs authorities, for which signers are none."""
    if trust.nobody:
        return None
    return {
        "trust_uri": "urn:muscgen",
        "trust_kind": "manifest",
        "trust_anchors": trust.authorities or trust.signers,
        "allowed_list": trust.signers,
    }


def _parsed(line: bytes) -> tuple[Credentials, int]:
    """Nothing the child says is believed without a look: a file may have taken it over."""
    try:
        words = json.loads(line)
        size = int(words["archive"])
        if not 0 <= size <= MAX_ARCHIVE_BYTES:
            raise ValueError
        if not words["found"]:
            why = str(words["why"])[:200]
            return Credentials("unreadable" if why else "absent", why=why), size
        return _judged(words["store"], words["trusted_by"]), size
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _failed() from None


def _judged(store: Mapping[str, Any], trusted_by: int | None) -> Credentials:
    active, manifests = store["active_manifest"], store["manifests"]
    manifest, earlier = manifests[active], [each for name, each in manifests.items() if name != active]
    codes = [str(status["code"]) for status in store.get("validation_status") or ()]
    problems = tuple(dict.fromkeys(code for code in codes if code not in _CONDITIONAL))
    valid = store["validation_state"] in ("Valid", "Trusted")
    return Credentials(
        "valid" if valid else "invalid",
        None if trusted_by is None else int(trusted_by),
        any(code.endswith(_CHANGED) for code in problems) and not valid,
        problems,
        dict(manifest),
        tuple(dict(each) for each in earlier),
        time_stamp=_stamp(store, manifest),
    )


def _stamp(store: Mapping[str, Any], manifest: Mapping[str, Any]) -> TimeStamp | None:
    found = store.get("validation_results", {}).get("activeManifest", {})
    codes = {each["code"] for each in found.get("success", ())}
    time = (manifest.get("signature_info") or {}).get("time")
    if not isinstance(time, str) or "timeStamp.validated" not in codes:
        return None
    return TimeStamp(time[:40], "timeStamp.trusted" in codes)


def _assertions(manifest: Mapping[str, Any], label: str) -> list[dict[str, Any]]:
    kept = manifest.get("assertions") or ()
    named = [each for each in kept if str(each.get("label", "")).partition("__")[0] == label]
    return [each["data"] for each in named if isinstance(each.get("data"), dict)]


def _failed() -> UnreadableAudio:
    return UnreadableAudio("its content credentials cannot be checked within the limits", param="file")
