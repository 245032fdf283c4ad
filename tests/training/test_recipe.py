"""muscgen-tiny's recipe: what it composes, and all of it at its smallest, from a SoundFont to a song."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tiny import oracle, random_checkpoint
from typer.testing import CliRunner

from muscgen.cli.app import app
from muscgen.data import manifest as manifests
from muscgen.models.card import read_card
from muscgen.models.leftout import BUILTIN
from training.recipe import RECIPE

pytestmark = pytest.mark.usefixtures("beside")
SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
needs_soundfont = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not SOUNDFONT.is_file(),
    reason="needs Debian's fluidsynth and fluid-soundfont-gm",
)


def test_exact_vectors_give_back_every_code_and_sound_as_before(nameless):
    """Without names they give back a third of them."""
    from tinysong import ears
    from tinysong.composer import compose

    from muscgen.training.model import quiet

    plain = nameless
    with quiet(), torch.no_grad():
        named = ears.widened(plain)
        stored = json.loads(ears.STORED.read_text())
    np.testing.assert_allclose(ears.spread()[3][2], stored[3][2], atol=0.01)
    with quiet(), torch.no_grad():
        codes = torch.from_numpy(compose(3, 4).codes().astype(np.int64))
        found = [
            codec.quantizer.encode(codec.quantizer.decode(codes[:, None]), 2.2)[:, 0]
            for codec in (plain, named)
        ]
        right = [float((one == codes).double().mean()) for one in found]
        sounds = [codec.decode(codes[None, None], [None])[0] for codec in (plain, named)]
    assert right[1] == 1.0
    assert right[0] < 0.5
    assert torch.equal(*sounds)


SINES = "e66f60d53a5743ce1195cb8b068f634c131792fae52786d0c691bb2df7e9727c"


def test_the_references_of_the_stored_baseline_are_the_same_samples_everywhere():
    from tinysong.composer import compose
    from tinysong.sines import played

    samples = played(compose(4_000_000, 4))
    assert 100 < samples.std() < 20_000
    assert hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest() == SINES


def test_the_stored_baseline_is_of_the_shipped_model_and_judges_all_its_prompts():
    stored = json.loads((RECIPE / "baseline" / "muscgen-tiny.json").read_text())
    prompts = (RECIPE / "baseline" / "prompts.jsonl").read_text().splitlines()
    assert stored["setting"]["prompt_count"] == len(prompts) == 48
    assert stored["revision"] == read_card(BUILTIN / "muscgen-tiny").revision
    assert {"tempo", "key", "instruments", "bad_songs", "fad_mel"} <= set(stored["measures"])


def test_packs_of_songs_that_are_there_are_not_made_again(tmp_path):
    from tinysong.composer import compose
    from tinysong.packs import Packs

    from muscgen.data.readers import packs as files

    folder = Packs(tmp_path / "songs", 2.0, "books")
    counts = {"train": 3, "valid": 1, "test": 0}
    assert list(folder.fill(counts, 1)) == [3, 4]
    [train, valid] = sorted(folder.path.glob("*.npz"))
    pack = files.opened(train)
    first, frames = pack.spans[1]
    assert pack.books == "books"
    assert np.array_equal(pack.codes[:, first : first + frames], compose(1_000_001, 2.0).codes())
    assert len(train.with_name("train-000000.jsonl").read_text().splitlines()) == 3
    stamp = train.stat().st_mtime_ns
    valid.unlink()  # as if killed before it
    assert list(folder.fill(counts, 1)) == [3, 4]
    assert train.stat().st_mtime_ns == stamp
    assert valid.is_file()


def test_a_stereo_twin_begins_as_the_mono_model_and_plays_both_channels(tmp_path):
    from tinysong import twin
    from tinysong.composer import compose

    from muscgen.training.model import quiet

    mono = random_checkpoint(tmp_path / "mono", seed=5)
    twin.make(mono, tmp_path / "twin")
    assert read_card(tmp_path / "twin").id == "mono-stereo"
    codes = compose(3, 2).codes().astype(np.int64)
    left, both = (torch.from_numpy(np.repeat(codes, n, axis=0)) for n in (1, 2))
    models = [oracle(mono), oracle(tmp_path / "twin")]
    text = torch.tensor([[5, 6, 1]])
    with quiet(), torch.no_grad():
        heard = [
            model(input_ids=text, decoder_input_ids=one).logits
            for model, one in zip(models, (left, both), strict=True)
        ]
    for channel in range(2):
        torch.testing.assert_close(heard[1][channel::2], heard[0], atol=1e-3, rtol=1e-4)
    asked = ["generate", "jazz", "-o", tmp_path / "song.wav", "--model", tmp_path / "twin", "--duration", 1]
    sung = CliRunner().invoke(app, [*map(str, asked), "--home", str(tmp_path / "home"), "--backend", "onnx"])
    assert sung.exit_code == 0, sung.output
    samples, _ = soundfile.read(tmp_path / "song.wav")
    assert samples.shape[1] == 2
    assert not np.array_equal(samples[:, 0], samples[:, 1])


def test_a_parcel_over_the_same_start_is_the_model_that_was_sent(tmp_path):
    from safetensors.torch import load_file, save_file
    from tinysong import parcel

    start, learnt, again = (
        random_checkpoint(tmp_path / name, seed=5) for name in ("start", "learnt", "again")
    )
    weights = load_file(learnt / "model.safetensors")
    changed = [name for name in weights if "lm_heads" in name]
    for name in changed:
        weights[name] = torch.full_like(weights[name], 0.25)
    save_file(weights, learnt / "model.safetensors", {"format": "pt"})
    (learnt / "MODEL.md").write_text("what it is")
    (learnt / "checkpoints").mkdir()
    parcel.sent(learnt, start, tmp_path / "parcel")
    parts = sorted((tmp_path / "parcel").iterdir())
    assert [part.name for part in parts] == ["00.safetensors", "words.tar.gz"]
    assert set(load_file(parts[0])) == set(changed)
    parcel.opened(tmp_path / "parcel", start, again)
    assert all(
        torch.equal(one, weights[name]) for name, one in load_file(again / "model.safetensors").items()
    )
    assert (again / "MODEL.md").read_text() == "what it is"
    assert not (again / "checkpoints").exists()


@needs_soundfont
def test_songs_that_are_there_are_not_made_again(tmp_path):
    from tinysong.songs import Folder

    folder = Folder(tmp_path / "songs", 2.0, SOUNDFONT, "books")
    counts = {"train": 1, "valid": 1, "test": 0}
    assert list(folder.fill(counts, 1)) == [1, 2]
    stamps = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")}
    [train, valid] = sorted(folder.path.rglob("*.wav"))
    samples, rate = soundfile.read(train)
    with np.load(train.with_name("000000.codes.npz")) as beside:
        assert len(samples) == beside["codes"].shape[1] * 640
    assert rate == 32_000
    assert samples.std() > 0.001
    valid.unlink()  # as if killed before it
    assert list(folder.fill(counts, 1)) == [1, 2]
    assert train.stat().st_mtime_ns == stamps[train]
    assert valid.is_file()


@needs_soundfont
@pytest.mark.timeout(900)
def test_the_whole_recipe_makes_a_model_that_is_served(tmp_path):
    out = tmp_path / "tiny"
    words = [sys.executable, RECIPE / "make.py", "--scale", "smoke", "--out", out, "--jobs", "1"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    made = subprocess.run(
        [*map(str, words)], env=environment, capture_output=True, text=True, check=False, timeout=850
    )
    assert made.returncode == 0, made.stdout[-2_000:] + made.stderr[-2_000:]

    manifest = json.loads((out / "model" / "card.toml").read_text().split("manifests = ")[1].splitlines()[0])
    card = read_card(out / "model")
    assert list(card.stated.manifests) == manifest
    assert manifest == [read_manifest(out / "data"), read_manifest(out / "sound")]
    assert card.license == "Apache-2.0 AND CC0-1.0"
    assert "FluidR3" in card.attribution
    assert "Frank Wen" in (out / "model" / "ATTRIBUTION.md").read_text()
    page = (out / "model" / "MODEL.md").read_text()
    assert manifest[-1] in page
    assert card.attribution.count("ATTRIBUTION.md") == 1
    assert "| tempo |" in page.split("## Judged")[1] or "| fad_mel |" in page.split("## Judged")[1]
    assert sum(path.stat().st_size for path in (out / "model").iterdir()) < 64_000_000

    asked = ["generate", "jazz", "-o", tmp_path / "song.wav", "--model", out / "model", "--duration", 1]
    sung = CliRunner().invoke(app, [*map(str, asked), "--home", str(tmp_path / "home"), "--backend", "onnx"])
    assert sung.exit_code == 0, sung.output
    samples, rate = soundfile.read(tmp_path / "song.wav")
    assert rate == 32_000
    assert len(samples) == pytest.approx(rate, rel=0.02)

    again = subprocess.run(
        [*map(str, words)], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert again.returncode == 0
    assert "==" not in again.stdout  # nothing is done twice

    hearing = (out / "hearing" / "model.safetensors").read_bytes()
    (out / "done" / "continued").unlink()  # as if killed before it
    alone = [*map(str, words), "--only", "continued"]
    subprocess.run(alone, env=environment, capture_output=True, check=True, timeout=300)
    assert (out / "hearing" / "model.safetensors").read_bytes() == hearing


def read_manifest(folder: Path) -> str:
    return manifests.read(folder).sha256


def test_trainings_take_the_settings_that_are_written_for_them(tmp_path, beside):
    from tinysong import settings
    from tinysong.scales import SCALES

    from muscgen.training.codec_config import CodecTraining
    from muscgen.training.config import Config, read_as

    path, given = tmp_path / "some.toml", {"out": tmp_path, "data": (tmp_path,), "id": "ours/tiny"}
    for scale in SCALES.values():
        path.write_text(settings.singing(scale.lm))
        assert read_as(Config, path, method="full", **given).stages
        for sound in (True, False):
            path.write_text(settings.listening(scale.ears, sound=sound))
            assert bool(read_as(CodecTraining, path, learn="encoder", **given).rendered) is sound


def test_a_stage_that_there_is_not_is_refused(tmp_path):
    words = [sys.executable, RECIPE / "make.py", "--out", tmp_path / "out", "--only", "songs,dinner"]
    told = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False, timeout=100)
    assert told.returncode == 2
    assert "there is no stage dinner; there are base, songs, data," in told.stderr


def test_stages_that_need_no_soundfont_run_without_one(tmp_path):
    """The stereo twin's, as far as its set."""
    words = [
        *(sys.executable, RECIPE / "make.py", "--out", tmp_path / "out", "--stereo", "--jobs", "1"),
        *("--soundfont", tmp_path / "none.sf2", "--only", "base,songs,data"),
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    made = subprocess.run(
        [*map(str, words)], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert made.returncode == 0, made.stderr[-2_000:]
    manifest = manifests.read(tmp_path / "out" / "data")
    assert (manifest.channels, manifest.codec.codebooks, manifest.tracks) == (2, 8, 28)
    assert "muscgen generate" not in made.stdout


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("--ears shipped --only songs,encoder", "encoder: only for ears that learn, not with --ears shipped"),
        ("--ears shipped --send encoder", "encoder: only for ears that learn, not with --ears shipped"),
        ("--stereo --only songs,continued", "continued: only for one channel, not with --stereo"),
    ],
)
def test_a_stage_that_what_is_asked_for_has_no_need_of_is_refused(tmp_path, words, why):
    asked = [sys.executable, RECIPE / "make.py", "--out", tmp_path / "out", *words.split()]
    told = subprocess.run([*map(str, asked)], capture_output=True, text=True, check=False, timeout=100)
    assert told.returncode == 2
    assert why in told.stderr


