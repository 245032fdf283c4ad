"""One word for all checks together.

genuine            as this service made it, byte for byte: by our signature on it, or our receipt of it
made_here          its sound is ours: by its watermark, or a receipt of the sound; the file is another one
altered            signed by somebody, and changed since
signed_elsewhere   intact credentials of somebody else
unknown            nothing speaks for anything
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from muscgen.errors import UnreadableAudio
from muscgen.intake import Credentials
from muscgen.verification import checks
from muscgen.verification.checks import Check
from muscgen.verification.looking import Known, Look

Verdict = Literal["genuine", "made_here", "altered", "signed_elsewhere", "unknown"]


@dataclass(frozen=True, slots=True)
class Report:
    """What is said of a file."""

    verdict: Verdict
    detail: str
    checks: tuple[Check, ...]
    look: Look

    def to_dict(self) -> dict[str, Any]:
        """In wire names."""
        look = self.look
        return {
            "verdict": self.verdict,
            "detail": self.detail,
            "checks": [check.to_dict() for check in self.checks],
            "file": {
                "sha256": look.sha256,
                "audio_sha256": look.sound_sha256,
                "bytes": look.bytes,
                "content_type": look.sound and look.sound.content_type,
                "duration": look.sound and round(look.sound.duration_s, 3),
                "sample_rate": look.sound and look.sound.sample_rate,
                "channels": look.sound and look.sound.channels,
            },
        }


def report(
    look: Look,
    known: Known,
    credentials: Credentials,
    receipt: bytes | None,
    *,
    beside: bool = False,
    given: bool = False,
) -> Report:
    """beside: the credentials are a sidecar's. given: the receipt was brought along.

    Raises UnreadableAudio for what is no sound, and has neither credentials nor a receipt.
    """
    if look.sound is None and credentials.state == "absent" and receipt is None:
        raise UnreadableAudio(look.why, param="file", suggestion="a sound file")
    found = (
        checks.watermark(look, known),
        *checks.of_credentials(credentials, beside=beside),
        checks.of_receipt(receipt, look, known, given=given),
    )
    verdict, detail = judged(found)
    return Report(verdict, detail, found, look)


def judged(found: Sequence[Check]) -> tuple[Verdict, str]:
    """The first line of the table that holds."""
    results: dict[str, str] = {check.name: check.result for check in found}
    for verdict, conditions, detail in _TABLE:
        if all(results[name] in allowed for name, allowed in conditions.items()):
            return verdict, detail
    return "unknown", "Nothing here says where this comes from. That does not say that nobody made it."


_Conditions = Mapping[str, tuple[str, ...]]
_TABLE: tuple[tuple[Verdict, _Conditions, str], ...] = (
    ("genuine", {"integrity": ("intact",), "signer": ("ours",)}, "This service made and signed this file."),
    ("genuine", {"receipt": ("matches",)}, "This service made this file, as its receipt says."),
    (
        "altered",
        {"integrity": ("changed",), "watermark": ("found",)},
        "This file was changed after it was signed; its sound carries our mark.",
    ),
    (
        "altered",
        {"integrity": ("changed",), "signer": ("ours",)},
        "This service signed this file, which was changed since.",
    ),
    ("altered", {"integrity": ("changed",)}, "This file was changed after somebody signed it."),
    (
        "made_here",
        {"watermark": ("found",), "integrity": ("intact",)},
        "The sound carries our mark; somebody else signed the file.",
    ),
    (
        "made_here",
        {"watermark": ("found",)},
        "The sound carries our mark; nothing says that this is the very file that was handed out.",
    ),
    ("made_here", {"receipt": ("same_sound",)}, "This is sound that was made here, in another file."),
    (
        "signed_elsewhere",
        {"integrity": ("intact",), "signer": ("trusted",)},
        "Somebody whom this service trusts signed this file.",
    ),
    (
        "signed_elsewhere",
        {"integrity": ("intact",), "signer": ("unknown",)},
        "Somebody whom this service does not know signed this file.",
    ),
    (
        "made_here",
        {"watermark": ("named",)},
        "The sound names this service, by a mark without a key, which others could have written.",
    ),
)
