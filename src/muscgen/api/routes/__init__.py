"""The routes, in the order of a song's way."""

from muscgen.api.routes import artifacts, audio, docs, generate, health, jobs, models

ROUTERS = (
    generate.router,
    jobs.router,
    audio.router,
    artifacts.router,
    models.router,
    health.router,
    docs.router,
)
