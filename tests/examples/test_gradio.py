"""The Gradio page in an environment of its own (scripts/examples-test), asked by Gradio's own client."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest
import soundfile

APP = Path(__file__).parents[2] / "examples" / "gradio" / "app.py"
PYTHON = os.environ.get("GRADIO_PYTHON")
pytestmark = [
    pytest.mark.skipif(PYTHON is None, reason="run by scripts/examples-test, which installs gradio"),
    pytest.mark.timeout(180),
]
ASK = """
import json, sys
from gradio_client import Client
client = Client(sys.argv[1], verbose=False)
try:
    sound, facts = client.predict(*json.loads(sys.argv[2]), api_name="/song")
except Exception as error:
    print(json.dumps({"error": str(error)}))
else:
    print(json.dumps({"sound": sound, "facts": facts}))
"""


@pytest.fixture(scope="module")
def page(service, tmp_path_factory):
    """Where the page is."""
    errors = tmp_path_factory.mktemp("gradio") / "errors"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with errors.open("w") as log:
        process = subprocess.Popen(
            [PYTHON, "-u", str(APP), "--url", service.url, "--port", str(port)],
            env=environment | {"GRADIO_ANALYTICS_ENABLED": "False"},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    with process.stdout:
        found = next((match for line in process.stdout if (match := re.search(r"http://127\S+", line))), None)
        assert found, errors.read_text()
        yield found[0]
        process.kill()
        process.wait()


def ask(page, *inputs):
    done = subprocess.run(
        [PYTHON, "-c", ASK, page, json.dumps(inputs)], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_visitor_gets_a_song_and_what_was_measured_in_it(page):
    made = ask(page, "calm solo piano", 2, 7, "muscgen-tiny")
    assert soundfile.info(made["sound"]).duration == 2.0
    assert made["facts"]["seed"] == 7
    assert made["facts"]["license"] == "Apache-2.0"


def test_a_visitor_reads_a_refusal_in_the_services_words(page):
    assert "more than 2000 characters" in ask(page, "x" * 3000, 2, 7, "muscgen-tiny")["error"]
