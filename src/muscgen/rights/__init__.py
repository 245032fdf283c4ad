"""By what right: licences of models, words that name others, consent for sound from outside."""

from muscgen.rights.acceptance import Acceptances
from muscgen.rights.gate import Licensed, check, licensed, verdict
from muscgen.rights.rules import Rules

__all__ = ["Acceptances", "Licensed", "Rules", "check", "licensed", "verdict"]
