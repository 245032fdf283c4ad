"""A receiver is somebody else's program: whatever it answers, it is heard or it is a failed call, no more."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muscgen.webhooks import CheckedTransport, Sender

from .receiver import SECRETS, Receiver

wired = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
lines = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=60)
heads = st.builds(
    lambda code, wish, more, body: (
        f"HTTP/1.1 {code} So\r\nRetry-After: {wish}\r\n{more}\r\n\r\n".encode("latin-1") + body
    ),
    st.one_of(st.integers(0, 1_000).map(str), lines),
    st.one_of(st.integers(-(10**30), 10**30).map(str), st.sampled_from(["nan", "1e999", "9" * 400]), lines),
    st.one_of(st.just("Content-Length: 2"), st.just("Transfer-Encoding: chunked"), lines),
    st.binary(max_size=200),
)


@wired
@given(answer=st.one_of(heads, st.binary(max_size=300)))
async def test_whatever_is_answered_is_heard_or_a_failed_call(receiver: Receiver, answer):
    async def say(_, writer):
        writer.write(answer)

    receiver.answers = [say]
    async with Sender(SECRETS, CheckedTransport(allow_private=True), timeout_s=30.0) as sender:
        told = await sender.send(receiver.url, "msg_1", b"{}")
    if told.reason == "":
        assert answer[:10].startswith((b"HTTP/1.1 2", b"HTTP/1.0 2"))
    assert told.retry_after_s >= 0
