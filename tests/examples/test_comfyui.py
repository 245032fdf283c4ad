"""The ComfyUI nodes as ComfyUI loads and calls them, against a real service."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "examples" / "comfyui"
RATE_HZ = 32_000


@pytest.fixture(scope="module")
def nodes():
    """NODE_CLASS_MAPPINGS of the folder, loaded by its path as ComfyUI does."""
    name = "custom_nodes_muscgen"
    spec = importlib.util.spec_from_file_location(
        name, FOLDER / "__init__.py", submodule_search_locations=[str(FOLDER)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    yield module.NODE_CLASS_MAPPINGS
    for loaded in [one for one in sys.modules if one.partition(".")[0] == name]:
        del sys.modules[loaded]


def run(kind, **given):
    """One node: defaults of its inputs, its function by its name, its outputs by theirs."""
    inputs = kind.INPUT_TYPES()
    widgets = {
        name: one[1]["default"]
        for group in ("required", "optional")
        for name, one in inputs.get(group, {}).items()
        if len(one) > 1 and "default" in one[1]
    }
    assert set(given) <= set(inputs["required"]) | set(inputs["optional"])
    made = getattr(kind(), kind.FUNCTION)(**widgets | given)
    assert len(made) == len(kind.RETURN_TYPES) == len(kind.RETURN_NAMES)
    return dict(zip(kind.RETURN_NAMES, made, strict=True))


def test_every_node_says_what_comfyui_asks(nodes):
    for kind in nodes.values():
        assert kind.CATEGORY
        assert callable(getattr(kind, kind.FUNCTION))
        assert kind.INPUT_TYPES()["required"]


def test_words_become_a_batch_of_variations(nodes, service):
    made = run(nodes["MuscgenSong"], url=service.url, seconds=1.0, variations=2)
    sound = made["audio"]
    assert sound["sample_rate"] == RATE_HZ
    assert (sound["waveform"].dtype, tuple(sound["waveform"].shape)) == (torch.float32, (2, 1, RATE_HZ))
    assert 0.01 < sound["waveform"].abs().max() <= 1
    assert not torch.equal(sound["waveform"][0], sound["waveform"][1])
    assert service.job(made["job"])["request"]["n"] == 2


def test_a_sound_of_another_node_is_gone_on_from(nodes, service):
    first = run(nodes["MuscgenSong"], url=service.url, seconds=1.0)["audio"]
    made = run(nodes["MuscgenGoOn"], url=service.url, audio=first, consent="own", seconds=2.0)
    assert made["audio"]["waveform"].shape[-1] == 2 * RATE_HZ
    assert service.job(made["job"])["request"]["mode"] == "continuation"


def test_a_refusal_is_told_in_the_services_words(nodes, service):
    with pytest.raises(RuntimeError, match="allowed up to 600 s"):
        run(nodes["MuscgenSong"], url=service.url, seconds=601.0)


def test_a_service_that_is_not_there_is_said_so(nodes):
    with pytest.raises(RuntimeError, match="no muscgen service answers at http"):
        run(nodes["MuscgenSong"], url="http://127.0.0.1:1")


def test_comfyuis_stop_button_cancels_the_job(nodes, service, monkeypatch):
    module = sys.modules["custom_nodes_muscgen.nodes"]
    told = []
    monkeypatch.setattr(module, "_comfyui", lambda: (told.append, lambda: True))
    with pytest.raises(RuntimeError, match="the job is cancelled"):
        run(nodes["MuscgenSong"], url=service.url, seconds=30.0, seed=99)
