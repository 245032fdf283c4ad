"""Models from buckets, web servers and folders, by a manifest."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import shutil
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import boto3
import pytest
from models.twins import audiocraft_twin
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner

from muscgen.cli.app import app
from muscgen.errors import (
    ConfigurationError,
    FilesWrong,
    InvalidRequest,
    LicenceRefused,
    SourceAway,
    SourceMissing,
)
from muscgen.fetching.keeping import remove
from muscgen.fetching.manifest import MANIFEST, read_manifest
from muscgen.fetching.places import origin_of, published
from muscgen.models.registry import Registry
from muscgen.models.terms import Said
from muscgen.rights import Rules

from .conftest import HURRY, SMALL, WEIGHTS, checkpoint

LOFI = Said("CC-BY-4.0", attribution="Us").terms("ours/lofi")


@pytest.fixture
def run(house):
    def run(*words: object, expect: int = 0):
        at_home = () if words[0] == "manifest" else ("--home", str(house.home))
        done = CliRunner().invoke(app, ["models", *map(str, words), *at_home])
        assert done.exit_code == expect, (done.stdout, done.stderr)
        return done.stdout + done.stderr

    return run


@pytest.fixture
def folder(weights, tmp_path, run) -> Path:
    """What a publisher has."""
    path = shutil.copytree(weights, tmp_path / "lofi")
    run("manifest", path, "--id", "ours/lofi", "--license", "CC-BY-4.0", "--attribution", "Us")
    return path


@pytest.fixture(scope="session")
def s3():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3, monkeypatch):
    for name, value in {
        "AWS_ENDPOINT_URL": s3,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=s3)
    client.create_bucket(Bucket="models")
    yield client
    for found in client.list_objects_v2(Bucket="models").get("Contents", []):
        client.delete_object(Bucket="models", Key=found["Key"])
    client.delete_bucket(Bucket="models")
    client.close()


def upload(bucket, folder: Path, prefix: str = "lofi") -> str:
    for path in folder.rglob("*"):
        if path.is_file():
            bucket.upload_file(str(path), "models", f"{prefix}/{path.relative_to(folder)}")
    return f"s3://models/{prefix}"


class Quiet(SimpleHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.asked.append(self.path)
        super().do_GET()


@pytest.fixture
def web(folder):
    """A plain file server, which knows no ranges."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder.parent)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    Quiet.asked.clear()
    yield f"http://127.0.0.1:{server.server_address[1]}/lofi"
    server.shutdown()
    server.server_close()


def test_a_manifest_names_what_a_reader_needs_with_its_digest(folder):
    manifest = json.loads((folder / MANIFEST).read_text())
    assert (manifest["id"], manifest["license"], manifest["attribution"]) == ("ours/lofi", "CC-BY-4.0", "Us")
    names = {file["name"] for file in manifest["files"]}
    assert WEIGHTS in names
    assert "pytorch_model.bin" not in names


def test_a_model_is_pulled_from_a_bucket(house, run, folder, bucket):
    url = upload(bucket, folder)
    assert "is here now" in run("pull", "ours/lofi", "--from", url)
    record = json.loads((house.folder("ours/lofi") / "origin.json").read_text())
    assert (record["place"], record["address"]) == ("bucket", url)
    card = Registry(house.models).get("ours/lofi")
    assert (card.license, card.attribution) == ("CC-BY-4.0", "Us")
    assert (house.folder("ours/lofi") / WEIGHTS).read_bytes() == house.weights.read_bytes()


def test_a_fetch_from_a_bucket_goes_on_where_it_stopped(house, folder, bucket):
    url = upload(bucket, folder)
    part = house.models / ".fetching" / "ours--lofi@"
    plan = read_manifest((folder / MANIFEST).read_bytes(), "here")
    [weights] = [file for file in plan.files if file.name == WEIGHTS]
    part = part.with_name(f"ours--lofi@{plan.commit[:16]}") / ".parts" / f"{weights.sha256[:40]}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes((folder / WEIGHTS).read_bytes()[:-100])
    bucket.put_object(
        Bucket="models",
        Key=f"lofi/{WEIGHTS}",
        Body=b"\0" * (weights.bytes - 100) + (folder / WEIGHTS).read_bytes()[-100:],
    )
    assert house.pull(LOFI, origin=url).fresh  # only the last bytes of the bucket's file are right


