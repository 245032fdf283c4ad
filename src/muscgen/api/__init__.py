"""The HTTP API."""

from muscgen.api.app import create_app

__all__ = ["create_app"]
