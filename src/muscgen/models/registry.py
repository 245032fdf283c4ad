"""The models this installation knows: the built-in ones and those in the folder of the settings."""

from __future__ import annotations

from pathlib import Path

from muscgen.errors import CheckpointInvalid, ModelNotFound
from muscgen.models.card import CARD, Card, card_fields, is_adapted, read_card

BUILTIN = Path(__file__).parent / "builtin"


class Registry:
    """Read once, when made. A folder with a card counts; two may not share an id.

    Models with weights of their own come before those that adapt them, whatever the folders are called.
    """

    def __init__(self, models_path: Path) -> None:
        self._cards: dict[str, Card] = {}
        folders = _checkpoints(BUILTIN) + _checkpoints(models_path)
        adapted = {folder for folder in folders if is_adapted(folder)}
        for folder in folders:
            if folder not in adapted:
                self._add(folder, read_card(folder))
        bases = {card.id: card.path for card in self.list()}
        for folder in sorted(adapted):
            self._add(folder, read_card(folder, bases))

    def list(self) -> list[Card]:
        return list(self._cards.values())

    def get(self, model_id: str) -> Card:
        """Raises ModelNotFound naming the models that there are."""
        try:
            return self._cards[model_id]
        except KeyError:
            known = ", ".join(self._cards)
            raise ModelNotFound(
                f"there is no model {model_id!r}", param="model", suggestion=f"known models: {known}"
            ) from None

    def _add(self, folder: Path, card: Card) -> None:
        if other := self._cards.get(card.id):
            raise CheckpointInvalid(f"{other.path} and {folder} both call themselves {card.id!r}")
        self._cards[card.id] = card


def folders_by_id(models_path: Path) -> dict[str, Path]:
    """Which folder calls itself what; nothing but the cards is read."""
    return {str(card_fields(folder).get("id")): folder for folder in _checkpoints(models_path)}


def _checkpoints(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if (path / CARD).is_file())
