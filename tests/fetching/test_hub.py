"""Pulling from a hub: a real server, huggingface_hub as the client, every trouble that a network has."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from huggingface_hub import hf_hub_download
from tiny import MUSCGEN_TINY

from muscgen.errors import (
    Cancelled,
    CheckpointInvalid,
    ConfigurationError,
    FetchFailed,
    FilesWrong,
    InvalidRequest,
    LicenceRefused,
    SourceAway,
    SourceMissing,
    SourceRefused,
    StoreFull,
)
from muscgen.fetching import shelf
from muscgen.fetching.hub import Hub
from muscgen.fetching.patience import Patience, retry_after_s
from muscgen.fetching.web import Web
from muscgen.models.registry import Registry
from muscgen.models.terms import Said

from .conftest import HURRY, OURS, SMALL, WEIGHTS, checkpoint, spoil
from .hub_server import COMMIT, Trouble

NEEDED = {"config.json", "generation_config.json", "tokenizer.json"}
NEEDED |= {"tokenizer_config.json", WEIGHTS}


def test_nothing_is_asked_of_the_network_before_the_terms_are_accepted(house):
    with pytest.raises(LicenceRefused, match="not accepted") as refusal:
        house.pull()
    assert f"muscgen models accept {SMALL}" in (refusal.value.suggestion or "")
    assert house.hub.asked == []
    assert not house.models.exists()


def test_a_model_is_fetched_with_the_files_it_needs_and_no_others(house):
    house.accept()
    pulled = house.pull()
    assert pulled.fresh
    assert house.files() == NEEDED | {"card.toml", "origin.json"}
    assert (house.folder() / WEIGHTS).read_bytes() == house.weights.read_bytes()
    assert house.hub.sent("pytorch_model.bin") == 0


def test_it_is_then_a_model_like_any_other_under_the_terms_that_were_accepted(house):
    house.accept()
    house.pull()
    card = Registry(house.models).get(SMALL)
    assert (card.license, card.modes) == ("CC-BY-NC-4.0", ("text", "unconditional", "continuation"))
    assert card.sampling.top_k == 250
    assert card.to_public()["origin"]["commit"] == COMMIT


def test_what_was_fetched_is_written_down(house):
    house.accept()
    house.pull()
    record = json.loads((house.folder() / "origin.json").read_text())
    assert (record["place"], record["address"]) == ("hub", f"{house.hub.url}/{SMALL}")
    assert (record["asked"], record["commit"]) == ("main", COMMIT)
    assert record["accepted"]["person"] == "Ada"
    assert {file["name"] for file in record["files"]} == NEEDED
    for file in record["files"]:
        content = (house.folder() / file["name"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["bytes"], file["sha256"])
    assert record["revision"] == hashlib.sha256(house.weights.read_bytes()).hexdigest()


def test_a_model_that_is_here_is_not_fetched_again(house):
    house.accept()
    house.pull()
    asked = len(house.hub.asked)
    assert not house.pull().fresh
    assert len(house.hub.asked) == asked
    assert not house.pull(revision="main").fresh  # asked once: the branch has not moved
    assert house.hub.asked[-1].path.startswith("/api/models/")


def test_a_revision_is_a_branch_that_is_resolved_or_a_commit(house, tmp_path):
    house.accept()
    newer = checkpoint(tmp_path / "newer")
    (newer / "generation_config.json").write_text("{}")
    house.hub.commits[SMALL]["v2"] = "ab" * 20
    house.pull(revision=COMMIT)
    house.hub.repositories[SMALL] = newer
    pulled = house.pull(revision="v2")
    assert (pulled.fresh, pulled.record.asked, pulled.record.commit) == (True, "v2", "ab" * 20)
    assert (house.folder() / "generation_config.json").read_text() == "{}"
    assert [path for path in house.models.iterdir() if path.name[0] != "."] == [house.folder()]


def test_the_token_goes_to_the_hub_and_to_nobody_else(house):
    house.accept()
    house.token = house.hub.token = "hf_secret"
    house.pull()
    to_hub = [asked for asked in house.hub.asked if asked.host.startswith("127.")]
    elsewhere = [asked for asked in house.hub.asked if asked.host.startswith("localhost")]
    assert {asked.authorization for asked in to_hub} == {"Bearer hf_secret"}
    assert elsewhere
    assert {asked.authorization for asked in elsewhere} == {None}


def test_a_connection_that_breaks_goes_on_where_it_broke(house):
    house.accept()
    house.troubles.extend([Trouble(cut=house.size // 3)] * 2)
    house.pull()
    assert house.hub.sent(WEIGHTS) <= house.size + 2 * (1 << 16)
    ranges = [asked.range for asked in house.hub.asked if asked.path.startswith("/lfs")]
    assert [asked is not None for asked in ranges] == [False, True, True]


def test_a_place_without_ranges_begins_anew(house):
    house.accept()
    house.hub.ranges = False
    house.troubles.append(Trouble(cut=house.size // 2))
    house.pull()
    assert house.hub.sent(WEIGHTS) > house.size


def test_a_place_without_ranges_that_never_gets_farther_is_given_up(house):
    house.accept()
    house.hub.ranges = False
    house.troubles.extend([Trouble(cut=house.size * tenths // 10) for tenths in (5, 3, 4, 3, 4, 3, 4)])
    with pytest.raises(SourceAway, match="3 times in a row"):
        house.pull()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize("where", ["/revision/main", "/config.json", WEIGHTS])
def test_passing_troubles_are_waited_out(house, status, where):
    house.accept()
    house.hub.troubles[where].extend([Trouble(status)] * 2)
    assert house.pull().fresh


def test_a_wait_that_the_place_asks_for_is_kept(house):
    house.accept()
    house.hub.troubles["/config.json"].append(Trouble(429, {"Retry-After": "1"}))
    began = time.monotonic()
    house.pull(patience=Patience(first_s=0.01, longest_s=5.0))
    assert time.monotonic() - began >= 1.0


def test_too_long_a_wait_is_said_instead(house):
    house.accept()
    house.hub.troubles["/config.json"].append(Trouble(429, {"Retry-After": "900"}))
    with pytest.raises(SourceAway, match="left alone for 900 s") as refusal:
        house.pull()
    assert refusal.value.retry_after_s == 900


def test_a_retry_after_is_a_number_or_a_date():
    assert retry_after_s("7") == 7
    assert 8 < retry_after_s(formatdate(time.time() + 10, usegmt=True)) <= 10
    assert (retry_after_s(None), retry_after_s("soon")) == (None, None)


def test_a_hub_that_stays_away_is_given_up_and_gone_on_with_later(house):
    house.accept()
    house.troubles.extend([Trouble(cut=house.size // 2), *[Trouble(503)] * 3])
    with pytest.raises(SourceAway, match="HTTP 503, 3 times in a row"):
        house.pull()
    assert not house.folder().exists()
    before = house.hub.sent(WEIGHTS)
    house.pull()
    assert house.hub.sent(WEIGHTS) - before <= 0.6 * house.size


def test_a_file_with_another_digest_never_gets_its_name(house):
    house.accept()
    house.hub.wrong.add(WEIGHTS)
    with pytest.raises(FilesWrong, match=r"model\.safetensors is not what it was said to be"):
        house.pull()
    assert not house.folder().exists()
    assert not list(house.models.rglob(WEIGHTS))
    house.hub.wrong.clear()
    assert house.pull().fresh


def test_a_small_file_is_checked_by_git_s_own_digest(house):
    house.accept()
    house.hub.wrong.add("config.json")
    with pytest.raises(FilesWrong, match=r"config\.json is not what"):
        house.pull()


def test_the_rest_of_a_part_that_is_wrong_is_fetched_from_the_beginning(house):
    house.accept()
    house.troubles.extend([Trouble(cut=house.size // 2), *[Trouble(503)] * 3])
    with pytest.raises(SourceAway):
        house.pull()
    [part] = house.models.rglob("*.part")
    spoil(part, 100_000)
    assert house.pull().fresh


def test_a_gated_repository_says_what_to_do(house):
    house.accept()
    house.hub.gated.add(SMALL)
    for token in (None, "hf_of_somebody"):
        house.token = token
        with pytest.raises(SourceRefused, match="is gated") as refusal:
            house.pull()
        assert f"{house.hub.url}/{SMALL}" in refusal.value.suggestion
        assert "HF_TOKEN" in refusal.value.suggestion


def test_a_wrong_token_is_called_so(house):
    house.accept()
    house.token, house.hub.token = "hf_wrong", "hf_right"
    with pytest.raises(SourceRefused, match="does not take this token"):
        house.pull()


def test_a_repository_that_is_not_there_is_called_so(house):
    with pytest.raises(SourceMissing, match="has no ours/lofi, or shows it only to others") as refusal:
        house.pull(OURS)
    assert "HF_TOKEN" in refusal.value.suggestion


def test_a_revision_that_is_not_there_is_called_so(house):
    house.accept()
    with pytest.raises(SourceMissing, match="no revision 'v9'"):
        house.pull(revision="v9")


def test_an_empty_revision_is_none_of_a_model(house):
    with pytest.raises(InvalidRequest, match="revision is empty") as refusal:
        house.pull(revision="")
    assert refusal.value.param == "revision"


def test_what_opens_a_mirror_is_written_down_nowhere_and_in_no_error(house, caplog):
    house.accept()
    plain, house.hub.url = house.hub.url, house.hub.url.replace("http://", "http://user:secret@")
    house.hub.troubles["/revision/main"].append(Trouble(503))
    assert house.pull().record.address == f"{plain}/{SMALL}"
    shutil.rmtree(house.folder())
    house.hub.gated.add(SMALL)
    told = []
    for wish in ({"revision": "v9"}, {"terms": OURS}, {}):
        with pytest.raises(FetchFailed) as refusal:
            house.pull(**wish)
        told.append(f"{refusal.value} {refusal.value.suggestion}")
    with pytest.raises(ConfigurationError) as odd:
        Hub(SMALL, patience=HURRY, endpoint="user:secret@mirror.example")
    told += [str(odd.value), *(str(vars(record)) for record in caplog.records)]
    assert "secret" not in " ".join(told)


def test_another_range_than_was_asked_for_is_called_so_without_what_opens_the_url(house):
    house.hub.troubles["/x"].append(Trouble(206, {"Content-Range": "bytes 7-9/10"}))
    url = house.hub.url.replace("http://", "http://user:secret@") + "/x?sig=secret"
    with (
        pytest.raises(FilesWrong, match=f"{house.hub.url}/x answered with another range") as wrong,
        Web({}).read(url, 5),
    ):
        pass
    assert "secret" not in str(wrong.value)


def test_a_file_that_left_while_it_was_fetched_is_called_so(house):
    house.accept()
    house.hub.troubles["/config.json"].append(Trouble(404, {"X-Error-Code": "EntryNotFound"}))
    with pytest.raises(SourceMissing, match=r"config\.json is not there"):
        house.pull()


def test_offline_is_called_so(house, monkeypatch):
    house.accept()
    house.hub.shutdown()
    house.hub.server_close()
    with pytest.raises(SourceAway, match="3 times in a row"):
        house.pull()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SourceAway, match="HF_HUB_OFFLINE is set") as refusal:
        house.pull()
    assert "muscgen models import" in refusal.value.suggestion


def test_a_full_disk_is_said_before_the_first_byte(house, monkeypatch):
    house.accept()
    monkeypatch.setattr(shelf, "KEPT_FREE_BYTES", 1 << 60)
    with pytest.raises(StoreFull, match="MB are to come"):
        house.pull()
    assert house.hub.sent("config.json") == 0


def test_what_cannot_be_run_is_not_put_in_its_place(house, tmp_path):
    folder = checkpoint(tmp_path / "odd")
    config = json.loads((folder / "config.json").read_text())
    config["decoder"]["hidden_size"] = 100
    (folder / "config.json").write_text(json.dumps(config))
    house.hub.put("ours/lofi", folder)
    with pytest.raises(CheckpointInvalid):
        house.pull(OURS)
    assert not house.folder("ours/lofi").exists()


def test_a_repository_without_a_tokenizer_says_so(house, tmp_path):
    folder = checkpoint(tmp_path / "odd")
    (folder / "tokenizer.json").unlink()
    house.hub.put("ours/lofi", folder)
    with pytest.raises(FilesWrong, match=r"has no tokenizer\.json"):
        house.pull(OURS)


def test_shards_are_fetched_with_their_index(house, tmp_path):
    from tiny import random_checkpoint

    folder = random_checkpoint(tmp_path / "sharded", max_shard_size="2MB")
    (folder / "card.toml").unlink()
    assert not (folder / WEIGHTS).exists()
    house.hub.put("ours/lofi", folder)
    house.pull(OURS)
    assert len([name for name in house.files("ours/lofi") if name.startswith("model-")]) > 1
    assert Registry(house.models).get("ours/lofi").revision


def test_a_model_of_nobody_knows_what_licence_is_not_fetched(house):
    with pytest.raises(LicenceRefused, match="unknown licence"):
        house.pull(Said("WTFPL-ish").terms("ours/lofi"))
    assert house.hub.asked == []


@pytest.mark.parametrize("model", ["../evil", "a/b/c", "a--b", "/etc", "", "a/..", "x" * 200])
def test_an_id_that_is_none_is_refused(house, model):
    with pytest.raises(InvalidRequest, match="no model's id"):
        house.pull(Said("MIT").terms(model))


def test_the_shipped_model_is_not_fetched(house):
    with pytest.raises(InvalidRequest, match="comes with muscgen"):
        house.pull("muscgen-tiny")


def test_a_folder_of_ones_own_under_that_name_stays(house):
    house.accept()
    mine = house.models / "mine"
    shutil.copytree(MUSCGEN_TINY, mine)
    (mine / "card.toml").write_text((mine / "card.toml").read_text().replace('"muscgen-tiny"', f'"{SMALL}"'))
    with pytest.raises(InvalidRequest, match="calls itself 'facebook/musicgen-small' already"):
        house.pull()


def test_a_fetch_can_be_stopped_and_gone_on_with(house):
    house.accept()
    house.hub.pace_s = 0.01
    patience = Patience(tries=3, first_s=0.01)
    seen = []

    def stop_at_half(stage):
        seen.append(stage)
        if stage.bytes_done > stage.bytes_total / 2 > 0:
            patience.stop.set()

    house.stages = type("Stages", (), {"append": staticmethod(stop_at_half)})()
    with pytest.raises(Cancelled):
        house.pull(patience=patience)
    before = house.hub.sent(WEIGHTS)
    house.hub.pace_s = 0.0
    house.stages = []
    house.pull()
    assert house.hub.sent(WEIGHTS) - before < 0.6 * house.size
    assert seen[-1].stage == "fetching"


def test_many_who_want_the_same_fetch_it_once(house):
    house.accept()
    house.hub.pace_s = 0.002
    results = []
    threads = [threading.Thread(target=lambda: results.append(house.pull())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(result.fresh for result in results) == [False, False, False, True]
    assert house.hub.sent(WEIGHTS) == house.size
    assert "waiting" in {stage.stage for stage in house.stages}


def test_progress_grows_to_the_whole(house):
    house.accept()
    house.pull()
    done = [stage.bytes_done for stage in house.stages if stage.stage == "fetching"]
    total = {stage.bytes_total for stage in house.stages if stage.stage == "fetching"}
    assert done == sorted(done)
    assert total == {done[-1]}


def test_huggingface_hub_itself_is_served_by_this_hub(house, tmp_path):
    path = hf_hub_download(SMALL, WEIGHTS, endpoint=house.hub.url, cache_dir=tmp_path, token=False)
    assert Path(path).read_bytes() == house.weights.read_bytes()


def test_a_file_that_changed_while_the_others_were_awaited_is_fetched_again(house):
    house.accept()
    house.troubles.extend([Trouble(503)] * 3)
    with pytest.raises(SourceAway):
        house.pull()
    [tokenizer] = house.models.rglob("tokenizer.json")
    spoil(tokenizer, 1000)
    house.pull()
    assert (house.folder() / "tokenizer.json").read_bytes() == house.weights.with_name(
        "tokenizer.json"
    ).read_bytes()


def test_a_file_that_is_shorter_than_the_hub_says_is_called_so(house):
    house.accept()
    house.troubles.extend([Trouble(cut=house.size // 2), Trouble(416)])
    with pytest.raises(FilesWrong, match="it is shorter than was said"):
        house.pull()


@pytest.mark.parametrize("model", ["someone/lofi.", "someone/lofi-", "someone/lofi.git"])
def test_an_id_that_no_hub_has_is_refused(house, model):
    with pytest.raises(InvalidRequest, match="no repository of a hub") as refusal:
        house.pull(Said("MIT").terms(model))
    assert refusal.value.param == "model"


@pytest.mark.parametrize("body", [b"<html>log in</html>", b"[]"])
def test_a_page_that_no_hub_writes_is_called_so(house, body, monkeypatch):
    house.accept()
    monkeypatch.setattr(house.hub, "page", body)
    with pytest.raises(FilesWrong, match="what no hub says") as refusal:
        house.pull()
    assert "proxy" in refusal.value.suggestion


def test_a_circle_of_redirects_is_not_gone_round_again(house):
    house.accept()
    here = Trouble(302, {"Location": f"/api/models/{SMALL}/revision/main"})
    house.hub.troubles["/revision/main"].extend([here] * 100)
    with pytest.raises(FetchFailed, match="redirects"):
        house.pull()
    assert len(house.hub.asked) < 50


def test_a_hub_without_a_scheme_and_a_token_that_cannot_be_sent_are_said_at_once():
    with pytest.raises(ConfigurationError, match=r"HF_ENDPOINT is 'mirror\.example'"):
        Hub(SMALL, patience=HURRY, endpoint="mirror.example")
    for token in ("hf_ключ", "hf_a\nb"):
        with pytest.raises(SourceRefused, match="characters that no token has") as refusal:
            Hub(SMALL, patience=HURRY, endpoint="https://mirror.example", token=token)
        assert token not in str(refusal.value)
