"""From cards to engines."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass, replace

from muscgen import __version__, backends, telemetry
from muscgen.backends import Choice
from muscgen.backends.base import Backend
from muscgen.engine import Engine
from muscgen.models.card import Card
from muscgen.provenance.marks import Mark, Marks, marks_by
from muscgen.provenance.origin import Input, Origin
from muscgen.provenance.papers import Papers, Seal, papers_of
from muscgen.request import SongRequest
from muscgen.rights import Rules
from muscgen.settings import Settings
from muscgen.worker.memory import song_bytes

_PLAIN = Papers()
ROWS_PER_SLOT = 2  # a song with guidance and its shadow without the prompt


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A model that this process can run.

    numbers: what else the bits of a song follow from, beside model, backend and dtype.
    marks: the deployment's watermarks; None writes none. papers: what goes with its songs.
    """

    card: Card
    engine: Engine
    backend: Backend
    slots: int
    backend_name: str
    dtype: str
    numbers: str = ""
    marks: Marks | None = None
    papers: Papers = _PLAIN

    def to_dict(self) -> dict[str, str]:
        """What made a song, as its result says it."""
        record = self.card.record
        return {
            "id": self.card.id,
            "revision": self.card.revision,
            "commit": record.commit if record else "",
            "backend": self.backend_name,
            "dtype": self.dtype,
            "license": self.card.license,
        }

    @property
    def maker(self) -> str:
        """A name for all that the bytes of a file follow from beside the request."""
        return _maker(self.card, self.backend_name, self.dtype, self.numbers, self.marks, self.papers)

    def close(self) -> None:
        """Stop the engine, then its backend."""
        self.engine.close()
        self.backend.close()

    def mark(self, request: SongRequest, output: int) -> Mark | None:
        """The watermark of one output; None where the settings want none."""
        return None if self.marks is None else self.marks.of(request, output, self.card.revision)

    def origin(self, request: SongRequest, output: int, inputs: tuple[Input, ...] = ()) -> Origin:
        """Where one output of a request comes from. inputs: the sound that the request brings."""
        mark, title = self.mark(request, output), f"{self.card.id}, seed {request.seed_of(output)}"
        origin = Origin(title, self.card.id, self.card.revision, inputs=inputs)
        return origin if mark is None else replace(origin, payload=mark.payload.hex(), by=mark.by.method)

    def seal(self, origin: Origin) -> Seal | None:
        """What signs its file; None where the settings want no credentials."""
        return self.papers.seal(origin)

    def tags(self, origin: Origin, seed: int) -> dict[str, str] | None:
        """What a song's file says of itself, never the prompt; None where the settings want no tags."""
        if not self.papers.tags:
            return None
        return {
            "title": origin.title,
            "model": self.card.id,
            "revision": self.card.revision,
            "license": self.card.license,
            "attribution": self.card.attribution,
            "seed": str(seed),
            "source_type": origin.source_type,
            "producer": self.papers.producer,
        }


@dataclass(frozen=True, slots=True)
class Making:
    """How this process makes songs, whatever the model."""

    choice: Choice
    marks: Marks | None
    papers: Papers
    chunk_s: float

    @property
    def numbers(self) -> str:
        """As Served has it: sound in other chunks is the same within 1e-4, and not in every bit."""
        choice = self.choice
        return f"{choice.device.partition(':')[0]} {choice.kv or choice.precision} {self.chunk_s:g}"

    def maker(self, card: Card) -> str:
        """As Served would say it, were the card's model loaded."""
        choice = self.choice
        return _maker(card, choice.backend, choice.precision, self.numbers, self.marks, self.papers)


def making_of(settings: Settings) -> Making:
    """Raises ConfigurationError where the settings do not go together."""
    choice = backends.choose(settings.backend, settings.device, settings.precision, settings.kv_precision)
    marks = marks_by(settings) if settings.watermark else None
    return Making(choice, marks, papers_of(settings), settings.chunk_s)


def _maker(card: Card, backend: str, dtype: str, numbers: str, marks: Marks | None, papers: Papers) -> str:
    named = ("" if marks is None else marks.name, papers.name)
    parts = (__version__, card.revision, backend, dtype, numbers, *named)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def load_model(card: Card, settings: Settings, *, slots: int, making: Making | None = None) -> Served:
    """One model where the settings want it. Where memory is short, it has fewer slots than asked for.

    Raises LicenceRefused, CheckpointInvalid.
    """
    Rules(settings).allow(card)
    begun = time.monotonic()
    making = making or making_of(settings)
    backend = backends.load(
        card.path,
        making.choice,
        rows=ROWS_PER_SLOT * slots,
        threads=settings.threads,
        cache_dir=settings.cache_path,
        adapter=card.adapter,
    )
    slots = min(slots, backend.rows // ROWS_PER_SLOT)
    engine = Engine(backend, slots=slots, chunk_s=making.chunk_s)
    seconds = round(time.monotonic() - begun, 2)
    telemetry.MODEL_LOAD_SECONDS.labels(card.id).observe(seconds)
    telemetry.event(
        "model.loaded",
        model=card.id,
        seconds=seconds,
        slots=slots,
        slot_mb=round(song_bytes(card, settings) / 1e6),
        **asdict(making.choice),
    )
    choice, numbers = making.choice, making.numbers
    served = Served(card, engine, backend, slots, choice.backend, choice.precision, numbers)
    return replace(served, marks=making.marks, papers=making.papers)
