"""The routes, in the order of a song's way."""

from muscgen.api.routes import (
    admin,
    artifacts,
    audio,
    consents,
    docs,
    generate,
    health,
    jobs,
    models,
    page,
    papers,
    tasks,
    verify,
)

ROUTERS = (
    generate.router,
    jobs.router,
    audio.router,
    artifacts.router,
    papers.router,
    verify.router,
    consents.router,
    models.operators,
    models.router,
    tasks.router,
    admin.router,
    health.router,
    docs.router,
    page.router,
)
