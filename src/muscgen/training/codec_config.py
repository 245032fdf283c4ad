"""The settings of a codec's training: one file, checked as a whole."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from muscgen.training.config import Optimiser, Part, Saving

Decibel = Annotated[float, Field(ge=-120, le=60)]
Cut = Annotated[float, Field(ge=200, le=24_000)]  # hertz
Learn = Literal["encoder", "decoder", "all"]
_MAY_CHANGE = {"saving", "steps", "out"}  # between a run and the one that goes on with it


class Losses(Part):
    """Weights of what is made small. wave, mel: of sound; commit: of encoder and codebooks to each other."""

    wave: float = Field(default=0.1, ge=0, description="Mean difference of samples.")
    mel: float = Field(default=1.0, ge=0, description="Log-mel bands at five resolutions.")
    commit: float = Field(default=0.25, ge=0)


class Hearing(Part):
    """What happens to the sound of pairs before the encoder hears it, so that it hears foreign sound too.

    share: how many windows are changed; their level, noise and cut-off are drawn from these ranges.
    """

    share: float = Field(default=0.0, ge=0, le=1)
    gain_db: tuple[Decibel, Decibel] = (-12.0, 6.0)
    tilt_db: float = Field(default=1.5, ge=0, le=12, description="An octave, up or down, at most.")
    lowpass_hz: tuple[Cut, Cut] = (3_000.0, 16_000.0)
    lowpass_share: float = Field(default=0.3, ge=0, le=1, description="Of the windows that are changed.")
    noise_db: tuple[Decibel, Decibel] = Field(default=(-70.0, -30.0), description="Beside the sound's level.")

    @model_validator(mode="after")
    def _from_low_to_high(self) -> Self:
        for name in ("gain_db", "lowpass_hz", "noise_db"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} goes from {low:g} to {high:g}: the lower end comes first")
        return self


class CodecTraining(Part):
    """What learns, and from what.

    learn: `encoder` learns the data's codes from the sound that the base's own decoder makes of them: exact
    pairs; `decoder` to make the data's sound of the base's codes; the language model fits both. `all` learns
    encoder, codebooks and decoder from the data's sound: no language model fits it yet.
    """

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$")
    out: Path
    data: tuple[Path, ...] = Field(min_length=1)
    base: str = "muscgen-tiny"
    learn: Learn = "encoder"
    from_nothing: bool = Field(default=False, description="Only the base's sizes, of what learns.")
    exchange: float = Field(
        default=0.5, ge=0, le=1, description="learn encoder: windows whose codebooks are of several clips."
    )
    rendered: float = Field(
        default=0.0, ge=0, le=1, description="learn encoder: windows whose sound is the data's own."
    )
    front_rate: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="learn encoder: of the rate, for the convolutions before its LSTM; at 0 they stay.",
    )
    steps: int = Field(default=1_000, ge=1)
    window_s: float = Field(default=1.0, ge=0.2, le=30, description="Seconds of sound in a window.")
    seed: int = Field(default=0, ge=0, lt=2**32)
    device: Literal["auto", "cpu"] = "auto"
    losses: Losses = Losses()
    hearing: Hearing = Hearing()
    optimiser: Optimiser = Optimiser()
    saving: Saving = Saving()

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.learn != "encoder" and (self.rendered or self.hearing.share):
            which = "rendered" if self.rendered else "hearing"
            raise ValueError(f"{which} is of pairs: learn is encoder then")
        if self.learn != "encoder" and "exchange" in self.model_fields_set:
            raise ValueError("exchange is of pairs: learn is encoder then")
        if self.learn == "encoder" and "losses" in self.model_fields_set:
            raise ValueError("losses are of a decoder's sound: learn is decoder or all then")
        if self.learn == "decoder" and "commit" in self.losses.model_fields_set:
            raise ValueError("losses.commit is of an encoder and its codebooks: learn is all then")
        if self.front_rate != 1 and (self.learn != "encoder" or self.from_nothing):
            raise ValueError("front_rate is of a base's front: learn is encoder then, and from_nothing false")
        return self

    @property
    def learning_rate(self) -> float:
        """3e-4, EnCodec's own; a tenth of it where a base goes on."""
        return self.optimiser.learning_rate or (3e-4 if self.from_nothing else 3e-5)

    @property
    def digest(self) -> str:
        """Of all that a run and its continuation must share."""
        return hashlib.sha256(self.model_dump_json(exclude=_MAY_CHANGE).encode()).hexdigest()
