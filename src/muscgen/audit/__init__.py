"""What happened, in lines that nobody changes unseen: accept, consent, revoke, generate, verify, rotate."""

from muscgen.audit.chain import Report, verify
from muscgen.audit.line import KINDS, Kind, Line
from muscgen.audit.log import Audit, audit_of

__all__ = ["KINDS", "Audit", "Kind", "Line", "Report", "audit_of", "verify"]