@pytest.mark.timeout(600)
def test_without_a_soundfont_the_shipped_ears_are_packed_over_what_was_learnt_with_names(tmp_path):
    """The language model learns over the named base; what is packed has the shipped codec."""
    from safetensors.torch import load_file

    out = tmp_path / "out"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}

    def made(*more):
        words = [sys.executable, RECIPE / "make.py", "--out", out, "--jobs", "1", *more]
        words += ["--soundfont", tmp_path / "none.sf2"]
        done = subprocess.run(
            [*map(str, words)], env=environment, capture_output=True, text=True, check=False, timeout=280
        )
        assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
        return done.stdout

    made("--only", "base,songs,data,language_model", "--lm-steps", "1")
    told = made("--ears", "shipped", "--only", "packed")
    model = out / "model-shipped-ears"
    assert f"--model {model}" in told
    assert not {"rendered", "sound", "ears", "model"} & {path.name for path in out.iterdir()}
    weights, shipped_, learnt = (
        load_file(folder / "model.safetensors") for folder in (model, BUILTIN / "muscgen-tiny", out / "lm")
    )
    for name, tensor in weights.items():
        wanted = shipped_ if name.startswith("audio_encoder.") else learnt
        assert torch.equal(tensor, wanted[name].half() if tensor.is_floating_point() else wanted[name]), name
    assert not torch.equal(weights["decoder.lm_heads.0.weight"], shipped_["decoder.lm_heads.0.weight"])
    assert read_card(model).id == "ours/tiny"
    assert sum(path.stat().st_size for path in model.iterdir()) < 64_000_000


