"""Sound from outside: decoded in a process of its own, with limits, so that crafted files harm nobody."""

from muscgen.intake.decoder import Limits, Probe, decode, probe

__all__ = ["Limits", "Probe", "decode", "probe"]
