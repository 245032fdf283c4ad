"""What lies here: whether it is still what came, and how it goes."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from muscgen import telemetry
from muscgen.errors import CheckpointInvalid, InvalidRequest, ModelInUse, ModelNotFound
from muscgen.fetching.patience import Patience
from muscgen.fetching.shelf import Shelf
from muscgen.models.card import CARD, card_fields
from muscgen.models.leftout import BUILTIN
from muscgen.models.record import Record, read_record
from muscgen.models.registry import folders_by_id, folders_called
from muscgen.models.terms import shipped

SESSION_REVISION = "revision"  # in each of the onnx backend's prepared sessions


@dataclass(frozen=True, slots=True)
class Finding:
    """A file, and how it compares with its digest of when it came."""

    file: str
    state: Literal["right", "changed", "missing", "unrecorded"]
    sha256: str | None = None

    @property
    def wrong(self) -> bool:
        return self.state in ("changed", "missing")


def verify(model: str, models_path: Path) -> list[Finding]:
    """Every file read anew; of a folder made by hand the digests are told. Raises ModelNotFound.

    A card is no file that came; one that cannot be read was changed.
    """
    folder = folder_of(model, models_path)
    found = list(_compare(folder, _promised(model, folder)))
    if _said(folder):
        return found
    return [Finding(CARD, "changed"), *(one for one in found if one.file != CARD)]


def remove(model: str, models_path: Path, patience: Patience, cache_path: Path) -> int:
    """Take a model away, what an unfinished fetch of it left, and its prepared sessions; how many bytes.

    A process that has it open keeps it until it closes it. Raises ModelNotFound, InvalidRequest for the
    shipped model and where two folders have the id, ModelInUse where an adapter stands on it, Cancelled.
    """
    if model in folders_by_id(BUILTIN):
        raise InvalidRequest(f"{model} comes with muscgen, and goes with it", param="model")
    shelf = Shelf(models_path)
    with shelf.alone(model, patience, lambda: telemetry.warning("remove.waits", model=model)):
        folder = folder_called(model, models_path)  # who had the lock may have put it there, or away
        gone = shelf.clear(model)
        if folder is None and not gone:
            raise _unknown(model, models_path)
        if folder is not None:
            _check_unused(model, folder, models_path)
            record = _record(folder)
            gone += 0 if folder.is_symlink() else _size(folder)
            shelf.remove(folder, model)
            gone += _forget_sessions(record, models_path, cache_path)
    telemetry.event("model.removed", model=model, bytes=gone)
    return gone


def _forget_sessions(record: Record | None, models_path: Path, cache_path: Path) -> int:
    """What was prepared of these weights, unless another model has the same; how many bytes.

    Of a model without a record nobody knows it, and it stays.
    """
    others = [_record(folder) for folder in folders_by_id(models_path).values()]
    used = {terms.revision for terms in shipped().values()} | {other.revision for other in others if other}
    if record is None or record.revision in used:
        return 0
    gone = 0
    for path in cache_path.glob(f"*/{SESSION_REVISION}"):
        if path.read_text("ascii") == record.revision:
            gone += _size(path.parent)
            shutil.rmtree(path.parent, ignore_errors=True)
    return gone


def _record(folder: Path) -> Record | None:
    """None too where it cannot be read: it is in no removal's way."""
    try:
        return read_record(folder)
    except CheckpointInvalid:
        return None


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def folder_called(model: str, models_path: Path) -> Path | None:
    """Where a model that is not shipped lies. Raises InvalidRequest where two folders call themselves so."""
    found = folders_called(model, models_path)
    if len(found) > 1:
        raise InvalidRequest(
            f"{' and '.join(map(str, found))} both call themselves {model!r}",
            param="model",
            suggestion="take one of them away by hand, or give it another id in its card.toml",
        )
    return found[0] if found else None


def folder_of(model: str, models_path: Path) -> Path:
    """Raises ModelNotFound naming the models that there are."""
    found = (folders_by_id(BUILTIN) | folders_by_id(models_path)).get(model)
    if found is None:
        raise _unknown(model, models_path)
    return found


def _unknown(model: str, models_path: Path) -> ModelNotFound:
    known = ", ".join(folders_by_id(BUILTIN) | folders_by_id(models_path))
    return ModelNotFound(f"there is no model {model!r} here", param="model", suggestion=f"here are: {known}")


def _check_unused(model: str, folder: Path, models_path: Path) -> None:
    for other, place in folders_by_id(models_path).items():
        base = _said(place).get("base")
        if base is not None and (base == model or (place / str(base)).resolve() == folder.resolve()):
            raise ModelInUse(f"{other} is made of {model}", param="model", suggestion=f"remove {other} first")


def _said(folder: Path) -> dict[str, Any]:
    """By its card; nothing where that cannot be read."""
    try:
        return card_fields(folder)
    except CheckpointInvalid:
        return {}


def _promised(model: str, folder: Path) -> dict[str, str | None]:
    record = read_record(folder)
    if record is not None:
        return {kept.name: kept.sha256 for kept in record.files}
    if folder.parent == BUILTIN:
        return {file.name: file.sha256 for file in shipped()[model].files}
    return {str(path.relative_to(folder)): None for path in sorted(folder.rglob("*")) if path.is_file()}


def _compare(folder: Path, promised: dict[str, str | None]) -> Iterator[Finding]:
    for name, expected in promised.items():
        try:
            with (folder / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            yield Finding(name, "missing")
            continue
        if expected is None:
            yield Finding(name, "unrecorded", found)
        else:
            yield Finding(name, "right" if found == expected else "changed", found)
