"""What a model may be used for, computed: as strict as its base and all that it learnt from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from muscgen.data.manifest import Manifest
from muscgen.errors import LicenceRefused
from muscgen.models.card import Card
from muscgen.models.terms import Policy, shipped
from muscgen.request import Use
from muscgen.rights import licensed
from muscgen.rights.policies import all_of, spelled, strictest

_TRACKS = "; tracks: ATTRIBUTION.md"
_NO_DERIVATIVES = re.compile(r"-ND\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Computed:
    """license: an SPDX expression of all parts, whichever choices they leave."""

    license: str
    policy: Policy
    uses: tuple[Use, ...]
    attribution: str
    training_data: str


def computed(base: Card, manifests: Sequence[Manifest]) -> Computed:
    """Raises LicenceRefused where the base's licence permits no derivatives, or is not known."""
    terms = licensed(base)
    if _NO_DERIVATIVES.search(base.license) or terms.policy == "unknown":
        raise LicenceRefused(
            f"{base.id} may not be trained further: {base.license or 'no licence'} does not permit it",
            param="base",
        )
    policies = [terms.policy, *(_policy(manifest) for manifest in manifests)]
    policy = strictest(policies)
    return Computed(
        license=all_of((one.license for one in manifests), first=spelled(base.license)),
        policy=policy,
        uses=tuple(use for use in terms.uses if use != "commercial" or policy != "noncommercial-only"),
        attribution=f"{base.attribution.removesuffix(_TRACKS)}{_TRACKS}",
        training_data="; ".join([*filter(None, [_known(base)]), *map(_described, manifests)]),
    )


def _known(base: Card) -> str:
    """What the base was made of, by its own card or by the shipped one."""
    known = shipped().get(base.id)
    return base.stated.training_data or (known.training_data if known else "")


def _policy(manifest: Manifest) -> Policy:
    """Of a set that was prepared for a use: its ledger let in what permits that use."""
    return "allow-with-attribution" if manifest.use == "commercial" else "noncommercial-only"


def _described(manifest: Manifest) -> str:
    hours = manifest.seconds / 3600
    return (
        f"{manifest.tracks} tracks ({hours:.2f} h) of {manifest.dataset}, {manifest.license}, "
        f"prepared for {manifest.use} use, manifest {manifest.sha256}"
    )