def test_a_bucket_with_another_file_than_the_manifest_s_is_refused(house, folder, bucket):
    url = upload(bucket, folder)
    bucket.put_object(
        Bucket="models", Key="lofi/config.json", Body=b"{}" + (folder / "config.json").read_bytes()[2:]
    )
    with pytest.raises(FilesWrong, match=r"config\.json is not what"):
        house.pull(LOFI, origin=url)
    bucket.delete_object(Bucket="models", Key="lofi/config.json")
    with pytest.raises(SourceMissing, match=r"config\.json is not there"):
        house.pull(LOFI, origin=url)


def test_a_file_that_is_shorter_than_the_manifest_says_is_called_so(house, folder, bucket):
    url = upload(bucket, folder)
    bucket.put_object(Bucket="models", Key=f"lofi/{WEIGHTS}", Body=b"short")
    with pytest.raises(
        FilesWrong, match=r"model\.safetensors ends before byte 5: it is shorter than was said"
    ):
        house.pull(LOFI, origin=url)


def test_a_bucket_that_is_not_there_is_called_so(house, bucket, monkeypatch):
    with pytest.raises(SourceMissing, match=r"s3://nothing/x/muscgen-manifest\.json is not there"):
        house.pull(LOFI, origin="s3://nothing/x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("muscgen.fetching.published.RETRIES", {"max_retries": 0})
    with pytest.raises(SourceAway, match="3 times in a row"):
        house.pull(LOFI, origin="s3://models/x")


def test_a_model_is_pulled_from_a_web_server(house, run, web):
    run("pull", "ours/lofi", "--from", f"{web}/")
    record = json.loads((house.folder("ours/lofi") / "origin.json").read_text())
    assert (record["place"], record["address"]) == ("web", web)


def test_what_opens_a_url_is_sent_and_not_written_down(house, web):
    signed = web.replace("http://", "http://user:secret@") + "?sig=secret"
    record = house.pull(LOFI, origin=signed).record
    assert record.address == web
    assert all("?sig=secret" in path for path in Quiet.asked)
    assert "secret" not in (house.folder("ours/lofi") / "origin.json").read_text()


def test_a_model_s_place_at_a_signed_url_is_before_the_signature(house, web):
    assert origin_of("lofi", "hub") is None
    signed = f"{web.removesuffix('/lofi')}/?sig=secret"
    assert origin_of("lofi", signed) == f"{web}?sig=secret"
    assert house.pull(LOFI, origin=origin_of("lofi", signed)).fresh


@pytest.mark.parametrize("path", ["", "/nothing"])
def test_what_opens_a_url_is_in_no_error(house, web, path, caplog):
    closed = f"http://user:secret@127.0.0.1:1{path}?sig=secret"
    with pytest.raises(SourceAway, match=f"http://127.0.0.1:1{path}: ConnectError") as away:
        house.pull(LOFI, origin=closed)
    with pytest.raises(SourceAway) as unsaid:
        published("ours/lofi", closed, None, HURRY)
    with pytest.raises(InvalidRequest, match="no place to fetch from") as odd:
        house.pull(LOFI, origin=f"ftp://user:secret@host{path}?sig=secret")
    told = [str(error.value) for error in (away, unsaid, odd)]
    assert "secret" not in " ".join([*told, *(str(vars(record)) for record in caplog.records)])


def test_a_licence_that_the_manifest_does_not_say_is_refused(house, run, web):
    refused = run("pull", "ours/lofi", "--from", web, "--license", "MIT", expect=2)
    assert "muscgen-manifest.json says license = 'CC-BY-4.0', not 'MIT'" in refused
    assert not house.folder("ours/lofi").exists()


def test_what_is_not_said_is_as_the_manifest_says_it(house, run, web):
    run("pull", "ours/lofi", "--from", web, "--license", "cc-by-4.0")
    card = Registry(house.models).get("ours/lofi")
    assert (card.license, card.attribution) == ("CC-BY-4.0", "Us")


@pytest.mark.parametrize("field", Said._fields)
def test_terms_that_the_manifest_does_not_say_are_refused(house, run, web, field):
    other = {"license": "MIT", "license_url": "https://host/text", "attribution": "Them"}[field]
    option = f"--{field.replace('_', '-')}"
    refused = run("pull", "ours/lofi", "--from", web, "--license", "CC-BY-4.0", option, other, expect=2)
    assert f"muscgen-manifest.json says {field} = " in refused
    assert f"not {other!r}" in refused


def test_terms_that_a_manifest_says_are_accepted_and_then_pulled(house, run, folder, web, monkeypatch):
    manifest = json.loads((folder / MANIFEST).read_text()) | {"license": "CC-BY-NC-4.0"}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    refused = run("pull", "ours/lofi", "--from", web, "--license", "CC-BY-NC-4.0", expect=2)
    assert f"muscgen models accept ours/lofi --from {web}" in refused
    run("accept", "ours/lofi", "--from", web, "--yes")
    assert "is here now" in run("pull", "ours/lofi", "--from", web, "--license", "CC-BY-NC-4.0")
    assert "--from was not asked" in run("pull", "ours/lofi", "--from", web)
    assert "--from" not in run("pull", "ours/lofi", "--from", web, "--revision", _sha256(folder / MANIFEST))
    run("remove", "ours/lofi", "--yes")
    (folder.parent / "ours").mkdir()
    folder.rename(folder.parent / "ours" / "lofi")
    monkeypatch.setenv("MUSCGEN_MODELS_FROM", web.removesuffix("/lofi"))
    run("withdraw", "ours/lofi")
    run("accept", "ours/lofi", "--yes")
    assert "--from hub" in run("pull", "ours/techno", expect=1)
    assert "is here now" in run("pull", "ours/lofi")
    assert "--from" not in run("pull", "ours/lofi")


def test_a_new_version_comes_under_what_its_manifest_says_now(house, run, folder, web):
    run("pull", "ours/lofi", "--from", web)
    manifest = json.loads((folder / MANIFEST).read_text()) | {"attribution": "Us and Ada"}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    run("pull", "ours/lofi", "--from", web, "--revision", _sha256(folder / MANIFEST))
    assert Registry(house.models).get("ours/lofi").attribution == "Us and Ada"


def test_a_model_that_is_known_comes_from_a_mirror_that_names_another_for_it(
    house, run, weights, folder, web
):
    """Another licence is refused."""
    mirror = shutil.copytree(weights, folder.parent / "mirror")
    origin = web.replace("lofi", "mirror")
    house.accept()
    run("manifest", mirror, "--id", SMALL, "--license", "MIT")
    with pytest.raises(InvalidRequest, match="says license = 'MIT'"):
        house.pull(origin=origin)
    run("manifest", mirror, "--id", SMALL, "--license", "CC-BY-NC-4.0", "--attribution", "Whoever mirrors")
    assert house.pull(origin=origin).card.attribution != "Whoever mirrors"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_nothing_is_asked_for_what_can_be_no_id(house, run, web):
    assert "is no model's id" in run("pull", "ours lofi", "--from", web, expect=2)
    assert not Quiet.asked


def test_a_manifest_can_be_pinned(house, folder, web):
    commit = read_manifest((folder / MANIFEST).read_bytes(), "here").commit
    with pytest.raises(FilesWrong, match=f"is another: its SHA-256 is {commit}"):
        house.pull(LOFI, origin=web, revision="0" * 64)
    assert house.pull(LOFI, origin=web, revision=commit).record.commit == commit


def test_the_manifest_says_the_licence_and_nothing_more_is_fetched_where_it_is_refused(
    house, run, folder, web
):
    manifest = json.loads((folder / MANIFEST).read_text()) | {"license": "CC-BY-NC-4.0"}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    terms = published("ours/lofi", web, None, HURRY).terms("ours/lofi")
    with pytest.raises(LicenceRefused):
        house.pull(terms, origin=web)
    assert "muscgen models accept ours/lofi" in run("pull", "ours/lofi", "--from", web, expect=2)
    assert {path.rsplit("/", 1)[1] for path in Quiet.asked} == {MANIFEST}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"files": [{"name": "../../etc/passwd", "bytes": 1, "sha256": "0" * 64}]}, "no weights"),
        ({"format": 2}, "format"),
        ({"id": "ours/other"}, "is of 'ours/other'"),
        ({"files": []}, "files"),
        ({"surprise": 1}, "surprise"),
        ({"files": [{"name": "config.json", "bytes": -1, "sha256": "0" * 64}]}, "bytes"),
        ({"files": [{"name": "config.json", "bytes": 1, "sha256": "abc"}]}, "sha256"),
    ],
)
def test_a_manifest_that_is_none_says_why(house, folder, web, change, said):
    manifest = json.loads((folder / MANIFEST).read_text()) | change
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(FilesWrong, match=said):
        house.pull(LOFI, origin=web)


