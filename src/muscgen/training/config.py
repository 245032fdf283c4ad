"""Everything a training follows from, in one file. TOML; names that nobody knows are refused."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from muscgen.errors import InvalidRequest
from muscgen.errors.wrong import first_wrong

M = TypeVar("M", bound=BaseModel)
Method = Literal["lora", "full"]
Beta = Annotated[float, Field(ge=0, lt=1)]
_MAY_CHANGE = {"saving", "steps", "out"}  # between a run and the one that goes on with it


class Part(BaseModel):
    """Of settings: none that nobody knows, no number that is none."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Lora(Part):
    """After what works for MusicGen: facts and sources in docs/training.md."""

    rank: int = Field(default=16, ge=1, le=512)
    alpha: float = Field(default=16.0, gt=0)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    heads: bool = Field(default=True, description="Also adapt the embeddings of codes and the heads.")


class Optimiser(Part):
    """AdamW. learning_rate: null takes 2e-4 for LoRA, 1e-5 for a base's own weights, 1e-4 from nothing."""

    batch: int = Field(default=4, ge=1, description="Windows at once on each device.")
    accumulate: int = Field(default=1, ge=1, description="Batches before a step.")
    learning_rate: float | None = Field(default=None, gt=0)
    warmup_steps: int = Field(default=20, ge=0)
    schedule: Literal["cosine", "constant"] = "cosine"
    least: float = Field(default=0.1, ge=0, le=1, description="Share of the rate at a cosine's end.")
    betas: tuple[Beta, Beta] = (0.9, 0.95)
    weight_decay: float = Field(default=0.1, ge=0)
    clip: float = Field(default=1.0, gt=0, description="Of the gradient's norm.")
    average: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="How much of the weights' average is kept a step; 0: none is made.",
    )


class Stage(Part):
    """A part of a run, with windows of its own. share: of the steps, beside the other stages' shares.

    openings: the share of windows that begin where their song does; the others begin anywhere.
    """

    share: float = Field(gt=0)
    window_s: float = Field(gt=0, le=30, description="Seconds of sound in a window.")
    batch: int = Field(ge=1, description="Windows at once on each device.")
    openings: float = Field(default=0.0, ge=0, le=1)


class Words(Part):
    """What becomes of captions. drop: the share without any, from which guidance learns its other side."""

    drop: float = Field(default=0.1, ge=0, le=1)
    add_facts: float = Field(default=0.25, ge=0, le=1, description="How often tempo and key are added.")


class Saving(Part):
    """Every so many steps: a checkpoint, the loss of validation, samples."""

    every_steps: int = Field(default=200, ge=1)
    keep: int = Field(default=2, ge=1, description="Checkpoints; older ones are removed.")
    sample_s: float = Field(default=4.0, ge=0, le=60, description="0 makes none.")
    prompts: tuple[str, ...] = Field(default=(), description="None: captions of the set.")
    valid_batches: int = Field(default=4, ge=0)


class Config(Part):
    """base: a model's id, or a folder. data: what `muscgen data prepare` wrote. id: of what is made."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$")
    out: Path
    data: tuple[Path, ...] = Field(min_length=1)
    base: str = "muscgen-tiny"
    method: Method = "lora"
    from_nothing: bool = Field(default=False, description="Only the base's sizes, text encoder and codec.")
    learn_text: bool = Field(default=False, description="The text encoder learns too; method full only.")
    text_rate: float = Field(
        default=1.0, gt=0, description="Share of the learning rate, for the text encoder."
    )
    stages: tuple[Stage, ...] = Field(default=(), description="None: one, of window_s and optimiser.batch.")
    valid_openings: float = Field(
        default=0.0, ge=0, le=1, description="Share of validation's windows that begin where their song does."
    )
    steps: int = Field(default=1_000, ge=1)
    window_s: float = Field(default=10.0, ge=0.2, le=30, description="Seconds of sound in a window.")
    seed: int = Field(default=0, ge=0, lt=2**32)
    device: Literal["auto", "cpu"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = Field(
        default="auto", description="auto is bf16 on devices that have it, else fp32."
    )
    gradient_checkpointing: bool = Field(default=False, description="Less memory, a third more time.")
    lora: Lora = Lora()
    optimiser: Optimiser = Optimiser()
    words: Words = Words()
    saving: Saving = Saving()

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.from_nothing and self.method == "lora":
            raise ValueError("from_nothing trains all weights: method is full then")
        if "lora" in self.model_fields_set and self.method != "lora":
            raise ValueError("lora is of an adapter, and all weights learn: leave it out, or method is lora")
        if self.learn_text and self.method == "lora":
            raise ValueError("learn_text trains the text encoder's own weights: method is full then")
        if self.text_rate != 1 and not self.learn_text:
            raise ValueError("text_rate is of a text encoder that learns: learn_text is true then")
        return self

    def stage(self, step: int) -> Stage:
        """Whose windows that step learns from, counted from 0."""
        if not self.stages:
            return Stage(share=1, window_s=self.window_s, batch=self.optimiser.batch)
        every, done = sum(stage.share for stage in self.stages), 0.0
        for stage in self.stages:
            done += stage.share
            if step < round(self.steps * done / every):
                return stage
        return self.stages[-1]

    @property
    def learning_rate(self) -> float:
        usual = 2e-4 if self.method == "lora" else 1e-4 if self.from_nothing else 1e-5
        return self.optimiser.learning_rate or usual

    @property
    def digest(self) -> str:
        """Of all that a run and its continuation must share."""
        return hashlib.sha256(self.model_dump_json(exclude=_MAY_CHANGE).encode()).hexdigest()


def read(path: Path | None, **given: Any) -> Config:  # noqa: ANN401  (what the command line was given)
    """As `read_as`."""
    return read_as(Config, path, **given)


def read_as(kind: type[M], path: Path | None, **given: Any) -> M:  # noqa: ANN401
    """The file's values under those that are given and not None; `part__name` reaches into a part.

    Where neither says an id, it is the name of the folder `out` that is given.

    Raises InvalidRequest naming the field.
    """
    values = _file(path) if path is not None else {}
    for name, value in given.items():
        if value is None or value == ():
            continue
        part, _, inner = name.partition("__")
        if inner:
            within = values.setdefault(part, {})
            if isinstance(within, dict):  # else it is refused below, by its name
                within[inner] = value
        else:
            values[part] = value
    if given.get("out"):
        values.setdefault("id", Path(given["out"]).absolute().name)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        field, wrong = first_wrong(error, "config")
        raise InvalidRequest(f"{field}: {wrong}", param=field, suggestion=_known(kind, field)) from error


def _file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{path} cannot be read: {error}", param="config") from error


def _known(kind: type[BaseModel], field: str) -> str:
    part, found = field.rpartition(".")[0], kind
    if part in kind.model_fields and isinstance(inner := kind.model_fields[part].annotation, type):
        found = inner
    return f"known are {', '.join(found.model_fields)}"
