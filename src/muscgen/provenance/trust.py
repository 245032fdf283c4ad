"""Whom we trust: ourselves, with every key that we ever had, and whom the settings name."""

from __future__ import annotations

from dataclasses import dataclass

from muscgen.errors import ConfigurationError
from muscgen.provenance import keyfolder
from muscgen.provenance.certificates import Chain, pem_of
from muscgen.settings import Settings


@dataclass(frozen=True, slots=True)
class Trust:
    """In PEM: authorities, with all whose certificates they issued; and signers, each for itself alone."""

    authorities: str = ""
    signers: str = ""

    @property
    def nobody(self) -> bool:
        return not (self.authorities or self.signers)

    def in_whom(self, chain: Chain) -> bool:
        """Whether the chain's first certificate is trusted."""
        if self.signers and chain.leaf in Chain.of_pem(self.signers).certificates:
            return True
        return bool(self.authorities) and chain.leads_to(Chain.of_pem(self.authorities).certificates)


NOBODY = Trust()


def own_trust(settings: Settings) -> Trust:
    """In what this installation signs: by its home's root, or by the certificates that the settings give.

    Of the latter each counts for itself, since whoever issued them issues others' too. Raises
    ConfigurationError.
    """
    signers = ""
    if settings.signing_certificates:
        signers += pem_of(Chain.of_pem(settings.signing_certificates).leaf)
    if settings.signing_certificates_before:
        signers += _checked(settings.signing_certificates_before, "signing_certificates_before")
    return Trust(keyfolder.roots(settings.signing_path), signers)


def others_trust(settings: Settings) -> Trust:
    """In those that the settings add. Raises ConfigurationError."""
    return Trust(_checked(settings.trust_anchors, "trust_anchors") if settings.trust_anchors else "")


def _checked(text: str, param: str) -> str:
    try:
        return "".join(map(pem_of, Chain.of_pem(text).certificates))
    except ConfigurationError as error:
        raise ConfigurationError(error.detail, param=param) from error
