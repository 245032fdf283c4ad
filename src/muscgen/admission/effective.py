"""A wish and a model's card to the effective request: every gap filled, nothing changed in silence."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable

from muscgen.errors import DurationTooLong, InvalidRequest
from muscgen.models.card import Card
from muscgen.request import MAX_SEED, GenerateRequest, Sampling, SongRequest, refuse_impossible

MIN_DURATION_S = 1 / 50  # one frame
_DRAWN_SEEDS = 2**32  # short enough to read out
_LAYOUT = "\t\n\r"


def effective(
    wish: GenerateRequest, card: Card, *, draw: Callable[[int], int] = secrets.randbelow
) -> SongRequest:
    """The request as it will be made by the card's model.

    draw: gives a whole number below its argument, for a seed where none was asked for.

    Raises DurationTooLong and InvalidRequest, each naming the parameter, for what this model cannot honour.
    """
    sampling = card.sampling.model_copy(update=wish.sampling.model_dump(exclude_none=True))
    _check_mode(wish, card)
    _check_prompts(wish, sampling)
    _check_duration(wish, card)
    _check_seed(wish)
    refuse_impossible(
        wish.output, model_rate_hz=card.sample_rate_hz, channels=card.channels, duration_s=wish.duration_s
    )
    return SongRequest(
        model=card.id,
        mode=wish.mode,
        prompt=wish.prompt,
        negative_prompt=wish.negative_prompt,
        duration_s=wish.duration_s,
        n=wish.n,
        seed=draw(_DRAWN_SEEDS) if wish.seed is None else wish.seed,
        sampling=sampling,
        output=wish.output,
        delivery=wish.delivery,
        metadata=wish.metadata,
    )


def _check_mode(wish: GenerateRequest, card: Card) -> None:
    if wish.mode not in card.modes:
        modes = ", ".join(card.modes)
        raise InvalidRequest(f"{card.id} has no mode {wish.mode}", param="mode", suggestion=f"one of {modes}")


def _check_prompts(wish: GenerateRequest, sampling: Sampling) -> None:
    for name, text in (("prompt", wish.prompt), ("negative_prompt", wish.negative_prompt)):
        if text is not None:
            _check_text(name, text)
    if wish.negative_prompt is not None and sampling.guidance_scale == 1:
        raise InvalidRequest(
            "negative_prompt works through guidance, and a guidance_scale of 1 is none: it would be ignored",
            param="negative_prompt",
            suggestion="a sampling.guidance_scale above 1, or no negative_prompt",
        )


def _check_text(name: str, text: str) -> None:
    if not text.strip():
        raise InvalidRequest(f"{name} is blank", param=name, suggestion="a few words")
    for character in text:
        if unicodedata.category(character) == "Cc" and character not in _LAYOUT:
            raise InvalidRequest(f"{name} holds the control character U+{ord(character):04X}", param=name)


def _check_duration(wish: GenerateRequest, card: Card) -> None:
    if wish.duration_s > card.max_duration_s:
        raise DurationTooLong(
            f"duration is {wish.duration_s:g} s; {card.id} allows up to {card.max_duration_s:g} s",
            param="duration",
            suggestion=f"at most {card.max_duration_s:g}",
        )
    if wish.duration_s < MIN_DURATION_S:
        raise InvalidRequest(
            f"duration is {wish.duration_s:g} s, less than one frame",
            param="duration",
            suggestion=f"at least {MIN_DURATION_S:g}",
        )


def _check_seed(wish: GenerateRequest) -> None:
    if wish.seed is not None and wish.seed + wish.n - 1 > MAX_SEED:
        raise InvalidRequest(
            f"output i uses seed + i, and {wish.n} outputs from {wish.seed} pass {MAX_SEED}",
            param="seed",
            suggestion=f"at most {MAX_SEED - wish.n + 1}",
        )
