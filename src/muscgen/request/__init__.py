"""A song as it is asked for, and as it will be made.

`GenerateRequest` is what a client wrote: strict, and with gaps. `SongRequest` is the one value that travels:
checked once at the edge, every gap filled, kept in the job, given to the engine, echoed to the client. In
JSON both use the wire's names (`duration`); in Python names carry units (`duration_s`).
"""

from __future__ import annotations

from muscgen.request.consents import (
    MAX_STATEMENT_BYTES,
    ConsentRecord,
    ConsentWish,
    Scope,
    Signature,
    Statement,
    StatementWish,
)
from muscgen.request.files import (
    file_rate_hz,
    refuse_impossible,
)
from muscgen.request.parts import (
    MAX_PROMPT_CHARS,
    MAX_SECTIONS,
    ArtifactId,
    Basis,
    Clip,
    Conditioning,
    Consent,
    Delivery,
    Format,
    LongForm,
    LongFormWish,
    Metadata,
    Mode,
    Normalize,
    Output,
    Part,
    Priority,
    PromptAudio,
    Rights,
    SampleRate,
    Sampling,
    SamplingWish,
    Section,
    Sensitive,
    Use,
    Webhook,
    WebhookEvent,
)
from muscgen.request.song import (
    SongRequest,
)
from muscgen.request.wish import (
    MAX_DURATION_S,
    MAX_OUTPUTS,
    MAX_SEED,
    GenerateRequest,
)

__all__ = [
    "MAX_DURATION_S",
    "MAX_OUTPUTS",
    "MAX_PROMPT_CHARS",
    "MAX_SECTIONS",
    "MAX_SEED",
    "MAX_STATEMENT_BYTES",
    "ArtifactId",
    "Basis",
    "Clip",
    "Conditioning",
    "Consent",
    "ConsentRecord",
    "ConsentWish",
    "Delivery",
    "Format",
    "GenerateRequest",
    "LongForm",
    "LongFormWish",
    "Metadata",
    "Mode",
    "Normalize",
    "Output",
    "Part",
    "Priority",
    "PromptAudio",
    "Rights",
    "SampleRate",
    "Sampling",
    "SamplingWish",
    "Scope",
    "Section",
    "Sensitive",
    "Signature",
    "SongRequest",
    "Statement",
    "StatementWish",
    "Use",
    "Webhook",
    "WebhookEvent",
    "file_rate_hz",
    "refuse_impossible",
]
