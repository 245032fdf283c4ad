"""The images' recipe and the project agree."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from muscgen.models.leftout import BUILTIN, WEIGHTS
from tests.operations.programs import program

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pinned(name):
    text = (ROOT / f"deploy/requirements/{name}.txt").read_text()
    return {
        (found[1].lower(), Version(found[2]))
        for found in re.finditer(r"(?m)^([\w.-]+)(?:\[.*?\])?==([^ \\]+)", text)
    }


@pytest.mark.parametrize(
    ("image", "left_out"),
    [
        ("api", {"huggingface-hub", "onnxruntime", "safetensors"}),
        ("worker-cpu", set()),
        ("worker-cuda", set()),
    ],
)
def test_what_is_locked_is_what_the_project_needs(image, left_out):
    locked = pinned(image)
    for text in PROJECT["dependencies"]:
        wanted = Requirement(text)
        versions = {version for name, version in locked if name == wanted.name.lower()}
        if wanted.name in left_out:
            assert not versions
        else:
            assert versions, f"{wanted.name} is not in {image}.txt: run scripts/lock"
            assert all(version in wanted.specifier for version in versions), f"{wanted}: run scripts/lock"


@pytest.mark.parametrize("image", ["api", "worker-cpu", "worker-cuda"])
def test_every_image_can_keep_files_in_a_bucket(image):
    assert "obstore" in dict(pinned(image))


def test_only_the_image_for_gpus_has_torch():
    assert {name for name in ("api", "worker-cpu", "worker-cuda") if "torch" in dict(pinned(name))} == {
        "worker-cuda"
    }


@pytest.mark.parametrize("image", ["api", "worker-cpu", "worker-cuda", "build"])
def test_every_locked_file_has_its_hash_and_no_address(image):
    text = (ROOT / f"deploy/requirements/{image}.txt").read_text()
    assert "://" not in text
    blocks = re.split(r"(?m)^(?=[\w.-]+(?:\[.*?\])?==)", text)[1:]
    assert all("--hash=sha256:" in block for block in blocks)


def test_whatever_an_image_is_built_of_is_locked():
    assert {name for name, _ in pinned("build")} >= {"build", "hatchling", "pip"}
    installs = re.findall(r"pip[^\n]* install ((?:.|\\\n)*?)(?=\n \&\&|\n[A-Z#]|\Z)", DOCKERFILE)
    assert len(installs) == 4
    assert all("--require-hashes" in each or "--no-deps /wheels/" in each for each in installs)
    assert "--require-hashes" in (ROOT / "deploy/install").read_text()


def test_the_api_alone_is_without_the_weights_of_the_model_that_comes_with_muscgen():
    left = re.findall(r"\brm \S*/(muscgen/models/builtin/\S+)", DOCKERFILE)
    assert [ROOT / "src" / path for path in left] == [BUILTIN / "muscgen-tiny" / WEIGHTS]
    stages = re.split(r"(?m)^FROM ", DOCKERFILE)
    assert [stage.split()[2] for stage in stages if "models/builtin" in stage] == ["api-files"]


def test_what_the_recipe_copies_is_sent_to_the_builder():
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [
        line.split()[1:-1]
        for line in DOCKERFILE.splitlines()
        if line.startswith("COPY ") and "--from" not in line
    ]
    for path in (path.rstrip("/") for paths in copied for path in paths):
        assert (ROOT / path).exists()
        assert path in allowed or str(Path(path).parent) in allowed


def test_images_run_as_nobody_in_particular_and_every_target_is_there():
    targets = set(re.findall(r"(?m)^FROM \S+ AS (\S+)", DOCKERFILE))
    assert {"api", "worker-cpu", "worker-cuda", "all"} <= targets
    runtime = DOCKERFILE[DOCKERFILE.index("AS runtime") :]
    assert "USER 10001:10001" in runtime
    assert "USER root" not in runtime


def test_every_image_is_asked_whether_it_is_well():
    stages = {
        name: (parent, text)
        for parent, name, text in re.findall(r"(?ms)^FROM (\S+) AS (\S+)\n(.*?)(?=^FROM |\Z)", DOCKERFILE)
    }
    for target in ("api", "worker-cpu", "worker-cuda", "all"):
        told, stage = "", target
        while stage in stages:
            stage, text = stages[stage]
            told = text + told
        assert len(re.findall(r'(?m)^HEALTHCHECK .*\\\n +CMD \["python", ', told)) == 1, target
        assert re.findall(r"(?m)^CMD \[\"(\w+)\"", told) == ["worker" if "worker" in target else "serve"]


def test_hadolint_has_nothing_to_complain_of():
    hadolint = program("hadolint", "scripts/tools")
    done = subprocess.run(
        [hadolint, "deploy/Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_image_says_what_is_inside_of_it():
    listing = DOCKERFILE.count("/src/deploy/sbom.py > /opt/muscgen/sbom.cdx.json")
    assert listing == 3  # api, worker-cpu, worker-cuda; `all` is the second
    done = subprocess.run(
        [sys.executable, ROOT / "deploy/sbom.py"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    told = json.loads(done.stdout)
    assert (told["bomFormat"], told["metadata"]["component"]["name"]) == ("CycloneDX", "muscgen")
    parts = {part["name"]: part for part in told["components"]}
    for text in PROJECT["dependencies"]:
        name = Requirement(text).name.lower()
        assert parts[name]["purl"] == f"pkg:pypi/{name}@{parts[name]['version']}"
    assert parts["fastapi"]["licenses"] != []
