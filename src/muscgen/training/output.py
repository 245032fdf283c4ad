"""What a training leaves: a folder that is a model, with a card that says what it was made of.

The card is written last: until then the folder is no model.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muscgen.data import place as files
from muscgen.models.card import CARD, Card
from muscgen.training.clips import Prepared
from muscgen.training.config import Config
from muscgen.training.licensing import Computed
from muscgen.training.model import quiet

ADAPTER, ATTRIBUTION = "lora", "ATTRIBUTION.md"
_SAMPLED = "\nSamples of every save, and what was found wrong: `samples/`.\n"
_BESIDE = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "spiece.model",
    "preprocessor_config.json", "generation_config.json",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a base. how: what was trained. adapter: it lies beside the base. limits: in words.

    sampled: whether samples were kept.
    """

    id: str
    out: Path
    base: str
    steps: int
    how: str
    adapter: bool = False
    limits: str = ""
    sampled: bool = False

    @classmethod
    def of(cls, config: Config) -> Made:
        adapter = config.method == "lora"
        how = "a LoRA adapter" if adapter else "all weights of the language model"
        how += " and its text encoder" if config.learn_text else ""
        sampled = bool(config.saving.sample_s)
        return cls(config.id, config.out, config.base, config.steps, how, adapter, sampled=sampled)


def write(
    model: Any,  # noqa: ANN401  (transformers' or peft's)
    made: Made,
    base: Card,
    computed: Computed,
    data: Sequence[Prepared],
    figures: dict[str, Any],
) -> None:
    """Weights, what belongs to them, the table of whom to name, MODEL.md, and the card."""
    (made.out / CARD).unlink(missing_ok=True)
    part = made.out / files.TEMPORARY.rstrip("-")
    shutil.rmtree(part, ignore_errors=True)
    with quiet():
        model.save_pretrained(part)
    if made.adapter:
        shutil.rmtree(made.out / ADAPTER, ignore_errors=True)
        (part / "README.md").unlink(missing_ok=True)  # peft's, which says nothing
        part.rename(made.out / ADAPTER)
    else:
        for path in sorted(part.iterdir()):
            path.replace(made.out / path.name)
        part.rmdir()
        for name in _BESIDE:
            if (base.path / name).is_file():
                shutil.copyfile(base.path / name, made.out / name)
    files.write(made.out / ATTRIBUTION, "\n".join(_tables(base, data)).encode())
    files.write(made.out / "MODEL.md", _model_page(made, base, computed, data, figures).encode())
    files.write(made.out / CARD, _card(made, base, computed, data).encode())


def _tables(base: Card, data: Sequence[Prepared]) -> list[str]:
    """Whom to name: of what the base learnt from, where it says so, and of the data; none of them twice."""
    folders = [base.path, *(one.folder for one in data)]
    there = [path for folder in folders if (path := folder / ATTRIBUTION).is_file()]
    return list(dict.fromkeys(path.read_text("utf-8") for path in there))


def _card(made: Made, base: Card, computed: Computed, data: Sequence[Prepared]) -> str:
    """TOML; json's strings and lists are TOML's."""
    fields: dict[str, Any] = {
        "id": made.id,
        "license": computed.license,
        "license_url": base.license_url,
        "attribution": computed.attribution,
        "description": f"{base.id}, trained further on {', '.join(one.manifest.dataset for one in data)}",
        "modes": [mode for mode in base.modes if mode != "melody"],
        "max_duration_s": base.max_duration_s,
        "policy": computed.policy,
        "permitted_uses": list(computed.uses),
        "training_data": computed.training_data,
        "manifests": list(dict.fromkeys([*base.stated.manifests, *(one.manifest.sha256 for one in data)])),
    }
    if made.limits:
        fields["limits"] = made.limits
    if made.adapter:
        fields |= {"base": _base_of(made, base), "adapter": ADAPTER}
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()]
    sampling = [f"{name} = {json.dumps(value)}" for name, value in base.sampling.model_dump().items()]
    return "\n".join([*lines, "", "[sampling]", *sampling, ""])


def _base_of(made: Made, base: Card) -> str:
    """The base as the card names it: its id, or the way to its folder."""
    folder = Path(made.base)
    if not folder.is_dir():
        return base.id
    return os.path.relpath(folder.absolute(), made.out.absolute())


def _model_page(
    made: Made, base: Card, computed: Computed, data: Sequence[Prepared], figures: dict[str, Any]
) -> str:
    uses = ", ".join(computed.uses) or "none"
    sets = "\n".join(f"- {one.manifest.dataset}: manifest `{one.manifest.sha256}`" for one in data)
    measured = "\n".join(f"- {name}: {value}" for name, value in figures.items())
    return (
        f"# {made.id}\n\nMade from {base.id} (`{base.revision}`, {base.license}) by training {made.how} for "
        f"{made.steps} steps.\n\nLicence: {computed.license}. Policy: {computed.policy}. Uses: {uses}. "
        "Computed from base and data; no legal advice.\n\n"
        f"## Data\n\n{sets}\n\n{computed.training_data}\n\n"
        "Whom to name: [ATTRIBUTION.md](ATTRIBUTION.md).\n\n"
        f"## Measured\n\n{measured}\n"
        f"{_SAMPLED if made.sampled else ''}"
    )
