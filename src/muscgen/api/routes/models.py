"""/v1/models: what can be asked for."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from muscgen.api.house import KNOWN, House, Parts
from muscgen.api.parameters import model_document
from muscgen.models.card import Card

router = APIRouter(prefix="/v1/models", tags=["models"], dependencies=[KNOWN])


@router.get("")
async def list_models(house: Parts) -> dict[str, Any]:
    """The models: limits, licence, whether it permits use here, defaults, schema of the parameters."""
    return {
        "object": "list",
        "default": house.settings.default_model,
        "data": [_document(card, house) for card in house.registry.list()],
    }


@router.get("/{model_id:path}")
async def get_model(model_id: str, house: Parts) -> dict[str, Any]:
    """One model."""
    return _document(house.registry.get(model_id), house)


def _document(card: Card, house: House) -> dict[str, Any]:
    return model_document(card) | {"rights": house.rules.standing(card)}
