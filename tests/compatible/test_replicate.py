"""Replicate's own client against a real service."""

from __future__ import annotations

import http.server
import io
import json
import threading

import httpx
import pytest
import replicate
import soundfile
from replicate.exceptions import ReplicateError
from replicate.webhook import InvalidSignatureError

from tests.service.services import serving

KEY = "correct-horse-battery-staple"
TINY = "muscgen/muscgen-tiny"
QUICK = {"prompt": "calm piano", "duration": 1, "seed": 7}
LONG = {"prompt": "techno", "duration": 300}


@pytest.fixture
def client(service):
    client = replicate.Client(api_token="any", base_url=service.url)
    yield client
    client._client.close()  # it has no other way to be closed


def sound_at(url: str):
    return soundfile.info(io.BytesIO(httpx.get(url).raise_for_status().content))


def test_a_song_is_made_by_run(client):
    url = client.run(TINY, input=QUICK | {"output_format": "mp3"})
    found = sound_at(str(url))
    assert (found.format, round(found.duration)) == ("MP3", 1)


def test_several_songs_are_a_list(client):
    urls = client.run(TINY, input=QUICK | {"n": 2})
    assert len(set(map(str, urls))) == 2


def test_a_prediction_that_waits_is_done_when_it_comes(client):
    wish = QUICK | {"seed": 21}
    made = client.predictions.create(version="muscgen-tiny", input=wish, wait=60)
    assert made.status == "succeeded"
    assert made.metrics["predict_time"] > 0
    assert sound_at(made.output).duration == pytest.approx(1, abs=0.05)
    assert made.input == made.input | wish


def test_a_prediction_is_followed_to_its_end(client):
    made = client.predictions.create(model=TINY, input=QUICK | {"seed": 8})
    assert made.status in ("starting", "processing")
    made.wait()
    assert made.status == "succeeded"
    assert client.predictions.get(made.id).output == made.output


def test_a_version_is_the_hash_of_the_weights(client, service):
    revision = service.client.get("/v1/models/muscgen-tiny").json()["revision"]
    made = client.predictions.create(version=revision, input=QUICK, wait=60)
    assert made.version == revision
    assert str(client.run(f"{TINY}:{revision}", input=QUICK)) == made.output


def test_a_model_and_its_one_version_are_found_by_owner_and_name(client, service):
    model = client.models.get(TINY)
    own = service.client.get("/v1/models/muscgen-tiny").json()
    assert (model.id, model.description) == (TINY, own["description"])
    assert model.latest_version.id == own["revision"]
    assert "prompt" in model.latest_version.openapi_schema["components"]["schemas"]["Input"]["properties"]
    assert [version.id for version in model.versions.list().results] == [own["revision"]]
    assert model.versions.get(own["revision"]) == model.latest_version
    known = client.models.get("facebook/musicgen-small")
    assert (known.owner, known.name, known.latest_version) == ("facebook", "musicgen-small", None)
    with pytest.raises(ReplicateError, match="there is no model"):
        client.models.get("muscgen/nothing")


def test_predictions_are_listed_newest_first(client):
    made = client.predictions.create(version="muscgen-tiny", input=QUICK, wait=60)
    found = client.predictions.list()
    assert found.results[0].id == made.id
    assert len({one.id for one in found.results}) == len(found.results)


def test_a_prediction_is_cancelled_and_shows_how_far_it_was(client, service):
    made = client.predictions.create(version="muscgen-tiny", input=LONG)
    service.until(lambda: service.running(made.id))
    made.reload()
    assert made.status == "processing"
    assert made.progress.current > 0
    made.cancel()
    made.wait()
    assert made.status == "canceled"
    assert made.output is None


def test_a_stream_tells_progress_and_then_the_song(client):
    events = list(client.stream(TINY, input=QUICK | {"seed": 9, "duration": 6}))
    kinds = [event.event.value for event in events]
    assert kinds[-1] == "done"
    assert kinds.count("output") == 1
    [url] = [str(event) for event in events if event.event.value == "output"]
    assert sound_at(url).duration == pytest.approx(6, abs=0.05)


