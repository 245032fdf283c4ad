"""The HTTP API."""

from muscgen.api import paths as paths  # before any route: they use its `name`
from muscgen.api.app import create_app

__all__ = ["create_app"]
