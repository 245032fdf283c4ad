"""What is a bucket's alone: how it is chosen, what lies in it, what it refuses, and how it is away."""

from __future__ import annotations

import http.server
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import httpx
import pytest
from obstore.exceptions import GenericError
from obstore.store import MemoryStore
from places import SONG, bucket_of, everybody, put

from muscgen.artifacts import DirectoryStore, open_store
from muscgen.artifacts.bucket import BucketStore
from muscgen.artifacts.lives import CHECKS
from muscgen.artifacts.objects import Objects
from muscgen.errors import ArtifactNotFound, ConfigurationError, StoreFull, StoreUnavailable
from muscgen.settings import Settings, load


@pytest.fixture
def opened(server, tmp_path, monkeypatch):
    """Stores by URL, as services open them."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return lambda url: open_store(Settings(home=tmp_path, artifacts_url=url))


@pytest.fixture
def memory():
    return MemoryStore()


def of(memory, tmp_path, clock=time.time) -> BucketStore:
    return BucketStore(Objects(memory), tmp_path, clock=clock)


@pytest.mark.parametrize("url", ["{}", "file://{}", "file://localhost{}"])
def test_a_folder_is_named_plainly_or_as_a_url(tmp_path, url):
    store = open_store(Settings(home=tmp_path / "home", artifacts_url=url.format(tmp_path / "a b")))

    put(store)
    assert isinstance(store, DirectoryStore)
    assert any((tmp_path / "a b").rglob("*.flac"))


def test_a_bucket_is_named_by_its_url(server, opened):
    bucket = server.new_bucket()
    artifact = put(opened(f"s3://{bucket}/songs"))

    content, record = sorted(server.keys(bucket))
    assert content.startswith(f"songs/{artifact.id}/")
    assert (content.rpartition("/")[2], record.rpartition("/")[2]) == ("content", "record.json")
    assert opened(f"s3://{bucket}/songs").verify(artifact.id)
    with pytest.raises(ArtifactNotFound):
        opened(f"s3://{bucket}/others").get(artifact.id)


@pytest.mark.parametrize(
    "url",
    ["s3://", "s3://key:secret@b", "s3://b?x=1", "ftp://host/x", "memory://", "file://host/x", "file:x"],
)
def test_what_is_no_place_is_refused_by_name(url):
    with pytest.raises(ConfigurationError, match="MUSCGEN_ARTIFACTS_URL"):
        load({"MUSCGEN_ARTIFACTS_URL": url})


def test_without_obstore_the_settings_say_what_to_install(opened, monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "muscgen.artifacts.bucket")
    monkeypatch.delitem(sys.modules, "muscgen.artifacts.objects")
    monkeypatch.delitem(sys.modules, "obstore.store")
    monkeypatch.delitem(sys.modules, "obstore.exceptions")
    with pytest.raises(ConfigurationError) as caught:
        opened("s3://bucket")
    assert caught.value.suggestion == "pip install muscgen[bucket]"


def test_the_bucket_hands_a_file_out_itself(server, opened):
    store = opened(f"s3://{server.new_bucket()}")
    artifact = put(store)

    url = store.direct_url(artifact.id, 60.0)
    assert url is not None
    answer = httpx.get(url)
    assert (answer.status_code, answer.content) == (200, SONG)
    assert answer.headers["content-type"] == "audio/flac"
    assert answer.headers["content-disposition"] == f'inline; filename="muscgen-{artifact.id[:12]}.flac"'
    assert "X-Amz-Expires=60" in url


def test_a_missing_bucket_is_a_mistake_of_the_settings(opened):
    with pytest.raises(ConfigurationError, match="no such bucket"):
        opened("s3://nobodys").check()


@pytest.mark.parametrize("ignored", ["create", "replace"])
def test_a_bucket_that_ignores_conditions_is_refused(memory, tmp_path, ignored):
    class Careless(Objects):
        def create(self, key, content):
            return super().create(key, content) or self._carelessly("create", key, content)

        def replace(self, key, content, version):
            return super().replace(key, content, version) or self._carelessly("replace", key, content)

        def _carelessly(self, method, key, content):
            if method == ignored:
                self.write(key, content, "text/plain", "x")
                return self.read(key)[1]
            return None

    store = BucketStore(Careless(memory), tmp_path)
    for act in (store.check, lambda: put(store)):
        with pytest.raises(ConfigurationError, match="conditional writes"):
            act()
    assert [found.key for found in Objects(memory).list()] == []


def test_a_bucket_that_is_away_is_said_so_soon(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    store = open_store(Settings(home=tmp_path, artifacts_url="s3://bucket"))
    began = time.monotonic()
    asks = [
        store.check,
        lambda: put(store),
        lambda: store.share("a" * 64, "x"),
        lambda: store.look("a" * 64),
        lambda: store.open("a" * 64),
        lambda: store.release("a" * 64, "x"),
        lambda: store.attachment("a" * 64, "x"),
        lambda: store.sweep(everybody),
    ]
    for ask in asks:
        with pytest.raises(StoreUnavailable):
            ask()
    assert time.monotonic() - began < 30


def test_a_bucket_that_hangs_holds_no_more_than_one_thread_for_long(tmp_path, monkeypatch):
    from muscgen.artifacts import opening

    client = opening._CLIENT | {"read_timeout": timedelta(seconds=3)}
    monkeypatch.setattr(opening, "_CLIENT", client)
    monkeypatch.setattr(opening, "_RETRIES", {"max_retries": 0})
    with socket.create_server(("127.0.0.1", 0), backlog=100) as hung:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{hung.getsockname()[1]}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        store = open_store(Settings(home=tmp_path, artifacts_url="s3://bucket"))

        def ask(_):
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                store.look("a" * 64)
            return time.monotonic() - began

        ask(0)
        with ThreadPoolExecutor(8) as pool:
            took = sorted(pool.map(ask, range(8)))
    assert took[6] < 2.9 < took[7] < 60


def test_a_bucket_that_was_away_is_trusted_again_at_its_first_answer(memory, tmp_path, monkeypatch):
    store = of(memory, tmp_path)
    artifact = put(store)

    def away(*_, **__):
        raise GenericError("reset by peer")

    with monkeypatch.context() as patch:
        patch.setattr("obstore.get", away)
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                store.look(artifact.id)
    assert store.verify(artifact.id)


def test_a_full_bucket_is_said_so(tmp_path, monkeypatch):
    class Full(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = b"<Error><Code>XMinioStorageFull</Code></Error>"
            self.send_response(507)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Full) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{serving.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        with pytest.raises(StoreFull):
            open_store(Settings(home=tmp_path, artifacts_url="s3://bucket")).check()
        serving.shutdown()


def test_a_file_that_goes_while_it_is_read_is_not_taken_for_whole(memory, tmp_path):
    store = of(memory, tmp_path)
    artifact = put(store, bytes(3_000_000))
    with store.open(artifact.id) as file:
        assert len(file.read(10)) == 10
        store.release(artifact.id, "job_1")
        file.seek(2_500_000)
        with pytest.raises(StoreUnavailable):
            file.read(10)


def test_what_a_dead_put_left_goes_after_an_hour(memory, tmp_path):
    objects, now = Objects(memory), [time.time()]
    store = of(memory, tmp_path, lambda: now[0])
    objects.write(f"{'a' * 64}/dead/content", SONG, "audio/flac", "x")
    objects.create(f"{CHECKS}/dead", b"1")
    objects.create("somebody/elses", b"1")
    artifact = put(store)

    store.sweep(everybody)
    assert len(list(objects.list("a" * 64))) == 1
    now[0] += 3_700
    store.sweep(everybody)
    assert list(objects.list("a" * 64)) == list(objects.list(CHECKS)) == []
    assert len(list(objects.list("somebody"))) == 1
    assert store.verify(artifact.id)


def test_workers_do_not_sweep_on_each_others_heels(memory, tmp_path):
    now, asked = [1_000.0], []

    def live(owner):
        asked.append((now[0], owner))
        return True

    stores = [of(memory, tmp_path, lambda: now[0]) for _ in range(3)]
    put(stores[0])
    for _ in range(10):
        for store in stores:
            store.sweep(live)
        now[0] += 100.0
    times = [at for at, _ in asked]
    assert len(times) == 4
    assert all(later - earlier >= 300 for earlier, later in pairwise(times))


def test_a_sweep_reads_only_what_changed(memory, tmp_path):
    class Counting(Objects):
        reads = 0

        def read(self, key):
            Counting.reads += key.endswith("record.json")
            return super().read(key)

    now = [1_000.0]
    store = BucketStore(Counting(memory), tmp_path, clock=lambda: now[0])
    for number in range(20):
        put(store, f"song {number}".encode())
    for reads in (20, 0, 1):
        Counting.reads, now[0] = 0, now[0] + 1_000
        store.sweep(everybody)
        assert Counting.reads == reads
        if reads == 0:
            put(store, b"another")


def test_a_damaged_record_is_reported_and_left_to_be_looked_at(memory, tmp_path, caplog):
    place = bucket_of(memory, tmp_path, [1_000.0])
    store = place.again()
    put(store)
    (record,) = (name for name in place.names() if name.endswith("record.json"))
    Objects(memory).write(record, b"{", "text/plain", "x")

    with pytest.raises(ArtifactNotFound):
        store.get(record[:64])
    assert "artifact.record_damaged" in caplog.text
    store.sweep(everybody)
    assert len(place.names()) == 2


@pytest.mark.parametrize("method", ["create", "replace"])
def test_a_write_whose_answer_was_lost_counts_all_the_same(memory, tmp_path, method):
    """As when the connection breaks, and the client of the bucket asks again by itself."""

    class Forgetful(Objects):
        def create(self, key, content):
            version = super().create(key, content)
            return None if method == "create" else version

        def replace(self, key, content, version):
            version = super().replace(key, content, version)
            return None if method == "replace" else version

    store = BucketStore(Forgetful(memory), tmp_path)
    artifact = put(store, owner="a")
    put(store, owner="b")
    store.share(artifact.id, "c")
    assert store.owners(artifact.id) == {"a", "b", "c"}
    assert [store.release(artifact.id, owner) for owner in "abc"] == [False, False, True]
    assert list(Objects(memory).list()) == []
