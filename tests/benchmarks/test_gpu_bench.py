"""The GPU's benchmark, with a CPU in its place."""

from __future__ import annotations

import json
import warnings

import numpy as np
import torch

from benchmarks.gpu import report, sizes, steps
from benchmarks.gpu.__main__ import main


def test_every_part_runs_and_is_told(tmp_path):
    path = tmp_path / "GPU.md"
    wish = "--short --device cpu --size mini --precision fp32 --slots 1 2 --parts small songs peer"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # transformers' own
        main([*wish.split(), "--seconds", "0.2", "--report", str(path)])
    found, page = json.loads(path.with_suffix(".json").read_text()), path.read_text()
    assert [(row["size"], row["slots"]) for row in found["steps"]] == [("mini", 1), ("mini", 2)]
    assert [(row["who"], row["songs"]) for row in found["songs"]] == [
        (who, songs) for who in ("muscgen", "transformers") for songs in (1, 2)
    ]
    assert all(row["wall_s"] > 0 and row["seconds"] == 0.2 for row in found["songs"])
    assert len(found["codec"]) == 3
    assert page == report.text(json.loads(json.dumps(found)))
    assert found["made"]["versions"] in page
    heads = [line for line in page.splitlines() if line.startswith("|---")]
    assert len(heads) == 4


def test_the_sizes_are_the_published_ones():
    counted = {
        size: sum(int(np.prod(shape)) for shape in sizes.RandomCheckpoint(sizes.ours(size))._shapes.values())
        for size in sizes.SIZES
    }
    millions = {size: round(count / 1e6) for size, count in counted.items()}
    # facebook's musicgen-small, -medium and -large without the codec's encoder; 110 of each are T5's.
    assert millions == {"small": 559, "medium": 1978, "large": 3396}


def test_a_song_of_thirty_seconds_goes_through_all_lengths():
    assert steps._extents(1503, 2048) == {256: 256, 512: 256, 1024: 512, 2048: 479}


def test_a_step_draws_a_code_for_every_song_and_codebook():
    backend = sizes.load("mini", "fp32", 4, torch.device("cpu"))
    codes, sound = steps.stepper(backend, 2)(0)
    assert codes.shape == (2, 4)
    assert sound.all()
    backend.close()
