"""For those who watch: alive, ready, measured. Open to all; nothing of any request is in the answers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from muscgen import telemetry
from muscgen.api.house import Parts
from muscgen.api.readiness import Readiness
from muscgen.errors import QueueUnavailable

router = APIRouter(tags=["service"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """This process answers."""
    return {"status": "ok"}


@router.get(
    "/readyz", responses={503: {"description": "starting or failed", "content": {"application/json": {}}}}
)
async def readyz(request: Request) -> JSONResponse:
    """starting, ready, degraded or failed, and why."""
    readiness: Readiness = request.app.state.readiness
    report = await readiness.report()
    return JSONResponse(report.to_dict(), report.http_status, {"Cache-Control": "no-store"})


@router.get("/metrics", response_class=Response)
async def metrics(house: Parts) -> Response:
    """Prometheus text."""
    depths: dict[str, Any] = {}
    try:
        depths = {card.id: await house.queue.depth(card.id) for card in house.registry.list()}
    except QueueUnavailable:
        telemetry.QUEUE_DEPTH.clear()  # no number is better than an old one
    for model, depth in depths.items():
        telemetry.QUEUE_DEPTH.labels(model).set(depth)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
