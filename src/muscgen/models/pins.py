"""Files that a card names with their digests: they are these, or the model is not loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from muscgen.errors import CheckpointInvalid
from muscgen.models.folder import digest
from muscgen.models.terms import Stated, WeightFile, shipped


def check_pins(model: str, stated: Stated, folder: Path, weights: list[Path], revision: str) -> None:
    """Raise CheckpointInvalid, naming the file, for one that is not what a card says.

    That is the model's own card, and the shipped card of its name. revision: of the weights, as computed.
    """
    computed = {weights[0].name: revision} if len(weights) == 1 else {}
    known = shipped().get(model)
    _check(model, stated.files, folder, computed)
    _check(model, known.files if known else (), folder, computed)


def _check(model: str, files: Iterable[WeightFile], folder: Path, computed: Mapping[str, str]) -> None:
    for file in files:
        if file.sha256 is None:
            continue
        name = PurePosixPath(file.name)
        if name.is_absolute() or ".." in name.parts:
            raise CheckpointInvalid(f"{model}: the card pins {file.name}, which is not in its folder")
        try:
            found = computed.get(file.name) or digest([folder / name])
        except OSError as error:
            raise CheckpointInvalid(f"{model}: {file.name}, pinned by its card, cannot be read") from error
        if found != file.sha256:
            raise CheckpointInvalid(
                f"{model}: {file.name} is not the file that its card pins: sha256 {found}, not {file.sha256}"
            )
