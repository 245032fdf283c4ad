import pytest
import torch
from data.tunes import write
from tiny import random_checkpoint


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """The machine runs other tests too."""
    count = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(count)


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
