"""The recipe's stages, one after the other; each goes on where it was when it was killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from muscgen.backends.listening import books_revision
from muscgen.data.place import write
from muscgen.models.checkpoint import Checkpoint
from muscgen.models.registry import BUILTIN
from tinysong import ears
from tinysong.scales import Scale, Training
from tinysong.songs import Folder

SHIPPED, WORSE = "muscgen-tiny", 3  # the exit code of `muscgen evaluate` for a regression
_SONGS_EACH = 100  # lines of progress


@dataclass(frozen=True, slots=True)
class Kitchen:
    """Where all of it lies, of which size, and by which SoundFont."""

    out: Path
    scale: Scale
    soundfont: Path
    jobs: int
    id: str

    def muscgen(self, *words: object, may: tuple[int, ...] = (0,)) -> None:
        """One of the project's commands. Raises CalledProcessError for another exit code."""
        command = [sys.executable, "-m", "muscgen", *map(str, words), "--home", str(self.out / "home")]
        print("$ muscgen", *words, flush=True)
        code = subprocess.run(command, check=False).returncode
        if code not in may:
            raise subprocess.CalledProcessError(code, command)


def cook(kitchen: Kitchen) -> None:
    """All stages that are not done; one that is done left a file of its name."""
    for stage in STAGES:
        done = kitchen.out / "done" / stage.__name__
        if done.is_file():
            continue
        began = time.monotonic()
        print(f"== {stage.__name__}: {stage.__doc__}", flush=True)
        stage(kitchen)
        write(done, json.dumps({"took_s": round(time.monotonic() - began, 1)}).encode())


def base(kitchen: Kitchen) -> None:
    """the shipped model with loudness, sharper attacks, and a name for every code"""
    ears.make(BUILTIN / SHIPPED, kitchen.out / "base", kitchen.soundfont)


def songs(kitchen: Kitchen) -> None:
    """pieces composed, and played by FluidSynth"""
    books = books_revision(Checkpoint(kitchen.out / "base"))
    folder = Folder(kitchen.out / "songs", kitchen.scale.seconds, kitchen.soundfont, books)
    for count in folder.fill(kitchen.scale.songs, kitchen.jobs):
        if count % _SONGS_EACH == 0:
            print(f"{count} songs", flush=True)


def data(kitchen: Kitchen) -> None:
    """rights, captions and codes of every song, for the encoder"""
    _prepare(kitchen, "data", kitchen.out / "base")


def encoder(kitchen: Kitchen) -> None:
    """codes are heard in the sound that they make"""
    words = ("train", "codec", "--learn", "encoder", "--id", f"{kitchen.id}-ears")
    _train(kitchen, words, "base", "ears", kitchen.scale.ears, samples=False)


def data_again(kitchen: Kitchen) -> None:
    """the same songs, under the codec that hears"""
    _prepare(kitchen, "data", kitchen.out / "ears")


def language_model(kitchen: Kitchen) -> None:
    """songs are learnt from nothing"""
    words = ("train", "lm", "--id", kitchen.id)
    _train(kitchen, words, "ears", "model", kitchen.scale.lm, samples=True)


def packed(kitchen: Kitchen) -> None:
    """half the bytes, as the shipped model lies on the disk"""
    ears.halve(kitchen.out / "model")


def judged(kitchen: Kitchen) -> None:
    """the shipped model and this one, on prompts that neither was trained on"""
    lines = sorted((kitchen.out / "songs" / "test").glob("*.json"))[: kitchen.scale.prompts]
    asked = [json.loads(path.read_text())["description"] for path in lines]
    prompts = kitchen.out / "prompts.txt"
    write(prompts, "\n".join([*asked, ""]).encode())
    held = ("--prompts", prompts, "--reference", kitchen.out / "songs" / "test")
    judge = (*held, "--duration", kitchen.scale.judged_s)
    stored = kitchen.out / "shipped.json"
    kitchen.muscgen(
        "evaluate", SHIPPED, *judge, "--out", kitchen.out / "judged-shipped", "--store-baseline", stored
    )
    mine = (*judge, "--out", kitchen.out / "judged", "--baseline", stored)
    kitchen.muscgen("evaluate", kitchen.out / "model", *mine, may=(0, WORSE))


def card(kitchen: Kitchen) -> None:
    """what was measured goes into the model's page"""
    found = [_measures(kitchen.out / name) for name in ("judged-shipped", "judged")]
    both = [(name, found[0][name], mine) for name, mine in found[1].items() if name in found[0]]
    rows = [f"| {name} | {shipped:.4g} | {mine:.4g} |" for name, shipped, mine in both]
    table = "\n".join(["| | muscgen-tiny, as shipped | this model |", "|---|---|---|", *rows])
    page = kitchen.out / "model" / "MODEL.md"
    judgement = f"\n## Judged\n\n`muscgen evaluate`, {kitchen.scale.prompts} held-out prompts.\n\n{table}\n"
    write(page, (page.read_text("utf-8").split("\n## Judged\n")[0] + judgement).encode())


STAGES: tuple[Callable[[Kitchen], None], ...] = (
    *(base, songs, data, encoder, data_again, language_model, packed, judged, card),
)


def _prepare(kitchen: Kitchen, name: str, codec: Path) -> None:
    set_ = ("data", "prepare", "folder", kitchen.out / "songs", "--out", kitchen.out / name)
    kitchen.muscgen(*set_, "--use", "commercial", "--codec", codec, "--workers", kitchen.jobs)


def _train(
    kitchen: Kitchen, words: tuple[str, ...], start: str, out: str, size: Training, *, samples: bool
) -> None:
    """Steps are told here, the rest in a file, as both trainings read one."""
    config = kitchen.out / f"{out}.toml"
    lines = [
        *("[optimiser]", f"batch = {size.batch}", f"learning_rate = {size.learning_rate}", "[saving]"),
        *(f"every_steps = {size.every_steps}", f"sample_s = {min(4.0, size.window_s) if samples else 0.0}"),
    ]
    write(config, "\n".join([*lines, ""]).encode())
    places = ("--config", config, "--data", kitchen.out / "data", "--base", kitchen.out / start)
    sizes = ("--steps", size.steps, "--window", size.window_s)
    kitchen.muscgen(*words, *places, "--out", kitchen.out / out, *sizes)


def _measures(folder: Path) -> dict[str, float]:
    found = json.loads((folder / "evaluation.json").read_text("utf-8"))["measures"]
    return {name: measure["value"] for name, measure in found.items()}