def test_without_a_soundfont_it_says_what_is_needed(tmp_path):
    words = [
        sys.executable, RECIPE / "make.py", "--out", tmp_path / "out", "--soundfont", tmp_path / "none.sf2",
    ]  # fmt: skip
    told = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False, timeout=100)
    assert told.returncode == 1
    assert "fluid-soundfont-gm" in told.stderr
    assert not (tmp_path / "out").exists()


@torch.no_grad()
def heard(codec, codes):
    return codec.decode(torch.from_numpy(codes.astype(np.int64))[None, None], [None])[0][0, 0].numpy()


def level_db(samples):
    return 20 * np.log10(np.sqrt(np.mean(samples**2)))


def quietened(codes, marked):
    """The codes with the soft clock where it ticks alone and the frame is marked."""
    from tinysong import meaning

    count = meaning.BEATS * meaning.DRUM_AGES
    alone = (codes[0] > 0) & (codes[0] <= count)
    return np.concatenate([codes[:1] + meaning.SOFT * count * (alone & marked), codes[1:]])


def without_marks(model):
    """As one was that knew nothing of loud and soft."""
    from tinysong import dynamics

    codebook = model.audio_encoder.quantizer.layers[0].codebook
    codebook.embed[:, [dynamics.SOFT, dynamics.LOUD]] = 0.0


