"""`muscgen --server URL doctor`: how a service does, as far as it tells."""

from __future__ import annotations

from typing import Any

from muscgen.cli.findings import Check, tried
from muscgen.cli.server import Server
from muscgen.client import Client
from muscgen.errors import MuscgenError


def examined(server: Server) -> list[Check]:
    """Whether it answers, is ready, takes the key, and has models."""
    with server.client() as client:
        alive = tried("service", lambda: _alive(client, server))
        if alive.state == "failed":
            return [alive]
        return [
            alive,
            tried("ready", lambda: _ready(client)),
            tried("key", lambda: _key(client, server)),
            tried("models", lambda: _models(client)),
        ]


def _alive(client: Client, server: Server) -> Check:
    client.ask("GET", "healthz")
    version = client.ask("GET", "openapi.json")["info"]["version"]
    return Check("service", "ok", f"{server.url} answers, version {version}", facts={"version": version})


def _ready(client: Client) -> Check:
    """The report, which comes with 503 where the service is not ready."""
    try:
        report: dict[str, Any] = client.ask("GET", "readyz")
    except MuscgenError:
        return Check("ready", "failed", "the service is not ready to make songs", "GET /readyz says why")
    if report["status"] == "ready":
        return Check("ready", "ok", "its queue, its store and its workers answer", facts=report)
    return Check("ready", "warning", f"{report['status']}: {'; '.join(report['why'])}", facts=report)


def _key(client: Client, server: Server) -> Check:
    client.ask("GET", "jobs", params={"limit": 1})
    return Check("key", "ok", "the key is taken" if server.key else "no key is needed")


def _models(client: Client) -> Check:
    usable = [model["id"] for model in client.models() if model["rights"]["usable"]]
    if not usable:
        return Check("models", "failed", "no model can be used there", "GET /v1/models says why")
    return Check("models", "ok", ", ".join(usable), facts={"usable": usable})
