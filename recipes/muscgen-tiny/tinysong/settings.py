"""What both trainings are told in a file: settings for which their commands have no options."""

from __future__ import annotations

import json
from typing import Any

from tinysong.scales import Listening, Singing


def singing(size: Singing) -> str:
    """Of the language model, whose text encoder learns too."""
    return _toml(
        {
            "learn_text": True,
            "text_rate": size.text_rate,
            "valid_openings": 0.5,
            "optimiser": {
                **_rate(size),
                "average": size.average,
            },
            "saving": {"every_steps": size.every_steps, "keep": 1},
            "stages": [
                {"share": s.share, "window_s": s.window_s, "batch": s.batch, "openings": s.openings}
                for s in size.stages
            ],
        }
    )


def listening(size: Listening, *, sound: bool) -> str:
    """Of the encoder. sound: whether the set has any; else all pairs are the decoder's."""
    return _toml(
        {
            "rendered": size.rendered if sound else 0.0,
            "exchange": size.exchange,
            "front_rate": size.front_rate,
            "window_s": size.window_s,
            "hearing": {"share": size.changed},
            "optimiser": {
                "batch": size.batch,
                **_rate(size),
            },
            "saving": {"every_steps": size.every_steps, "keep": 1, "sample_s": 0.0},
        }
    )


def _rate(size: Singing | Listening) -> dict[str, float]:
    return {
        "learning_rate": size.learning_rate,
        "warmup_steps": size.warmup_steps,
        "least": size.least,
    }


def _toml(values: dict[str, Any]) -> str:
    """json's numbers and words are TOML's. Tables go behind what stands alone."""
    plain = [f"{name} = {json.dumps(value)}" for name, value in values.items() if not _is_table(value)]
    for name, value in values.items():
        if isinstance(value, dict):
            plain += ["", f"[{name}]", _toml(value)]
        elif _is_table(value):
            for one in value:
                plain += ["", f"[[{name}]]", _toml(one)]
    return "\n".join(plain)


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and isinstance(value[0], dict))
