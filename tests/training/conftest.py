import pytest
from threads import one_thread  # noqa: F401  (a fixture)
from tiny import random_checkpoint

from training.recipe import beside, nameless, shipped  # noqa: F401  (fixtures)
from training.sets import prepared


@pytest.fixture(scope="package")
def base(tmp_path_factory):
    return random_checkpoint(tmp_path_factory.mktemp("training") / "tiny-base", seed=11)


@pytest.fixture(scope="package")
def data(tmp_path_factory, base):
    """Seven clips to train on, one to judge by."""
    return prepared(tmp_path_factory.mktemp("training-data"), base)
