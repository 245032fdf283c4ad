"""Typed settings; the only reader of the environment.

Every field is `MUSCGEN_<NAME>` in the environment, or the text of the file that `MUSCGEN_<NAME>_FILE` names,
and may be given by the command line, which wins.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from muscgen.errors import ConfigurationError

PREFIX = "MUSCGEN_"
FILE = "_FILE"
_LISTS = ("api_keys", "watermark_keys", "webhook_secrets", "prompt_lists", "sensitive_uses", "blocklists")
DeploymentUse = Literal["research", "noncommercial", "commercial"]
UploadPolicy = Literal["inference", "any", "keep"]
Sensitive = Literal["voice", "likeness"]
PromptPolicy = Literal["reject", "rewrite", "warn", "off"]
AuditPolicy = Literal["require", "warn", "off"]
BUCKETS = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl")
BackendName = Literal["auto", "onnx", "torch"]
Precision = Literal["fp32", "int8", "fp16", "bf16"]
KvPrecision = Literal["auto", "fp32", "int8"]


def _home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "muscgen"


def _default_home() -> Path:
    return _home(os.environ)


class Settings(BaseModel):
    """Units are in the names; bytes, seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(default_factory=_default_home, description="Queue data, artifacts, caches, models.")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535, description="0 takes a free port.")
    redis_url: str | None = Field(
        default=None,
        repr=False,
        description="redis, rediss, unix, redis+cluster or redis+sentinel; null starts a Valkey in `home`.",
    )
    queue_sync_replicas: int = Field(
        default=0, ge=0, le=5, description="Replicas that must have a job before anybody is told of it."
    )
    queue_sync_disk: bool = Field(
        default=False, description="The queue's disk must have a job before anybody is told of it."
    )
    artifacts_url: str | None = Field(
        default=None,
        description="Where files are kept: a folder, or a bucket as s3://bucket/prefix, gs://bucket/prefix "
        "or az://container/prefix; null: `home`/artifacts.",
    )
    models_dir: Path | None = Field(default=None, description="Folders of checkpoints; default: home/models.")
    default_model: str = "muscgen-tiny"
    deployment_use: DeploymentUse = Field(
        default="noncommercial",
        description="research, noncommercial or commercial: what this service is for.",
    )
    prompt_policy: PromptPolicy = Field(
        default="warn",
        description="reject, rewrite, warn or off: prompts that name an artist or a work of the lists.",
    )
    prompt_lists: tuple[Path, ...] = Field(
        default=(), description="Comma-separated files of names beside the shipped list."
    )
    blocklists: tuple[Path, ...] = Field(
        default=(),
        description="Comma-separated files of recordings (muscgen blocklist) that no upload may be of.",
    )
    upload_not_allowed: UploadPolicy = Field(
        default="inference",
        description="Uploads whose own content credentials say notAllowed are refused: where that is said of "
        "their use as input (inference), or of any use by models or mining (any); keep: never.",
    )
    sensitive_uses: tuple[Sensitive, ...] = Field(
        default=(),
        description="Comma-separated: voice, likeness. Which sensitive uses of sound are taken on, each "
        "with a consent record that covers it; none: they are refused.",
    )
    api_keys: tuple[str, ...] = Field(
        default=(), repr=False, description="Comma-separated; none leaves the API open."
    )
    watermark: bool = Field(default=True, description="Mark every song, inaudibly, as made here.")
    watermark_keys: tuple[str, ...] = Field(
        default=(),
        repr=False,
        description="Comma-separated version:hex; the newest writes. None: one is made and kept in home.",
    )
    audit: AuditPolicy = Field(
        default="require",
        description="What becomes of an act that the audit log cannot hold, on a full disk, say: refused, "
        "or done with a warning; off writes no log.",
    )
    audit_bytes: int = Field(
        default=64_000_000, ge=1_024, description="Of one file of the audit log; then the next is begun."
    )
    credentials: bool = Field(default=True, description="Sign every file with content credentials (C2PA).")
    receipts: bool = Field(default=True, description="Keep a signed receipt with every song.")
    signing_key: str | None = Field(
        default=None, repr=False, description="PEM, EC P-256. None: a development key is made in home."
    )
    signing_certificates: str | None = Field(
        default=None, repr=False, description="PEM: the signing key's certificate, then its issuers'."
    )
    signing_callback: str | None = Field(
        default=None, description="module:function that signs bytes (ECDSA, SHA-256) in place of signing_key."
    )
    trust_anchors: str | None = Field(
        default=None, repr=False, description="PEM: further certificates whose credentials are trusted."
    )
    webhook_secrets: tuple[str, ...] = Field(
        default=(),
        repr=False,
        description="Comma-separated whsec_base64, each of which signs. None: one is made and kept in home.",
    )
    webhook_allow_private: bool = Field(
        default=False, description="Let webhooks reach addresses that are not of the public internet."
    )
    backend: BackendName = Field(default="auto", description="auto: torch where it finds CUDA, else onnx.")
    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|cuda|cuda:\d{1,3}|mps)$",
        description="auto, cpu, cuda, cuda:N or mps; the last three by the torch backend.",
    )
    precision: Precision = Field(default="fp32", description="onnx: fp32, int8; torch: fp32, fp16, bf16.")
    kv_precision: KvPrecision = Field(
        default="auto",
        description="What attention remembers in, by the onnx backend: auto is `precision`, fp32 or int8.",
    )
    slots: int = Field(
        default=0, ge=0, le=64, description="Songs in a model's batch; 0: as many as memory holds, up to 8."
    )
    threads: int = Field(default=0, ge=0, le=256, description="0: as many as the machine has cores.")
    lease_s: float = Field(default=30.0, gt=0, le=600)
    max_attempts: int = Field(default=3, ge=1, le=20)
    max_queue_depth: int = Field(
        default=1_000, ge=1, description="Queued jobs a model; more are answered 429."
    )
    cache_ttl_s: int = Field(
        default=86_400, ge=0, le=2_592_000, description="How long a result serves equal requests; 0: never."
    )
    cache_bytes: int = Field(
        default=2_000_000_000, ge=0, description="Of the files that results of one model keep, at most."
    )
    max_body_bytes: int = Field(default=1_000_000, ge=1_024)
    max_upload_bytes: int = Field(default=50_000_000, ge=1_024, description="Of one sound file.")
    max_upload_s: float = Field(default=600.0, gt=0, le=3_600, description="Seconds of sound in one file.")
    upload_ttl_s: int = Field(default=86_400, ge=60, le=604_800, description="How long an upload is kept.")
    drain_s: float = Field(default=30.0, ge=0, le=3_600, description="Grace for running songs after SIGTERM.")
    require_worker: bool = Field(
        default=False, description="Refuse jobs with 503 while no worker serves the model."
    )
    log_format: Literal["text", "json"] = "text"

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
    def webhook_path(self) -> Path:
        return self.home / "keys" / "webhook"

    @property
    def cache_path(self) -> Path:
        return self.home / "cache"


