"""Whom we trust: ourselves, with every key that we ever had, and whom the settings name."""

from __future__ import annotations

from muscgen.errors import ConfigurationError
from muscgen.provenance import keyfolder
from muscgen.provenance.certificates import Chain, pem_of
from muscgen.settings import Settings


def own_anchors(settings: Settings) -> str:
    """The certificates by which songs of ours are trusted, in PEM: the home's root, and the settings' issuer.

    Raises ConfigurationError.
    """
    own = keyfolder.roots(settings.signing_path)
    if settings.signing_certificates:
        own += pem_of(Chain.of_pem(settings.signing_certificates).certificates[-1])
    return own


def others_anchors(settings: Settings) -> str:
    """Those that the settings add. Raises ConfigurationError."""
    if not settings.trust_anchors:
        return ""
    try:
        return "".join(map(pem_of, Chain.of_pem(settings.trust_anchors).certificates))
    except ConfigurationError as error:
        raise ConfigurationError(error.detail, param="trust_anchors") from error
