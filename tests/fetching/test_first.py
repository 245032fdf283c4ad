"""What was fetched of a model first is what is fetched of it ever after."""

from __future__ import annotations

import json

import pytest
from tiny import random_checkpoint

from muscgen.errors import CheckpointInvalid, FilesWrong
from muscgen.fetching.first import First
from muscgen.fetching.keeping import remove
from muscgen.fetching.patience import Patience

from .conftest import SMALL, WEIGHTS, checkpoint
from .hub_server import COMMIT

NEWER = "ab" * 20


@pytest.fixture
def fetched(house):
    """A household that fetched the model, and took it away again."""
    house.accept()
    house.pull()
    remove(SMALL, house.models, Patience(), house.settings.cache_path)
    house.hub.asked.clear()
    return house


def first(house):
    return json.loads((house.models / ".first" / "facebook--musicgen-small.json").read_text())


def moved(house, tmp_path, file="generation_config.json", content=b"{}", commit=NEWER):
    """The hub's main is another commit, with another file."""
    newer = checkpoint(tmp_path / "newer")
    (newer / file).write_bytes(content)
    house.hub.repositories[SMALL] = newer
    house.hub.commits[SMALL] = {"main": commit, "first": COMMIT}


def test_the_commit_of_the_first_fetch_is_fetched_again_wherever_main_points(fetched):
    fetched.hub.commits[SMALL] = {"main": NEWER, "first": COMMIT}
    pulled = fetched.pull()
    assert (pulled.record.commit, pulled.fresh) == (COMMIT, True)
    assert all(NEWER not in asked.path and "/main" not in asked.path for asked in fetched.hub.asked)


def test_a_file_that_is_another_under_the_same_commit_is_refused(fetched, tmp_path):
    moved(fetched, tmp_path, commit=COMMIT)
    with pytest.raises(
        FilesWrong, match=r"generation_config\.json .* is not the file that was fetched first"
    ):
        fetched.pull()
    assert not fetched.folder().exists()


def test_other_weights_are_refused_before_they_come(fetched, tmp_path):
    moved(fetched, tmp_path, WEIGHTS, b"other weights" * 100, commit=COMMIT)
    with pytest.raises(FilesWrong, match=WEIGHTS) as caught:
        fetched.pull()
    assert caught.value.param == "revision"
    assert "--revision" in caught.value.suggestion
    assert not fetched.hub.sent(WEIGHTS)


def test_another_version_is_fetched_where_it_is_named_and_counts_from_then_on(fetched, tmp_path):
    moved(fetched, tmp_path)
    assert fetched.pull(revision="main").record.commit == NEWER
    remove(SMALL, fetched.models, Patience(), fetched.settings.cache_path)
    assert fetched.pull().record.commit == NEWER
    assert first(fetched)["commit"] == NEWER


def test_a_commit_can_be_named_from_the_beginning(house, tmp_path):
    house.accept()
    moved(house, tmp_path)
    house.pull(revision=COMMIT)
    assert first(house)["commit"] == COMMIT


def test_every_file_is_written_down_with_its_digest(fetched):
    found = first(fetched)
    assert (found["place"], found["commit"]) == ("hub", COMMIT)
    assert WEIGHTS in found["files"]
    assert all(len(sha256) == 64 for sha256 in found["files"].values())


def test_what_was_written_down_and_cannot_be_read_is_not_passed_over(fetched):
    (fetched.models / ".first" / "facebook--musicgen-small.json").write_text("{}")
    with pytest.raises(CheckpointInvalid, match=r"facebook--musicgen-small\.json"):
        fetched.pull()


def test_weights_under_other_names_are_refused_before_they_come(fetched, tmp_path):
    shards = random_checkpoint(tmp_path / "sharded", max_shard_size="2MB")
    for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"):
        (shards / name).write_bytes(fetched.weights.with_name(name).read_bytes())
    fetched.hub.repositories[SMALL] = shards
    before = first(fetched)
    with pytest.raises(FilesWrong, match=r"model.* is not among the files that were fetched first"):
        fetched.pull()
    assert not fetched.hub.sent(".safetensors")
    assert first(fetched) == before


def test_notices_and_a_card_may_come_and_go_and_weights_may_not():
    shards = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    files = dict.fromkeys((*shards, "NOTICE", "generation_config.json"), "ab" * 32)
    known = First(place="hub", address="https://hub/m", commit=COMMIT, files=files, at=0.0)
    known.check("m", [*dict.fromkeys(shards, "ab" * 32).items(), ("LICENSE", "cd" * 32), ("card.toml", None)])
    with pytest.raises(FilesWrong, match=f"{shards[1]} of m is missing, which was fetched first"):
        known.check("m", [(shards[0], "ab" * 32)])
    with pytest.raises(FilesWrong, match=r"preprocessor_config\.json of m is not among"):
        known.check("m", [*files.items(), ("preprocessor_config.json", None)])
