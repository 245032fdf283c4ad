"""Consents over the wire: what a body says of one, and how one is shown."""

from __future__ import annotations

import base64
import time
from contextlib import suppress
from datetime import UTC, datetime

from fastapi import Request

from muscgen.admission import read_as, record_of
from muscgen.api.house import House
from muscgen.api.multipart import MULTIPART, parts_of
from muscgen.api.preferences import require_json
from muscgen.api.schemas import ConsentDocument, ConsentUse
from muscgen.errors import InvalidRequest
from muscgen.jobs.consents import Held, Made, Place
from muscgen.request import MAX_STATEMENT_BYTES, ConsentRecord, ConsentWish, Statement
from muscgen.rights import statements

MAX_KEY_BYTES = 20_000
_LIMITS = {"statement": MAX_STATEMENT_BYTES, "signature": MAX_KEY_BYTES, "public_key": MAX_KEY_BYTES}


async def record_in(request: Request, house: House, tenant: str) -> ConsentRecord:
    """The record that a body asks for: JSON, or multipart/form-data with a part `consent` and files.

    Raises InvalidFields, MalformedBody, StatementInvalid, naming the field.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MULTIPART:
        require_json(request)
        wish = read_as(ConsentWish, await request.body())
        return record_of(wish, tenant, _jws(wish))
    limits = {"consent": house.settings.max_body_bytes} | _LIMITS
    async with parts_of(request, limits, house.spool()) as parts:
        texts = {name: file.read() for name, file in parts.items()}
    if "consent" not in texts:
        raise InvalidRequest("the part consent is missing", param="consent")
    wish = read_as(ConsentWish, texts["consent"])
    if wish.statement is not None and "statement" in texts:
        raise InvalidRequest("a statement comes as a file and as a JWS", param="statement.jws")
    return record_of(wish, tenant, _file(texts, wish) if len(texts) > 1 else _jws(wish))


def shown(held: Held) -> ConsentDocument:
    """A consent as clients see it."""
    record, revoked = held.record, held.revoked
    until = record.scope.until
    ended = until is not None and until.timestamp() <= time.time()
    return ConsentDocument(
        **record.model_dump(),
        sha256=record.sha256,
        standing="revoked" if revoked else "ended" if ended else "valid",
        revoked_at=datetime.fromtimestamp(revoked.at, UTC) if revoked else None,
        revoked_reason=revoked.reason or None if revoked else None,
    )


def use(made: Made, root: str) -> ConsentUse:
    """A use as clients see it."""
    return ConsentUse(
        at=datetime.fromtimestamp(made.at, UTC),
        job=made.job,
        job_url=f"{root}/jobs/{made.job}",
        artifact=made.artifact,
        artifact_url=f"{root}/artifacts/{made.artifact}" if made.artifact else None,
    )


def cursor_of(place: Place | None) -> str | None:
    """A place in a list, for the next call."""
    return None if place is None else base64.urlsafe_b64encode(f"{place[0]!r} {place[1]}".encode()).decode()


def place_of(cursor: str | None) -> Place | None:
    """Raises InvalidRequest for a cursor that this service did not give."""
    if cursor is None:
        return None
    with suppress(ValueError):
        at, _, name = base64.urlsafe_b64decode(cursor).decode("ascii").partition(" ")
        if name:
            return float(at), name
    raise InvalidRequest("this cursor was not given by this service", param="cursor")


def _jws(wish: ConsentWish) -> Statement | None:
    if wish.statement is None:
        return None
    return statements.of_jws(wish.statement.jws, wish.statement.public_key, wish.scope.inputs or ())


def _file(texts: dict[str, bytes], wish: ConsentWish) -> Statement:
    if "statement" not in texts:
        raise InvalidRequest("the part statement is missing", param="statement")
    try:
        key = texts["public_key"].decode("ascii") if "public_key" in texts else None
    except UnicodeDecodeError:
        raise InvalidRequest("the public key is no PEM", param="public_key") from None
    return statements.of_file(texts["statement"], texts.get("signature"), key, wish.scope.inputs or ())
