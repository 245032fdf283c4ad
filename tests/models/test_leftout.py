"""muscgen without its own model's weights, as the API's image has it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import MUSCGEN_TINY

import muscgen
from muscgen.errors import CheckpointInvalid
from muscgen.models.card import read_card
from tests.models.test_adapters import adapted
from tests.models.test_registry import put
from tests.service.services import serving

WHOLE = Path(muscgen.__file__).parent


NOT_THERE = ("onnxruntime", "safetensors", "huggingface_hub", "requests", "toml", "pycparser", "torch")


@pytest.fixture(scope="module")
def lean(tmp_path_factory) -> Path:
    """The package without the weights, and without what its image leaves out."""
    folder = tmp_path_factory.mktemp("lean")
    left = shutil.ignore_patterns("model.safetensors", "__pycache__", "web")
    shutil.copytree(WHOLE, folder / "muscgen", ignore=left)
    shutil.copytree(WHOLE / "web", folder / "muscgen" / "web")
    for name in NOT_THERE:
        (folder / f"{name}.py").write_text("raise ModuleNotFoundError(__name__)")
    return folder


def said(package: Path, home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "muscgen", *command],
        env=os.environ | {"PYTHONPATH": str(package), "MUSCGEN_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        cwd=home,
    )


@pytest.mark.parametrize("model", ["muscgen-tiny", "a-polka"])
def test_a_card_is_the_same_without_the_weights_and_so_is_one_that_adapts_them(lean, tmp_path, model):
    adapted(tmp_path / "models", "a-polka", "muscgen-tiny")
    whole, without = (said(package, tmp_path, "models", "show", model) for package in (WHOLE.parent, lean))
    assert without.returncode == 0, without.stderr
    assert json.loads(without.stdout) == json.loads(whole.stdout)
    assert "continuation" in json.loads(without.stdout)["modes"]


def test_an_api_without_the_weights_takes_wishes_and_weighs_their_words(lean, tmp_path):
    with serving(tmp_path, "--no-worker", PYTHONPATH=str(lean)) as service:
        [model] = service.client.get("/v1/models").json()["data"]
        assert model["revision"] == read_card(MUSCGEN_TINY).revision
        job = service.ask()
        assert (job["status"], job["model"]["revision"]) == ("queued", model["revision"])
        refusal = service.ask(expect=422, prompt="piano " * 300)
        assert refusal["code"] == "prompt_too_long"
        assert "tokens" in refusal["detail"]
        soundfile.write(tmp_path / "noise.wav", np.random.default_rng(7).normal(0, 0.1, 96_000), 32_000)
        found = service.client.post("/verify", files={"file": (tmp_path / "noise.wav").read_bytes()}).json()
        assert found["verdict"] == "unknown"
        assert "Traceback" not in service.log()


def test_songs_cannot_be_made_without_the_weights_and_it_is_said_which_are_missing(lean, tmp_path):
    done = said(lean, tmp_path, "generate", "lofi", "--output", str(tmp_path / "song.wav"))
    assert done.returncode != 0
    assert "holds neither model.safetensors" in done.stderr
    assert "Traceback" not in done.stderr
    found = said(lean, tmp_path, "models", "verify", "muscgen-tiny").stdout.splitlines()
    assert [line.split()[1:3] for line in found if "missing" in line] == [["model.safetensors", "missing"]]


def test_what_is_there_must_be_what_is_pinned(lean, tmp_path):
    package = shutil.copytree(lean, tmp_path / "package")
    tokenizer = package / "muscgen/models/builtin/muscgen-tiny/tokenizer.json"
    tokenizer.write_text(tokenizer.read_text() + "\n")
    refused = said(package, tmp_path, "models", "list")
    assert refused.returncode != 0
    assert "tokenizer.json is not the file that its card pins" in refused.stderr


def test_any_other_model_must_have_its_weights(tmp_path):
    folder = put(tmp_path, "ours/second")
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointInvalid, match="holds neither"):
        read_card(folder)
