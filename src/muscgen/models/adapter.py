"""LoRA adapters in peft's layout: `adapter_config.json` and `adapter_model.safetensors`.

A linear layer becomes W + scale B A (W [out, in], A [r, in], B [out, r]), an embedding W + scale (B A)^T
(W [rows, width], A [r, rows], B [width, r]); scale is alpha / r, or alpha / sqrt(r) of rank-stabilised LoRA.
Layers that were trained whole (`modules_to_save`) take the place of the checkpoint's. `fan_in_fan_out` says
how the trainer's base stored W; ours is always [out, in], so it changes nothing.
Source: peft's tuners/lora/layer.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from muscgen.errors import CheckpointInvalid
from muscgen.models.layout import Layout
from muscgen.models.tensorfile import Shape, Stored, read_header

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PREFIX = "base_model.model."
_FACTOR = re.compile(r"(.+)\.lora_(embedding_)?([AB])(?:\.weight)?")
# What changes the arithmetic, or which weights it applies to, in ways not known here.
_REFUSED = (
    "use_dora", "use_qalora", "use_bdlora", "lora_bias", "layer_replication", "trainable_token_indices",
    "target_parameters", "alora_invocation_tokens", "arrow_config", "kasa_config", "velora_config",
    "monteclora_config",
)  # fmt: skip
_STARTS = (None, True, False, "gaussian", "orthogonal", "eva")  # others begin by changing the base's weights


@dataclass(frozen=True, slots=True)
class LowRank:
    """What one layer gained: scale x B A."""

    a: Stored
    b: Stored
    scale: float
    embedding: bool

    @property
    def shape(self) -> Shape:
        inner, outer = self.a.shape[1], self.b.shape[0]
        return (inner, outer) if self.embedding else (outer, inner)

    def delta(self) -> NDArray[np.float32]:
        """As the weight lies: [out, in], of an embedding [rows, width]."""
        product = self.b.read() @ self.a.read()
        return np.float32(self.scale) * (product.T if self.embedding else product)


class Adapter:
    """A folder's adapter, checked against what it changes. Raises CheckpointInvalid naming the fault."""

    def __init__(self, path: Path, wanted: Layout) -> None:
        self._config = _config(path / CONFIG)
        factors, self._whole = _sorted(read_header(path / WEIGHTS))
        self._low = {f"{module}.weight": self._low_rank(module, parts) for module, parts in factors.items()}
        _check({name: low.shape for name, low in self._low.items()}, wanted)
        _check({name: stored.shape for name, stored in self._whole.items()}, wanted)

    def merged(self, name: str, weight: NDArray[np.float32]) -> NDArray[np.float32]:
        """The checkpoint's tensor `name` with what the adapter learned."""
        if name in self._whole:
            weight = self._whole[name].read()
        if name in self._low:
            weight = np.asarray(weight + self._low[name].delta(), np.float32)
        return weight

    def _low_rank(self, module: str, parts: Mapping[str, Stored]) -> LowRank:
        embedding = next(iter(parts)).startswith("embedding_")
        a, b = (parts.get(("embedding_" if embedding else "") + letter) for letter in "AB")
        if a is None or b is None or len(parts) != 2:
            raise CheckpointInvalid(f"{WEIGHTS}: {module} does not have one A and one B")
        if len(a.shape) != 2 or len(b.shape) != 2 or a.shape[0] != b.shape[1]:
            shapes = f"{list(a.shape)} and {list(b.shape)}"
            raise CheckpointInvalid(
                f"{WEIGHTS}: {module} has A and B of shapes {shapes}, which do not multiply"
            )
        rank = _patterned(self._config, "rank_pattern", module, self._config["r"])
        if a.shape[0] != rank:
            raise CheckpointInvalid(f"{WEIGHTS}: {module} has rank {a.shape[0]}; {CONFIG} says {rank:g}")
        alpha = _patterned(self._config, "alpha_pattern", module, self._config["lora_alpha"])
        return LowRank(a, b, alpha / (sqrt(rank) if self._config.get("use_rslora") else rank), embedding)


def adapter_files(path: Path) -> list[Path]:
    """What makes the adapter, in a fixed order. Raises CheckpointInvalid naming what is missing."""
    files = [path / CONFIG, path / WEIGHTS]
    for file in files:
        if not file.is_file():
            raise CheckpointInvalid(f"{path} is no LoRA adapter: it has no {file.name}")
    return files


def _config(path: Path) -> dict[str, Any]:
    adapter_files(path.parent)
    try:
        config: dict[str, Any] = json.loads(path.read_text("utf-8"))
        kind, start = config.get("peft_type"), config.get("init_lora_weights")
        numbers = [config["r"], config["lora_alpha"]]
        for pattern in ("rank_pattern", "alpha_pattern"):
            numbers.extend((config.get(pattern) or {}).values())
            for expression in config.get(pattern) or {}:
                re.compile(expression)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, re.error) as error:
        raise CheckpointInvalid(f"{path} is no configuration of peft: {error!r}") from error
    if kind != "LORA" or start not in _STARTS:
        raise CheckpointInvalid(f"{path}: {kind} begun with {start!r} is not supported, only plain LORA")
    if refused := [name for name in _REFUSED if config.get(name)]:
        raise CheckpointInvalid(f"{path}: {', '.join(refused)} is not supported, only plain LORA")
    if not all(isinstance(value, int | float) and value > 0 for value in numbers):
        raise CheckpointInvalid(f"{path}: r, lora_alpha and their patterns are numbers above 0")
    return config


def _sorted(tensors: Mapping[str, Stored]) -> tuple[dict[str, dict[str, Stored]], dict[str, Stored]]:
    """(the factors of each module, the tensors that were trained whole)."""
    factors: dict[str, dict[str, Stored]] = {}
    whole: dict[str, Stored] = {}
    for key, stored in tensors.items():
        name = key.removeprefix(_PREFIX)
        if match := _FACTOR.fullmatch(name):
            factors.setdefault(match[1], {})[(match[2] or "") + match[3]] = stored
        else:
            whole[name.replace(".base_layer.", ".")] = stored
    return factors, whole


def _check(shapes: Mapping[str, Shape], wanted: Layout) -> None:
    if unknown := sorted(name for name in shapes if name not in wanted):
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise CheckpointInvalid(f"{WEIGHTS} changes {unknown[0]}{more}, which this model does not have")
    for name, shape in shapes.items():
        if shape != wanted[name]:
            raise CheckpointInvalid(
                f"{WEIGHTS} changes {name} as if it had shape {list(shape)}, not {list(wanted[name])}"
            )


def _patterned(config: Mapping[str, Any], patterns: str, module: str, default: float) -> float:
    """The first pattern that the module's name ends with, as peft's get_pattern_key finds it."""
    for pattern, value in (config.get(patterns) or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            return float(value)
    return default