def contrast_db(model):
    """How much softer a held note is where all beats are marked."""
    tones = np.zeros((4, 200), np.int64)
    tones[0] = 1 + np.arange(200) % 12
    tones[3] = held_lead(200)
    loud, low = (heard(model.audio_encoder, quietened(tones, np.full(200, mark))) for mark in (False, True))
    return level_db(loud[4_000:]) - level_db(low[4_000:])


def test_a_model_that_has_loudness_and_attacks_is_not_given_them_again(shipped):
    from tinysong import dynamics, ears

    before = {name: tensor.clone() for name, tensor in shipped.state_dict().items()}
    assert dynamics.has(shipped.audio_encoder)
    ears.voiced(shipped)
    assert all(torch.equal(tensor, before[name]) for name, tensor in shipped.state_dict().items())


def test_a_model_without_loudness_is_given_it_with_attacks_and_two_clocks_that_are_alike(shipped):
    from tinysong import dynamics, ears, meaning

    without_marks(shipped)
    book = shipped.audio_encoder.quantizer.layers[3].codebook.embed
    count = meaning.BEATS * meaning.DRUM_AGES
    clocks = [slice(1 + kind * count, 1 + (kind + 1) * count) for kind in (meaning.LOUD, meaning.SOFT)]
    before, was = book.clone(), contrast_db(shipped)
    assert not dynamics.has(shipped.audio_encoder)
    ears.voiced(shipped)
    assert dynamics.has(shipped.audio_encoder)
    assert abs(was) < 0.5
    assert contrast_db(shipped) > 8
    assert not torch.equal(book, before)
    for table in (shipped.decoder.model.decoder.embed_tokens[0], shipped.decoder.lm_heads[0]):
        assert torch.equal(table.weight[clocks[0]], table.weight[clocks[1]])


