from __future__ import annotations

from tests.api.conftest import client, make_service, registry, server, service

__all__ = ["client", "make_service", "registry", "server", "service"]
