"""Which model may be used for what."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tiny import MUSCGEN_TINY
from typer.testing import CliRunner

from muscgen.cli.app import app
from muscgen.errors import CheckpointInvalid, LicenceRefused
from muscgen.models.registry import Registry
from muscgen.models.terms import shipped
from muscgen.rights import Acceptances, Rules, check, licensed
from muscgen.rights.policies import all_of, policy_of
from muscgen.rights.table import table
from muscgen.settings import Settings
from muscgen.worker.loader import load_model

ROOT = Path(__file__).parent.parent.parent
SMALL = "facebook/musicgen-small"


def put(home: Path, model_id: str, license_: str, more: str = "") -> None:
    folder = shutil.copytree(MUSCGEN_TINY, home / "models" / model_id.replace("/", "--"))
    card = (folder / "card.toml").read_text("utf-8").replace('"muscgen-tiny"', f'"{model_id}"')
    (folder / "card.toml").write_text(more + card.replace("Apache-2.0", license_), "utf-8")


def test_every_musicgen_is_known_and_for_no_commercial_use():
    models = [terms for terms in shipped().values() if terms.id.startswith("facebook/musicgen")]
    assert len(models) == 10
    assert {licensed(terms).policy for terms in models} == {"noncommercial-only"}
    assert all(terms.training_data and terms.limits and terms.memory_mb > 1000 for terms in models)


@pytest.mark.parametrize(
    ("expression", "stated", "policy"),
    [
        ("Apache-2.0", None, "allow"),
        ("CC-BY-4.0", None, "allow-with-attribution"),
        ("CC-BY-NC-4.0", "allow", "noncommercial-only"),  # a card frees nothing
        ("MIT AND CC-BY-NC-4.0", None, "noncommercial-only"),
        ("MIT OR CC-BY-NC-4.0", None, "allow"),
        ("MIT", "noncommercial-only", "noncommercial-only"),
        ("mit AND cc-by-4.0", None, "allow-with-attribution"),  # case is one to SPDX
        ("LicenseRef-ours", None, "unknown"),
        ("LicenseRef-ours", "allow", "allow"),
        ("(MIT OR Apache-2.0) AND CC-BY-NC-4.0", None, "unknown"),
        ("", None, "unknown"),
    ],
)
def test_a_licence_has_a_policy_and_what_nobody_knows_is_refused(expression, stated, policy):
    assert policy_of(expression, stated) == policy


@pytest.mark.parametrize(
    ("expressions", "first", "found"),
    [
        (["MIT", "CC-BY-4.0"], "", "CC-BY-4.0 AND MIT"),
        (["MIT", "CC-BY-4.0 AND MIT"], "Apache-2.0", "Apache-2.0 AND CC-BY-4.0 AND MIT"),
        (["CC-BY-4.0 OR MIT", "ISC"], "", "CC-BY-4.0 AND ISC OR ISC AND MIT"),
        (["CC-BY-NC-4.0"], "MIT OR ISC", "MIT AND CC-BY-NC-4.0 OR ISC AND CC-BY-NC-4.0"),
        (["(MIT OR ISC) AND X11"], "", "((MIT OR ISC) AND X11)"),
        (["", "MIT"], "", "MIT"),
        ([], "", ""),
    ],
)
def test_of_several_licences_all_are_asked_for_whichever_choices_they_leave(expressions, first, found):
    assert all_of(expressions, first) == found


@pytest.mark.parametrize("use", ["research", "noncommercial", "commercial"])
def test_the_shipped_model_needs_no_acceptance_for_any_use(use, tmp_path):
    check(licensed(Registry(tmp_path).get("muscgen-tiny")), use)


def test_a_refusal_says_which_rule_and_which_models_may_be_used():
    others = [licensed(terms) for terms in shipped().values()]
    with pytest.raises(LicenceRefused, match="permits no commercial use") as refusal:
        check(licensed(shipped()[SMALL]), "commercial", models=others)
    assert refusal.value.suggestion == "models that may be used so: muscgen-tiny"
    assert refusal.value.status == 403


def test_a_request_cannot_make_a_commercial_service_noncommercial():
    with pytest.raises(LicenceRefused):
        check(licensed(shipped()[SMALL]), "commercial", "research")


def test_terms_are_accepted_once_and_anew_where_they_change(tmp_path):
    terms, accepted = licensed(shipped()[SMALL]), Acceptances(tmp_path / "a" / "accepted.jsonl")
    with pytest.raises(LicenceRefused, match="not accepted") as refusal:
        check(terms, "research", None, accepted)
    assert f"muscgen models accept {SMALL}" in (refusal.value.suggestion or "")
    Acceptances(tmp_path / "a" / "accepted.jsonl").add(SMALL, terms.license, terms.text, person="Ada")
    check(terms, "research", None, accepted)
    assert accepted.of(SMALL, terms.text + "and more") is None
    with pytest.raises(LicenceRefused):
        check(terms, "research", "commercial", accepted)


def test_an_acceptance_can_be_taken_back_and_given_anew(tmp_path):
    acceptances = Acceptances(tmp_path / "accepted.jsonl")
    running = Acceptances(tmp_path / "accepted.jsonl")  # of a process that goes on
    line = acceptances.add("m", "CC-BY-NC-4.0", "the terms", person="Ada", license_sha256="ab" * 32)
    assert running.of("m", "the terms") == line
    acceptances.withdraw(line, "Bob")
    assert running.of("m", "the terms") is None
    assert running.standing("m") == []
    again = acceptances.add("m", "CC-BY-NC-4.0", "the terms", person="Ada")
    assert running.of("m", "the terms") == again
    assert len((tmp_path / "accepted.jsonl").read_text().splitlines()) == 3


def test_terms_are_taken_back_on_the_command_line(tmp_path):
    def run(*words, code=0):
        done = CliRunner().invoke(app, [*words, "--home", str(tmp_path)])
        assert done.exit_code == code, done.output
        return done.stdout + done.stderr

    model = "facebook/musicgen-small"
    assert "no terms of facebook/musicgen-small are accepted" in run("models", "withdraw", model, code=2)
    run("models", "accept", model, "--yes", "--by", "Ada")
    assert "Taken back by Bob" in run("models", "withdraw", model, "--by", "Bob")
    assert "not accepted" in run("models", "pull", model, code=2)
    run("models", "withdraw", model, code=2)
    [line] = [json.loads(text) for text in run("audit", "show", "--kind", "revoke", "--json").splitlines()]
    assert (line["who"], line["what"]["model"]) == ("Bob", model)


def test_a_line_that_was_changed_by_hand_accepts_nothing(tmp_path):
    path, terms = tmp_path / "accepted.jsonl", licensed(shipped()[SMALL])
    Acceptances(path).add(SMALL, terms.license, terms.text, person="Ada")
    path.write_text(path.read_text().replace("noncommercial use only", "any use") + '{"cut": ')
    assert Acceptances(path).of(SMALL, terms.text) is None


def test_a_line_that_a_crash_cut_swallows_neither_the_next_nor_those_before(tmp_path):
    path = tmp_path / "accepted.jsonl"
    line = Acceptances(path).add("m", "CC-BY-NC-4.0", "the terms of Zoë\u2028", person="Ada")
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: whole.index("ë".encode()) + 1])
    acceptances = Acceptances(path)
    assert acceptances.of("m", "the terms of Zoë\u2028") == line
    acceptances.withdraw(line, "Bob")
    assert Acceptances(path).standing("m") == []
    again = acceptances.add("n", "CC-BY-NC-4.0", "others", person="Ada")
    assert Acceptances(path).of("n", "others") == again
    assert len(path.read_bytes().split(b"\n")) == 5


def test_a_card_under_a_known_name_cannot_be_freer_than_the_shipped_one(tmp_path):
    put(tmp_path, SMALL, "Apache-2.0")
    assert licensed(Registry(tmp_path / "models").get(SMALL)).policy == "noncommercial-only"


def test_an_adapted_model_stays_under_the_terms_of_its_base(tmp_path):
    put(tmp_path, "base", "CC-BY-NC-4.0")
    adapt(tmp_path)
    assert licensed(Registry(tmp_path / "models").get("tuned")).policy == "noncommercial-only"


def adapt(home: Path, base: str = "base") -> None:
    folder = home / "models" / "tuned"
    (folder / "lora").mkdir(parents=True)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (folder / "lora" / name).write_text("{}")
    card = (MUSCGEN_TINY / "card.toml").read_text().replace('"muscgen-tiny"', '"tuned"')
    (folder / "card.toml").write_text(f'base = "{base}"\nadapter = "lora"\n' + card)


def test_an_adapted_model_stays_under_what_its_bases_card_states(tmp_path):
    put(tmp_path, "base", "MIT", 'policy = "noncommercial-only"\npermitted_uses = ["research"]\n')
    adapt(tmp_path)
    tuned = licensed(Registry(tmp_path / "models").get("tuned"))
    assert (tuned.policy, tuned.uses) == ("noncommercial-only", ("research",))


def test_an_adapted_model_stays_under_the_shipped_card_of_its_base_whatever_its_folder_says(tmp_path):
    put(tmp_path, SMALL, "MIT")
    adapt(tmp_path, SMALL)
    assert licensed(Registry(tmp_path / "models").get("tuned")).policy == "noncommercial-only"


@pytest.mark.parametrize("base", ["base", "../base"])
def test_an_adapted_model_is_accepted_under_the_terms_of_its_base(tmp_path, base):
    put(tmp_path, "base", "CC-BY-NC-4.0")
    adapt(tmp_path, base)
    words = ["models", "accept", "tuned", "--yes", "--home", str(tmp_path)]
    done = CliRunner().invoke(app, words)
    assert "Accepted by" in done.stdout, done.output
    settings = Settings(home=tmp_path)
    assert Rules(settings).permits(Registry(settings.models_path).get("tuned"))
    assert "was here already" in CliRunner().invoke(app, ["models", "pull", "tuned", *words[4:]]).stdout


def test_nobody_is_told_to_remove_what_was_made_here_and_cannot_come_again(tmp_path):
    adapt(tmp_path, "elsewhere")
    done = CliRunner().invoke(app, ["models", "accept", "tuned", "--home", str(tmp_path)])
    assert "base 'elsewhere' is no folder and no model; known are muscgen-tiny" in done.output
    assert "models remove" not in done.output


def pinned(name: str, sha256: str) -> str:
    return f'\n[[files]]\nname = "{name}"\nsha256 = "{sha256}"\n'


def test_files_that_a_card_pins_are_those_or_the_model_is_not_loaded(tmp_path):
    put(tmp_path, "mine", "MIT")
    card = tmp_path / "models" / "mine" / "card.toml"
    digests = {file.name: file.sha256 for file in shipped()["muscgen-tiny"].files}
    plain = card.read_text()
    card.write_text(plain + "".join(pinned(name, digest) for name, digest in digests.items()))
    assert Registry(tmp_path / "models").get("mine").stated.files
    (card.parent / "config.json").write_text((card.parent / "config.json").read_text() + " ")
    with pytest.raises(CheckpointInvalid, match=r"config\.json is not the file that its card pins"):
        Registry(tmp_path / "models")
    for name, word in (
        ("model.safetensors", "is not the file"),
        ("no.bin", "cannot be read"),
        ("../x", "not in"),
    ):
        card.write_text(plain + pinned(name, "0" * 64))
        with pytest.raises(CheckpointInvalid, match=word):
            Registry(tmp_path / "models")


def test_the_shipped_model_is_the_one_whose_digests_its_card_names(tmp_path, monkeypatch):
    builtin = tmp_path / "builtin"
    shutil.copytree(MUSCGEN_TINY, builtin / "muscgen-tiny")
    monkeypatch.setattr("muscgen.models.registry.BUILTIN", builtin)
    assert Registry(tmp_path / "none").get("muscgen-tiny").revision == shipped()["muscgen-tiny"].revision
    tokenizer = builtin / "muscgen-tiny" / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text() + "\n")
    with pytest.raises(CheckpointInvalid, match=r"tokenizer\.json is not the file"):
        Registry(tmp_path / "none")


def test_an_acceptance_holds_the_hash_of_the_licences_own_text(tmp_path):
    """The text is that which audiocraft ships with its weights, byte for byte."""
    terms = licensed(shipped()[SMALL])
    assert terms.license_sha256 == "336255dc30193e8e15d689d9481bb05673d89055718f3a96923a7ffb99adbbaf"
    assert terms.license_sha256 in terms.text
    words = ["models", "accept", SMALL, "--yes", "--text", "--home", str(tmp_path)]
    assert "Attribution-NonCommercial 4.0 International" in CliRunner().invoke(app, words).stdout
    [line] = (tmp_path / "licences" / "accepted.jsonl").read_text().splitlines()
    assert json.loads(line)["license_sha256"] == terms.license_sha256


def test_a_card_of_ones_own_may_state_its_terms(tmp_path):
    more = 'policy = "revenue-capped"\npermitted_uses = ["research"]\ntraining_data = "my own songs"\n'
    put(tmp_path, "mine", "LicenseRef-mine", more)
    card = Registry(tmp_path / "models").get("mine")
    assert card.to_public()["training_data"] == "my own songs"
    with pytest.raises(LicenceRefused, match="the card permits research, not noncommercial"):
        check(licensed(card), "noncommercial")


def test_a_card_with_a_policy_that_nobody_knows_is_refused(tmp_path):
    put(tmp_path, "mine", "MIT", 'policy = "fine"\n')
    with pytest.raises(CheckpointInvalid, match="policy"):
        Registry(tmp_path / "models")


def test_a_worker_serves_what_it_may_and_refuses_by_name_what_it_may_not(tmp_path):
    put(tmp_path, SMALL, "CC-BY-NC-4.0")
    settings = Settings(home=tmp_path)
    registry = Registry(settings.models_path)
    assert [card.id for card in Rules(settings).usable(registry.list())] == ["muscgen-tiny"]
    with pytest.raises(LicenceRefused, match="not accepted"):
        load_model(registry.get(SMALL), settings, slots=1)


def test_terms_are_accepted_on_the_command_line(tmp_path):
    put(tmp_path, SMALL, "CC-BY-NC-4.0")

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["models", *words, "--home", str(tmp_path)], input="n\n")
        return done.stdout + done.stderr + str(done.exit_code)

    assert "not usable here" in run("list")
    assert run("accept", SMALL).endswith("2")
    assert "Accepted by Ada" in run("accept", SMALL, "--yes", "--by", "Ada")
    assert "not usable here" not in run("list")
    assert "need no acceptance" in run("accept", "muscgen-tiny")
    assert "facebook/musicgen-large" in run("accept", "nothing")
    [line] = (tmp_path / "licences" / "accepted.jsonl").read_text().splitlines()
    assert json.loads(line)["text"].startswith(f"Model: {SMALL}\nLicence: CC-BY-NC-4.0")


def test_the_table_of_licences_is_that_of_the_cards():
    assert (ROOT / "MODEL_LICENSES.md").read_text("utf-8") == table()
