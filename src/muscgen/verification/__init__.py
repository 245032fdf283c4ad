"""Where does this file come from? Watermark, credentials and receipt are looked at, and one word is said."""

from muscgen.verification.checks import Check
from muscgen.verification.looking import Known, Look, known_of, look
from muscgen.verification.verdict import Report, report

__all__ = ["Check", "Known", "Look", "Report", "known_of", "look", "report"]
