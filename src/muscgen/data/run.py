"""A whole run: list, work, assemble. Killed at any moment and started again, it goes on where it was."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from muscgen.data import consent, listing, report, taken_back
from muscgen.data import place as files
from muscgen.data.assembly import assemble
from muscgen.data.consent import Statements, TrainingUse
from muscgen.data.keeping import Keeping, Scores, Sounds
from muscgen.data.ledger import Reason, Rule
from muscgen.data.manifest import Manifest
from muscgen.data.on_ray import on_ray
from muscgen.data.place import Place
from muscgen.data.pool import on_this_machine
from muscgen.data.preparer import CodecChoice, Job
from muscgen.data.readers import Reader, reader_of
from muscgen.data.scores import weighed
from muscgen.data.splits import DEFAULT_SHARES, Shares
from muscgen.data.work import Order, Sound
from muscgen.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be prepared. workers: None is one a core; ray: an address, None is this machine."""

    dataset: str
    path: Path
    use: TrainingUse
    out: Path
    sound: Sound
    shares: Shares = DEFAULT_SHARES
    codec: CodecChoice | None = None
    statements: Path | None = None
    workers: int | None = None
    ray: str | None = None


@dataclass(slots=True)
class Progress:
    """How a run stands. audio_s: seconds of sound that were prepared in this run."""

    listed: int = 0
    orders: int = 0
    done: int = 0
    reused: int = 0
    bad: int = 0
    audio_s: float = 0.0
    source_bytes: int = 0
    began: float = 0.0

    @property
    def took_s(self) -> float:
        return time.monotonic() - self.began

    def to_dict(self) -> dict[str, Any]:
        """With its rates, of what was not there already."""
        took_s = max(self.took_s, 1e-9)
        counts = asdict(self)
        del counts["began"]
        rates = {
            "took_s": round(took_s, 3),
            "tracks_per_s": round((self.done - self.reused) / took_s, 2),
            "audio_s_per_s": round(self.audio_s / took_s, 2),
            "megabytes_per_s": round(self.source_bytes / took_s / 1e6, 2),
        }
        return counts | {"audio_s": round(self.audio_s, 3)} | rates


Tell = Callable[[Progress], None]


def prepare(wish: Wish, tell: Tell) -> tuple[Manifest, Progress]:
    """Everything under `wish.out`. Raises MuscgenError, OSError."""
    reader, root, place = (
        reader_of(wish.dataset, wish.path),
        listing.root_of(wish.path),
        Place(wish.out.absolute()),
    )
    if Path(os.path.realpath(place.folder)).is_relative_to(os.path.realpath(root)):
        raise InvalidRequest(
            f"{place.folder} lies within the data set itself", param="out", suggestion="elsewhere"
        )
    if reader.traits.scores:
        _check_scores(wish)
    statements = _statements(wish, root)
    job = Job(str(place.folder), wish.sound, wish.codec)
    with place.alone():
        files.sweep(place.folder)
        taken = taken_back.read(place)
        rule = Rule(wish.dataset, wish.use, reader.traits, taken.names)
        progress = Progress(began=time.monotonic())
        progress.listed, progress.orders = listing.draft(root, reader, rule, statements, place)
        tell(progress)
        orders = _orders(root, place, rule)
        for record in _records(orders, job, wish, scores=reader.traits.scores):
            _count(progress, record)
            tell(progress)
        with ExitStack() as stack:
            keeping = _keeping(place, root, job, reader, stack)
            manifest = assemble(place, rule, job, wish.shares, keeping, taken, stack)
        report.write_attribution(place, manifest.text_attribution)
        files.write(place.run, files.to_line(progress.to_dict()))
    return manifest, progress


def _orders(root: Path, place: Place, rule: Rule) -> Iterator[Order]:
    for line in listing.drafted(place, with_sound=True):
        yield line.to_order(root, notes=rule.traits.notes)


def _keeping(place: Place, root: Path, job: Job, reader: Reader, stack: ExitStack) -> Keeping:
    if job.codec is not None and reader.traits.scores:
        return Scores(place, root, job.codec)
    return Sounds(place, root, job, stack, notes=reader.traits.notes)


def _check_scores(wish: Wish) -> None:
    """Raises InvalidRequest for what codes cannot have."""
    if wish.codec is None:
        raise InvalidRequest(
            "codes are of a codec: say whose", param="codec", suggestion="--codec muscgen-tiny"
        )
    for name, given in (("lufs", wish.sound.loudness_lufs), ("workers", wish.workers), ("ray", wish.ray)):
        if given is not None:
            raise InvalidRequest(
                f"--{name} is for sounds; a set of codes has none, and is prepared in one process", param=name
            )


def _records(orders: Iterator[Order], job: Job, wish: Wish, *, scores: bool) -> Iterator[dict[str, Any]]:
    if scores and (codec := job.codec) is not None:
        return (weighed(order, codec) for order in orders)
    if wish.ray is not None:
        return on_ray(orders, job, wish.ray, wish.workers)
    return on_this_machine(orders, job, wish.workers or _cores())


def _statements(wish: Wish, root: Path) -> Statements:
    path = wish.statements or consent.beside(root)
    return Statements() if path is None else consent.read(path)


def _count(progress: Progress, record: dict[str, Any]) -> None:
    progress.done += 1
    if record["reused"]:
        progress.reused += 1
    elif "measured" in record:
        progress.audio_s += record["measured"]["duration_s"]
    if not record["reused"]:
        progress.source_bytes += record["bytes"]
    progress.bad += record["reason"] != Reason.PERMITTED


def _cores() -> int:
    from muscgen.backends.onnx.session import cores

    return cores()
