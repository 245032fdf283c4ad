"""Watermarks behind one protocol: each passes the same tests, with its package where that is installed."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import soxr

from muscgen.audio import Audio
from muscgen.errors import ConfigurationError
from muscgen.provenance.marks import Marks
from muscgen.provenance.watermark import Payload
from muscgen.provenance.watermarkers import Ours, watermarker
from muscgen.provenance.watermarkers.silentcipher import SilentCipher

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
PAYLOAD = Payload(0xBEEF, 1, 0xC0FFEE)
MESSAGE_LEN, HOP = 21, 1_024  # of SilentCipher's release at 44.1 kHz


def song(seconds: float, rate: int, channels: int = 2) -> Audio:
    age = np.arange(round(seconds * rate)) / rate
    hiss = np.random.default_rng(1).standard_normal((channels, age.size))
    return Audio((0.1 * hiss * np.exp(-4 * (age % 0.5))).astype(np.float32), rate)


class Cipher:
    """SilentCipher's interface as its release 1.0.5 has it, over a mark that is easy to see.

    The letters' bits are added to the music, a hundred samples each, and begin anew with each message.
    """

    config = types.SimpleNamespace(HOP_LENGTH=HOP, message_len=MESSAGE_LEN, message_sdr=47)

    def encode_wav(self, y, sr, message_list, message_sdr, calc_sdr):  # noqa: ARG002
        assert (sr, y.ndim, message_sdr) == (44_100, 1, 47)
        bits = np.unpackbits(np.array(message_list, np.uint8)).astype(np.float32) * 2 - 1
        period = np.zeros(HOP * MESSAGE_LEN, np.float32)
        period[: bits.size * 100] = np.repeat(bits, 100)
        return y + 0.05 * np.resize(period, y.size), 0

    def decode_wav(self, y, sr, phase_shift_decoding):  # noqa: ARG002
        if sr != 44_100:
            y = soxr.resample(y, sr, 44_100)
        whole = y[: y.size // (HOP * MESSAGE_LEN) * HOP * MESSAGE_LEN].reshape(-1, HOP * MESSAGE_LEN)
        if not len(whole):
            return {"status": False, "messages": [], "confidences": [], "error": "Could not find message"}
        bits = whole.mean(axis=0)[:4_000].reshape(40, 100).mean(axis=1)
        confidence = float(np.mean(np.abs(bits) > 0.02))
        return {"status": True, "messages": [np.packbits(bits > 0).tolist()], "confidences": [confidence]}


@pytest.fixture
def cipher(tmp_path, monkeypatch):
    asked = []

    def get_model(**arguments):
        asked.append(arguments)
        return Cipher()

    monkeypatch.setitem(sys.modules, "silentcipher", types.SimpleNamespace(get_model=get_model))
    for name in ("hparams.yaml", "enc_c.ckpt", "dec_c.ckpt", "dec_m_0.ckpt"):
        (tmp_path / name).touch()
    watermarker.cache_clear()
    found = watermarker("silentcipher", tmp_path)
    assert asked == [
        {
            "model_type": "44.1k",
            "ckpt_path": str(tmp_path),
            "config_path": str(tmp_path / "hparams.yaml"),
            "device": "cpu",
        }
    ]
    return found


@pytest.fixture(scope="module")
def networks(tmp_path_factory) -> Path:
    """AudioSeal's networks in its own checkpoints' shape, small, with weights at random."""
    pytest.importorskip("audioseal")
    import torch
    from audioseal.builder import (
        AudioSealDetectorConfig,
        AudioSealWMConfig,
        create_detector,
        create_generator,
    )
    from audioseal.loader import AudioSeal

    seanet = {
        "activation": "ELU",
        "activation_params": {"alpha": 1.0},
        "causal": False,
        "channels": 1,
        "compress": 2,
        "dilation_base": 2,
        "dimension": 8,
        "disable_norm_outer_blocks": 0,
        "kernel_size": 7,
        "last_kernel_size": 7,
        "lstm": 0,
        "n_filters": 2,
        "n_residual_layers": 1,
        "norm": "weight_norm",
        "norm_params": {},
        "pad_mode": "constant",
        "ratios": [8, 5, 4, 2],
        "residual_kernel_size": 3,
        "true_skip": True,
    }
    decoder = {"final_activation": None, "final_activation_params": None, "trim_right_ratio": 1.0}
    written, heard = {"nbits": 16, "decoder": decoder}, {"nbits": 16, "detector": {"output_dim": 32}}
    shapes = {
        "generator_base.pth": (create_generator, AudioSealWMConfig, written),
        "detector_base.pth": (create_detector, AudioSealDetectorConfig, heard),
    }
    folder = tmp_path_factory.mktemp("audioseal")
    torch.manual_seed(3)
    for name, (create, kind, parts) in shapes.items():
        config = {"seanet": dict(seanet), **parts}
        model = create(AudioSeal.parse_config(config, config_type=kind, nbits=16))
        # Checkpoints are older than the wrapping of the convolutions.
        state = {key.replace(".inner_conv.", "."): value for key, value in model.state_dict().items()}
        torch.save({"xp.cfg": {"seanet": dict(seanet), **parts}, "model": state}, folder / name)
    return folder


@pytest.fixture(params=["ours", "silentcipher", "audioseal"])
def method(request):
    if request.param == "ours":
        return Ours({1: b"a deployment's secret"})
    if request.param == "silentcipher":
        return request.getfixturevalue("cipher")
    return watermarker("audioseal", request.getfixturevalue("networks"))


def written(method, audio: Audio) -> Audio:
    stream = method.stream(PAYLOAD, sample_rate=audio.sample_rate, channels=audio.channels)
    return Audio(stream.push(audio.samples, last=True), audio.sample_rate)


@pytest.mark.parametrize(("rate", "channels"), [(32_000, 2), (44_100, 1), (16_000, 1)])
def test_a_stream_is_marked_as_the_whole_is(method, rate, channels):
    whole = song(3, rate, channels)
    stream = method.stream(PAYLOAD, sample_rate=rate, channels=channels)
    pieces = [
        stream.push(whole.samples[:, at : at + 7_000]) for at in range(0, whole.samples.shape[1], 7_000)
    ]
    pieces.append(stream.push(whole.samples[:, :0], last=True))
    marked = written(method, whole).samples
    assert marked.shape == whole.samples.shape
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), marked, atol=1e-5)
    assert np.abs(marked - whole.samples).max() > 1e-5


@pytest.mark.parametrize("seconds", [0.0, 0.01, 1.0, 3.7])
def test_the_length_stays_to_the_sample(method, seconds):
    whole = song(seconds, 32_000)
    assert written(method, whole).samples.shape == whole.samples.shape


def test_silence_has_no_mark(method):
    assert method.find(Audio(np.zeros((1, 3 * 32_000), np.float32), 32_000)) is None


@pytest.mark.parametrize("rate", [32_000, 44_100])
def test_what_was_written_is_found(cipher, rate):
    heard = cipher.find(written(cipher, song(7, rate)))
    assert heard is not None
    assert heard.agrees(PAYLOAD)
    assert (heard.deployment, heard.key_version, heard.job) == (0xBEEF, None, 0xC0FFEE)
    assert not heard.agrees(Payload(0xBEEF, 1, 1))
    assert cipher.find(song(7, rate)) is None


def test_a_marked_stretch_of_something_long_is_found_with_its_place(cipher):
    marked, rest = written(cipher, song(12, 44_100)), song(60, 44_100)
    whole = Audio(np.concatenate([rest.samples, marked.samples, rest.samples], axis=1), 44_100)
    heard = cipher.find(whole)
    assert heard is not None
    assert heard.job == PAYLOAD.job
    assert 50 <= heard.start_s <= 70


def test_a_deployment_looks_for_every_method_it_has(cipher):
    marks = Marks({1: b"a deployment's secret"}, cipher)
    assert marks.method == "silentcipher-40"
    assert marks.name.endswith(":silentcipher-40")
    both = written(cipher, written(Ours(marks.secrets), song(10, 44_100)))
    assert [heard.method for heard in marks.find(both)] == ["muscgen-1", "silentcipher-40"]
    assert marks.find(song(10, 44_100)) == []


def test_audioseal_hears_what_its_own_detector_hears(networks):
    import torch
    from audioseal import AudioSeal
    from audioseal.libs.moshi.utils.compile import no_compile

    method = watermarker("audioseal", networks)
    detector = AudioSeal.load_detector(str(networks / "detector_base.pth"), nbits=16).eval()
    sound = song(3, 16_000, channels=1)
    with torch.inference_mode(), no_compile():
        share, message = detector.detect_watermark(torch.from_numpy(sound.samples[None]))
    heard = method.find(sound)
    if share[0] < 0.5:
        assert heard is None
    else:
        assert heard.confidence == pytest.approx(float(share[0]))
        assert heard.deployment == sum(int(bit) << at for at, bit in enumerate(message[0].tolist()))


@pytest.mark.parametrize("name", ["audioseal", "silentcipher"])
def test_weights_that_are_not_there_are_named(name, tmp_path):
    with pytest.raises(ConfigurationError, match="folder of its weights") as caught:
        watermarker(name, None)
    assert caught.value.param == "watermark_weights"
    with pytest.raises(ConfigurationError, match=r"has no .*(pth|yaml)"):
        watermarker(name, tmp_path)


def test_weights_that_cannot_be_read_are_refused(tmp_path):
    pytest.importorskip("audioseal")
    for name in ("generator_base.pth", "detector_base.pth"):
        (tmp_path / name).write_bytes(b"no weights")
    with pytest.raises(ConfigurationError, match="cannot read") as caught:
        watermarker("audioseal", tmp_path)
    assert caught.value.param == "watermark_weights"


def test_a_package_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "silentcipher", None)
    with pytest.raises(ConfigurationError, match="needs the package silentcipher"):
        SilentCipher(tmp_path)


def test_the_protocol_brings_no_torch():
    loaded = "{'torch', 'audioseal', 'silentcipher'} & set(sys.modules)"
    code = f"import muscgen.provenance.marks, sys; assert not {loaded}"
    subprocess.run([sys.executable, "-c", code], check=True)
