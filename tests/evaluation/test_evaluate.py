"""`muscgen evaluate`, as it is typed."""

from __future__ import annotations

import json
import re
import shutil
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO
from urllib.parse import unquote

import numpy as np
import pytest
import soundfile
from data.tunes import write
from typer.testing import CliRunner

from muscgen.cli.app import app

PROMPTS = "lofi piano, 90 bpm, A minor\ntechno, 130 bpm, no drums\n"


def run(*words: object, home):
    done = CliRunner().invoke(app, ["evaluate", *map(str, words), "--home", str(home), "--backend", "onnx"])
    if done.exit_code not in (0, 1, 2, 3):
        raise done.exception
    return done


@pytest.fixture(scope="module")
def made(tmp_path_factory, model, reference):
    """A random model, judged once, with its baseline."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "prompts.txt").write_text(PROMPTS)
    done = run(
        *(model, "--prompts", folder / "prompts.txt", "--reference", reference, "--out", folder / "out"),
        *("--duration", 4.2, "--store-baseline", folder / "before.json", "--json"),
        home=folder / "home",
    )
    assert done.exit_code == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_a_model_is_judged_in_figures(made):
    _, found = made
    measures = found["measures"]
    for name in ("mel", "families", "codec"):
        assert measures[f"fad_{name}"]["value"] > 0
        assert len(found["curves"][name]) > 2
    assert measures["tempo"]["songs"] == 2
    assert measures["key"]["songs"] == 1
    assert measures["absent"]["songs"] == 1
    assert measures["copies"]["value"] == 0
    assert measures["codec_si_sdr_db"]["clips"] == 4
    assert measures["codec_si_sdr_db"]["value"] < 10  # random weights
    assert measures["watermark_si_sdr_db"]["value"] > 10
    assert found["setting"]["reference_tracks"] == 4
    assert [song["prompt"] for song in found["songs"]] == PROMPTS.splitlines()
    assert [song["seed"] for song in found["songs"]] == [0, 1]
    assert "few" in found["warnings"][0]


def test_the_same_command_gives_the_same_figures_and_is_no_regression(made, model, reference, tmp_path):
    folder, found = made
    again = run(
        *(model, "--prompts", folder / "prompts.txt", "--reference", reference, "--out", tmp_path / "out"),
        *("--duration", 4.2, "--baseline", folder / "before.json", "--json"),
        home=folder / "home",
    )
    assert again.exit_code == 0, again.stderr
    assert json.loads(again.stdout)["measures"] == found["measures"]
    assert json.loads(again.stdout)["worse"] == []


def test_what_was_made_can_be_judged_again_without_the_model(made, reference, tmp_path):
    folder, found = made
    done = run(
        *("--generated", folder / "out" / "sounds", "--prompts", folder / "out" / "prompts.jsonl"),
        *("--reference", reference, "--out", tmp_path / "out", "--json"),
        home=folder / "home",
    )
    assert done.exit_code == 0, done.stderr
    again = json.loads(done.stdout)
    assert again["model"] is None
    assert "fad_codec" not in again["measures"]
    # What was kept has 16 bits, and no other level than what was made.
    for name in ("fad_families", "tempo", "instruments"):
        assert again["measures"][name]["value"] == pytest.approx(found["measures"][name]["value"], rel=0.05)


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.sounds, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        fields = dict(attrs)
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag == "audio":
            self.sounds.append(fields["src"])
        self.links += [fields[name] for name in ("href", "src") if name in fields]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_its_songs_can_be_played(made):
    folder, found = made
    page = (folder / "out" / "index.html").read_text("utf-8")
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert len(reader.sounds) == 2
    assert all(link.startswith("data:audio/mpeg;base64,") for link in reader.links)
    samples, rate = soundfile.read(BytesIO(b64decode(reader.sounds[0].partition(",")[2])))
    assert len(samples) / rate == pytest.approx(4.2, abs=0.1)
    assert page.count("<svg") == 4
    for name in found["measures"]:
        assert f"<code>{name}</code>" in page
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)


def test_a_prompt_cannot_write_into_the_page(tmp_path, reference):
    write(tmp_path / "sounds" / "a.wav", 50, 5.0)
    line = {"prompt": "<script>alert(1)</script>", "file": "a.wav"}
    (tmp_path / "p.jsonl").write_text(json.dumps(line))
    done = run(
        *("--generated", tmp_path / "sounds", "--prompts", tmp_path / "p.jsonl"),
        *("--reference", reference, "--out", tmp_path / "out"),
        home=tmp_path / "home",
    )
    assert done.exit_code == 0, done.stderr
    assert "<script" not in (tmp_path / "out" / "index.html").read_text("utf-8")


def test_beyond_24_songs_the_page_links_to_where_they_lie(tmp_path, reference):
    names = [f"a/{n:02d} #1.wav" for n in range(26)]
    for n, name in enumerate(names):
        write(tmp_path / "sounds" / name, n, 1.1)
    lines = [json.dumps({"prompt": f"song {n}", "file": f"./{name}"}) for n, name in enumerate(names)]
    (tmp_path / "p.jsonl").write_text("\n".join(lines))
    done = run(
        *("--generated", tmp_path / "sounds", "--prompts", tmp_path / "p.jsonl"),
        *("--reference", reference, "--out", tmp_path / "pages" / "out", "--json"),
        home=tmp_path / "home",
    )
    assert done.exit_code == 0, done.stderr
    assert [song["prompt"] for song in json.loads(done.stdout)["songs"]] == [f"song {n}" for n in range(26)]
    reader = Reader()
    reader.feed((tmp_path / "pages" / "out" / "index.html").read_text("utf-8"))
    linked = [src for src in reader.sounds if not src.startswith("data:")]
    assert len(linked) == 2
    for src, name in zip(linked, names[24:], strict=True):
        assert (tmp_path / "pages" / "out" / unquote(src)).samefile(tmp_path / "sounds" / name)


def test_errors_are_json_where_figures_are(tmp_path, reference):
    done = run("--reference", reference, "--json", home=tmp_path / "home")
    assert done.exit_code == 2
    assert json.loads(done.stderr)["error"]["param"] == "prompts"


def test_a_song_of_the_reference_is_called_a_copy(tmp_path, reference):
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    shutil.copyfile(reference / "tunes" / "2.wav", sounds / "mine.wav")
    write(sounds / "own.wav", 77, 6.0)
    done = run(
        *("--generated", sounds, "--reference", reference, "--out", tmp_path / "out", "--json"),
        home=tmp_path / "home",
    )
    found = json.loads(done.stdout)
    assert found["measures"]["copies"]["value"] == 0.5
    near = {song["name"]: song["nearest"] for song in found["songs"]}
    assert near["mine.wav"]["is_copy"]
    assert near["mine.wav"]["recording"] == "tunes/2.wav"
    assert not near["own.wav"]["is_copy"]


def test_the_reference_itself_is_nearer_to_the_reference_than_noise(tmp_path, reference):
    (tmp_path / "noise").mkdir()
    for n in range(4):
        noise = np.random.default_rng(n).normal(0, 0.1, 6 * 22_050)
        soundfile.write(tmp_path / "noise" / f"{n}.wav", noise, 22_050)
    figures = {}
    for name, folder in (("own", reference / "tunes"), ("noise", tmp_path / "noise")):
        words = ("--generated", folder, "--reference", reference, "--out", tmp_path / name, "--json")
        figures[name] = json.loads(run(*words, home=tmp_path / "home").stdout)["measures"]
    assert figures["own"]["fad_mel"]["value"] == pytest.approx(0, abs=1e-6)
    assert figures["noise"]["fad_mel"]["value"] > 1
    assert figures["noise"]["fad_families"]["value"] > figures["own"]["fad_families"]["value"]


def test_a_regression_has_its_own_exit_code(made, model, reference, tmp_path):
    folder, _ = made
    before = json.loads((folder / "before.json").read_text())
    before["measures"]["codec_si_sdr_db"]["value"] += 30
    before["measures"]["gone"] = {"value": 1.0, "better": "higher", "tolerance": 0.1}
    (tmp_path / "before.json").write_text(json.dumps(before))
    done = run(
        *(model, "--prompts", folder / "prompts.txt", "--reference", reference, "--out", tmp_path / "out"),
        *("--duration", 4.2, "--baseline", tmp_path / "before.json"),
        home=folder / "home",
    )
    assert done.exit_code == 3, done.stderr
    assert len(re.findall("WORSE", done.stdout)) == 1
    assert re.search(r"gone +not measured any more", done.stdout)
    assert 'class="number worse"' in (tmp_path / "out" / "index.html").read_text("utf-8")


def test_figures_of_an_older_layout_are_refused_before_anything_is_made(made, model, reference, tmp_path):
    folder, _ = made
    before = json.loads((folder / "before.json").read_text())
    del before["version"]
    (tmp_path / "before.json").write_text(json.dumps(before))
    done = run(
        *(model, "--prompts", folder / "prompts.txt", "--reference", reference, "--out", tmp_path / "out"),
        *("--duration", 4.2, "--baseline", tmp_path / "before.json"),
        home=folder / "home",
    )
    assert done.exit_code == 2
    assert "is of version 1, which another muscgen wrote" in done.stderr
    assert "--store-baseline anew" in done.stderr


def test_a_reference_of_other_sounds_is_not_compared_though_names_and_lengths_are_the_same(
    made, model, reference, tmp_path
):
    folder, _ = made
    shutil.copytree(reference, tmp_path / "reference")
    write(tmp_path / "reference" / "tunes" / "2.wav", 12, 6.0)
    sizes = [(one / "tunes" / "2.wav").stat().st_size for one in (reference, tmp_path / "reference")]
    assert sizes[0] == sizes[1]
    done = run(
        *(model, "--prompts", folder / "prompts.txt", "--reference", tmp_path / "reference"),
        *("--out", tmp_path / "out", "--duration", 4.2, "--baseline", folder / "before.json"),
        home=folder / "home",
    )
    assert done.exit_code == 1
    assert "measured otherwise: reference" in done.stderr


def test_figures_of_other_prompts_are_not_compared(made, model, reference, tmp_path):
    folder, _ = made
    (tmp_path / "other.txt").write_text("harp\n")
    done = run(
        *(model, "--prompts", tmp_path / "other.txt", "--reference", reference, "--out", tmp_path / "out"),
        *("--duration", 4.2, "--baseline", folder / "before.json"),
        home=folder / "home",
    )
    assert done.exit_code == 1
    assert "measured otherwise" in done.stderr
    assert "prompt_count 2 there, 1 here" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--prompts", "PROMPTS", "--reference", "REFERENCE"], 2, "a model needs prompts"),
        (["MODEL", "--reference", "REFERENCE"], 2, "a model needs prompts"),
        (["MODEL", "--prompts", "PROMPTS"], 2, "--reference says"),
        (["MODEL", "--prompts", "PROMPTS", "--reference", "nowhere"], 2, "there is no folder"),
        (["--generated", "EMPTY", "--reference", "REFERENCE"], 2, "holds no sound"),
        (
            ["--generated", "REFERENCE", "--prompts", "PROMPTS", "--reference", "REFERENCE"],
            2,
            "none of the prompts says which file",
        ),
        (
            ["MODEL", "--prompts", "PROMPTS", "--reference", "REFERENCE", "--duration", "-1"],
            2,
            "duration",
        ),
        (["nobody", "--prompts", "PROMPTS", "--reference", "REFERENCE"], 2, "nobody"),
        (
            ["MODEL", "--prompts", "PROMPTS", "--reference", "REFERENCE", "--embedding", "clap"],
            2,
            "no embedding",
        ),
        (
            ["MODEL", "--prompts", "PROMPTS", "--reference", "REFERENCE", "--embedding", "ear=EMPTY"],
            1,
            "there is no embedding 'ear'",
        ),
        (
            ["MODEL", "--prompts", "PROMPTS", "--reference", "REFERENCE", "--clap", "EMPTY"],
            1,
            "holds no weights of clap",
        ),
        (
            ["--generated", "REFERENCE", "--reference", "REFERENCE", "--duration", "3", "--each", "2"],
            2,
            "--duration and --each is for songs that are made",
        ),
        (["--generated", "REFERENCE", "--reference", "REFERENCE", "--clap", "EMPTY"], 2, "there are none"),
        (
            [*("--generated", "REFERENCE", "--reference", "REFERENCE"), *2 * ("--embedding", "clap=EMPTY")],
            2,
            "clap is named twice",
        ),
        (
            ["--generated", "REFERENCE", "--prompts", "TWICE", "--reference", "REFERENCE"],
            2,
            "two prompts say",
        ),
        (
            ["MODEL", "--prompts", "PROMPTS", "--reference", "REFERENCE", "--baseline", "PROMPTS"],
            2,
            "is no baseline",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused_in_words(tmp_path, model, reference, words, code, said):
    (tmp_path / "prompts.txt").write_text(PROMPTS)
    (tmp_path / "empty").mkdir()
    (tmp_path / "twice.jsonl").write_text(
        '{"prompt": "x", "file": "a.wav"}\n{"prompt": "y", "file": "./a.wav"}\n'
    )
    places = {
        "MODEL": model,
        "PROMPTS": tmp_path / "prompts.txt",
        "REFERENCE": reference,
        "EMPTY": tmp_path / "empty",
        "TWICE": tmp_path / "twice.jsonl",
    }
    given = ["=".join(str(places.get(part, part)) for part in word.split("=")) for word in words]
    done = run(*given, "--out", tmp_path / "out", home=tmp_path / "home")
    assert (done.exit_code, said in done.stderr) == (code, True), done.stderr
    assert not (tmp_path / "out").exists()
