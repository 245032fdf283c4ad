"""Songs of the built-in model as they were when it was added: a change of any dependency shows here first."""

import json
from pathlib import Path

import numpy as np
import pytest
from tiny import MUSCGEN_TINY

from muscgen.backends.onnx import OnnxBackend
from muscgen.engine import Engine, Song
from muscgen.request import Sampling

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())
SAMPLING = Sampling(temperature=1.0, top_k=250, top_p=0.0, guidance_scale=2.0)  # the card's


@pytest.fixture(scope="module")
def songs():
    """All of them in one batch, two seconds each."""
    engine = Engine(OnnxBackend.load(MUSCGEN_TINY, precision="fp32", rows=6), slots=3)
    handles = [engine.submit(Song(song["prompt"], None, 2.0, song["seed"], SAMPLING)) for song in GOLDEN]
    made = [handle.result(60) for handle in handles]
    engine.close()
    return made


@pytest.mark.parametrize("index", range(len(GOLDEN)), ids=[song["prompt"][:20] for song in GOLDEN])
def test_a_prompt_and_a_seed_are_the_song_that_they_always_were(songs, index):
    np.testing.assert_array_equal(songs[index].codes, GOLDEN[index]["codes"])
