"""The recipe's stages, one after the other; each goes on where it was when it was killed.

All that a stage takes and leaves lies below one folder, so stages may run on several machines: songs are
composed and learnt where a GPU is, and rendered where FluidSynth is.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from muscgen.backends.listening import books_revision
from muscgen.data.place import write
from muscgen.models.checkpoint import Checkpoint
from muscgen.models.leftout import BUILTIN
from tinysong import ears, parcel, settings, twin
from tinysong.packs import Packs
from tinysong.scales import Scale
from tinysong.songs import Folder

SHIPPED, WORSE = "muscgen-tiny", 3  # the exit code of `muscgen evaluate` for a regression
_SONGS_EACH = 100  # lines of progress
_KEPT = ("model.safetensors", "config.json", "generation_config.json", "preprocessor_config.json")
_KEPT += ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "MODEL.md", "ATTRIBUTION.md")


@dataclass(frozen=True, slots=True)
class Kitchen:
    """Where all of it lies, of which size, in how many channels, and by which SoundFont."""

    out: Path
    scale: Scale
    soundfont: Path
    jobs: int
    id: str
    stereo: bool = False

    @property
    def start(self) -> Path:
        """The model that songs are composed for, and that goes on learning."""
        return self.out / ("twin" if self.stereo else "base")

    @property
    def books(self) -> str:
        return books_revision(Checkpoint(self.start))

    def muscgen(self, *words: object, may: tuple[int, ...] = (0,)) -> None:
        """One of the project's commands. Raises CalledProcessError for another exit code."""
        command = [sys.executable, "-m", "muscgen", *map(str, words), "--home", str(self.out / "home")]
        print("$ muscgen", *words, flush=True)
        code = subprocess.run(command, check=False).returncode
        if code not in may:
            raise subprocess.CalledProcessError(code, command)


def cook(kitchen: Kitchen, only: Collection[str] = ()) -> None:
    """All stages that are not done, or some of them; one that is done left a file of its name."""
    for stage in STAGES:
        done = kitchen.out / "done" / stage.__name__
        if done.is_file() or (only and stage.__name__ not in only):
            continue
        began = time.monotonic()
        print(f"== {stage.__name__}: {stage.__doc__}", flush=True)
        stage(kitchen)
        took_s = round(time.monotonic() - began, 1)
        write(done, json.dumps({"took_s": took_s}).encode())
        print(f"   {stage.__name__} took {took_s:g} s", flush=True)


def base(kitchen: Kitchen) -> None:
    """the shipped model with loudness, sharper attacks, and a name for every code"""
    ears.make(BUILTIN / SHIPPED, kitchen.out / "base")
    if kitchen.stereo:
        twin.make(kitchen.out / "base", kitchen.out / "twin")


def songs(kitchen: Kitchen) -> None:
    """pieces composed, as codes"""
    packs = Packs(kitchen.out / "songs", kitchen.scale.seconds, kitchen.books, kitchen.stereo)
    for count in packs.fill(kitchen.scale.composed, kitchen.jobs):
        print(f"{count} songs", flush=True)


def data(kitchen: Kitchen) -> None:
    """rights, captions and splits of the songs"""
    set_ = ("data", "prepare", "codes", kitchen.out / "songs", "--out", kitchen.out / "data")
    kitchen.muscgen(*set_, "--use", "commercial", "--codec", kitchen.start)


def language_model(kitchen: Kitchen) -> None:
    """the shipped language model goes on with the songs"""
    config, size = kitchen.out / "lm.toml", kitchen.scale.lm
    write(config, settings.singing(size).encode())
    places = ("--data", kitchen.out / "data", "--base", kitchen.start, "--out", kitchen.out / "lm")
    words = ("finetune", "--method", "full", "--config", config, "--id", f"{kitchen.id}-lm")
    kitchen.muscgen(*words, *places, "--steps", size.steps)


def rendered(kitchen: Kitchen) -> None:
    """pieces played by FluidSynth, with their codes"""
    books = books_revision(Checkpoint(kitchen.out / "base"))
    folder = Folder(kitchen.out / "rendered", kitchen.scale.seconds, kitchen.soundfont, books)
    for count in folder.fill(kitchen.scale.rendered, kitchen.jobs):
        if count % _SONGS_EACH == 0:
            print(f"{count} songs", flush=True)


def sound(kitchen: Kitchen) -> None:
    """rights and codes of what was played"""
    if kitchen.stereo:
        return  # its codes are of one channel: the twin's encoder learns from its decoder's sound
    set_ = ("data", "prepare", "folder", kitchen.out / "rendered", "--out", kitchen.out / "sound")
    codec = ("--codec", kitchen.out / "base", "--workers", kitchen.jobs)
    kitchen.muscgen(*set_, "--use", "commercial", *codec)


def encoder(kitchen: Kitchen) -> None:
    """sound becomes codes that the language model speaks"""
    config, size = kitchen.out / "ears.toml", kitchen.scale.ears
    there = (kitchen.out / "sound" / "manifest.json").is_file()  # else all pairs are the decoder's
    write(config, settings.listening(size, sound=there).encode())
    heard = kitchen.out / ("sound" if there else "data")
    places = ("--data", heard, "--base", kitchen.out / "lm", "--out", kitchen.out / "ears")
    words = ("train", "codec", "--learn", "encoder", "--config", config, "--id", kitchen.id)
    kitchen.muscgen(*words, *places, "--steps", size.steps)


def packed(kitchen: Kitchen) -> None:
    """a model and no more, in half the bytes, as the shipped one lies on the disk"""
    model = kitchen.out / "model"
    shutil.rmtree(model, ignore_errors=True)
    model.mkdir()
    for name in _KEPT:
        if (kitchen.out / "ears" / name).is_file():
            shutil.copyfile(kitchen.out / "ears" / name, model / name)
    ears.halve(model)
    write(model / "card.toml", (kitchen.out / "ears" / "card.toml").read_bytes())


def judged(kitchen: Kitchen) -> None:
    """the shipped model and this one, on prompts that neither was trained on"""
    lines = sorted((kitchen.out / "rendered" / "test").glob("*.json"))[: kitchen.scale.prompts]
    asked = [json.loads(path.read_text())["description"] for path in lines]
    prompts = kitchen.out / "prompts.txt"
    write(prompts, "\n".join([*asked, ""]).encode())
    held = ("--prompts", prompts, "--reference", kitchen.out / "rendered" / "test")
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
    *(base, songs, data, language_model, rendered, sound, encoder, packed, judged, card),
)
PLAYED = frozenset({"rendered"})  # where FluidSynth is needed
PARCELS = {"language_model": "lm", "encoder": "ears"}  # trainings and their folders


def send(kitchen: Kitchen, stage: str) -> None:
    """What a training learnt since the beginning goes into a parcel."""
    folder = kitchen.out / "parcels" / stage
    parcel.sent(kitchen.out / PARCELS[stage], kitchen.start, folder)


def receive(kitchen: Kitchen, stage: str) -> None:
    """A training that was done elsewhere is done here, over the same start."""
    base_done = kitchen.out / "done" / "base"
    if not base_done.is_file():
        cook(kitchen, ["base"])
    parcel.opened(kitchen.out / "parcels" / stage, kitchen.start, kitchen.out / PARCELS[stage])
    write(kitchen.out / "done" / stage, json.dumps({"took_s": 0.0}).encode())


def _measures(folder: Path) -> dict[str, float]:
    found = json.loads((folder / "evaluation.json").read_text("utf-8"))["measures"]
    return {name: measure["value"] for name, measure in found.items()}