def test_a_bucket_with_a_name_that_none_has_is_called_so(house):
    with pytest.raises(SourceMissing, match="'s3://bu cket/x' is no bucket"):
        house.pull(LOFI, origin="s3://bu cket/x")


def test_a_place_of_another_kind_is_refused(house):
    with pytest.raises(InvalidRequest, match="no place to fetch from"):
        house.pull(LOFI, origin="ftp://host/x")


def test_buckets_say_which_extra_they_need(house, monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ConfigurationError, match="obstore") as refusal:
        house.pull(LOFI, origin="s3://models/x")
    assert "muscgen[bucket]" in refusal.value.suggestion


def test_a_folder_is_brought_in_with_a_card(house, run, weights):
    words = ("import", weights, "--id", "ours/lofi", "--license", "mit", "--attribution", "Us")
    assert "is here now" in run(*words)
    card = Registry(house.models).get("ours/lofi")
    assert (card.license, card.attribution, card.modes[0]) == ("MIT", "Us", "text")
    assert card.license_url.endswith("/MIT.html")
    assert card.to_public()["origin"]["address"] is None
    assert "was here already" in run(*words)


def test_a_folder_that_changed_takes_the_place_of_what_was_brought_in_before(house, run, tmp_path):
    folder = checkpoint(tmp_path / "mine")
    words = ("import", folder, "--id", "ours/lofi", "--license", "MIT")
    run(*words)
    (folder / "generation_config.json").write_text("{}")
    assert "is here now" in run(*words)
    assert (house.folder("ours/lofi") / "generation_config.json").read_text() == "{}"


