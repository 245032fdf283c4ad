from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tiny import random_checkpoint

from muscgen.fetching.hub import Hub
from muscgen.fetching.patience import Patience
from muscgen.fetching.pull import Pulled, Stage, Wish, pull
from muscgen.models.terms import Said, Terms, shipped
from muscgen.rights import Acceptances, Rules, licensed
from muscgen.settings import Settings

from .hub_server import HubServer, Trouble

SMALL = "facebook/musicgen-small"
WEIGHTS = "model.safetensors"
EXTRA = {"README.md": b"# words", "pytorch_model.bin": b"another copy of the weights"}
HURRY = Patience(tries=3, first_s=0.01, most_s=0.02, longest_s=1.0)


def checkpoint(folder: Path) -> Path:
    """A small MusicGen's files as a hub has them: no card, and more than is needed."""
    random_checkpoint(folder)
    (folder / "card.toml").unlink()
    for name, content in EXTRA.items():
        (folder / name).write_bytes(content)
    return folder


def spoil(path: Path, at: int) -> None:
    """One bit of the file's byte there is another."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@dataclass
class Household:
    """An installation, a hub, and what is fetched from one to the other."""

    home: Path
    hub: HubServer
    token: str | None = None
    stages: list[Stage] = field(default_factory=list)

    @property
    def weights(self) -> Path:
        """The hub's own file."""
        return self.hub.repositories[SMALL] / WEIGHTS

    @property
    def size(self) -> int:
        return self.weights.stat().st_size

    @property
    def troubles(self) -> deque[Trouble]:
        """Of the weights."""
        return self.hub.troubles[f"/lfs{self.weights}"]

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home)

    @property
    def models(self) -> Path:
        return self.settings.models_path

    def accept(self, model: str = SMALL) -> None:
        terms = licensed(shipped()[model])
        Acceptances(self.settings.acceptances_path).add(model, terms.license, terms.text, person="Ada")

    def pull(self, terms: Terms | str = SMALL, patience: Patience = HURRY, **more: str | None) -> Pulled:
        wish = Wish(shipped()[terms] if isinstance(terms, str) else terms, **more)
        return pull(wish, self.models, Rules(self.settings), patience, self.stages.append)

    def folder(self, model: str = SMALL) -> Path:
        return self.models / model.replace("/", "--")

    def files(self, model: str = SMALL) -> set[str]:
        folder = self.folder(model)
        return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("hub") / "small")


@pytest.fixture
def hub(weights: Path) -> Iterator[HubServer]:
    server = HubServer()
    server.put(SMALL, weights)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def house(tmp_path: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> Household:
    """Whose hub is the one of the test."""
    household = Household(tmp_path / "home", hub)

    class OurHub(Hub):
        def __init__(self, repository: str, revision: str = "main", **more: object) -> None:
            super().__init__(repository, revision, endpoint=hub.url, token=household.token, **more)

    monkeypatch.setattr("muscgen.fetching.hub.Hub", OurHub)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    return household


OURS = Said("Apache-2.0").terms("ours/lofi")
