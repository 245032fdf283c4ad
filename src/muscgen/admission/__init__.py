"""Between a request's bytes and a job: who asks, for what, and whether it can be made."""

from muscgen.admission.effective import effective
from muscgen.admission.gate import Admitted, Gate
from muscgen.admission.principals import Principal, authenticate
from muscgen.admission.reading import InvalidFields, read, refusal

__all__ = [
    "Admitted",
    "Gate",
    "InvalidFields",
    "Principal",
    "authenticate",
    "effective",
    "read",
    "refusal",
]
