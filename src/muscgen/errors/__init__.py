"""Every error muscgen raises on purpose: a noun with consequences.

    MuscgenError
    ├── Rejected                    the request cannot be honoured as it stands
    │   ├── MalformedBody           400  not JSON at all, or JSON that two readers would read in two ways
    │   ├── InvalidRequest          422  a field is unknown, malformed or out of range
    │   │   ├── DurationTooLong     422
    │   │   ├── PromptTooLong       422
    │   │   ├── UnknownModel        422
    │   │   ├── UnreadableAudio     422  a file is no sound, or none that can be decoded within the limits
    │   │   ├── ConsentMissing      422  sound from outside comes without saying by what right
    │   │   ├── StatementInvalid    422  what was signed was not signed with that key
    │   │   ├── DeadlineTooShort    422  no worker here can be that fast
    │   │   ├── PromptRefused       422  names an artist or a work that the installation lists
    │   │   └── IdempotencyConflict 422  one key, two bodies
    │   ├── Unauthorized            401
    │   ├── Forbidden               403  understood, and not permitted
    │   │   ├── LicenceRefused      403  the model's licence does not permit that use, or was not accepted
    │   │   ├── UploadRefused       403  a recording of a block list, or one that forbids it itself
    │   │   ├── LinkRefused         403  a signed address that is over, or was not signed here
    │   │   └── ConsentRefused      403  the consent does not cover that use of the sound
    │   │       └── ConsentRevoked  403  it was taken back
    │   ├── NotFound                404
    │   │   ├── JobNotFound         404
    │   │   ├── ArtifactNotFound    404
    │   │   ├── ConsentNotFound     404
    │   │   └── ModelNotFound       404
    │   ├── NotAcceptable           406  the kind of answer that is asked for does not exist
    │   ├── BodyTooSlow             408
    │   ├── JobExpired              410
    │   ├── JobNotFinished          409
    │   ├── NotAnUpload             409  a file that a job made goes with the job
    │   ├── ModelNotFetched         409  known by name, and its weights are not here
    │   ├── ModelInUse              409  it is not taken away under songs that wait or run
    │   ├── BodyTooLarge            413
    │   ├── UnsupportedMediaType    415
    │   ├── RangeNotSatisfiable     416
    │   ├── QueueFull               429  retry after a while
    │   ├── RateLimited             429  the tenant's jobs a minute
    │   └── QuotaExceeded           429  the tenant's seconds of music a day
    ├── Unavailable                 503
    │   ├── StoreUnavailable        503  the disk or the bucket of the artifacts does not answer
    │   │   └── StoreFull           507  no space is left for the artifact, or for a model's files
    │   ├── NotInstalled            501  an optional part of muscgen is not here
    │   ├── AuditUnavailable        503  it cannot be written down, and must be
    │   ├── NoWorker                503  nobody serves that model now
    │   ├── DeviceLost              503  a worker's accelerator is gone; others go on with its songs
    │   └── QueueUnavailable        503  Redis does not answer
    ├── FetchFailed             502  a model's files cannot be had; what came whole is kept for the next try
    │   ├── SourceAway          503  offline, or the place does not answer, or breaks off again and again
    │   ├── SourceRefused       502  the place wants a token, a better one, or its terms accepted there
    │   ├── SourceMissing       502  no such repository, revision, manifest or file there
    │   └── FilesWrong          502  what came is not what it was said to be
    ├── Failed                      the job was tried and has no song to show
    │   ├── BadSong                 500  silent, not finite, clipped or dead at the end, twice
    │   ├── AttemptsExhausted       500  every worker that took it died
    │   ├── DeadlineExceeded        504
    │   └── InternalError           500  anything nobody foresaw
    ├── Cancelled                   409  by the client: a normal ending
    ├── LeaseLost                   409  another worker owns the job now; a stale token changes nothing
    ├── CheckpointInvalid           500  tensors are missing, unknown or of another shape
    └── ConfigurationError          500  settings, Redis or files that cannot work together

`code` is for programs and stays for ever, `status` HTTP's; `retryable`: the same request may succeed later.
"""

from __future__ import annotations

from muscgen.errors.base import MuscgenError
from muscgen.errors.failures import (
    AttemptsExhausted,
    AuditUnavailable,
    BadSong,
    Cancelled,
    CheckpointInvalid,
    ConfigurationError,
    DeadlineExceeded,
    DeviceLost,
    Failed,
    FetchFailed,
    FilesWrong,
    InternalError,
    LeaseLost,
    NotInstalled,
    NoWorker,
    QueueUnavailable,
    SourceAway,
    SourceMissing,
    SourceRefused,
    StoreFull,
    StoreUnavailable,
    Unavailable,
)
from muscgen.errors.rejected import (
    ArtifactNotFound,
    BodyTooLarge,
    BodyTooSlow,
    ConsentMissing,
    ConsentNotFound,
    ConsentRefused,
    ConsentRevoked,
    DeadlineTooShort,
    DurationTooLong,
    Forbidden,
    IdempotencyConflict,
    InvalidRequest,
    JobExpired,
    JobNotFinished,
    JobNotFound,
    LicenceRefused,
    LinkRefused,
    MalformedBody,
    ModelInUse,
    ModelNotFetched,
    ModelNotFound,
    NotAcceptable,
    NotAnUpload,
    NotFound,
    PromptRefused,
    PromptTooLong,
    QueueFull,
    QuotaExceeded,
    RangeNotSatisfiable,
    RateLimited,
    Rejected,
    StatementInvalid,
    Unauthorized,
    UnknownModel,
    UnreadableAudio,
    UnsupportedMediaType,
    UploadRefused,
)

__all__ = [
    "ArtifactNotFound",
    "AttemptsExhausted",
    "AuditUnavailable",
    "BadSong",
    "BodyTooLarge",
    "BodyTooSlow",
    "Cancelled",
    "CheckpointInvalid",
    "ConfigurationError",
    "ConsentMissing",
    "ConsentNotFound",
    "ConsentRefused",
    "ConsentRevoked",
    "DeadlineExceeded",
    "DeadlineTooShort",
    "DeviceLost",
    "DurationTooLong",
    "Failed",
    "FetchFailed",
    "FilesWrong",
    "Forbidden",
    "IdempotencyConflict",
    "InternalError",
    "InvalidRequest",
    "JobExpired",
    "JobNotFinished",
    "JobNotFound",
    "LeaseLost",
    "LicenceRefused",
    "LinkRefused",
    "MalformedBody",
    "ModelInUse",
    "ModelNotFetched",
    "ModelNotFound",
    "MuscgenError",
    "NoWorker",
    "NotAcceptable",
    "NotAnUpload",
    "NotFound",
    "NotInstalled",
    "PromptRefused",
    "PromptTooLong",
    "QueueFull",
    "QueueUnavailable",
    "QuotaExceeded",
    "RangeNotSatisfiable",
    "RateLimited",
    "Rejected",
    "SourceAway",
    "SourceMissing",
    "SourceRefused",
    "StatementInvalid",
    "StoreFull",
    "StoreUnavailable",
    "Unauthorized",
    "Unavailable",
    "UnknownModel",
    "UnreadableAudio",
    "UnsupportedMediaType",
    "UploadRefused",
]
