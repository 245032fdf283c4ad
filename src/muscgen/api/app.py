"""The application: the parts it is handed, the routes, and what every request passes."""

from __future__ import annotations

from fastapi import FastAPI

import muscgen
from muscgen.admission import Keyring, links_of
from muscgen.api import openapi, problems
from muscgen.api.compat.doors import doors
from muscgen.api.crowd import Crowd
from muscgen.api.house import House
from muscgen.api.lookout import Lookout
from muscgen.api.middleware import BodyLimit, Heads, LastResort, Metrics, RequestIds
from muscgen.api.readiness import Readiness
from muscgen.api.routes import ROUTERS
from muscgen.api.streamed import Rests
from muscgen.api.tracing import Traces
from muscgen.artifacts.store import Store
from muscgen.audit import audit_of
from muscgen.jobs.apikeys import ApiKeys
from muscgen.jobs.queue import Queue
from muscgen.models.registry import Registry
from muscgen.rights import Rules
from muscgen.rights.uploads import uploads_of
from muscgen.settings import Settings


def create_app(settings: Settings, *, queue: Queue, store: Store, registry: Registry) -> FastAPI:
    """The API over a queue, a store and the known models; it owns none of them and closes none."""
    app = FastAPI(
        title="muscgen",
        summary="Music from words.",
        version=muscgen.__version__,
        docs_url=None,  # ours comes without a CDN
        redoc_url=None,
        redirect_slashes=False,
    )
    keyring = Keyring(settings.api_keys, ApiKeys(queue.redis, queue.prefix, queue.surety))
    rules = Rules(settings)
    audit, uploads = audit_of(settings), uploads_of(settings)
    links = links_of(settings.link_keys, settings.link_path)
    app.state.house = House(
        settings, queue, store, registry, rules, keyring, audit, uploads, links, Lookout(registry)
    )
    app.state.readiness = Readiness(
        queue,
        store,
        lambda: [card.id for card in registry.list() if rules.permits(card)],
        wanted=(settings.default_model, *settings.models),
    )
    problems.install(app)
    openapi.install(app)
    for router in (*doors(settings), *ROUTERS):  # /v1/models/{id} would take all that is below it
        app.include_router(router)
    # The last one added is the first to see a request.
    app.add_middleware(
        BodyLimit, max_bytes=settings.max_body_bytes, max_upload_bytes=settings.max_upload_bytes
    )
    app.add_middleware(Crowd)
    app.add_middleware(LastResort)
    app.add_middleware(Metrics)
    app.add_middleware(Heads)
    app.add_middleware(Traces)
    app.add_middleware(RequestIds)
    app.add_middleware(Rests)
    return app
