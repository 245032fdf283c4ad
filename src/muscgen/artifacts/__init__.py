"""Finished files, kept by the digest of their content."""

from muscgen.artifacts.directory import DirectoryStore
from muscgen.artifacts.store import Artifact, Store
from muscgen.artifacts.uploads import is_upload, is_upload_of, upload_expires_at, upload_owner

__all__ = [
    "Artifact",
    "DirectoryStore",
    "Store",
    "is_upload",
    "is_upload_of",
    "upload_expires_at",
    "upload_owner",
]
