"""/v1/models/{owner}/{name} and the secret of webhooks, as Replicate's client asks them."""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter, Depends, Request

from muscgen.api.compat.inputs import Input
from muscgen.api.compat.predictions import OWNER, qualified, told_time
from muscgen.api.house import House, Maker, Parts, Reader, query
from muscgen.api.models import found_in, told
from muscgen.api.parameters import came_at
from muscgen.errors import Forbidden, NotFound
from muscgen.models.card import Card
from muscgen.models.terms import Terms
from muscgen.webhooks import secrets_of

router = APIRouter(tags=["compatible"], include_in_schema=False)

COG = "0.3.9"  # the form of the schemas below, to their client
_REVISION = re.compile(r"[0-9a-f]{64}")


@router.get("/v1/models/{owner}/{name}", dependencies=[Depends(query())])
async def model(owner: str, name: str, request: Request, house: Parts, asker: Reader) -> dict[str, Any]:  # noqa: ARG001
    """The service's own document of a model, with what Replicate's client looks for beside it."""
    found = found_in(model_meant(f"{owner}/{name}", house), house)
    return await told(found, house) | _described(found, site_of(request))


@router.get("/v1/models/{model:name}/versions", dependencies=[Depends(query())])
async def versions(model: str, house: Parts, asker: Reader) -> dict[str, Any]:  # noqa: ARG001
    """The one that a model has."""
    return {
        "previous": None,
        "next": None,
        "results": [_version(house.registry.get(model_meant(model, house)))],
    }


@router.get("/v1/models/{model:name}/versions/{version}", dependencies=[Depends(query())])
async def version(model: str, version: str, house: Parts, asker: Reader) -> dict[str, Any]:  # noqa: ARG001
    """What a version takes; a model has one, named by the SHA-256 of its weights."""
    card = house.registry.get(model_meant(model, house))
    if version not in (card.revision, card.id):
        raise NotFound(f"{qualified(card.id)} has no version {version[:80]}", suggestion=card.revision)
    return _version(card)


@router.get("/v1/webhooks/default/secret", dependencies=[Depends(query())])
async def secret(house: Parts, asker: Maker) -> dict[str, str]:
    """What calls for the asker's jobs are signed with. Raises Forbidden, NotFound."""
    settings = house.settings
    if not asker.id:  # the secrets of all tenants follow from this one
        raise Forbidden(
            "this service asks for no key, so anybody would learn its secret",
            suggestion="muscgen webhooks secret, where it runs",
        )
    if not settings.webhook_secrets and not settings.webhook_path.exists():
        raise NotFound(
            "calls are signed by another process than this, whose secret is not known here",
            suggestion="MUSCGEN_WEBHOOK_SECRETS",
        )
    return {"key": secrets_of(settings.webhook_secrets, settings.webhook_path).of(asker.id).words[0]}


def model_meant(named: str, house: House) -> str:
    """The id of the model that is meant; what is unknown stays as it is, and the gate refuses it."""
    cards = house.registry.list()
    if _REVISION.fullmatch(named):
        return next((card.id for card in cards if card.revision == named), named)
    if any(card.id == named for card in cards):
        return named
    return named.removeprefix(f"{OWNER}/")


def site_of(request: Request) -> str:
    """What this service's addresses begin with, as the client sees it."""
    return str(request.base_url).rstrip("/")


def _described(found: Card | Terms, site: str) -> dict[str, Any]:
    owner, _, name = qualified(found.id).partition("/")
    return {
        "url": f"{site}/v1/models/{owner}/{name}",
        "owner": owner,
        "name": name,
        "visibility": "public",
        "github_url": None,
        "paper_url": None,
        "license_url": found.license_url or None,
        "run_count": 0,  # their client insists on a number, and runs are not counted
        "cover_image_url": None,
        "default_example": None,
        "latest_version": _version(found) if isinstance(found, Card) else None,
    }


def _version(card: Card) -> dict[str, Any]:
    return {
        "id": card.revision,
        "created_at": told_time(came_at(card)),
        "cog_version": COG,
        "openapi_schema": _schema(card),
    }


def _schema(card: Card) -> dict[str, Any]:
    schema = Input.model_json_schema()
    for name in ("temperature", "top_k", "top_p"):
        schema["properties"][name]["default"] = getattr(card.sampling, name)
    output = {"anyOf": [{"type": "string", "format": "uri"}, {"type": "array", "items": {"type": "string"}}]}
    return {
        "openapi": "3.1.0",
        "info": {"title": card.id, "version": card.revision},
        "paths": {},
        "components": {"schemas": {"Input": schema, "Output": {"title": "Output", **output}}},
    }
