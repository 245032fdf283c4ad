"""Every reader of outside bytes: whatever comes, it answers or refuses by its own errors."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from muscgen.admission import authenticate, read
from muscgen.api.formats import choose
from muscgen.api.preferences import preferences, require_json
from muscgen.api.ranges import Span, matches, wanted
from muscgen.api.routes.jobs import is_event_id
from muscgen.audio import Audio
from muscgen.errors import InvalidRequest, Rejected
from muscgen.intake import probe
from muscgen.jobs.read import _place
from muscgen.provenance.watermark import detect

SIZE = 1_000
quick = settings(max_examples=200, deadline=None)
wired = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
headers = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\x00"), max_size=200)
ranges = st.one_of(headers, st.from_regex(r"(bytes|items)?=?[0-9]{0,25}-[0-9]{0,25}(,[0-9]*-[0-9]*){0,9}"))


def asking(**given):
    lines = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in given.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": lines})


@quick
@given(ranges, headers)
def test_a_range_lies_in_the_file_or_is_refused(given_range, tag):
    with contextlib.suppress(Rejected):
        span = wanted({"range": given_range, "if-range": tag}, SIZE, tag)
        assert span is None or (isinstance(span, Span) and 0 <= span.first < span.end <= SIZE)
    assert matches(tag, '"x"') in (True, False)


@quick
@given(headers, headers, headers)
def test_preferences_are_understood_or_refused(prefer, accept, kind):
    with contextlib.suppress(Rejected):
        assert 0 <= preferences(asking(prefer=prefer, accept=accept)).wait_s <= 60
    with contextlib.suppress(Rejected):
        require_json(asking(content_type=kind))
    with contextlib.suppress(Rejected):
        assert choose(accept, "wav") in ("wav", "flac", "mp3", "ogg", "opus")


@quick
@given(st.one_of(st.text(max_size=200), st.from_regex(r"[A-Za-z0-9_-]{1,60}={0,2}")))
def test_a_cursor_is_a_place_or_refused(cursor):
    with contextlib.suppress(InvalidRequest):
        created, job_id = _place(cursor)
        assert isinstance(created, int)
        assert job_id.isascii()


@quick
@given(st.one_of(st.text(max_size=50), st.from_regex(r"[0-9]{0,25}(-[0-9]{0,25})?", fullmatch=True)))
def test_an_event_id_is_one_that_redis_can_count(text):
    if is_event_id(text):
        assert all(0 <= int(part) < 2**64 for part in text.split("-"))


@quick
@given(headers)
def test_no_header_passes_for_a_key(header):
    with pytest.raises(Rejected):
        authenticate(header, ["a key that is not in any of them"])


@quick
@given(st.binary(max_size=500))
def test_a_body_is_a_wish_or_refused(body):
    with contextlib.suppress(Rejected):
        read(body)


@wired
@given(key=headers)
async def test_an_idempotency_key_is_kept_or_refused(service, key):
    answer = await service.post(headers={"Idempotency-Key": key.encode("latin-1")})
    assert answer.status_code in (202, 422, 429)


@wired
@given(body=st.binary(max_size=600), boundary=st.text("abc-'\"\\;= ", max_size=20))
async def test_a_form_is_read_or_refused(service, body, boundary):
    kind = f"multipart/form-data; boundary={boundary}".encode()
    framed = b"--%b\r\n%b\r\n--%b--\r\n" % (boundary.encode(), body, boundary.encode())
    for content in (body, framed):
        for path in ("/generate", "/artifacts"):
            answer = await service.http.post(path, content=content, headers={"Content-Type": kind})
            assert 400 <= answer.status_code < 500, answer.text


@settings(wired, max_examples=15)
@given(
    channels=st.integers(1, 8),
    rate=st.sampled_from([4_000, 22_050, 48_000, 192_000]),
    seconds=st.floats(0.0001, 3),
    gain=st.sampled_from([0.0, 1e-30, 1.0, 65_536.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_mark_is_looked_for_in_any_sound(channels, rate, seconds, gain, seed):
    dice = np.random.default_rng(seed)
    samples = gain * dice.standard_normal((channels, max(1, round(seconds * rate))))
    assert detect(Audio(samples.astype(np.float32), rate), {"ours": b"secret"}) is None


_few = st.text(max_size=3)
_hosts = st.one_of(st.text(max_size=60), st.ip_addresses().map(str), st.from_regex(r"[0-9a-fx.:\[\]%]{1,40}"))


@settings(wired, max_examples=150)
@given(url=st.one_of(st.text(max_size=80), st.builds("http{}://{}{}".format, _few, _hosts, _few)))
async def test_an_address_for_a_webhook_is_kept_or_refused(service, url):
    answer = await service.post(delivery={"webhook": {"url": url, "events": ["completed"]}})
    assert answer.status_code in (202, 422, 429), answer.text
    if answer.status_code == 422:
        assert answer.json()["param"] == "delivery.webhook.url"


def _file(kind, **options):
    out = io.BytesIO()
    tone = (0.3 * np.sin(np.arange(4_000) * 0.05)).astype(np.float32)
    soundfile.write(out, tone, 16_000, format=kind, **options)
    return out.getvalue()


FILES = [_file(kind) for kind in ("WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF")]


@settings(wired, max_examples=20)
@given(
    content=st.sampled_from(FILES),
    at=st.integers(0, 200),
    bytes_=st.binary(min_size=1, max_size=12),
    end=st.one_of(st.none(), st.integers(1, 4_000)),
)
def test_a_damaged_file_is_sound_or_refused(tmp_path, content, at, bytes_, end):
    path = tmp_path / "file"
    path.write_bytes((content[:at] + bytes_ + content[at + len(bytes_) :])[:end])
    with path.open("rb") as file, contextlib.suppress(Rejected):
        found = probe(file)
        assert 1 <= found.channels <= 8
        assert 0 < found.duration_s <= 600
