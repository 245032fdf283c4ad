"""Sound from outside: decoded in a process of its own, with limits, so that crafted files harm nobody."""

from muscgen.intake.confined import Limits
from muscgen.intake.credentials import Credentials, credentials_of
from muscgen.intake.decoder import Probe, decode, listening, probe
from muscgen.intake.fitting import fitted

__all__ = ["Credentials", "Limits", "Probe", "credentials_of", "decode", "fitted", "listening", "probe"]
