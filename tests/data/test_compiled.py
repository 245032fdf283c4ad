"""What numba compiles for librosa."""

import os
import subprocess
import sys

import pytest

USES = "from muscgen.data.compiled import librosa; librosa()"


@pytest.mark.timeout(300)
def test_of_processes_that_begin_at_once_one_compiles_and_the_others_read(tmp_path):
    """Two that keep what they compiled at once leave functions under each other's names."""
    told = {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_DEBUG_CACHE": "1", "TMPDIR": str(tmp_path)}
    environment = os.environ | told | {"PYTHONPATH": os.pathsep.join(sys.path)}
    begun = [
        subprocess.Popen([sys.executable, "-c", USES], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [one.communicate(timeout=280)[0] for one in begun]
    assert [one.returncode for one in begun] == [0, 0, 0]
    assert sum("saved" in words for words in said) == 1
    assert all("loaded" in words for words in said)
