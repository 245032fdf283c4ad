import json
import logging
import subprocess
import sys

import pytest
from prometheus_client.metrics import MetricWrapperBase

from muscgen import telemetry


@pytest.fixture
def lines(capsys):
    """Logging as the commands set it up, and what it wrote so far."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    httpx_level = logging.getLogger("httpx").level

    def start(style):
        telemetry.configure_logging(style)

        def written() -> list[str]:
            return capsys.readouterr().err.splitlines()

        return written

    yield start
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("httpx").setLevel(httpx_level)


def test_an_event_is_one_line_with_fields(lines):
    written = lines("text")
    telemetry.event("job.claimed", job="job_1", waited_s=1.5)

    (line,) = written()
    assert line.endswith("info    job.claimed job=job_1 waited_s=1.5")
    assert line[10] == "T"
    assert line.split(" ")[0].endswith("Z")


def test_a_warning_of_a_command_without_logging_has_its_fields():
    script = (
        "from muscgen import telemetry as t\n"
        "t.show_warnings(); t.warning('data.odd', codes=[-9]); t.event('no')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    (line,) = done.stderr.splitlines()
    assert line.endswith("warning data.odd codes=[-9]")


def test_an_event_in_json_has_its_types(lines):
    written = lines("json")
    telemetry.event("job.claimed", job="job_1", waited_s=1.5, path=sys)

    entry = json.loads(written()[0])
    assert (entry["event"], entry["level"], entry["job"], entry["waited_s"]) == (
        "job.claimed",
        "info",
        "job_1",
        1.5,
    )


@pytest.mark.parametrize("style", ["text", "json"])
def test_no_value_can_pass_for_another_event(lines, style):
    written = lines(style)
    telemetry.warning("odd", value="x\n2026-01-01T00:00:00Z info job.claimed")

    assert len(written()) == 1


def test_fields_cannot_replace_the_name_and_time_of_an_event(lines):
    written = lines("json")
    telemetry.event("job.claimed", event="another", time="never", level="none")

    entry = json.loads(written()[0])
    assert entry["event"] == "job.claimed"
    assert entry["level"] == "info"
    assert entry["time"].endswith("Z")


def test_warnings_are_warnings(lines):
    written = lines("json")
    telemetry.warning("odd")

    assert json.loads(written()[0])["level"] == "warning"


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_traceback_is_kept(lines, style):
    written = lines(style)
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        logging.getLogger("muscgen").exception("job.failed")

    assert "RuntimeError: boom" in "\n".join(written())


def test_every_metric_carries_the_projects_name():
    metrics = [metric for metric in vars(telemetry).values() if isinstance(metric, MetricWrapperBase)]

    names = [family.name for metric in metrics for family in metric.describe()]
    assert len(names) >= 7
    assert all(name.startswith("muscgen_") for name in names)
