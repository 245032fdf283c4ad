"""`muscgen doctor` on this machine: processor, card, memory, disk, queue, models, formats, keys, extras."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import numpy as np

import muscgen
from muscgen.cli.findings import Check, State, tried
from muscgen.errors import ConfigurationError
from muscgen.settings import Settings, load

LEAST_DISK_BYTES = 1_000_000_000  # some hundred songs; a model of Meta's small ones is 2.4 GB
LEAST_MEMORY_BYTES = 1_000_000_000  # muscgen-tiny and its songs
# Without AVX2 (or NEON), ONNX Runtime falls back to code that is several times slower.
VECTORS = ("avx2", "asimd")
TELLING = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm")
EXTRAS = {
    "cuda": "torch",
    "train": "peft",
    "data": "librosa",
    "mcp": "mcp",
    "bucket": "obstore",
    "otel": "opentelemetry.sdk",
    "fingerprint": "chromaprint",
    "ray": "ray",
}


def examined(home: Path | None = None, redis_url: str | None = None) -> list[Check]:
    """Every check; where the settings cannot be read, only those that need none."""
    looks: list[tuple[str, Callable[[], Check]]] = [
        ("muscgen", _package),
        ("cpu", _cpu),
        ("engine", _engine),
        ("gpu", _gpu),
        ("memory", _memory),
        ("formats", _formats),
        ("extras", _extras),
    ]
    found = [tried(name, look) for name, look in looks]
    try:
        settings = load(home=home, redis_url=redis_url)
    except ConfigurationError as error:
        return [*found, Check("settings", "failed", error.detail, error.suggestion)]
    found.append(Check("settings", "ok", f"home {settings.home}", facts={"home": str(settings.home)}))
    mine: list[tuple[str, Callable[[Settings], Check]]] = [
        ("disk", _disk),
        ("queue", _queue),
        ("models", _models),
        ("keys", _keys),
    ]
    return [*found, *(tried(name, partial(look, settings)) for name, look in mine)]


def _package() -> Check:
    python = platform.python_version()
    facts = {"version": muscgen.__version__, "python": python, "platform": platform.platform()}
    return Check(
        "muscgen", "ok", f"{muscgen.__version__} on Python {python}, {platform.system()}", facts=facts
    )


def _cpu() -> Check:
    flags = _flags()
    told = [flag for flag in TELLING if flag in flags]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    facts = {"cores": cores, "machine": platform.machine(), "features": told}
    detail = f"{cores} cores of {platform.machine()}" + (f", {' '.join(told)}" if told else "")
    if flags and not any(flag in flags for flag in VECTORS):
        return Check(
            "cpu", "warning", f"{detail}; without AVX2 songs take several times as long", facts=facts
        )
    return Check("cpu", "ok", detail, facts=facts)


def _flags() -> set[str]:
    """As Linux tells them; none elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return set()
    return {
        flag for line in lines if line.lower().startswith(("flags", "features")) for flag in line.split()[1:]
    }


def _engine() -> Check:
    import onnxruntime

    providers = list(onnxruntime.get_available_providers())
    found = f"ONNX Runtime {onnxruntime.__version__}"
    return Check(
        "engine", "ok", found, facts={"onnxruntime": onnxruntime.__version__, "providers": providers}
    )


def _gpu() -> Check:
    if find_spec("torch") is None:
        there = shutil.which("nvidia-smi") is not None
        hint = "pip install 'muscgen[cuda]'" if there else None
        detail = "a card is here, and torch is not" if there else "none is used; songs are made on the CPU"
        return Check("gpu", "warning" if there else "ok", detail, hint)
    import torch

    if not torch.cuda.is_available():
        return Check("gpu", "ok", f"torch {torch.__version__} finds no CUDA; songs are made on the CPU")
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return Check("gpu", "ok", ", ".join(names), facts={"torch": torch.__version__, "cards": names})


