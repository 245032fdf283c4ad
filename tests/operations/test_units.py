"""The systemd units, judged by systemd itself."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import typer

from muscgen.cli.app import app
from muscgen.settings import load
from tests.operations.charts import ROOT

UNITS = {unit.name: unit.read_text() for unit in (ROOT / "deploy/systemd").glob("*.service")}


def test_systemd_has_nothing_to_complain_of(tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed: apt-get install systemd")
    for name, text in UNITS.items():
        # Their program and their user are not on this machine.
        there = text.replace("/opt/muscgen/bin/muscgen", "/bin/true").replace("User=muscgen\n", "")
        (tmp_path / name.replace("@.", "@muscgen-tiny.")).write_text(there)
    command = [analyze, "verify", "--man=no", *map(str, sorted(tmp_path.glob("*.service")))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "muscgen" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize("name", sorted(UNITS))
def test_units_start_what_muscgen_knows_and_give_it_time_to_drain(name):
    text = UNITS[name].replace("%i", "muscgen-tiny")
    (line,) = re.findall(r"(?m)^ExecStart=/opt/muscgen/bin/muscgen (.+)$", text)
    arguments, command = line.split(), typer.main.get_command(app)
    while arguments and arguments[0] in getattr(command, "commands", {}):
        command, arguments = command.commands[arguments[0]], arguments[1:]
    with command.make_context("muscgen", list(arguments)):
        pass
    (variables,) = re.findall(r"(?m)^Environment=(.+)$", text)
    settings = load(dict(pair.split("=", 1) for pair in variables.split()))
    assert settings.home.name == re.search(r"(?m)^StateDirectory=(\S+)$", text)[1]
    assert float(re.search(r"(?m)^TimeoutStopSec=(\d+)$", text)[1]) >= settings.drain_s + 15
