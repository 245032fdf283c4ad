"""What every store of files can do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import BinaryIO, Protocol

from muscgen.artifacts import files
from muscgen.artifacts.records import Artifact, Record
from muscgen.errors import ArtifactNotFound

MAX_ATTACHMENT_BYTES = 4 << 20  # a C2PA manifest with a thumbnail is a tenth of that
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ATTACHMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


Live = Callable[[str], bool]  # owner -> whether it is still there
Wants = Callable[[str, str], bool]  # owner, artifact's id -> whether it has use for it


def everything(owner: str, artifact_id: str) -> bool:  # noqa: ARG001
    """What most owners want."""
    return True


class Store(Protocol):
    """Content by its digest, kept as long as somebody owns it.

    An owner is whoever may still hand the file out, usually a job id. Equal content is kept once and goes
    with its last owner. A method that takes an id raises ArtifactNotFound for one that is not there or no
    digest; `release` finds it enough that it is a digest. Every method raises StoreUnavailable while the
    store does not answer, and those that write StoreFull where no space is left.
    """

    _clock: Callable[[], float]  # Unix seconds

    def check(self) -> None:
        """Raises StoreUnavailable, or ConfigurationError where nothing can ever be kept."""

    def put(
        self,
        content: bytes | BinaryIO,
        *,
        owner: str,
        content_type: str,
        extension: str,
        duration_s: float,
        sample_rate: int,
        channels: int,
        expires_at: float | None = None,
    ) -> Artifact:
        """Keep the content for this owner; durable on return, and the same however often it is called.

        A file is read from its beginning, and stays its owner's to close.
        """
        if not _EXTENSION.fullmatch(extension) or not owner:
            raise ValueError(
                f"an artifact needs an owner and a plain extension, not {owner!r} and {extension!r}"
            )
        with files.outages():
            digest, size = files.digest(content), files.size(content)
            about = (content_type, extension, size, duration_s, sample_rate, channels)
            return self.add(Artifact(digest, *about, self._clock()), content, owner, expires_at)

    def add(
        self, made: Artifact, content: bytes | BinaryIO, owner: str, expires_at: float | None
    ) -> Artifact:
        """`put`, once it is known what the content is."""

    def share(self, artifact_id: str, owner: str, expires_at: float | None = None) -> Artifact:
        """Make somebody one more owner of what is there."""

    def look(self, artifact_id: str) -> Record:
        """What it is and who owns it."""

    def get(self, artifact_id: str) -> Artifact:
        return self.look(artifact_id).artifact

    def owners(self, artifact_id: str) -> frozenset[str]:
        return frozenset(self.look(artifact_id).owners)

    def open(self, artifact_id: str, *, verify: bool = False) -> BinaryIO:
        """The content from its beginning.

        With `verify`, a file with a descriptor, which stays readable when the artifact goes meanwhile; raises
        InternalError where the content no longer has its digest.
        """

    def direct_url(self, artifact_id: str, expires_in_s: float) -> str | None:  # noqa: ARG002
        """Where the content can be fetched from the store itself for that long; None: nowhere."""
        return None

    def verify(self, artifact_id: str) -> bool:
        """Whether the content still has its digest."""

    def attach(self, artifact_id: str, name: str, content: bytes) -> None:
        """Keep a small companion of the artifact, such as its receipt, until the artifact goes.

        It is there whole and durable on return; the same name again takes its place. All owners of equal
        content share its attachments: what is one owner's alone carries the owner in its name.
        Raises ValueError for a name that is not `[A-Za-z0-9][A-Za-z0-9._-]*`, and for more than 4 MiB.
        """

    def attachment(self, artifact_id: str, name: str) -> bytes:
        """What was attached under the name. Raises ArtifactNotFound where nothing was."""

    def release(self, artifact_id: str, owner: str) -> bool:
        """Give up this owner's share; True when the content went with it. Nothing to give up is no error."""

    def sweep(self, live: Live, wants: Wants = everything) -> int:
        """Release owners that are gone, or that do not want what they own, and clear what crashes left.

        How many artifacts went.
        """


_EXTENSION = re.compile(r"(?!json$)[a-z0-9]{1,8}")  # .json is a record's


def released(artifact_id: str, owners: Iterable[str], live: Live, wants: Wants) -> list[str]:
    """The owners that a sweep releases."""
    return [owner for owner in owners if not (live(owner) and wants(owner, artifact_id))]


def checked(artifact_id: str) -> str:
    """The id, if it is a digest in lower-case hex. Raises ArtifactNotFound: other names are nobody's file."""
    if not is_digest(artifact_id):
        raise ArtifactNotFound("artifact ids are 64 lower-case hexadecimal digits", param="id")
    return artifact_id


def is_digest(name: str) -> bool:
    return _DIGEST.fullmatch(name) is not None


def attachable(name: str, content: bytes = b"") -> str:
    """The name, if something so small may be attached under it. Raises ValueError."""
    if not _ATTACHMENT.fullmatch(name) or len(content) > MAX_ATTACHMENT_BYTES:
        raise ValueError(f"{len(content)} bytes cannot be attached as {name!r}")
    return name


def not_found(artifact_id: str) -> ArtifactNotFound:
    return ArtifactNotFound(f"there is no artifact {artifact_id}; it may have expired", param="id")
