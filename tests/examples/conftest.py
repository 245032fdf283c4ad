"""One service for all examples."""

from __future__ import annotations

import pytest

from tests.service.services import serving


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with serving(
        tmp_path_factory.mktemp("examples") / "home", MUSCGEN_WEBHOOK_ALLOW_PRIVATE="true"
    ) as running:
        yield running
