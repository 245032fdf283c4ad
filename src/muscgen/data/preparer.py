"""What every worker has, here or on another machine: the bench, and a way to take one order after another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muscgen.backends.listening import books_revision, codec_revision, open_listener
from muscgen.backends.loading import Choice
from muscgen.data.place import Place
from muscgen.data.work import Bench, Order, Sound, given_up, work
from muscgen.errors import InvalidRequest, MuscgenError
from muscgen.models.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class CodecChoice:
    """Whose encoder makes the codes, and on what. revision, books: see backends/listening.py."""

    model: str
    checkpoint: str
    revision: str
    books: str
    frame_rate: int
    codebooks: int
    vocabulary: int
    choice: Choice
    cache_dir: str


@dataclass(frozen=True, slots=True)
class Job:
    """What is the same for every track of a run; goes to workers as it is."""

    out: str
    sound: Sound
    codec: CodecChoice | None = None
    threads: int = 1


class Preparer:
    """Takes orders. What it needs of a model is loaded when the first of them comes."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._bench: Bench | None = None

    def __call__(self, order: Order) -> dict[str, Any]:
        """The track's record. What a file does to the libraries is told in it; a full disk ends the run.

        Raises MuscgenError, OSError.
        """
        bench = self._bench = self._bench or _bench(self._job)
        try:
            return work(order, bench)
        except (OSError, MuscgenError):
            raise
        except Exception as error:  # noqa: BLE001  nobody knows what a crafted file makes of a library
            return given_up(order, bench, f"{type(error).__name__}: {error}")


def codec_choice(model: str, checkpoint: Path, choice: Choice, cache_dir: Path) -> tuple[CodecChoice, Sound]:
    """The codec of a checkpoint, and the sound that it hears.

    Raises CheckpointInvalid, and InvalidRequest for one without an encoder.
    """
    found = Checkpoint(checkpoint)
    if not found.hears:
        raise InvalidRequest(
            f"{model} has no encoder, which turns sound into codes", param="codec", suggestion="another model"
        )
    codec, decoder = found.config.codec, found.config.decoder
    chosen = CodecChoice(
        model=model,
        checkpoint=str(checkpoint.absolute()),
        revision=codec_revision(found),
        books=books_revision(found),
        frame_rate=codec.sample_rate // codec.hop,
        codebooks=decoder.codebooks,
        vocabulary=decoder.vocabulary,
        choice=choice,
        cache_dir=str(cache_dir.absolute()),
    )
    return chosen, Sound(codec.sample_rate, decoder.channels)


def _bench(job: Job) -> Bench:
    codec = job.codec
    if codec is None:
        return Bench(Place(Path(job.out)), job.sound)
    listener = open_listener(
        Path(codec.checkpoint), codec.choice, threads=job.threads, cache_dir=Path(codec.cache_dir)
    )
    return Bench(Place(Path(job.out)), job.sound, listener, codec.revision, codec.books)
