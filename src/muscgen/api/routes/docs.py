"""/docs: Swagger UI from this machine, without a line of inline script."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from swagger_ui_bundle import swagger_ui_path

from muscgen.errors import NotFound

router = APIRouter(include_in_schema=False)

_ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; media-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>muscgen</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = """window.onload = () => {
  window.ui = SwaggerUIBundle({url: "docs/openapi.json", dom_id: "#swagger-ui", validatorUrl: null});
};
"""


@router.get("/docs")
async def docs() -> HTMLResponse:
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _CSP})


@router.get("/docs/start.js")
async def start() -> Response:
    return Response(_START, media_type="text/javascript")


@router.get("/docs/openapi.json")
async def schema(request: Request) -> dict[str, Any]:
    """The same schema under an older name: the bundled viewer shows nothing that calls itself 3.1."""
    return {**request.app.openapi(), "openapi": "3.0.3"}


@router.get("/docs/{name}")
async def asset(name: str) -> FileResponse:
    if name not in _ASSETS:
        raise NotFound(f"there is no /docs/{name[:80]}")
    return FileResponse(swagger_ui_path / name, headers={"Cache-Control": "public, max-age=86400"})