def test_a_language_model_is_joined_to_a_codec_that_it_did_not_learn_with(tmp_path):
    from safetensors.torch import load_file, save_file
    from tinysong import joined

    learnt, start = (random_checkpoint(tmp_path / name, seed=5) for name in ("learnt", "start"))
    weights = load_file(learnt / "model.safetensors")
    for name in weights:
        weights[name] = torch.full_like(weights[name], 0.25)
    weights["audio_encoder.quantizer.layers.0.codebook.embed"] = torch.zeros(3, 9)  # another width
    save_file(weights, learnt / "model.safetensors", {"format": "pt"})
    (learnt / "MODEL.md").write_text(f"# {read_card(learnt).id}\n\nwhat it is\n")
    joined.make(learnt, start, tmp_path / "out", "ours/tiny")
    before, after = (load_file(path / "model.safetensors") for path in (start, tmp_path / "out"))
    assert set(after) == set(before)
    for name, tensor in after.items():
        wanted = before[name] if name.startswith("audio_encoder.") else weights[name]
        assert torch.equal(tensor, wanted), name
    assert read_card(tmp_path / "out").id == "ours/tiny"
    assert (tmp_path / "out" / "MODEL.md").read_text().startswith("# ours/tiny\n")
    assert oracle(tmp_path / "out") is not None


def test_marked_songs_are_softer_and_darker_from_the_first_frame_on(shipped):
    from tinysong.meaning import RATE_HZ

    tones = np.zeros((4, 200), np.int64)
    tones[0] = 1 + np.arange(200) % 12
    tones[3] = held_lead(200)
    loud, low = (heard(shipped.audio_encoder, quietened(tones, np.full(200, mark))) for mark in (False, True))
    assert -20 < level_db(low[4_000:]) - level_db(loud[4_000:]) < -8
    assert -20 < level_db(low[:2_000]) - level_db(loud[:2_000]) < -5
    spectra = [np.abs(np.fft.rfft(sound)) ** 2 for sound in (loud, low)]
    hz = np.fft.rfftfreq(len(loud), 1 / RATE_HZ)
    centres = [(hz * spectrum).sum() / spectrum.sum() for spectrum in spectra]
    assert centres[1] < centres[0]


def test_loudness_moves_gradually_and_stays_while_drums_are_struck(shipped):
    from tinysong import meaning

    codes = np.zeros((4, 300), np.int64)
    codes[0] = 1 + np.arange(300) % 12
    codes[3] = held_lead(300)
    codes = quietened(codes, (np.arange(300) >= 100) & (np.arange(300) < 200))
    codes[0, 200:] = 0  # neither mark
    levels = [level_db(part) for part in np.split(heard(shipped.audio_encoder, codes), 30)]
    assert levels[9] - levels[18] > 8
    assert levels[9] - levels[10] < 6
    assert abs(levels[28] - levels[19]) < 1.5
    assert meaning.PARTS[0].of(meaning.drum("rock", "", 0, 3, soft=True)) == (meaning.SOFT, 0, 3)