def _memory() -> Check:
    from muscgen.worker.memory import available_bytes

    free = available_bytes()
    state: State = "ok" if free is None or free >= LEAST_MEMORY_BYTES else "warning"
    detail = "unknown here" if free is None else f"{free / 1e9:.1f} GB free"
    return Check("memory", state, detail, facts={"free_bytes": free})


def _formats() -> Check:
    """A tenth of a second, through each encoder and back."""
    from muscgen.audio import Audio
    from muscgen.finishing.encode import decode, encode
    from muscgen.request import Format

    tone = (np.sin(np.arange(4_800) / 20)[None, :] / 2).astype(np.float32)
    lost = []
    for name in get_args(Format):
        try:
            decode(encode(Audio(tone, 48_000), name))
        except Exception:  # noqa: BLE001  whatever libsndfile has against it
            lost.append(name)
    if lost:
        hint = "pip install --force-reinstall soundfile"
        return Check("formats", "failed", f"not to be written: {', '.join(lost)}", hint, {"lost": lost})
    return Check("formats", "ok", ", ".join(get_args(Format)))


def _extras() -> Check:
    here = {extra: _version(module) for extra, module in EXTRAS.items() if _found(module)}
    absent = [extra for extra in EXTRAS if extra not in here]
    detail = f"here: {', '.join(here) or 'none'}; not here: {', '.join(absent) or 'none'}"
    return Check("extras", "ok", detail, facts={"here": here, "absent": absent})


def _found(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package above it
        return False


def _version(module: str) -> str | None:
    try:
        return version(module.partition(".")[0])
    except PackageNotFoundError:
        return None


def _disk(settings: Settings) -> Check:
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        return Check("disk", "failed", f"{folder} cannot be written", "MUSCGEN_HOME, or --home")
    free = shutil.disk_usage(folder).free
    state: State = "ok" if free >= LEAST_DISK_BYTES else "warning"
    return Check("disk", state, f"{free / 1e9:.1f} GB free at {folder}", facts={"free_bytes": free})


def _queue(settings: Settings) -> Check:
    if settings.redis_url is None:
        return _embedded()
    from muscgen.jobs import connect

    async def ask(url: str) -> str:
        client = connect(url)
        try:
            async with asyncio.timeout(5):
                await client.ping()
                info = await client.info("server")
        finally:
            await client.aclose()
        return str(info.get("valkey_version") or info.get("redis_version") or "")

    answered = asyncio.run(ask(settings.redis_url))
    return Check(
        "queue", "ok", f"the queue's server answers, version {answered}", facts={"version": answered}
    )


def _embedded() -> Check:
    if sys.platform not in ("linux", "darwin"):
        return Check("queue", "failed", "there is no embedded server for this system", "MUSCGEN_REDIS_URL")
    import tempfile

    from muscgen.jobs import EmbeddedServer

    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder)):
        return Check("queue", "ok", "the embedded server starts")


def _models(settings: Settings) -> Check:
    from muscgen.models.registry import Registry
    from muscgen.rights import Rules

    registry, rules = Registry(settings.models_path), Rules(settings)
    registry.get(settings.default_model)
    cards = registry.list()
    usable = [card.id for card in rules.usable(cards)]
    facts = {"here": [card.id for card in cards], "usable": usable, "default": settings.default_model}
    if settings.default_model not in usable:
        why = f"{settings.default_model}, the default, may not be used here"
        return Check("models", "failed", why, f"muscgen models accept {settings.default_model}", facts)
    return Check("models", "ok", f"usable: {', '.join(usable)}", facts=facts)


def _keys(settings: Settings) -> Check:
    """What signs and marks; made by the first song where there is none."""
    import c2pa

    there = settings.signing_certificates is not None or settings.signing_path.exists()
    detail = "those of the home" if there else "the first song makes them"
    found = {"c2pa": c2pa.__version__ if hasattr(c2pa, "__version__") else _version("c2pa-python")}
    return Check("keys", "ok", f"signing and watermark: {detail}", facts=found)
