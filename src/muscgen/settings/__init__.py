"""Typed settings; the only reader of the environment.

Every field is `MUSCGEN_<NAME>` in the environment, or the text of the file that `MUSCGEN_<NAME>_FILE` names,
and may be given by the command line, which wins.
"""

from muscgen.settings.fields import (
    AuditPolicy,
    BackendName,
    DeploymentUse,
    KvPrecision,
    Precision,
    PromptPolicy,
    Sensitive,
    Settings,
    UploadPolicy,
    WatermarkName,
)
from muscgen.settings.reading import PREFIX, load

__all__ = [
    "PREFIX",
    "AuditPolicy",
    "BackendName",
    "DeploymentUse",
    "KvPrecision",
    "Precision",
    "PromptPolicy",
    "Sensitive",
    "Settings",
    "UploadPolicy",
    "WatermarkName",
    "load",
]
