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
from typing import Literal

from safetensors.torch import load_file

from muscgen.backends.listening import books_revision
from muscgen.data.place import write
from muscgen.models.checkpoint import Checkpoint
from muscgen.models.leftout import BUILTIN
from tinysong import ears, joined, parcel, settings, sines, teacher, twin
from tinysong.packs import Packs
from tinysong.scales import Scale, Singing
from tinysong.songs import Folder

Ears = Literal["learnt", "shipped"]
SHIPPED, WORSE = "muscgen-tiny", 3  # the exit code of `muscgen evaluate` for a regression
_SONGS_EACH = 100  # lines of progress
_KEPT = ("model.safetensors", "config.json", "generation_config.json", "preprocessor_config.json")
_KEPT += ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "MODEL.md", "ATTRIBUTION.md")


@dataclass(frozen=True, slots=True)
class Kitchen:
    """Where all of it lies, of which size, in how many channels, and by which SoundFont.

    ears: of the model that is packed: those that learn names, or those that the shipped model has.
    """

    out: Path
    scale: Scale
    soundfont: Path
    jobs: int
    id: str
    stereo: bool = False
    ears: Ears = "learnt"

    @property
    def model(self) -> Path:
        return self.folder("model")

    def folder(self, name: str) -> Path:
        """Of a stage that is another by whose ears the model has."""
        return self.out / (name if self.ears == "learnt" else f"{name}-shipped-ears")

    @property
    def singing(self) -> Singing:
        return (self.stereo and self.scale.twin) or self.scale.lm

    @property
    def start(self) -> Path:
        """The model that songs are composed for, and that goes on learning."""
        return self.out / ("twin" if self.stereo else "base")

    @property
    def played(self) -> bool:
        """Whether there is real sound of its codes; a twin's are of two channels, and were not rendered."""
        return not self.stereo and (self.out / "rendered").is_dir()

    @property
    def left_out(self) -> frozenset[str]:
        """Stages that this model has no need of."""
        return (HEARD if self.ears == "shipped" else frozenset()) | (MONO if self.stereo else frozenset())

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
        done = marker(kitchen, stage.__name__)
        if done.is_file() or (only and stage.__name__ not in only):
            continue
        if stage.__name__ in kitchen.left_out:
            continue
        began = time.monotonic()
        print(f"== {stage.__name__}: {stage.__doc__}", flush=True)
        stage(kitchen)
        took_s = round(time.monotonic() - began, 1)
        write(done, json.dumps({"took_s": took_s}).encode())
        print(f"   {stage.__name__} took {took_s:g} s", flush=True)


def marker(kitchen: Kitchen, stage: str) -> Path:
    """The file that says that a stage is done."""
    return kitchen.out / "done" / (kitchen.folder(stage).name if stage in OF_EARS else stage)


def base(kitchen: Kitchen) -> None:
    """the shipped model with loudness, attacks, and a name for every code that an encoder is to learn"""
    ears.make(BUILTIN / SHIPPED, kitchen.out / "base", named=kitchen.ears == "learnt")
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
    config, size = kitchen.out / "lm.toml", kitchen.singing
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


def taught(kitchen: Kitchen) -> None:
    """the encoder learns what codes there are, from what its front says of them"""
    scale = kitchen.scale
    learnt = teacher.teach(kitchen.start, kitchen.out, scale.teaching, scale.continuing.rendered)
    model = kitchen.out / "hearing"
    shutil.rmtree(model, ignore_errors=True)
    shutil.copytree(kitchen.out / "lm", model, ignore=shutil.ignore_patterns("checkpoints", "samples"))
    ears.rewrite(model, lambda weights: weights | learnt)


def continued(kitchen: Kitchen) -> None:
    """the language model goes on from what that encoder hears"""
    model, scale = kitchen.out / "hearing", kitchen.scale
    start = load_file(kitchen.out / "lm" / "model.safetensors")
    began = {name: weight for name, weight in start.items() if name.startswith("decoder.")}
    ears.rewrite(model, lambda weights: weights | began)  # where it was killed unmarked
    learnt = teacher.carry_on(model, kitchen.out, scale.continuing, scale.teaching.composed)
    ears.rewrite(model, lambda weights: weights | learnt)


def sound(kitchen: Kitchen) -> None:
    """rights and codes of what was played, or of songs where nothing was, for the encoder that was taught"""
    kind, folder = "codes", "songs"
    at_once: tuple[object, ...] = ()
    if kitchen.played:
        kind, folder, at_once = "folder", "rendered", ("--workers", kitchen.jobs)
    set_ = ("data", "prepare", kind, kitchen.out / folder, "--out", kitchen.out / "sound")
    kitchen.muscgen(*set_, "--use", "commercial", "--codec", kitchen.out / "hearing", *at_once)