def test_the_stream_of_a_cancelled_prediction_says_so(client, service):
    made = client.predictions.create(version="muscgen-tiny", input=LONG, stream=True)
    service.until(lambda: service.running(made.id))
    made.cancel()
    with httpx.stream("GET", made.urls["stream"], timeout=30) as answer:
        text = "".join(answer.iter_text())
    assert 'event: done\ndata: {"reason": "canceled"}' in text


@pytest.fixture
def receiver():
    """A server that keeps what it is told."""
    told: list[tuple[dict[str, str], bytes]] = []
    came = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append((dict(self.headers), body))
            self.send_response(204)
            self.end_headers()
            came.set()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook", told, came
        server.shutdown()
        thread.join()


def test_a_webhook_is_told_of_the_prediction_and_signed(client, service, receiver):
    url, told, came = receiver
    made = client.predictions.create(
        version="muscgen-tiny",
        input=QUICK | {"seed": 11},
        webhook=url,
        webhook_events_filter=["output", "completed"],
    )
    assert came.wait(60)
    [(headers, body)] = told
    prediction = json.loads(body)
    assert (prediction["id"], prediction["status"]) == (made.id, "succeeded")
    assert sound_at(prediction["output"]).duration == pytest.approx(1, abs=0.05)
    secret = (service.home / "keys" / "webhook").read_text().split()[0]
    replicate.webhooks.validate(
        headers={name.lower(): value for name, value in headers.items()},
        body=body.decode(),
        secret=replicate.webhook.WebhookSigningSecret(key=secret),
    )


def test_the_secret_of_webhooks_is_the_askers_own_and_nobodys_without_keys(client, tmp_path, receiver):
    with pytest.raises(ReplicateError, match="anybody would learn its secret"):
        client.webhooks.default.secret()
    url, told, came = receiver
    keys = {"MUSCGEN_API_KEYS": f"{KEY},{KEY}-of-another", "MUSCGEN_WEBHOOK_ALLOW_PRIVATE": "true"}
    with serving(tmp_path / "closed", **keys) as closed:
        mine, another = (
            replicate.Client(api_token=key, base_url=closed.url) for key in (KEY, f"{KEY}-of-another")
        )
        mine.predictions.create(version="muscgen-tiny", input=QUICK, webhook=url)
        assert came.wait(60)
        [(headers, body)] = told
        call = {"headers": {name.lower(): value for name, value in headers.items()}, "body": body.decode()}
        replicate.webhooks.validate(**call, secret=mine.webhooks.default.secret())
        with pytest.raises(InvalidSignatureError):
            replicate.webhooks.validate(**call, secret=another.webhooks.default.secret())
        for one in (mine, another):
            one._client.close()


def test_a_song_goes_on_from_a_file_that_is_brought(client, tmp_path):
    start = client.run(TINY, input=QUICK | {"seed": 12, "duration": 2})
    path = tmp_path / "start.wav"
    path.write_bytes(httpx.get(str(start)).content)
    with path.open("rb") as file:
        made = client.predictions.create(
            version="muscgen-tiny",
            input={
                "prompt": "calm piano",
                "duration": 4,
                "input_audio": file,
                "continuation": True,
                "input_audio_consent": "own",
            },
            wait=60,
        )
    assert made.status == "succeeded", made.error
    assert sound_at(made.output).duration == pytest.approx(4, abs=0.05)
    assert made.input["continuation"] is True


@pytest.mark.parametrize(
    ("changes", "version", "param"),
    [
        ({}, "no-such-model", "version"),
        ({"duration": 9_000}, "muscgen-tiny", "input.duration"),
        ({"temperature": -1.0}, "muscgen-tiny", "input.temperature"),
        ({"multi_band_diffusion": True}, "muscgen-tiny", "input.multi_band_diffusion"),
        ({"output_format": "aac"}, "muscgen-tiny", "input.output_format"),
        ({"input_audio": "https://example.com/a.mp3"}, "muscgen-tiny", "input.input_audio"),
        ({"continuation": True}, "muscgen-tiny", "input.continuation"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(client, changes, version, param):
    with pytest.raises(ReplicateError) as raised:
        client.predictions.create(version=version, input=QUICK | changes)
    assert raised.value.status == 422
    assert param in raised.value.detail


def test_an_unknown_prediction_is_an_error_that_the_client_reads(client):
    with pytest.raises(ReplicateError) as raised:
        client.predictions.get("job_0")
    assert raised.value.status == 404
