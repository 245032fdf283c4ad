"""Where an installation's files are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, Field, ValidationInfo, field_validator

BUCKETS = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl")


def home_of(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "muscgen"


def _default_home() -> Path:
    return home_of(os.environ)


class Places(BaseModel):
    """The settings that are places, and what follows from them."""

    home: Path = Field(default_factory=_default_home, description="Queue data, artifacts, caches, models.")
    artifacts_url: str | None = Field(
        default=None,
        description="Where files are kept: a folder, or a bucket as s3://bucket/prefix, gs://bucket/prefix "
        "or az://container/prefix; null: `home`/artifacts.",
    )
    artifacts_redirect: bool = Field(
        default=False, description="Send clients to the bucket for files, by its own signed addresses."
    )
    models_dir: Path | None = Field(default=None, description="Folders of checkpoints; default: home/models.")

    @property
    def models_path(self) -> Path:
        return self.models_dir or self.home / "models"

    @field_validator("artifacts_url")
    @classmethod
    def _is_a_place(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "")
        if parts.scheme in BUCKETS:
            if not parts.netloc or parts.query or parts.fragment or "@" in parts.netloc:
                raise ValueError("a bucket is scheme://bucket/prefix; credentials have their own variables")
        elif parts.scheme not in ("", "file") or (parts.scheme == "file" and not _is_local(url or "")):
            raise ValueError(f"a folder, file:///folder, or a bucket: {', '.join(BUCKETS)}")
        return url

    @field_validator("artifacts_redirect")
    @classmethod
    def _redirects_somewhere(cls, redirect: bool, others: ValidationInfo) -> bool:
        if redirect and urlsplit(others.data.get("artifacts_url") or "").scheme not in BUCKETS:
            raise ValueError("only a bucket hands files out itself: see MUSCGEN_ARTIFACTS_URL")
        return redirect

    @property
    def artifacts_path(self) -> Path | None:
        """The folder of artifacts; None where they are in a bucket."""
        if self.artifacts_url is None:
            return self.home / "artifacts"
        parts = urlsplit(self.artifacts_url)
        if parts.scheme in BUCKETS:
            return None
        return Path(unquote(parts.path) if parts.scheme else self.artifacts_url)

    @property
    def spool_path(self) -> Path:
        """For files on their way into the store: what fits here fits there, if that is a folder."""
        return self.artifacts_path or self.home / "spool"

    @property
    def queue_path(self) -> Path:
        return self.home / "queue"

    @property
    def acceptances_path(self) -> Path:
        return self.home / "licences" / "accepted.jsonl"

    @property
    def audit_path(self) -> Path:
        return self.home / "audit"

    @property
    def audit_key_path(self) -> Path:
        return self.home / "keys" / "audit"

    @property
    def audit_head_path(self) -> Path:
        return self.home / "keys" / "audit.head"

    @property
    def watermark_path(self) -> Path:
        return self.home / "keys" / "watermark"

    @property
    def signing_path(self) -> Path:
        return self.home / "keys" / "signing"

    @property
    def link_path(self) -> Path:
        return self.home / "keys" / "links"

    @property
    def webhook_path(self) -> Path:
        return self.home / "keys" / "webhook"

    @property
    def cache_path(self) -> Path:
        return self.home / "cache"


def _is_local(url: str) -> bool:
    parts = urlsplit(url)
    return parts.netloc in ("", "localhost") and parts.path.startswith("/")