def test_a_folder_that_was_pulled_elsewhere_is_brought_in_by_its_own_card(house, run, tmp_path):
    house.accept()
    house.pull()
    carried = shutil.copytree(house.folder(), tmp_path / "stick")
    run("remove", SMALL, "--yes")
    run("import", carried, "--license", "cc-by-nc-4.0")
    assert Registry(house.models).get(SMALL).license == "CC-BY-NC-4.0"
    assert "says id" in run("import", carried, "--id", "ours/free", expect=2)
    assert "says license" in run("import", carried, "--license", "MIT", expect=2)


def test_a_licence_in_any_case_is_one_in_cards_and_manifests(house, run, folder, tmp_path, web):
    run("import", folder, "--id", "ours/lofi", "--license", "CC-BY-NC-4.0", expect=2)
    run("accept", "ours/lofi", "--license", "CC-BY-NC-4.0", "--yes")
    run("import", folder, "--id", "ours/lofi", "--license", "CC-BY-NC-4.0")
    mine = shutil.copytree(house.folder("ours/lofi"), tmp_path / "mine")
    run("remove", "ours/lofi", "--yes")
    card = mine / "card.toml"
    card.write_text(card.read_text().replace('"CC-BY-NC-4.0"', '"cc-by-nc-4.0"'))
    for said in ((), ("--license", "CC-BY-NC-4.0")):
        run("import", mine, *said)
    assert Rules(house.settings).permits(Registry(house.models).get("ours/lofi"))
    run("remove", "ours/lofi", "--yes")
    manifest = json.loads((folder / MANIFEST).read_text()) | {"license": "cc-by-4.0"}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    assert "is here now" in run("pull", "ours/lofi", "--from", web, "--license", "CC-BY-4.0")


