"""Better or worse than before: a file of measures that later evaluations are held against."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from muscgen.data import place as files
from muscgen.errors import ConfigurationError, InvalidRequest
from muscgen.evaluation.measures import Better
from muscgen.evaluation.report import Evaluation

VERSION = 2  # of what a file holds and of how its figures are measured; 1 had none, and other diversities


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    value: FiniteFloat
    better: Better
    tolerance: FiniteFloat


class Baseline(BaseModel):
    """As it lies in the file; tolerances may be edited there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = 1
    model: str | None
    revision: str | None
    setting: dict[str, Any]
    measures: dict[str, _Stored]


@dataclass(frozen=True, slots=True)
class Change:
    """now: None where it is not measured any more."""

    name: str
    before: float
    now: float | None
    worse: bool
    better: bool


def store(evaluation: Evaluation, path: Path) -> None:
    """Durable on return. Raises OSError, ConfigurationError where a figure is no number."""
    card, measures = evaluation.model or {}, evaluation.judgement.measures
    if wrong := [name for name, measure in measures.items() if not math.isfinite(measure.value)]:
        raise ConfigurationError(f"{', '.join(wrong)}: no number, so no baseline", param="store_baseline")
    fields = {
        "version": VERSION,
        "model": card.get("id"),
        "revision": card.get("revision"),
        "setting": evaluation.setting,
        "measures": {
            name: {"value": measure.value, "better": measure.better, "tolerance": measure.tolerance}
            for name, measure in measures.items()
        },
    }
    files.write(path, json.dumps(fields, indent=2, ensure_ascii=False).encode() + b"\n")


def read(path: Path) -> Baseline:
    """Raises InvalidRequest."""
    try:
        found = Baseline.model_validate_json(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}", param="baseline") from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise InvalidRequest(
            f"{path} is no baseline: {error}", param="baseline", suggestion="--store-baseline FILE writes one"
        ) from error
    if found.version != VERSION:
        raise InvalidRequest(
            f"{path} is of version {found.version}, which another muscgen wrote that measured otherwise; "
            f"this one compares with version {VERSION}",
            param="baseline",
            suggestion="--store-baseline anew, of the same model",
        )
    return found


def check_setting(baseline: Baseline, setting: dict[str, Any], path: Path) -> None:
    """Raises ConfigurationError where the figures would not be comparable."""
    names = sorted(set(baseline.setting) | set(setting))
    if other := [name for name in names if baseline.setting.get(name) != setting.get(name)]:
        pairs = ", ".join(
            f"{name} {baseline.setting.get(name)} there, {setting.get(name)} here" for name in other
        )
        raise ConfigurationError(
            f"{path} was measured otherwise: {pairs}",
            param="baseline",
            suggestion="the same prompts, seeds, reference and judges' weights, or --store-baseline anew",
        )


def changes(baseline: Baseline, evaluation: Evaluation) -> list[Change]:
    """Of all that the baseline judges. What is not measured any more is worse."""
    return [_change(name, stored, evaluation) for name, stored in baseline.measures.items() if stored.better]


def _change(name: str, stored: _Stored, evaluation: Evaluation) -> Change:
    measure = evaluation.judgement.measures.get(name)
    if measure is None:
        return Change(name, stored.value, None, worse=True, better=False)
    gain = (measure.value - stored.value) * (1 if stored.better == "higher" else -1)
    worse = not gain >= -stored.tolerance  # what is no number is worse, too
    return Change(name, stored.value, measure.value, worse=worse, better=gain > stored.tolerance)
