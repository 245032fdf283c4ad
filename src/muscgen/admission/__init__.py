"""Between a request's bytes and a job: who asks, for what, and whether it can be made."""

from muscgen.admission.conditioning import ROLES, Sound, clip_of
from muscgen.admission.consents import Desk
from muscgen.admission.effective import effective
from muscgen.admission.gate import Admitted, Gate
from muscgen.admission.links import Links, links_of
from muscgen.admission.principals import Keyring, Principal, authenticate
from muscgen.admission.reading import InvalidFields, read, read_as, refusal, with_clips
from muscgen.admission.records import note_consent, record_of
from muscgen.admission.sounds import find, find_linked

__all__ = [
    "ROLES",
    "Admitted",
    "Desk",
    "Gate",
    "InvalidFields",
    "Keyring",
    "Links",
    "Principal",
    "Sound",
    "authenticate",
    "clip_of",
    "effective",
    "find",
    "find_linked",
    "links_of",
    "note_consent",
    "read",
    "read_as",
    "record_of",
    "refusal",
    "with_clips",
]
