"""The same work on a Ray cluster of two machines, both of them here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from data.runs import prepare
from data.test_restart import files, songs
from muscgen.data.on_ray import order_of
from muscgen.data.sources import Source
from muscgen.data.work import Order
from muscgen.errors import ConfigurationError

# Two nodes of one core each; then what the command line does with their address.
CLUSTER = """
import subprocess, sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
cluster.add_node(num_cpus=1)
try:
    cluster.wait_for_nodes()
    done = subprocess.run([sys.executable, "-m", "muscgen", *sys.argv[1:], "--ray", cluster.address])
finally:
    cluster.shutdown()
sys.exit(done.returncode)
"""


@pytest.mark.timeout(400)
def test_a_cluster_leaves_what_one_machine_leaves(tmp_path):
    pytest.importorskip("ray")
    root = songs(tmp_path / "songs", 10)
    (root / "bad.wav").write_text("no sound")
    alone, _ = prepare("folder", root, tmp_path / "one")
    words = [
        "data",
        "prepare",
        "folder",
        str(root),
        "--use",
        "commercial",
        "--out",
        str(tmp_path / "two"),
        "--json",
    ]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CLUSTER, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    made = json.loads(done.stdout[done.stdout.index("{") :])
    assert made["manifest"] == alone.sha256
    assert made["run"]["done"] == 11
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_an_order_survives_the_way_to_another_machine():
    from dataclasses import asdict

    for span in (None, (12, 345)):
        order = Order("t", Source("/a/b.wav", "b.wav", span), prepare=True, notes=False, duration_s=30.0)
        assert order_of(json.dumps(asdict(order))) == order


def test_a_cluster_that_does_not_answer_is_told(tmp_path):
    root = songs(tmp_path / "songs", 1)
    with pytest.raises(ConfigurationError) as refusal:
        prepare("folder", root, tmp_path / "out", ray="127.0.0.1:1")
    assert "pip install" in refusal.value.suggestion or "127.0.0.1:1" in refusal.value.detail
    assert not Path(tmp_path / "out" / "manifest.json").exists()
