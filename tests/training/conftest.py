import pytest
import torch
from tiny import random_checkpoint

from training.sets import prepared


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """The machine runs other tests too."""
    count = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(count)


@pytest.fixture(scope="package")
def base(tmp_path_factory):
    return random_checkpoint(tmp_path_factory.mktemp("training") / "tiny-base", seed=11)


@pytest.fixture(scope="package")
def data(tmp_path_factory, base):
    """Seven clips to train on, one to judge by."""
    return prepared(tmp_path_factory.mktemp("training-data"), base)
