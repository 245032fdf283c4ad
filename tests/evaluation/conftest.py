import pytest
from data.tunes import write
from threads import one_thread  # noqa: F401  (a fixture)
from tiny import random_checkpoint


@pytest.fixture(scope="package")
def model(tmp_path_factory):
    return random_checkpoint(tmp_path_factory.mktemp("evaluated") / "tiny", seed=11)


@pytest.fixture(scope="package")
def reference(tmp_path_factory):
    """Four tunes, a text, and a file that only calls itself a sound."""
    folder = tmp_path_factory.mktemp("reference")
    for seed in range(4):
        write(folder / "tunes" / f"{seed}.wav", seed, 6.0)
    (folder / "LICENSE").write_text("of nobody")
    (folder / "broken.wav").write_bytes(b"RIFF and nothing")
    return folder
