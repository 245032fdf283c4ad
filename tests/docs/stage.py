"""Where examples are run: a real service, a folder of a page's own with the files that examples speak of."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from tests.service.services import Service

from .blocks import ROOT, Block

SHIMS = Path(__file__).parent / "shims"
MELODY = "musicgen-melody"
CONSENT = {
    "reference": "contract-7",
    "holder": "Bob",
    "basis": "own",
    "uses": ["noncommercial", "commercial"],
    "tracks": ["*"],
    "attribution": "Bob, 2026",
    "evidence": "contract of 2026-05-01",
}
LIMIT_S = 100
RATE_HZ = 16_000
# What this process was told, by `make test` among others, is not for examples.
HANDED_DOWN = ("MUSCGEN_", "XDG_", "MAKE", "MFLAGS", "PROMPT", "OUT", "SECONDS", "SEED")


@dataclass
class Stage:
    """A page's folder, and the words of examples that stand for something of this service."""

    service: Service
    folder: Path
    words: dict[str, str]
    printed: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, service: Service, folder: Path, known: dict[str, str]) -> Stage:
        stage = cls(
            service,
            folder,
            {
                "http://127.0.0.1:8000": service.url,
                ".venv/bin/": "",
                **known,
            },
        )
        _lay_out(folder, service)
        return stage

    def run(self, block: Block) -> None:
        """The block's commands, or its program. Fails where they do, unless the note says how they end."""
        expected = int(block.note.removeprefix("exit ")) if block.note.startswith("exit ") else 0
        if block.language == "console":
            self._dialogue(block, expected)
        elif block.language == "python":
            self._do([sys.executable, "-c", self.here(block.text)], block, expected)
        else:
            self._shell(self.here(block.text), block, expected)

    def here(self, text: str) -> str:
        """The example as it is here: this service's address, its queue, its files."""
        for word, meant in self.words.items():
            text = text.replace(word, meant)
        return text

    def _fail_on_a_problem(self, block: Block) -> None:
        """curl ends well whatever the answer is."""
        try:
            answer = json.loads(self.printed)
        except ValueError:
            return
        refused = isinstance(answer, dict) and "code" in answer and "status" in answer
        wanted = block.note.startswith("refused")
        assert refused == wanted, f"{block.place}: {self.printed}"

    def _dialogue(self, block: Block, expected: int) -> None:
        """Lines behind `$ ` are commands, and what follows is what they print, in shape."""
        for part in block.text.split("$ ")[1:]:
            lines = part.splitlines()
            command = [lines.pop(0)]
            while command[-1].endswith("\\"):
                command.append(lines.pop(0))
            self._shell(self.here("\n".join(command)), block, expected)
            printed = iter(shape(self.printed))  # `in` takes from it: the lines come in this order
            missing = [line for line in shape("\n".join(lines)) if line not in printed]
            assert missing == [], f"{block.place}: {missing} is not in\n{self.printed}"

    def _shell(self, text: str, block: Block, expected: int) -> None:
        self._do(["bash", "-euo", "pipefail", "-c", text], block, expected)
        if "curl" in text:
            self._fail_on_a_problem(block)

    def _do(self, command: list[str], block: Block, expected: int) -> None:
        with (self.folder / ".errors").open("w+") as errors:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                timeout=LIMIT_S,
                check=False,
            )
            errors.seek(0)
            said = errors.read()
        self.printed = done.stdout
        told = f"{done.stdout[-3000:]}\n{said[-3000:]}"
        assert done.returncode == expected, f"{block.place}: {done.returncode}\n{command[-1]}\n{told}"

    def _environment(self) -> dict[str, str]:
        mine = {
            name: value for name, value in os.environ.items() if not name.startswith(("MUSCGEN_", "XDG_"))
        }
        make = shutil.which("make")
        return mine | {
            "PATH": f"{SHIMS}:{Path(sys.executable).parent}:{mine['PATH']}",
            "PYTHONPATH": f"{ROOT / 'src'}",
            "HOME": str(self.folder / "home"),
            "KEY": "a key that nobody asks for here",
            "DOCS_PYTHON": sys.executable,
            "DOCS_SHIMS": str(SHIMS),
            "DOCS_ROOT": str(ROOT),
            "DOCS_MAKE": make or "make",
            **self.environment,
        }


def tune(seconds: float = 4.0, low: float = 0.05, kind: str = "FLAC") -> bytes:
    """A tone that rises."""
    out = io.BytesIO()
    line = 0.3 * np.sin(np.cumsum(np.linspace(low, 0.3, round(seconds * RATE_HZ))))
    soundfile.write(out, line, RATE_HZ, format=kind)
    return out.getvalue()


def shape(text: str) -> list[str]:
    """Lines without what differs from run to run: numbers, digests, ids, times."""
    lines = [" ".join(_shape_of(word) for word in line.split()) for line in text.strip().splitlines()]
    return [line for line in lines if line]


def _shape_of(word: str) -> str:
    return "#" if any(letter.isdigit() for letter in word) or "…" in word else word


def _lay_out(folder: Path, service: Service) -> None:
    """What examples find beside them: something hummed, the beginning of a song, a data set, a checkpoint."""
    (folder / "songs").mkdir(parents=True)
    for name, seconds in (("hum", 4.0), ("start", 12.0)):
        for ending, kind in (("flac", "FLAC"), ("wav", "WAV"), ("mp3", "MP3")):
            (folder / f"{name}.{ending}").write_bytes(tune(seconds, kind=kind))
    for number, low in enumerate((0.02, 0.1)):
        (folder / "songs" / f"polka-{number}.flac").write_bytes(tune(3.0, low))
        (folder / "songs" / f"polka-{number}.txt").write_text("polka with accordion, 120 bpm")
    (folder / "songs" / "consent.jsonl").write_text(json.dumps(CONSENT))
    models = folder / "home" / ".local" / "share" / "muscgen" / "models"
    models.mkdir(parents=True)
    (models / MELODY).symlink_to(service.home / "models" / MELODY)
    shutil.copytree(service.home / "models" / MELODY, folder / "my-model")
    (folder / "my-model" / "card.toml").unlink()
