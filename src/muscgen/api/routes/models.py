"""/v1/models: what can be asked for."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from muscgen.api.house import KNOWN, Parts
from muscgen.api.parameters import model_document

router = APIRouter(prefix="/v1/models", tags=["models"], dependencies=[KNOWN])


@router.get("")
async def list_models(house: Parts) -> dict[str, Any]:
    """The models, each with its limits, licence, defaults and the schema of its parameters."""
    return {
        "object": "list",
        "default": house.settings.default_model,
        "data": [model_document(card) for card in house.registry.list()],
    }


@router.get("/{model_id:path}")
async def get_model(model_id: str, house: Parts) -> dict[str, Any]:
    """One model."""
    return model_document(house.registry.get(model_id))
