"""multipart/form-data from hostile clients: an answer in any case, and no other than for parts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from muscgen.api.multipart import parts_of
from muscgen.errors import BodyTooLarge, InvalidRequest, MalformedBody

LIMITS = {"request": 100, "melody": 1_000}


def form(*parts, end=b"--b--\r\n"):
    head = b'--b\r\nContent-Disposition: form-data; name="%s"; filename="../../x"\r\nX-Other: 1\r\n\r\n%s\r\n'
    return b"".join(head % part for part in parts) + end


def read(body, sizes=(7,), kind=b"multipart/form-data; boundary=b"):
    """The parts' contents, of a body that comes in pieces of these sizes, over and over."""
    pieces, at = [], 0
    while at < len(body):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(body[at : at + size])
        at += size

    async def receive():
        more = bool(pieces)
        return {"type": "http.request", "body": pieces.pop(0) if more else b"", "more_body": more}

    async def whole():
        request = Request({"type": "http", "method": "POST", "headers": [(b"content-type", kind)]}, receive)
        with tempfile.TemporaryDirectory() as folder:
            async with parts_of(request, LIMITS, Path(folder)) as parts:
                assert os.listdir(folder) == []  # noqa: PTH208
                return {name: file.read() for name, file in parts.items()}

    return asyncio.run(whole())


@settings(max_examples=30, deadline=None)
@given(
    st.binary(max_size=100), st.binary(max_size=1_000), st.lists(st.integers(1, 300), min_size=1, max_size=5)
)
def test_parts_come_as_they_were_sent_however_the_body_is_cut(request_, melody, sizes):
    parts = {"request": request_, "melody": melody}
    if b"--b" not in request_ + melody:
        body = form(*((name.encode(), content) for name, content in parts.items()))
        assert read(body, tuple(sizes)) == parts


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6), st.integers(0, 400))
def test_a_damaged_form_is_read_or_refused_and_nothing_else(damages, length):
    body = bytearray(form((b"request", b"{}"), (b"melody", b"sound" * 20))[:length])
    for at, value in damages:
        if body:
            body[at % len(body)] = value
    with contextlib.suppress(MalformedBody, InvalidRequest, BodyTooLarge):
        assert set(read(bytes(body))) <= set(LIMITS)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (form((b"request", b"x" * 101)), BodyTooLarge),
        (form((b"drums", b"x")), InvalidRequest),
        (form((b"melody", b"x"), (b"melody", b"x")), InvalidRequest),
        (form((b"melody", b"x"), end=b""), MalformedBody),
        (b"--b\r\n" + b"X-Long: " + b"y" * 100_000, MalformedBody),
        (b"--b\r\n" + b"X: 1\r\n" * 10_000, MalformedBody),
        (b"", MalformedBody),
    ],
)
def test_a_form_that_cannot_be_is_refused(body, error):
    with pytest.raises(error):
        read(body, (4_096,))


@pytest.mark.parametrize("kind", [b"multipart/form-data", b"multipart/form-data; boundary=" + b"b" * 300])
def test_a_boundary_is_there_and_short(kind):
    with pytest.raises(MalformedBody):
        read(form(), kind=kind)
