from __future__ import annotations

import pytest

from tests.service.services import serving


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A real service that all tests of a module ask; its webhooks may call this machine."""
    home = tmp_path_factory.mktemp("service")
    with serving(home, MUSCGEN_WEBHOOK_ALLOW_PRIVATE="true") as running:
        yield running
