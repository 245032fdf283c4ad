"""/: the playground, built from web/ into this package; no account, no cookies, nothing from elsewhere."""

from __future__ import annotations

import re
import secrets
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse

import muscgen
from muscgen.errors import NotFound

router = APIRouter(include_in_schema=False)

_BUILT = Path(muscgen.__file__).parent / "web"
_PLACE = "muscgen-nonce"  # in web/index.html; the waveform's shadow tree brings a style of its own
_NAME = re.compile(r"[A-Za-z0-9_-]+\.(js|css)")
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:; "
    "connect-src 'self'; media-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}  # names carry a hash of the content


@router.get("/")
async def page() -> HTMLResponse:
    """The page, whose styles may only be those that know this answer's nonce."""
    nonce = secrets.token_urlsafe(16)
    headers = {
        "Content-Security-Policy": _CSP.format(nonce=nonce),
        "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
        "Cache-Control": "no-store",
    }
    return HTMLResponse(_index().replace(_PLACE, nonce), headers=headers)


@router.get("/icon.svg")
async def icon() -> FileResponse:
    return FileResponse(_BUILT / "icon.svg", headers={"Cache-Control": "public, max-age=86400"})


@router.get("/assets/{name}")
async def asset(name: str) -> FileResponse:
    path = _BUILT / "assets" / name
    if not _NAME.fullmatch(name) or not path.is_file():
        raise NotFound(f"there is no /assets/{name[:80]}")
    return FileResponse(path, headers=_FOREVER)


@cache
def _index() -> str:
    return (_BUILT / "index.html").read_text("utf-8")
