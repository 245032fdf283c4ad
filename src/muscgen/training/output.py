"""What a training leaves: a folder that is a model, with a card that says what it was made of.

The card is written last: until then the folder is no model.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from muscgen.data import place as files
from muscgen.models.card import CARD, Card
from muscgen.training.clips import Prepared
from muscgen.training.config import Config
from muscgen.training.licensing import Computed
from muscgen.training.model import quiet

ADAPTER = "lora"
_BESIDE = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "spiece.model",
    "preprocessor_config.json", "generation_config.json",
)  # fmt: skip


def write(
    model: Any,  # noqa: ANN401  (transformers' or peft's)
    config: Config,
    base: Card,
    computed: Computed,
    data: Sequence[Prepared],
    figures: dict[str, Any],
) -> None:
    """Weights, what belongs to them, the table of whom to name, MODEL.md, and the card."""
    (config.out / CARD).unlink(missing_ok=True)
    part = config.out / files.TEMPORARY.rstrip("-")
    shutil.rmtree(part, ignore_errors=True)
    with quiet():
        model.save_pretrained(part)
    if config.method == "lora":
        shutil.rmtree(config.out / ADAPTER, ignore_errors=True)
        (part / "README.md").unlink(missing_ok=True)  # peft's, which says nothing
        part.rename(config.out / ADAPTER)
    else:
        for path in sorted(part.iterdir()):
            path.replace(config.out / path.name)
        part.rmdir()
        for name in _BESIDE:
            if (base.path / name).is_file():
                shutil.copyfile(base.path / name, config.out / name)
    tables = [(one.folder / "ATTRIBUTION.md").read_text("utf-8") for one in data]
    files.write(config.out / "ATTRIBUTION.md", "\n".join(tables).encode())
    files.write(config.out / "MODEL.md", _model_page(config, base, computed, data, figures).encode())
    files.write(config.out / CARD, _card(config, base, computed, data).encode())


def _card(config: Config, base: Card, computed: Computed, data: Sequence[Prepared]) -> str:
    """TOML; json's strings and lists are TOML's."""
    fields: dict[str, Any] = {
        "id": config.id,
        "license": computed.license,
        "license_url": base.license_url,
        "attribution": computed.attribution,
        "description": f"{base.id}, trained further on {', '.join(one.manifest.dataset for one in data)}",
        "modes": [mode for mode in base.modes if mode != "melody"],
        "max_duration_s": base.max_duration_s,
        "policy": computed.policy,
        "permitted_uses": list(computed.uses),
        "training_data": computed.training_data,
        "manifests": [one.manifest.sha256 for one in data],
    }
    if config.method == "lora":
        fields |= {"base": _base_of(config, base), "adapter": ADAPTER}
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()]
    sampling = [f"{name} = {json.dumps(value)}" for name, value in base.sampling.model_dump().items()]
    return "\n".join([*lines, "", "[sampling]", *sampling, ""])


def _base_of(config: Config, base: Card) -> str:
    """The base as the card names it: its id, or the way to its folder."""
    folder = Path(config.base)
    if not folder.is_dir():
        return base.id
    return os.path.relpath(folder.absolute(), config.out.absolute())


def _model_page(
    config: Config, base: Card, computed: Computed, data: Sequence[Prepared], figures: dict[str, Any]
) -> str:
    uses = ", ".join(computed.uses) or "none"
    sets = "\n".join(f"- {one.manifest.dataset}: manifest `{one.manifest.sha256}`" for one in data)
    measured = "\n".join(f"- {name}: {value}" for name, value in figures.items())
    how = "a LoRA adapter" if config.method == "lora" else "all weights of the language model"
    return (
        f"# {config.id}\n\nMade from {base.id} (`{base.revision}`, {base.license}) by training {how} for "
        f"{config.steps} steps.\n\nLicence: {computed.license}. Policy: {computed.policy}. Uses: {uses}. "
        "Computed from base and data; no legal advice.\n\n"
        f"## Data\n\n{sets}\n\n{computed.training_data}\n\n"
        "Whom to name: [ATTRIBUTION.md](ATTRIBUTION.md).\n\n"
        f"## Measured\n\n{measured}\n\nSamples of every save, and what was found wrong: `samples/`.\n"
    )
