"""Between a request's bytes and a job: who asks, for what, and whether it can be made."""

from muscgen.admission.conditioning import ROLES, Sound, clip_of
from muscgen.admission.effective import effective
from muscgen.admission.gate import Admitted, Gate
from muscgen.admission.principals import Keyring, Principal, authenticate
from muscgen.admission.reading import InvalidFields, read, refusal, with_clips
from muscgen.admission.sounds import find

__all__ = [
    "ROLES",
    "Admitted",
    "Gate",
    "InvalidFields",
    "Keyring",
    "Principal",
    "Sound",
    "authenticate",
    "clip_of",
    "effective",
    "find",
    "read",
    "refusal",
    "with_clips",
]