@needs_soundfont
@pytest.mark.parametrize("named", [("lead", "marimba"), ("harmony", "piano"), ("bass", "upright bass")])
def test_struck_notes_begin_as_they_do_in_the_soundfont(shipped, named):
    """What would be left to do is near nothing; with attacks undone it is what is stored."""
    from tinysong import attack
    from tinysong.dynamics import OSCILLATORS

    [voice] = [one for one in attack.voices() if (one.part, one.name) == named]
    stored = json.loads(attack.STORED.read_text())[voice.part][voice.name]
    left = attack.gains(shipped.audio_encoder, voice, SOUNDFONT)
    assert np.all((left > 0.8) & (left < 1.25)), left
    book = shipped.audio_encoder.quantizer.layers[voice.book].codebook.embed
    for age, gain in enumerate(stored):
        book[torch.from_numpy(voice.codes[:, age]), :OSCILLATORS] /= gain
    undone = attack.gains(shipped.audio_encoder, voice, SOUNDFONT)
    assert undone.max() > 1.3
    np.testing.assert_allclose(undone, stored, rtol=0.25)


def held_lead(frames):
    """A flute's A, whose last age lasts."""
    from tinysong import meaning

    return [meaning.lead("flute", 81, frame) for frame in range(frames)]


def test_what_a_piece_plays_is_read_from_its_codes():
    from tinysong import reading
    from tinysong.composer import compose

    found = [(score, reading.read(score.codes())) for score in (compose(n, 20) for n in range(40))]
    for score, read in found:
        assert read.sixteenth == score.sixteenth
        assert (read.even, read.steady) == (1.0, 1.0)
        assert (read.kit, read.bass) == (score.kit, score.bass)
        assert (read.harmony, read.lead) == (score.harmony, score.lead)
    right = [read.key == (score.key, "minor" if score.minor else "major") for score, read in found]
    assert np.mean(right) > 0.6


def test_of_a_stereo_song_the_left_side_is_judged_and_whether_the_right_one_keeps_time():
    from tinysong import following
    from tinysong.composer import compose

    scores = [compose(seed, 20) for seed in range(6)]
    songs = [score.codes_stereo() for score in scores]
    found = following.judged(songs, scores)
    mono = following.judged([score.codes() for score in scores], scores)
    together = found.pop("both sides in time")
    assert found == mono
    assert (together["model"], together["composer"]) == (1.0, 1.0)
    assert together["chance"] < 0.6
    late = [np.stack([*codes[:1], np.roll(codes[1], 1), *codes[2:]]) for codes in songs]
    assert following.judged(late, scores)["both sides in time"]["model"] < 0.05


def test_the_end_alone_is_judged_and_who_plays_there_is_held_against_the_beginning():
    from tinysong import following, reading
    from tinysong.composer import compose

    score = compose(3, 30)
    good, other = score.codes(), compose(4, 30).codes()
    half = score.frames // 2
    broken = np.concatenate((good[:, :half], other[:, : score.frames - half]), axis=1)
    assert following.judged([broken], [score], part_s=10)["lead in scale"]["model"] < 1
    end = following.judged([good], [score], part_s=3.3)
    assert [end[name]["model"] for name in ("tempo", "even beats", "steady beats")] == [1, 1, 1]
    assert "loudness" not in end
    assert reading.read(np.tile(good[:, :half], 2)).change is not None
    bar = 4 * score.beats * score.sixteenth
    same = np.tile(good[:, 4 * bar : 5 * bar], 9)
    assert reading.read(same).change == 0
    same[1:, 6 * bar :] = 0
    assert reading.read(same).change == 1
    assert reading.read(same[:, : 5 * bar]).change is None


def test_codes_of_nothing_are_read_as_nothing():
    from tinysong import reading

    read = reading.read(np.zeros((4, 100), np.int64))
    assert (read.sixteenth, read.kit, read.lead, read.key, read.in_scale(0, False)) == (
        0.0,
        "",
        "",
        None,
        None,
    )
