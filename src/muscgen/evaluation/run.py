"""The whole of `muscgen evaluate`: who listens, to what, and what is left of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muscgen.backends.listening import open_listener
from muscgen.engine import Song
from muscgen.errors import InvalidRequest
from muscgen.evaluation import baseline as before
from muscgen.evaluation import clips as folders
from muscgen.evaluation import making, prompts, report
from muscgen.evaluation.baseline import Change
from muscgen.evaluation.clips import Clip
from muscgen.evaluation.embeddings import Embedding, codec_of, offline
from muscgen.evaluation.judge import Judges, judge
from muscgen.evaluation.making import Making, Tell
from muscgen.evaluation.page import page
from muscgen.evaluation.pretrained import clap, classifier, embedding, revision
from muscgen.evaluation.reference import gathered
from muscgen.evaluation.report import Evaluation
from muscgen.models.card import Card
from muscgen.settings import Settings
from muscgen.worker.loader import Served, load_model, making_of
from muscgen.worker.memory import slots_for

_SLOTS = 8
_MAKING = Making()


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be judged. generated: sounds that are there, in place of making some.

    reference_most: tracks that are drawn of a larger reference. embeddings: kind and folder of its weights.
    """

    reference: Path
    out: Path
    prompts: Path | None = None
    generated: Path | None = None
    making: Making = _MAKING
    reference_most: int = 1_000
    embeddings: tuple[tuple[str, Path], ...] = ()
    clap: Path | None = None
    classifier: Path | None = None
    baseline: Path | None = None
    store_baseline: Path | None = None


def evaluate(
    wish: Wish, card: Card | None, settings: Settings, tell: Tell
) -> tuple[Evaluation, list[Change]]:
    """Judge, write the folder, compare. Raises MuscgenError, OSError."""
    asked = prompts.read(wish.prompts) if wish.prompts else []
    stored = before.read(wish.baseline) if wish.baseline else None
    if wish.generated is None and (card is None or not asked):
        raise InvalidRequest(
            "a model needs prompts to make songs of, or there are songs already",
            param="prompts",
            suggestion="--prompts FILE, or --generated DIR",
        )
    _check_judges(wish, asked)
    wanted = [] if card is None or wish.generated else making.planned(card, asked, wish.making)
    more = [embedding(kind, folder) for kind, folder in wish.embeddings]
    served = (
        None if card is None else load_model(card, settings, slots=min(_SLOTS, slots_for(card, settings)))
    )
    try:
        judges = _judges(wish, served, settings, more)
        reference = gathered(
            wish.reference, wish.reference_most, wish.making.seed, judges.embeddings, judges.classifier, tell
        )
        setting = _setting(wish, asked, reference.digest, len(reference.prints), judges.embeddings)
        if stored is not None and wish.baseline is not None:
            before.check_setting(stored, setting, wish.baseline)
        judged = judge(_clips(wish, asked, wanted, served, tell), reference, judges, wish.making.seed, tell)
    finally:
        if served is not None:
            served.close()
    found = Evaluation(None if card is None else card.to_public(), setting, judged)
    changes = [] if stored is None else before.changes(stored, found)
    report.write(found, wish.out, page(found, changes, wish.out), made_here=wish.generated is None)
    if wish.store_baseline is not None:
        before.store(found, wish.store_baseline)
    return found, changes


def _check_judges(wish: Wish, asked: Sequence[prompts.Prompt]) -> None:
    if wish.clap is not None and not asked:
        raise InvalidRequest(
            "CLAP scores songs against their prompts, and there are none",
            param="clap",
            suggestion="--prompts FILE, or --embedding clap=DIR for a distance",
        )
    kinds = [kind for kind, _ in wish.embeddings]
    if twice := sorted({kind for kind in kinds if kinds.count(kind) > 1}):
        raise InvalidRequest(f"the embedding {twice[0]} is named twice", param="embedding")


def _judges(wish: Wish, served: Served | None, settings: Settings, more: Sequence[Embedding]) -> Judges:
    own: list[Embedding] = []
    hears = served is not None and served.backend.shape.hears
    if served is not None and hears:
        choice = making_of(settings).choice
        own = [codec_of(open_listener(served.card.path, choice, cache_dir=settings.cache_path))]
    return Judges(
        (*offline(), *own, *more),
        clap(wish.clap) if wish.clap else None,
        classifier(wish.classifier) if wish.classifier else None,
        served.backend if served is not None and hears else None,
    )


def _clips(
    wish: Wish,
    asked: list[prompts.Prompt],
    wanted: list[tuple[prompts.Prompt, Song]],
    served: Served | None,
    tell: Tell,
) -> list[Clip]:
    if wish.generated is not None:
        return folders.generated(wish.generated, asked)
    assert served is not None  # noqa: S101 - without a model there are songs already
    return making.songs(served.engine, wanted, wish.making.each, tell)


def _setting(
    wish: Wish,
    asked: list[prompts.Prompt],
    reference: str,
    tracks: int,
    embeddings: Sequence[Embedding],
) -> dict[str, Any]:
    """What two evaluations must share to be compared."""
    made = {} if wish.generated else {
        "duration_s": wish.making.duration_s, "each": wish.making.each, "seed": wish.making.seed,
    }  # fmt: skip
    return {
        "prompts": prompts.digest(asked) if asked else "",
        "prompt_count": len(asked),
        **made,
        "reference": reference,
        "reference_tracks": tracks,
        "embeddings": [one.name for one in embeddings],
        **{f"weights_{name}": revision(folder) for name, folder in _lent(wish)},
    }


def _lent(wish: Wish) -> list[tuple[str, Path]]:
    """Folders with weights of judges, by what they are for."""
    own = [("clap_score", wish.clap), ("classifier", wish.classifier)]
    return [*wish.embeddings, *((name, folder) for name, folder in own if folder is not None)]
