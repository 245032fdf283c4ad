"""Half a minute of mixed traffic, and what a verdict says of runs that grow."""

from __future__ import annotations

import asyncio
import json
import random
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from soak.__main__ import main
from soak.plot import chart
from soak.traffic import MIX, Ended, at_rate
from soak.verdict import grown, slower
from soak.watch import Sample

SAMPLE = Sample(0, 100, 300, 5, 40, 50, 200, 1, 2, 1.0)


@pytest.mark.timeout(300)
def test_mixed_traffic_loses_nothing_and_leaves_nothing(tmp_path):
    main(["--hours", "0.004", "--find", "4", "--share", "0.6", "--lenient", "--out", str(tmp_path)])
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["faults"] == []
    assert sum(found["counts"].get(f"by {kind}", 0) for kind in MIX) == found["counts"]["asked"] > 0
    assert "No fault" in (tmp_path / "RESULTS.md").read_text()
    for picture in tmp_path.glob("*.svg"):
        ElementTree.fromstring(picture.read_text())  # noqa: S314  written a moment ago


async def test_no_more_wishes_are_under_way_than_may_be():
    under_way, seen = 0, []

    async def one():
        nonlocal under_way
        under_way += 1
        seen.append(under_way)
        await asyncio.sleep(0.01)
        under_way -= 1

    await at_rate(one, 1_000_000, 0.2, random.Random(7), most=3)
    assert max(seen) == 3
    assert under_way == 0


def run(**slope):
    """90 samples, in which the named figures grow by so much from the first to the last."""
    return [
        replace(SAMPLE, at_s=at, **{name: getattr(SAMPLE, name) + by * at / 90 for name, by in slope.items()})
        for at in range(90)
    ]


def test_what_grows_is_found_and_noise_is_not():
    assert grown(run()) == []
    assert grown(run(api_mb=6, worker_files=4)) == []
    assert "api_mb" in grown(run(api_mb=200))[0]
    assert "worker_files" in grown(run(worker_files=60))[0]
    assert grown([]) != []


def test_songs_that_take_longer_and_longer_are_found():
    steady = [Ended("short", at, 0.01, 2.0 + at % 3) for at in range(90)]
    assert slower(steady, 90) == []
    assert slower([replace(one, whole_s=one.at_s) for one in steady], 90) != []


def test_a_picture_shows_every_line():
    svg = chart("memory <MB>", {"api": [(0, 1), (60, 2)], "worker": [(0, 3), (60, 1)]})
    picture = ElementTree.fromstring(svg)  # noqa: S314
    assert len(picture.findall("{http://www.w3.org/2000/svg}polyline")) == 2
    assert "memory <MB>" in "".join(picture.itertext())
