"""The rights ledger: for every track where it came from, by what right it is used, and what was decided.

Who decides, in this order: a revoked consent, a consent that is needed and missing, a licence that nobody
knows, one that forbids derivatives, one that does not permit the use. What passes is in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Literal

from muscgen.data.consent import Statement, TrainingUse
from muscgen.data.licence import Licence, licence_of
from muscgen.data.track import Split, Track, Traits
from muscgen.models.terms import Policy
from muscgen.rights.policies import policy_of, strictest

Decision = Literal["in", "out"]
_EVIDENCE_CHARS = 200


class Reason(StrEnum):
    """Why a track is in or out. Seven are of rights, the others of the sound."""

    PERMITTED = "permitted"
    REVOKED = "revoked"
    NO_CONSENT = "no_consent"
    UNKNOWN_LICENCE = "unknown_licence"
    NO_DERIVATIVES = "no_derivatives"
    NOT_FOR_THIS_USE = "not_for_this_use"
    CONFLICT = "conflict"  # the same bytes are out for their rights elsewhere in the set
    MALFORMED = "malformed"  # a line that names no track
    UNFIT = "unfit"  # the set itself says so
    MISSING = "missing"
    WRONG_CHECKSUM = "wrong_checksum"
    UNREADABLE = "unreadable"
    WRONG_DURATION = "wrong_duration"
    TOO_SHORT = "too_short"
    SILENT = "silent"
    CLIPPED = "clipped"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"


RIGHTS = frozenset({
    Reason.REVOKED, Reason.NO_CONSENT, Reason.UNKNOWN_LICENCE, Reason.NO_DERIVATIVES, Reason.NOT_FOR_THIS_USE,
    Reason.CONFLICT,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger. `split` is the set's own until it is decided, and empty for what is out."""

    id: str
    dataset: str
    path: str
    span: tuple[int, int] | None
    title: str
    artist: str
    url: str
    group: str
    license: str
    license_url: str
    evidence: tuple[dict[str, str], ...]
    attribution: str
    consent: str
    policy: Policy
    decision: Decision
    reason: Reason
    detail: str = ""
    split: Split | None = None
    sha256: str = ""
    other_consents: tuple[str, ...] = ()  # that cover it, too; left out of the file where there are none

    def out(self, reason: Reason, detail: str) -> Entry:
        return replace(self, decision="out", reason=reason, detail=detail)

    @property
    def is_in(self) -> bool:
        return self.decision == "in"

    @property
    def consents(self) -> tuple[str, ...]:
        """References of all statements that cover it."""
        return (self.consent, *self.other_consents) if self.consent else ()

    def to_dict(self) -> dict[str, Any]:
        """As the file has it."""
        fields = {name: getattr(self, name) for name in _FIELDS}
        if not self.other_consents:
            del fields["other_consents"]
        return fields

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Entry:
        span = fields["span"]
        return cls(
            **fields
            | {
                "span": None if span is None else (span[0], span[1]),
                "evidence": tuple(fields["evidence"]),
                "reason": Reason(fields["reason"]),
                "other_consents": tuple(fields.get("other_consents", ())),
            }
        )


_FIELDS = tuple(Entry.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for a whole run. `revoked` are references of consents and ids of tracks."""

    dataset: str
    use: TrainingUse
    traits: Traits
    revoked: frozenset[str] = frozenset()


def enter(track: Track, statement: Statement | None, rule: Rule, others: Iterable[Statement] = ()) -> Entry:
    """A track with its rights looked at. others: statements that cover it beside the one that holds."""
    references = tuple(other.reference for other in others)
    licence = licence_of(track.claims) if statement is None else _given(statement)
    policy = policy_of(licence.spdx) if statement is None else statement.policy
    if rule.traits.text_license:
        policy = strictest((policy, policy_of(rule.traits.text_license)))
    reason, detail = _decided(track, licence, policy, statement, rule, references)
    return Entry(
        id=track.id,
        dataset=rule.dataset,
        path=track.path,
        span=track.span,
        title=track.title,
        artist=track.artist,
        url=track.url,
        group=track.group,
        license=licence.spdx,
        license_url=licence.url,
        evidence=_evidence(licence, statement),
        attribution=_attribution(track, licence, statement),
        consent="" if statement is None else statement.reference,
        policy=policy,
        decision="in" if reason is Reason.PERMITTED else "out",
        reason=reason,
        detail=detail,
        split=track.split,
        other_consents=references,
    )


def _decided(
    track: Track,
    licence: Licence,
    policy: Policy,
    statement: Statement | None,
    rule: Rule,
    others: tuple[str, ...],
) -> tuple[Reason, str]:
    given = () if statement is None else (statement.reference, *others)
    gone = next((name for name in given if name in rule.revoked), "")
    if gone or (statement is not None and statement.revoked):
        return Reason.REVOKED, f"the consent {gone or given[0]} was taken back"
    if track.id in rule.revoked:
        return Reason.REVOKED, "the track was taken back"
    if rule.traits.needs_consent and statement is None:
        return Reason.NO_CONSENT, "no statement covers the sound, and nothing published licenses it"
    if policy == "unknown":
        return Reason.UNKNOWN_LICENCE, licence.why_not or f"what {licence.spdx} permits is not known here"
    if licence.forbids_derivatives:
        return Reason.NO_DERIVATIVES, f"{licence.spdx} permits no derivatives; a trained model may be one"
    if rule.use == "commercial" and policy in ("noncommercial-only", "revenue-capped"):
        return Reason.NOT_FOR_THIS_USE, f"{licence.spdx or policy} does not permit commercial use"
    return Reason.PERMITTED, ""


def _given(statement: Statement) -> Licence:
    return Licence(statement.spdx, ())


def _evidence(licence: Licence, statement: Statement | None) -> tuple[dict[str, str], ...]:
    if statement is not None:
        text = f"{statement.basis}, by {statement.holder}: {statement.evidence or statement.reference}"
        return ({"kind": "statement", "text": text[:_EVIDENCE_CHARS], "source": statement.reference},)
    return tuple(
        {"kind": claim.kind, "text": " ".join(claim.text.split())[:_EVIDENCE_CHARS], "source": claim.source}
        for claim in licence.evidence
    )


def _attribution(track: Track, licence: Licence, statement: Statement | None) -> str:
    """Title, author, source and licence, as Creative Commons recommends."""
    if statement is not None and statement.attribution:
        return statement.attribution
    author = track.artist or ("" if statement is None else statement.holder)
    parts = (f'"{track.title}"' if track.title else track.path, f"by {author}" if author else "")
    known = ", ".join(filter(None, (track.url, licence.spdx, licence.url)))
    return " ".join(filter(None, parts)) + (f" ({known})" if known else "")
