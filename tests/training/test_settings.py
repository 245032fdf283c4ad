"""What a training is asked for, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from muscgen.cli.app import app
from muscgen.data.manifest import Codec, Count, Manifest
from muscgen.errors import ConfigurationError, InvalidRequest, LicenceRefused
from muscgen.models.card import read_card
from muscgen.models.config import read_config
from muscgen.models.terms import Stated
from muscgen.training import memory
from muscgen.training.batches import IGNORED, Batches, Shape
from muscgen.training.clips import Clip
from muscgen.training.codec_config import CodecTraining
from muscgen.training.config import Config, Lora, Words, read, read_as
from muscgen.training.licensing import computed
from muscgen.training.log import picture

USUAL = {"id": "ours/one", "out": "out", "data": ("data",)}


def test_a_file_and_options_make_one_configuration(tmp_path):
    path = tmp_path / "training.toml"
    path.write_text(
        'id = "ours/one"\nout = "out"\ndata = ["a", "b"]\nsteps = 7\n'
        "[optimiser]\nbatch = 3\n[lora]\nrank = 4\n"
    )
    found = read(path, steps=9, optimiser__learning_rate=0.5, base=None)
    assert (found.steps, found.optimiser.batch, found.learning_rate, found.lora.rank) == (9, 3, 0.5, 4)
    assert read(path).learning_rate == 2e-4
    assert read(None, **USUAL, method="full").learning_rate == 1e-5
    assert read(None, **USUAL, method="full", from_nothing=True).learning_rate == 1e-4


def test_a_folder_gives_its_name_to_a_model_that_has_none(tmp_path):
    path = tmp_path / "training.toml"
    path.write_text('id = "ours/one"\nout = "out"\ndata = ["a"]\n')
    out = tmp_path / "polka"
    assert read(path, out=out).id == "ours/one"
    assert read(path, out=out).digest == read(path).digest  # it goes on with what was begun without an option
    assert read(path, out=out, id="ours/two").id == "ours/two"
    path.write_text('out = "out"\ndata = ["a"]\n')
    assert read(path, out=out).id == "polka"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"stepz": 3}, "stepz"),
        ({"steps": 0}, "steps"),
        ({"optimiser": {"batch": 0}}, "optimiser.batch"),
        ({"lora": {"r": 4}}, "lora.r"),
        ({"data": ()}, "data"),
        ({"id": "../x y"}, "id"),
        ({"from_nothing": True, "method": "lora"}, "method is full"),
        ({"method": "full", "lora": {"rank": 4}}, "lora is of an adapter"),
        ({"optimiser": {"betas": (0.9, 1.0)}}, r"optimiser\.betas\.1"),
        ({"optimiser": {"learning_rate": float("nan")}}, r"optimiser\.learning_rate"),
        ({"optimiser": {"clip": float("inf")}}, r"optimiser\.clip"),
        ({"optimiser": 3, "optimiser__batch": 2}, "optimiser: "),
        ({"optimiser": [], "optimiser__batch": 2}, "optimiser: "),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(wrong, field):
    with pytest.raises(InvalidRequest, match=field):
        read(None, **USUAL | wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"learn": "encoder", "losses": {"mel": 2.0}}, "losses are of a decoder's sound"),
        ({"learn": "decoder", "losses": {"commit": 0.5}}, r"losses\.commit is of an encoder"),
        ({"learn": "decoder", "exchange": 0.1}, "exchange is of pairs"),
        ({"learn": "all", "exchange": 0.1}, "exchange is of pairs"),
        ({"learn": "all", "losses": {"wave": float("inf")}}, r"losses\.wave"),
        ({"hearing": {"tilt_db": float("nan")}}, r"hearing\.tilt_db"),
    ],
)
def test_what_a_codec_would_not_heed_is_refused_by_its_field(wrong, said):
    with pytest.raises(InvalidRequest, match=said):
        read_as(CodecTraining, None, **USUAL | wrong)
    rest = {"learn": "decoder", "losses": {"mel": 2.0}}
    assert read_as(CodecTraining, None, **USUAL | rest).losses.mel == 2.0


def test_what_may_change_between_a_run_and_its_continuation():
    first = read(None, **USUAL)
    assert read(None, **USUAL, steps=5_000).digest == first.digest
    assert read(None, **USUAL, seed=1).digest != first.digest
    assert read(None, **USUAL, lora=Lora(rank=3)).digest != first.digest


def clip(tmp_path, n=0, frames=30):
    codes = (np.arange(4 * frames).reshape(4, frames) + n).astype(np.int16)
    path = tmp_path / f"{n}.npy"
    np.save(path, codes)
    size = path.stat().st_size
    return Clip(f"t{n}", path, 0, size, f"caption {n}", 97.0, "A minor"), codes


def test_labels_lie_in_the_delay_pattern(tmp_path):
    one, codes = clip(tmp_path, frames=5)
    batches = Batches([one], Shape(8, (0, 1, 2, 3), 2048), Words(drop=0, add_facts=0), seed=1, size=2)
    labels = batches.at(0, 0).labels
    assert labels.shape == (2, 8, 4)
    for k in range(4):
        assert (labels[0, :k, k] == 2048).all()
        assert (labels[0, k : k + 5, k] == codes[k]).all()
        assert (labels[0, k + 5 :, k] == 2048).all()


def test_shorter_clips_are_not_learnt_behind_their_end(tmp_path):
    clips = [clip(tmp_path, n, frames)[0] for n, frames in enumerate((4, 30))]
    labels = Batches(clips, Shape(10, (0, 1, 2, 3), 2048), Words(), seed=3, size=16).at(0, 0).labels
    assert labels.shape == (16, 13, 4)
    short = labels[(labels[:, -1, 0] == IGNORED)]
    assert 0 < len(short) < 16
    assert (short[:, 7:] == IGNORED).all()


def test_windows_follow_from_seed_step_and_place(tmp_path):
    clips = [clip(tmp_path, n)[0] for n in range(5)]

    def drawn(seed, step, place):
        return Batches(clips, Shape(10, (0, 1, 2, 3), 2048), Words(), seed, 4).at(step, place)

    one = drawn(1, 7, 0)
    assert np.array_equal(drawn(1, 7, 0).labels, one.labels)
    assert drawn(1, 7, 0).texts == one.texts
    for other in (drawn(2, 7, 0), drawn(1, 8, 0), drawn(1, 7, 1)):
        assert not np.array_equal(other.labels, one.labels)


def test_captions_are_dropped_and_completed_as_often_as_asked(tmp_path):
    one, _ = clip(tmp_path)
    batches = Batches([one], Shape(5, (0, 1, 2, 3), 2048), Words(drop=0.3, add_facts=0.5), seed=1, size=1_000)
    texts = batches.at(0, 0).texts
    assert texts.count("") == pytest.approx(300, abs=60)
    assert texts.count("caption 0. 97 bpm, A minor") == pytest.approx(350, abs=60)
    assert set(texts) == {"", "caption 0", "caption 0. 97 bpm, A minor"}


def manifest(license_="CC-BY-4.0", use="commercial"):
    codec = Codec(model="m", revision="r", frame_rate=50, codebooks=4, vocabulary=2048)
    return Manifest(
        dataset="fma", use=use, sample_rate=32_000, channels=1, loudness_lufs=None, codec=codec,
        license=license_, licenses={license_: 2}, text_license="", text_attribution="",
        splits={"train": Count(tracks=2, seconds=60.0)}, ledger="l", shards=(),
    )  # fmt: skip


def base_card(base, tmp_path, license_):
    folder = shutil.copytree(base, tmp_path / "base")
    card = (folder / "card.toml").read_text().replace("Apache-2.0", license_)
    (folder / "card.toml").write_text(card)
    return read_card(folder)


def test_a_licence_is_as_strict_as_its_strictest_part(base, tmp_path):
    free = computed(read_card(base), [manifest(), manifest("CC0-1.0 AND CC-BY-4.0")])
    assert (free.license, free.policy) == ("Apache-2.0 AND CC-BY-4.0 AND CC0-1.0", "allow-with-attribution")
    assert "2 tracks (0.02 h) of fma" in free.training_data
    strict = computed(read_card(base), [manifest("CC-BY-NC-4.0", "noncommercial")])
    assert strict.policy == "noncommercial-only"
    assert strict.uses == ("research", "noncommercial")
    own = computed(read_card(base), [manifest("LicenseRef-consent-c1")])
    assert (own.policy, own.uses[-1]) == ("allow-with-attribution", "commercial")
    closed = base_card(base, tmp_path, "CC-BY-NC-4.0")
    assert computed(closed, [manifest()]).policy == "noncommercial-only"


@pytest.mark.parametrize(
    ("license_", "licences", "whole"),
    [
        (
            "MIT OR Apache-2.0",
            ["CC-BY-NC-4.0"],
            "MIT AND CC-BY-NC-4.0 OR Apache-2.0 AND CC-BY-NC-4.0",
        ),
        ("MIT AND CC0-1.0 OR MIT", ["CC0-1.0", ""], "MIT AND CC0-1.0"),
        ("mit", ["CC-BY-4.0 AND CC0-1.0", "MIT OR CC0-1.0"], "MIT AND CC-BY-4.0 AND CC0-1.0"),
        ("apache-2.0", ["MIT OR ISC"], "Apache-2.0 AND MIT OR Apache-2.0 AND ISC"),
    ],
)
def test_no_choice_of_a_licence_is_without_what_the_data_asks_for(base, tmp_path, license_, licences, whole):
    found = computed(base_card(base, tmp_path, license_), [manifest(one) for one in licences])
    assert found.license == whole


def test_a_licence_in_parentheses_is_left_as_it_is(base, tmp_path):
    told = replace(base_card(base, tmp_path, "(MIT OR X-1) AND Y-1"), stated=Stated(policy="allow"))
    assert computed(told, [manifest()]).license == "((MIT OR X-1) AND Y-1) AND CC-BY-4.0"


@pytest.mark.parametrize("license_", ["CC-BY-NC-ND-4.0", "cc-by-nc-nd-4.0", "MIT OR Cc-By-Nd-4.0"])
def test_a_base_that_permits_no_derivatives_is_refused(base, tmp_path, license_):
    with pytest.raises(LicenceRefused, match="may not be trained further"):
        computed(base_card(base, tmp_path, license_), [manifest()])


def test_a_codecs_memory_grows_with_what_it_hears_and_what_learns(base):
    model = read_config(base)

    def need(**more):
        wanted = CodecTraining.model_validate(USUAL | more)
        return memory.codec_needs(1_000_000, 600_000, model, wanted).total

    assert need(window_s=4.0) > 3 * need(window_s=1.0) / 2
    assert need(learn="all") > need(learn="encoder")
    wanted = CodecTraining.model_validate(USUAL | {"window_s": 30.0})
    with pytest.raises(ConfigurationError, match="are free") as refusal:
        memory.check(memory.codec_needs(10**9, 10**9, model, wanted), 10**9, wanted)
    assert "a shorter window_s" in refusal.value.suggestion
    assert "lora" not in refusal.value.suggestion


def test_memory_is_said_and_what_helps(base):
    model = read_config(base)

    def need(**more):
        wanted = Config.model_validate(USUAL | {"method": "full"} | more)
        return memory.needs(
            1_000_000, 600_000, model, wanted, [(wanted.optimiser.batch, 500)], memory.How()
        ).total

    assert need(gradient_checkpointing=True) < need()
    assert need(optimiser={"batch": 8}) > 1.5 * need(optimiser={"batch": 4})
    wanted = Config.model_validate(USUAL | {"method": "full"})
    needed = memory.needs(10**9, 10**9, model, wanted, [(4, 500)], memory.How())
    memory.check(needed, None, wanted)
    memory.check(needed, 10**12, wanted)
    with pytest.raises(ConfigurationError, match=r"needs about 16\.\d GB: weights 4\.0 GB") as refusal:
        memory.check(needed, 10**9, wanted)
    assert "method lora" in refusal.value.suggestion
    assert "gradient_checkpointing" in refusal.value.suggestion
    assert "optimiser.batch 1 (and accumulate)" in refusal.value.suggestion


def test_where_there_are_stages_theirs_are_the_windows_that_would_help(base):
    stages = [{"share": 1, "window_s": 30.0, "batch": 8}, {"share": 1, "window_s": 2.0, "batch": 1}]
    wanted = Config.model_validate(USUAL | {"stages": stages, "optimiser": {"batch": 1}})
    needed = memory.needs(10**9, 10**9, read_config(base), wanted, [(8, 1500)], memory.How())
    with pytest.raises(ConfigurationError, match="are free") as refusal:
        memory.check(needed, 10**9, wanted)
    assert "stages.batch 1 (and accumulate)" in refusal.value.suggestion
    assert "a shorter stages.window_s" in refusal.value.suggestion
    assert "optimiser" not in refusal.value.suggestion


def test_a_picture_of_losses():
    lines = [{"step": n, "loss": 10 / n} for n in range(1, 60)] + [
        {"step": 60, "valid": 1.0, "valid_shuffled": 2.0}
    ]
    drawn = picture(lines)
    assert drawn.count("<polyline") == 3
    assert "60 steps" in drawn
    assert picture([]).startswith("<svg")


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.timeout(300)
def test_a_model_is_finetuned_and_sings_from_the_command_line(tmp_path, base, data):
    out = tmp_path / "polka"
    settings = tmp_path / "training.toml"
    settings.write_text("[saving]\nsample_s = 0.0\nvalid_batches = 0\n")
    done = run(
        *(
            "finetune",
            "--data",
            data,
            "--base",
            base,
            "--out",
            out,
            "--steps",
            2,
            "--batch",
            2,
            "--window",
            1.0,
        ),
        *("--device", "cpu", "--config", settings, "--home", tmp_path / "home"),
    )
    assert done.exit_code == 0, done.stderr
    assert f"polka lies in {out}: loss " in done.stdout
    assert "parameters learn" in done.stderr
    card = read_card(out)
    assert (card.id, card.adapter) == ("polka", out / "lora")
    sung = run(
        "generate",
        "harp",
        "-o",
        tmp_path / "song.wav",
        "--duration",
        1,
        "--model",
        out,
        "--home",
        tmp_path / "home",
    )
    assert "model polka, licence Apache-2.0 AND CC-BY-4.0" in sung.stdout, sung.stderr
    made = json.loads((data / "models.jsonl").read_text().splitlines()[-1])
    assert made["model"] == "polka"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--data", "/nowhere"), "holds no prepared data set"),
        ((), "data: Field required"),
        (("--data", "/nowhere", "--base", "nothing"), "there is no model 'nothing'"),
        (("--data", "/nowhere", "--config", "/nowhere.toml"), "/nowhere.toml cannot be read"),
    ],
)
def test_a_finetuning_that_cannot_be_is_refused_before_any_work(tmp_path, words, said):
    done = run("finetune", *words, "--out", tmp_path / "out", "--home", tmp_path / "home")
    assert done.exit_code == 2
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.timeout(300)
def test_a_language_model_from_nothing(tmp_path, base, data):
    settings = tmp_path / "training.toml"
    settings.write_text('id = "ours/new"\n[saving]\nsample_s = 0.0\nvalid_batches = 0\n')
    done = run(
        *(
            "train",
            "lm",
            "--data",
            data,
            "--base",
            base,
            "--out",
            tmp_path / "new",
            "--steps",
            2,
            "--batch",
            2,
        ),
        *("--window", 1.0, "--device", "cpu", "--config", settings, "--home", tmp_path / "home", "--json"),
    )
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["loss"] == pytest.approx(np.log(2048), abs=0.3)  # it knows nothing yet
    assert read_card(tmp_path / "new").adapter is None
    assert told["model"] == "ours/new"  # the file's, though a folder was given
    assert "Samples of every save" not in (tmp_path / "new" / "MODEL.md").read_text()
