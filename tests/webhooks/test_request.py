"""What a client may say of a webhook."""

import json

import pytest

from muscgen.admission import read
from muscgen.errors import InvalidRequest
from muscgen.request import MAX_PROMPT_CHARS, SongRequest


def wish(**webhook):
    return read(json.dumps({"prompt": "rain", "delivery": {"webhook": webhook}}).encode())


def test_an_address_is_enough_and_the_end_is_told():
    webhook = wish(url="https://example.com:8443/hook?job=1").delivery.webhook
    assert webhook.url == "https://example.com:8443/hook?job=1"
    assert webhook.events == ("completed",)


def test_nobody_is_told_without_a_webhook():
    assert read(b'{"prompt": "rain"}').delivery.webhook is None


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "example.com/hook",
        "https://",
        "https:///hook",
        "https://user:secret@example.com/",
        "https://user@example.com/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com/#part",
        "https://exam ple.com/",
        "https://example.com\\@127.0.0.1/",
        "https://example.com/\r\nX: y",
        "https://bücher.example/",
        "https://[::1/",
        "https://example.com/" + "x" * MAX_PROMPT_CHARS,
        "",
    ],
)
def test_what_is_no_plain_address_is_refused_by_name(url):
    with pytest.raises(InvalidRequest) as caught:
        wish(url=url)
    assert caught.value.param == "delivery.webhook.url"
    assert "secret" not in caught.value.detail


def test_a_refusal_says_what_would_work():
    with pytest.raises(InvalidRequest, match="another scheme than http and https") as caught:
        wish(url="ftp://example.com/")
    assert caught.value.suggestion == "https://example.com/hook"


@pytest.mark.parametrize(
    ("webhook", "where"),
    [
        ({}, "delivery.webhook.url"),
        ({"url": "https://a.example", "events": []}, "delivery.webhook.events"),
        ({"url": "https://a.example", "events": ["audio"]}, "delivery.webhook.events.0"),
        ({"url": "https://a.example", "secret": "x"}, "delivery.webhook.secret"),
    ],
)
def test_what_is_wrong_is_named(webhook, where):
    with pytest.raises(InvalidRequest) as caught:
        wish(**webhook)
    assert caught.value.param == where


def test_a_webhook_travels_with_the_request():
    delivery = wish(url="https://a.example/x", events=["started", "completed"]).delivery
    sampling = {"temperature": 1.0, "top_k": 250, "top_p": 0.0, "guidance_scale": 3.0}
    request = SongRequest(
        model="m", prompt="rain", duration_s=1, seed=1, sampling=sampling, delivery=delivery
    )
    assert SongRequest.from_json(request.to_json()) == request
