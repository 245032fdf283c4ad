"""May this model be used for that? One answer, for who fetches, loads and generates.

policy                    research   noncommercial   commercial               acceptance
allow                     yes        yes             yes                      no
allow-with-attribution    yes        yes             yes, named in the tags   no
noncommercial-only        yes        yes             no                       yes
revenue-capped            yes        yes             below the cap            yes
unknown                   no         no              no
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from muscgen.errors import LicenceRefused
from muscgen.models.card import Card
from muscgen.models.terms import Policy, Stated, Terms, shipped
from muscgen.request import Use
from muscgen.rights.acceptance import Acceptances
from muscgen.rights.policies import NEEDS_ACCEPTANCE, REACH, farther, policy_of, spelled, strictest

NOTHING_ACCEPTED = Acceptances(None)
_TEXTS = Path(__file__).parent / "licences"


def text_of(license_: str) -> Path | None:
    """The licence's whole text, where it comes with the package: of an SPDX id."""
    path = _TEXTS / f"{license_}.txt"
    return path if re.fullmatch(r"[A-Za-z0-9.-]+", license_) and path.is_file() else None


@dataclass(frozen=True, slots=True)
class Licensed:
    """What the gate has to know of a model, installed or not."""

    id: str
    license: str
    license_url: str
    attribution: str
    policy: Policy
    uses: tuple[Use, ...] = REACH  # what the card permits; no policy is made freer by it

    @property
    def text(self) -> str:
        """What is shown to whoever accepts, and what an acceptance is of."""
        words = {
            "noncommercial-only": "Research and noncommercial use only: nothing primarily intended for or "
            "directed towards commercial advantage or monetary compensation. Give attribution; copies that "
            "are adapted (quantised, fine-tuned, merged) stay under this licence. Treat songs alike.",
            "revenue-capped": "Commercial use only below the revenue that the licence names, and registered "
            "where it asks for that.",
            "allow": "Any use.",
            "allow-with-attribution": "Any use, with attribution.",
            "unknown": "This licence is not known here.",
        }[self.policy]
        digest = self.license_sha256
        return (
            f"Model: {self.id}\nLicence: {self.license}\nText: {self.license_url}\n"
            + (f"SHA-256 of the text: {digest}\n" if digest else "")
            + f"Attribution: {self.attribution}\n{words}\n"
        )

    @property
    def license_sha256(self) -> str:
        """Of the licence's own text; empty where it does not come with the package."""
        path = text_of(self.license)
        return "" if path is None else hashlib.sha256(path.read_bytes()).hexdigest()


def licensed(model: Card | Terms) -> Licensed:
    """An installed or a shipped card as the gate sees it.

    A card cannot free what is stricter elsewhere: the weights it adapts, or the shipped card of its name.
    """
    stated = model.stated if isinstance(model, Card) else model
    bound: list[tuple[str, Stated]] = [(model.license, stated)]
    names = [model.id]
    if isinstance(model, Card) and model.base is not None:
        bound.append((model.base.license, model.base.stated))
        names.append(model.base.id)
    bound += [(known.license, known) for name in names if (known := shipped().get(name))]
    policies = [policy_of(license_, each.policy) for license_, each in bound]
    uses = set(REACH).intersection(*(each.permitted_uses or REACH for _, each in bound))
    return Licensed(
        model.id,
        spelled(model.license),
        model.license_url,
        model.attribution,
        strictest(policies),
        tuple(use for use in REACH if use in uses),
    )


def check(
    card: Licensed,
    deployment_use: Use,
    intended_use: Use | None = None,
    acceptance: Acceptances = NOTHING_ACCEPTED,
    *,
    models: Sequence[Licensed] = (),
) -> None:
    """Raise LicenceRefused where the model may not be used so, naming the rule and the models that may.

    The farther of the two uses is judged: a request cannot make a commercial service noncommercial.
    """
    use = farther(deployment_use, intended_use)
    rule = verdict(card, use, acceptance)
    if rule is None:
        return
    able = [model.id for model in models if model.id != card.id and verdict(model, use, acceptance) is None]
    there = f"models that may be used so: {', '.join(able)}" if able else None
    accept = f"muscgen models accept {card.id}" if rule.startswith("not accepted") else None
    farther_than_service = intended_use is not None and use != deployment_use
    raise LicenceRefused(
        f"{card.id} may not be used: {rule}",
        param="rights.intended_use" if farther_than_service and accept is None else "model",
        suggestion="; ".join(filter(None, (accept, there))) or None,
    )


def verdict(card: Licensed, use: Use, acceptance: Acceptances = NOTHING_ACCEPTED) -> str | None:
    """The rule that forbids the use, in words; None where none does."""
    if card.policy == "unknown":
        return f"unknown licence: what {card.license or 'none'} permits is not known here"
    if card.policy == "noncommercial-only" and use == "commercial":
        return f"noncommercial-only: {card.license} permits no commercial use"
    if use not in card.uses:
        return f"permitted uses: the card permits {', '.join(card.uses) or 'none'}, not {use}"
    if card.policy not in NEEDS_ACCEPTANCE:
        return None
    accepted = acceptance.of(card.id, card.text)
    if accepted is None:
        return f"not accepted: the terms of {card.license} were not accepted by this installation"
    if card.policy == "revenue-capped" and use == "commercial" and not accepted.below_cap:
        return (
            f"revenue-capped: {card.license} permits commercial use below its cap, which nobody has "
            "confirmed (muscgen models accept --below-cap)"
        )
    return None
