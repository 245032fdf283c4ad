"""Songs to be judged: each prompt with its own seeds, by the engine that serves, as the codec gives them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from muscgen.admission import effective, refusal
from muscgen.engine import Engine, Song
from muscgen.errors import InvalidRequest, MuscgenError
from muscgen.evaluation.clips import Clip
from muscgen.evaluation.prompts import Prompt
from muscgen.models.card import Card
from muscgen.models.tokens import refuse_long
from muscgen.request import GenerateRequest

Tell = Callable[[str, int, int], None]  # what is done, how many are, of how many


@dataclass(frozen=True, slots=True)
class Making:
    """duration_s of each song; each: songs of a prompt; seed: of the first, the others follow."""

    duration_s: float = 10.0
    each: int = 1
    seed: int = 0


def planned(card: Card, prompts: Sequence[Prompt], making: Making) -> list[tuple[Prompt, Song]]:
    """What is to be made, in the order of the prompts, before anything is.

    Raises InvalidRequest for a prompt or a duration that the model cannot have.
    """
    return [
        (prompt, song)
        for n, prompt in enumerate(prompts)
        for song in _songs(card, prompt, making, making.seed + n * making.each, n)
    ]


def songs(engine: Engine, wanted: Sequence[tuple[Prompt, Song]], each: int, tell: Tell) -> list[Clip]:
    """Without fade, loudness or watermark. Raises what a song failed of."""
    handles = [engine.submit(song) for _, song in wanted]
    clips = []
    for n, ((prompt, song), handle) in enumerate(zip(wanted, handles, strict=True)):
        clips.append(Clip(f"{n // each:04d}-{song.seed}", handle.result().audio, prompt, song.seed))
        tell("made", n + 1, len(wanted))
    return clips


def _songs(card: Card, prompt: Prompt, making: Making, seed: int, n: int) -> list[Song]:
    try:
        refuse_long(card.path, "prompt", prompt.prompt)
        wish = GenerateRequest(
            model=card.id, prompt=prompt.prompt, duration_s=making.duration_s, n=making.each, seed=seed
        )
        request = effective(wish, card)
    except ValidationError as error:
        raise refusal(error) from error
    except MuscgenError as error:
        raise InvalidRequest(
            f"prompt {n + 1}: {error.detail}", param="prompts", suggestion=error.suggestion
        ) from error
    return [Song.of(request, output) for output in range(making.each)]
