"""Finished files, kept by the digest of their content."""

from muscgen.artifacts.directory import DirectoryStore
from muscgen.artifacts.store import Artifact, Store

__all__ = ["Artifact", "DirectoryStore", "Store"]
