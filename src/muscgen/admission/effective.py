"""A wish and a model's card to the effective request: every gap filled, nothing changed in silence."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from muscgen.admission.conditioning import Sound, conditioning, heard_s
from muscgen.admission.length import duration_s, long_form
from muscgen.admission.texts import check_texts, wordless
from muscgen.errors import InvalidRequest
from muscgen.models.card import Card
from muscgen.models.tokens import refuse_long
from muscgen.request import MAX_SEED, GenerateRequest, Sampling, SongRequest, refuse_impossible

_DRAWN_SEEDS = 2**32  # short enough to read out


def effective(
    wish: GenerateRequest,
    card: Card,
    *,
    sound: Sound | None = None,
    models: Sequence[Card] = (),
    warnings: Sequence[str] = (),
    draw: Callable[[int], int] = secrets.randbelow,
) -> SongRequest:
    """The request as it will be made by the card's model.

    sound: what the wish's clip is cut from, where it has one. models: the others, which may have the mode.
    draw: gives a whole number below its argument, for a seed where none was asked for.

    Raises DurationTooLong and InvalidRequest, each naming the parameter, for what this model cannot honour.
    """
    check_mode(wish, card, models)
    sampling = _sampling(wish, card)
    check_texts(wish, sampling)
    song_s = duration_s(wish)
    listens = conditioning(wish, sound, song_s)
    windows = long_form(wish, song_s, card)
    _check_seed(wish)
    refuse_impossible(
        wish.output,
        model_rate_hz=card.sample_rate_hz,
        channels=card.channels,
        duration_s=heard_s(listens, song_s),
    )
    return SongRequest(
        model=card.id,
        mode=wish.mode,
        prompt=wish.prompt,
        negative_prompt=wish.negative_prompt,
        sections=wish.sections,
        duration_s=song_s,
        n=wish.n,
        seed=draw(_DRAWN_SEEDS) if wish.seed is None else wish.seed,
        sampling=sampling,
        long_form=windows,
        conditioning=listens,
        rights=wish.rights,
        output=wish.output,
        delivery=wish.delivery,
        metadata=wish.metadata,
        warnings=tuple(warnings),
        cache=wish.cache,
    )


def _sampling(wish: GenerateRequest, card: Card) -> Sampling:
    asked = wish.sampling.model_dump(exclude_none=True)
    if wordless(wish):
        asked.setdefault("guidance_scale", 1.0)  # nothing to guide by
    return card.sampling.model_copy(update=asked)


def refuse_unreadable(request: SongRequest, card: Card) -> None:
    """Raise PromptTooLong for a text of more tokens than the model reads: now, not in a job that fails."""
    texts = {"prompt": request.prompt, "negative_prompt": request.negative_prompt}
    texts |= {f"sections.{i}.prompt": section.prompt for i, section in enumerate(request.sections or ())}
    for name, text in texts.items():
        if text is not None:
            refuse_long(card.path, name, text)


def check_mode(wish: GenerateRequest, card: Card, models: Sequence[Card]) -> None:
    """Raise InvalidRequest for a mode that the card's model has not, naming the models that have it."""
    if wish.mode in card.modes:
        return
    able = [model.id for model in models if wish.mode in model.modes]
    there = f"models here that have it: {', '.join(able)}" if able else "no model here has it"
    raise InvalidRequest(
        f"{card.id} has no mode {wish.mode}",
        param="mode",
        suggestion=f"{there}; {card.id} has {', '.join(card.modes)}",
    )


def _check_seed(wish: GenerateRequest) -> None:
    if wish.seed is not None and wish.seed + wish.n - 1 > MAX_SEED:
        raise InvalidRequest(
            f"output i uses seed + i, and {wish.n} outputs from {wish.seed} pass {MAX_SEED}",
            param="seed",
            suggestion=f"at most {MAX_SEED - wish.n + 1}",
        )