def _is_local(url: str) -> bool:
    parts = urlsplit(url)
    return parts.netloc in ("", "localhost") and parts.path.startswith("/")


def load(environment: Mapping[str, str] | None = None, **overrides: object) -> Settings:
    """Settings from the environment, overridden by arguments that are not None.

    An unknown MUSCGEN_ name is an error. Raises ConfigurationError naming the variable, what was wrong and
    what is allowed.
    """
    source = _with_files(os.environ if environment is None else environment)
    given: dict[str, Any] = {"home": _home(source)} | {
        name.removeprefix(PREFIX).lower(): value
        for name, value in source.items()
        if name.startswith(PREFIX) and value
    }
    for name in _LISTS:
        if name in given:
            given[name] = tuple(key.strip() for key in given[name].split(",") if key.strip())
    given |= {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            raise _unknown(name) from error
        raise ConfigurationError(f"{PREFIX}{name.upper()}: {first['msg']}", param=name) from error


def _with_files(environment: Mapping[str, str]) -> dict[str, str]:
    """MUSCGEN_X_FILE=path stands for MUSCGEN_X with the file's text: how containers are handed secrets."""
    found = dict(environment)
    for name, path in environment.items():
        field = name.removesuffix(FILE).removeprefix(PREFIX).lower()
        if not (name.startswith(PREFIX) and name.endswith(FILE)) or field not in Settings.model_fields:
            continue
        if name.removesuffix(FILE) in environment:
            raise ConfigurationError(f"{name} and {name.removesuffix(FILE)} are both set", param=field)
        try:
            found[name.removesuffix(FILE)] = Path(path).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{name}: {path} cannot be read: {error}", param=field) from error
        del found[name]
    return found


def _unknown(name: str) -> ConfigurationError:
    near = difflib.get_close_matches(name, Settings.model_fields, n=1)
    known = ", ".join(PREFIX + field.upper() for field in near or Settings.model_fields)
    return ConfigurationError(f"there is no setting {PREFIX}{name.upper()}", param=name, suggestion=known)
