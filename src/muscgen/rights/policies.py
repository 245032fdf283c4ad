"""From an SPDX expression to what may be done. A licence that nobody looked at is refused, not guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain, product
from types import MappingProxyType

from muscgen.models.terms import POLICIES, Policy
from muscgen.request import Use

_CC_VERSIONS = ("1.0", "2.0", "2.5", "3.0", "4.0")


def _creative_commons(*kinds: str) -> tuple[str, ...]:
    return tuple(f"CC-{kind}-{version}" for kind in kinds for version in _CC_VERSIONS)


_LICENCES: dict[Policy, tuple[str, ...]] = {
    "allow": ("Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "CC0-1.0", "CC-PDDC", "CC-PDM-1.0"),
    "allow-with-attribution": _creative_commons("BY", "BY-SA"),
    "noncommercial-only": _creative_commons("BY-NC", "BY-NC-SA", "BY-NC-ND"),
    "revenue-capped": ("LicenseRef-stabilityai-community",),
}
KNOWN: Mapping[str, Policy] = MappingProxyType(
    {name: policy for policy, names in _LICENCES.items() for name in names}
)
_SPELLED = {name.lower(): name for name in KNOWN}
REACH: tuple[Use, ...] = ("research", "noncommercial", "commercial")  # each asks for more than the one before
NEEDS_ACCEPTANCE: frozenset[Policy] = frozenset({"noncommercial-only", "revenue-capped"})


def policy_of(expression: str, stated: Policy | None = None) -> Policy:
    """The policy of an SPDX expression: AND takes the strictest part, OR the freest.

    stated: what the card says. It can make a known licence stricter, never freer; of a licence that is not
    known here it is the word of whoever wrote the card. Parentheses and exceptions are unknown.
    """
    found = freest(
        strictest(KNOWN.get(part.strip(), "unknown") for part in choice.split(" AND "))
        for choice in spelled(expression).split(" OR ")
    )
    if stated is None:
        return found
    return stated if found == "unknown" else strictest((found, stated))


def spelled(expression: str) -> str:
    """With known ids as SPDX spells them: upper and lower case are one there."""
    return " ".join(_SPELLED.get(word.lower(), word) for word in expression.split())


def all_of(expressions: Iterable[str], first: str = "") -> str:
    """One expression that asks for all of them, whichever choices they leave: AND binds tighter than OR.

    first: whose parts stand at the beginning; the others' are sorted. Parentheses are left as they are.
    """
    found = []
    for own, *others in product(_choices(first), *map(_choices, dict.fromkeys(expressions))):
        found.append(" AND ".join(dict.fromkeys([*own, *sorted(chain(*others))])))
    return " OR ".join(dict.fromkeys(found))


def _choices(expression: str) -> list[tuple[str, ...]]:
    """What each of them asks for."""
    if "(" in expression:
        return [(f"({expression})",)]
    return [tuple(filter(None, choice.split(" AND "))) for choice in expression.split(" OR ")]


def strictest(policies: Iterable[Policy]) -> Policy:
    return max(policies, key=POLICIES.index)


def freest(policies: Iterable[Policy]) -> Policy:
    return min(policies, key=POLICIES.index)


def farther(one: Use, other: Use | None) -> Use:
    """Of two uses the one that asks for more."""
    return one if other is None else max(one, other, key=REACH.index)
