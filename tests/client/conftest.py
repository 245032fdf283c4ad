from __future__ import annotations

import pytest

from tests.service.services import serving


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A real service that all tests of a module ask."""
    with serving(tmp_path_factory.mktemp("service")) as running:
        yield running
