"""The models this installation knows: the built-in ones and those in the folder of the settings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from muscgen import telemetry
from muscgen.errors import CheckpointInvalid, ModelNotFound
from muscgen.models.card import CARD, Card, card_fields, is_adapted, read_card
from muscgen.models.leftout import BUILTIN

_SLASH = "--"  # in the names of folders

Cards = Mapping[str, Card]
Unreadable = Mapping[Path, CheckpointInvalid | OSError]
CardList = list[Card]  # named here, for `list` is a method below
Seen = frozenset[tuple[str, int, int]]  # every file: where it is, its size, its time


class Registry:
    """Read when made, and again by `refresh`. A folder with a card counts; two may not share an id.

    Models with weights of their own come before those that adapt them, whatever the folders are called.
    only: the ids that count; all, if empty. strict: raises CheckpointInvalid or OSError for a folder that
    cannot be read, which is left out otherwise. unreadable: what was left out, and why.
    """

    def __init__(self, models_path: Path, only: Collection[str] = (), *, strict: bool = True) -> None:
        self._models_path, self._only = models_path, only
        self._seen = _seen(models_path)
        self._cards, self.unreadable = self._read()
        if strict and self.unreadable:
            raise next(iter(self.unreadable.values()))

    def list(self) -> CardList:
        return list(self._cards.values())

    def get(self, model_id: str) -> Card:
        """Raises ModelNotFound naming the models that there are, or why its folder could not be read."""
        try:
            return self._cards[model_id]
        except KeyError:
            for folder, error in self.unreadable.items():
                if _called(folder) == model_id:
                    raise error from None
            known = ", ".join(self._cards)
            raise ModelNotFound(
                f"there is no model {model_id!r}", param="model", suggestion=f"known models: {known}"
            ) from None

    def refresh(self) -> bool:
        """Look whether models came, went or changed; whether they did. For a thread: it may read weights.

        A folder that cannot be read is left out, and the log says why, once a change.
        """
        seen = _seen(self._models_path)
        if seen == self._seen:
            return False
        (self._cards, self.unreadable), self._seen = self._read(), seen
        for folder, error in self.unreadable.items():
            telemetry.warning("model.unreadable", folder=folder, reason=str(error))
        telemetry.event("models.changed", models=",".join(self._cards))
        return True

    def _read(self) -> tuple[Cards, Unreadable]:
        cards: dict[str, Card] = {}
        unreadable: dict[Path, CheckpointInvalid | OSError] = {}
        folders = _checkpoints(BUILTIN) + _checkpoints(self._models_path)
        for folder in sorted(folders, key=_stands_on_another):
            try:
                self._add(folder, cards)
            except (CheckpointInvalid, OSError) as error:  # OSError: it went while it was read
                unreadable[folder] = error
        wanted = {model: card for model, card in cards.items() if not self._only or model in self._only}
        return wanted, unreadable

    def _add(self, folder: Path, cards: dict[str, Card]) -> None:
        bases = {card.id: card.path for card in cards.values() if card.adapter is None}
        card = read_card(folder, bases)
        if other := cards.get(card.id):
            raise CheckpointInvalid(f"{other.path} and {folder} both call themselves {card.id!r}")
        cards[card.id] = card


def _stands_on_another(folder: Path) -> bool:
    try:
        return is_adapted(folder)
    except CheckpointInvalid:  # it is said where the folder is read
        return False


def find(registry: Registry, model: str) -> Card:
    """A model by its id, or by its folder: for command lines, never for what clients say.

    Raises ModelNotFound, and CheckpointInvalid for a folder that cannot be read.
    """
    folder = Path(model)
    if not (folder / CARD).is_file():
        return registry.get(model)
    bases = {card.id: card.path for card in registry.list() if card.adapter is None}
    return read_card(folder.absolute(), bases)


def folders_by_id(models_path: Path) -> dict[str, Path]:
    """Which folder calls itself what; nothing but the cards is read.

    One whose card cannot be read goes by its folder's name, so that it can be removed.
    """
    return {_called(folder): folder for folder in _checkpoints(models_path)}


def card_of(model: str, models_path: Path) -> Card | None:
    """None: it is not here. Raises CheckpointInvalid where its card cannot be read."""
    folder = folders_by_id(models_path).get(model)
    return None if folder is None else card_in(folder, models_path)


def card_in(folder: Path, models_path: Path) -> Card:
    """The card of one of the models as `Registry` has it, without reading any other model's weights."""
    folders = (folders_by_id(BUILTIN) | folders_by_id(models_path)).items()
    return read_card(folder, {model: path for model, path in folders if not _stands_on_another(path)})


def folders_called(model: str, models_path: Path) -> list[Path]:
    """All that call themselves so; only one may."""
    return [folder for folder in _checkpoints(models_path) if _called(folder) == model]


def folder_name(model: str) -> str:
    """Of a model that was fetched or imported; no id has two dashes in a row."""
    return model.replace("/", _SLASH)


def _called(folder: Path) -> str:
    try:
        return str(card_fields(folder)["id"])
    except (CheckpointInvalid, KeyError):
        return folder.name.replace(_SLASH, "/")


def _checkpoints(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if (path / CARD).is_file())


def _seen(models_path: Path) -> Seen:
    files = (path for folder in _checkpoints(models_path) for path in folder.rglob("*"))
    return frozenset(filter(None, map(_stamp, files)))


def _stamp(path: Path) -> tuple[str, int, int] | None:
    try:
        status = path.stat()
    except OSError:  # it went while it was looked at
        return None
    return str(path), status.st_size, status.st_mtime_ns
