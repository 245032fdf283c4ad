"""Which of the doors are open."""

from __future__ import annotations

from fastapi import APIRouter

from muscgen.api.compat import catalogue, elevenlabs, files, openai, replicate
from muscgen.settings import Settings


def doors(settings: Settings) -> list[APIRouter]:
    """The routers of the vendors that the settings name."""
    found: list[APIRouter] = []
    if settings.replicate_routes:
        found += [replicate.router, catalogue.router, files.router]
    if settings.elevenlabs_routes:
        found.append(elevenlabs.router)
    if settings.openai_routes:
        found.append(openai.router)
    return found
