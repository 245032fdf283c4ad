"""Every setting. Units are in the names; bytes, seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field

from muscgen.settings.places import Places

DeploymentUse = Literal["research", "noncommercial", "commercial"]
UploadPolicy = Literal["inference", "any", "keep"]
Sensitive = Literal["voice", "likeness"]
PromptPolicy = Literal["reject", "rewrite", "warn", "off"]
WatermarkName = Literal["muscgen", "audioseal", "silentcipher"]
AuditPolicy = Literal["require", "warn", "off"]
BackendName = Literal["auto", "onnx", "torch"]
Precision = Literal["fp32", "int8", "fp16", "bf16"]
KvPrecision = Literal["auto", "fp32", "int8"]


class Settings(Places):
    """What an installation may choose; see `Places` for where its files are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", description="The address that is listened on.")
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
    default_model: str = Field(default="muscgen-tiny", description="For requests that name none.")
    models: tuple[str, ...] = Field(
        default=(), description="Comma-separated ids that may be served; none: all that may be used."
    )
    preload: tuple[str, ...] = Field(
        default=(),
        description="Comma-separated ids that a worker loads when it starts, and keeps; none: default_model.",
    )
    model_idle_s: float = Field(
        default=900.0, ge=0, description="After so long without a song a model is unloaded; 0: never."
    )
    memory_mb: int = Field(
        default=0, ge=0, description="For models and their songs; 0: what a worker finds, less a fifth."
    )
    fetch_on_use: bool = Field(
        default=True,
        description="Fetch a known model for its first job, where its licence permits it and was accepted.",
    )
    models_from: str = Field(
        default="hub",
        description="Where models are fetched: hub, or a URL with a folder of each id, and a manifest in it.",
    )
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
    replicate_routes: bool = Field(default=True, description="Answer Replicate's client: /v1/predictions.")
    elevenlabs_routes: bool = Field(
        default=True, description="Answer ElevenLabs' client: /v1/music and /v1/sound-generation."
    )
    openai_routes: bool = Field(default=True, description="Answer POST /v1/audio/music.")
    mcp_route: bool = Field(default=True, description="Answer assistants at /mcp; needs muscgen[mcp].")
    mcp_origins: tuple[str, ...] = Field(
        default=(),
        description="Comma-separated origins whose pages may ask /mcp, beside those of this machine.",
    )
    watermark: bool = Field(default=True, description="Mark every song, inaudibly, as made here.")
    watermark_keys: tuple[str, ...] = Field(
        default=(),
        repr=False,
        description="Comma-separated version:hex; the newest writes. None: one is made and kept in home.",
    )
    watermark_method: WatermarkName = Field(
        default="muscgen", description="muscgen, audioseal or silentcipher: what marks songs."
    )
    watermark_weights: Path | None = Field(
        default=None, description="The folder of audioseal's or silentcipher's weights; nothing is fetched."
    )
    audit: AuditPolicy = Field(
        default="require",
        description="What becomes of an act that the audit log cannot hold, on a full disk, say: refused, "
        "or done with a warning; off writes no log.",
    )
    audit_bytes: int = Field(
        default=64_000_000, ge=1_024, description="Of one file of the audit log; then the next is begun."
    )
    tags: bool = Field(default=True, description="Write tags: title, model, licence, that a model made it.")
    aigc_producer: str = Field(
        default="", max_length=200, description="Who the Chinese field AIGC names in tags; empty writes none."
    )
    credentials: bool = Field(default=True, description="Sign every file with content credentials (C2PA).")
    receipts: bool = Field(default=True, description="Keep a signed receipt with every song.")
    signing_key: str | None = Field(
        default=None, repr=False, description="PEM, EC P-256. None: a development key is made in home."
    )
    signing_certificates: str | None = Field(
        default=None, repr=False, description="PEM: the signing key's certificate, then its issuers'."
    )
    signing_certificates_before: str | None = Field(
        default=None, repr=False, description="PEM: earlier ones, whose songs are still this service's own."
    )
    signing_callback: str | None = Field(
        default=None, description="module:function that signs bytes (ECDSA, SHA-256) in place of signing_key."
    )
    timestamp_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/]+(/\S*)?$",
        repr=False,
        description="A time stamp authority (RFC 3161), asked for each song's credentials. None: no stamps.",
    )
    trust_anchors: str | None = Field(
        default=None,
        repr=False,
        description="PEM: further certificates whose credentials, and time stamps, are trusted.",
    )
    link_keys: tuple[str, ...] = Field(
        default=(),
        repr=False,
        description="Comma-separated hexadecimal digits, 64 or more: keys of signed addresses, the first of "
        "which signs. None: one is made and kept in home.",
    )
    verify_public: bool = Field(
        default=False, description="Let anybody have files checked (POST /verify), without a key."
    )
    verify_per_minute: int = Field(
        default=10,
        ge=1,
        le=6_000,
        description="Files a minute that one address without a key may have checked.",
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
    chunk_s: float = Field(
        default=0.5, ge=0.02, le=30, description="Seconds of sound that are decoded, and leave, at a time."
    )
    lease_s: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="After so long without a word of its worker a job is another's.",
    )
    max_attempts: int = Field(
        default=3, ge=1, le=20, description="Claims of a job; after that it has failed."
    )
    max_queue_depth: int = Field(
        default=1_000, ge=1, description="Queued jobs a model; more are answered 429."
    )
    cache_ttl_s: int = Field(
        default=86_400, ge=0, le=2_592_000, description="How long a result serves equal requests; 0: never."
    )
    cache_bytes: int = Field(
        default=2_000_000_000, ge=0, description="Of the files that results of one model keep, at most."
    )
    hot_file_bytes: int = Field(
        default=0,
        ge=0,
        le=8_000_000,
        description="The largest file of which Redis keeps a copy, for five minutes after a read; 0: none.",
    )
    hot_total_bytes: int = Field(default=64_000_000, ge=0, description="Of all such copies, at most.")
    max_body_bytes: int = Field(default=1_000_000, ge=1_024, description="Of a request in JSON.")
    max_upload_bytes: int = Field(default=50_000_000, ge=1_024, description="Of one sound file.")
    max_upload_s: float = Field(default=600.0, gt=0, le=3_600, description="Seconds of sound in one file.")
    upload_ttl_s: int = Field(default=86_400, ge=60, le=604_800, description="How long an upload is kept.")
    drain_s: float = Field(default=30.0, ge=0, le=3_600, description="Grace for running songs after SIGTERM.")
    require_worker: bool = Field(
        default=False, description="Refuse jobs with 503 while no worker serves the model."
    )
    log_format: Literal["text", "json"] = Field(default="text", description="json: one object a line.")
    otlp_endpoint: str | None = Field(
        default=None,
        description="Where traces go: http://collector:4318/v1/traces. Needs muscgen[otel]; null: nowhere.",
    )
    metrics_port: int = Field(
        default=0, ge=0, le=65535, description="Where a worker serves /metrics, on every address; 0: nowhere."
    )