def test_what_is_brought_in_needs_an_id_and_a_licence(run, weights, tmp_path):
    assert "id has to be said" in run("import", weights, "--license", "MIT", expect=2)
    assert "licence has to be said" in run("import", weights, "--id", "ours/lofi", expect=2)
    (tmp_path / "empty").mkdir()
    empty = run("import", tmp_path / "empty", "--id", "ours/lofi", "--license", "MIT", expect=1)
    assert "no weights that can be read" in empty
    assert "the card of muscgen-tiny" not in run("import", weights, "--id", "muscgen-tiny", expect=2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('license = "MIT"', 'license = ["MIT"]'), r"license is \['MIT'\]; a text is needed"),
        (('license = "MIT"\n', ""), "license is None; a text is needed"),
        (('id = "ours/lofi"', "id = 7"), "id is 7; a text is needed"),
        (("[sampling]", "colour = 1\n[sampling]"), "missing or unknown: colour"),
    ],
)
def test_a_card_that_is_wrong_is_named_where_it_lies_before_anything_is_copied(
    house, run, weights, tmp_path, change, said
):
    run("import", weights, "--id", "ours/lofi", "--license", "MIT")
    mine = shutil.copytree(house.folder("ours/lofi"), tmp_path / "mine")
    run("remove", "ours/lofi", "--yes")
    (mine / "card.toml").write_text((mine / "card.toml").read_text().replace(*change))
    refused = run("import", mine, expect=1)
    assert re.search(rf"{mine}/card\.toml: .*{said}", refused)
    assert "fetching" not in refused
    assert not list(house.models.rglob(WEIGHTS))


def test_a_manifest_of_what_can_be_no_id_is_not_written(run, weights, tmp_path):
    folder = shutil.copytree(weights, tmp_path / "lofi")
    assert "no model's id" in run("manifest", folder, "--id", "ours lofi", "--license", "MIT", expect=2)
    assert not (folder / MANIFEST).exists()


def test_audiocraft_s_layout_is_brought_in_too(house, run, weights, tmp_path):
    twin = audiocraft_twin(weights, tmp_path / "twin")
    run("import", twin, "--id", "ours/twin", "--license", "MIT")
    assert "text_encoder/tokenizer.json" in house.files("ours/twin")
    house.hub.put("ours/twin2", twin)
    assert house.pull(Said("MIT").terms("ours/twin2")).fresh


def test_audiocraft_s_files_get_the_text_encoder_of_another_repository(house, weights, tmp_path):
    twin = audiocraft_twin(weights, tmp_path / "twin")
    text = Path(shutil.move(twin / "text_encoder", tmp_path / "t5"))
    house.hub.put("ours/twin", twin)
    house.hub.put("google-t5/t5-base", text, "cd" * 20)
    assert house.pull(Said("MIT").terms("ours/twin")).fresh
    assert {"text_encoder/model.safetensors", "state_dict.bin"} <= house.files("ours/twin")


def test_what_was_fetched_first_counts_at_a_url_too_and_from_another_place(house, run, folder, web):
    house.pull(LOFI, origin=web)
    remove("ours/lofi", house.models, HURRY, house.settings.cache_path)
    (folder / "config.json").write_text((folder / "config.json").read_text() + "\n")
    run("manifest", folder, "--id", "ours/lofi", "--license", "CC-BY-4.0", "--attribution", "Us")
    with pytest.raises(FilesWrong, match="is another: its SHA-256"):
        house.pull(LOFI, origin=web)
    house.hub.put("ours/lofi", folder)  # whose commits are of another kind, so the files tell
    with pytest.raises(FilesWrong, match=r"config\.json of ours/lofi is not the file that was fetched first"):
        house.pull(LOFI)