def encoder(kitchen: Kitchen) -> None:
    """sound becomes codes that the language model speaks"""
    config, size = kitchen.out / "ears.toml", kitchen.scale.ears
    write(config, settings.listening(size, sound=kitchen.played).encode())
    places = (
        "--data",
        kitchen.out / "sound",
        "--base",
        kitchen.out / "hearing",
        "--out",
        kitchen.out / "ears",
    )
    words = ("train", "codec", "--learn", "encoder", "--config", config, "--id", kitchen.id)
    kitchen.muscgen(*words, *places, "--steps", size.steps)


def packed(kitchen: Kitchen) -> None:
    """a model and no more, in half the bytes, as the shipped one lies on the disk"""
    made = kitchen.out / "ears"
    if kitchen.ears == "shipped":
        made = _joined(kitchen)
    shutil.rmtree(kitchen.model, ignore_errors=True)
    kitchen.model.mkdir()
    for name in _KEPT:
        if (made / name).is_file():
            shutil.copyfile(made / name, kitchen.model / name)
    ears.halve(kitchen.model)
    write(kitchen.model / "card.toml", (made / "card.toml").read_bytes())


def _joined(kitchen: Kitchen) -> Path:
    """What was learnt of the language model, over the codec and encoder that the shipped model has."""
    voiced = kitchen.out / "voiced"
    ears.make(BUILTIN / SHIPPED, voiced, named=False)
    if kitchen.stereo:
        twin.make(voiced, kitchen.out / "voiced-twin")
        voiced = kitchen.out / "voiced-twin"
    joined.make(kitchen.out / "lm", voiced, kitchen.out / "joined", kitchen.id)
    return kitchen.out / "joined"


def judged(kitchen: Kitchen) -> None:
    """the shipped model and this one, on prompts that neither was trained on"""
    prompts, reference = kitchen.out / "prompts.txt", kitchen.out / "rendered" / "test"
    asked = [json.loads(path.read_text())["description"] for path in sorted(reference.glob("*.json"))]
    if kitchen.ears == "shipped":
        prompts, reference = kitchen.folder("prompts").with_suffix(".txt"), kitchen.folder("reference")
        lines = sines.PROMPTS.read_text("utf-8").splitlines()
        asked = [json.loads(line)["prompt"] for line in lines]
        sines.write(reference, kitchen.scale.prompts)
    write(prompts, "\n".join([*asked[: kitchen.scale.prompts], ""]).encode())
    judge = ("--prompts", prompts, "--reference", reference, "--duration", kitchen.scale.judged_s)
    stored, shipped = kitchen.folder("shipped").with_suffix(".json"), kitchen.folder("judged-shipped")
    kitchen.muscgen("evaluate", SHIPPED, *judge, "--out", shipped, "--store-baseline", stored)
    mine = (*judge, "--out", kitchen.folder("judged"), "--baseline", stored)
    kitchen.muscgen("evaluate", kitchen.model, *mine, may=(0, WORSE))


def card(kitchen: Kitchen) -> None:
    """what was measured goes into the model's page"""
    found = [_measures(kitchen.folder(name)) for name in ("judged-shipped", "judged")]
    both = [(name, found[0][name], mine) for name, mine in found[1].items() if name in found[0]]
    rows = [f"| {name} | {shipped:.4g} | {mine:.4g} |" for name, shipped, mine in both]
    table = "\n".join(["| | muscgen-tiny, as shipped | this model |", "|---|---|---|", *rows])
    page = kitchen.model / "MODEL.md"
    judgement = f"\n## Judged\n\n`muscgen evaluate`, {kitchen.scale.prompts} held-out prompts.\n\n{table}\n"
    write(page, (page.read_text("utf-8").split("\n## Judged\n")[0] + judgement).encode())


STAGES: tuple[Callable[[Kitchen], None], ...] = (
    *(base, songs, data, language_model, rendered, taught, continued),
    *(sound, encoder, packed, judged, card),
)
MONO = frozenset({"continued"})  # a twin's language model speaks of two sides, which its encoder hears apart
PLAYED = frozenset({"rendered"})  # where FluidSynth is needed
HEARD = frozenset({"rendered", "taught", "continued", "sound", "encoder"})  # that only ears which learn need
OF_EARS = frozenset({"packed", "judged", "card"})
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
