"""Finished files, kept by the digest of their content."""

from muscgen.artifacts.directory import DirectoryStore
from muscgen.artifacts.hot import HotStore
from muscgen.artifacts.opening import open_store
from muscgen.artifacts.records import Artifact, Record
from muscgen.artifacts.store import Store
from muscgen.artifacts.uploads import is_upload, is_upload_of, upload_expires_at, upload_owner, uploader

__all__ = [
    "Artifact",
    "DirectoryStore",
    "HotStore",
    "Record",
    "Store",
    "is_upload",
    "is_upload_of",
    "open_store",
    "upload_expires_at",
    "upload_owner",
    "uploader",
]
