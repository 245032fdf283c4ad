"""For those who watch: alive, ready, measured. Open to all; nothing of any request is in the answers."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from muscgen.api.house import House, Parts
from muscgen.api.meters import exposition
from muscgen.api.readiness import Readiness

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
    house: House = request.app.state.house
    readiness: Readiness = request.app.state.readiness
    await house.lookout.look()
    report = await readiness.report()
    return JSONResponse(report.to_dict(), report.http_status, {"Cache-Control": "no-store"})


@router.get("/metrics", response_class=Response)
async def metrics(request: Request, house: Parts) -> Response:
    """Prometheus text, or OpenMetrics (with exemplars) where it is accepted."""
    body, content_type = await exposition(house.queue, request.headers.get("accept", ""))
    return Response(body, media_type=content_type)
