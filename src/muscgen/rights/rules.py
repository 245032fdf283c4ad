"""What this installation permits: asked by the gate, the worker and the command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from muscgen import telemetry
from muscgen.models.card import Card
from muscgen.models.terms import Terms
from muscgen.request import GenerateRequest, Use
from muscgen.rights.acceptance import Acceptances
from muscgen.rights.gate import check, licensed, verdict
from muscgen.rights.policies import NEEDS_ACCEPTANCE
from muscgen.rights.prompts import Prompts
from muscgen.settings import Settings


class Rules:
    """One for a process; it reads the acceptances again where they changed."""

    def __init__(self, settings: Settings) -> None:
        self.deployment_use: Use = settings.deployment_use
        self.acceptances = Acceptances(settings.acceptances_path)
        self._prompts = Prompts(settings.prompt_policy, settings.prompt_lists)

    def allow(self, card: Card | Terms, use: Use | None = None, models: Iterable[Card] = ()) -> None:
        """Raises LicenceRefused, naming those of the models that may be used."""
        others = [licensed(model) for model in models]
        check(licensed(card), self.deployment_use, use, self.acceptances, models=others)

    def permit(
        self, wish: GenerateRequest, card: Card, models: Sequence[Card] = ()
    ) -> tuple[GenerateRequest, tuple[str, ...]]:
        """The wish as it may be made, and warnings. Raises LicenceRefused, PromptRefused."""
        self.allow(card, wish.rights.intended_use, models)
        return self._prompts.apply(wish)

    def usable(self, cards: Iterable[Card]) -> list[Card]:
        """The models that may be used here; of the others a line in the log says why not."""
        able = []
        for card in cards:
            rule = verdict(licensed(card), self.deployment_use, self.acceptances)
            if rule is None:
                able.append(card)
            else:
                telemetry.warning("model.refused", model=card.id, rule=rule)
        return able

    def permits(self, card: Card | Terms) -> bool:
        """Whether it may be used here, as it is accepted now."""
        return verdict(licensed(card), self.deployment_use, self.acceptances) is None

    def standing(self, card: Card | Terms) -> dict[str, Any]:
        """What clients are told of a model's rights."""
        terms = licensed(card)
        rule = verdict(terms, self.deployment_use, self.acceptances)
        return {
            "policy": terms.policy,
            "permitted_uses": list(terms.uses),
            "deployment_use": self.deployment_use,
            "needs_acceptance": terms.policy in NEEDS_ACCEPTANCE,
            "accepted": self.acceptances.of(terms.id, terms.text) is not None,
            "usable": rule is None,
            "why_not": rule,
        }
