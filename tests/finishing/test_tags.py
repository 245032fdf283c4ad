import io
import json

import numpy as np
import pytest
import soundfile
from sounds import music

from muscgen.finishing import ogg
from muscgen.finishing.encode import decode, encode
from muscgen.finishing.tags import tag

FORMATS = ("wav", "flac", "mp3", "ogg", "opus")
TAGS = {"title": "Regen im Frühling 雨", "model": "muscgen-tiny", "license": "Apache-2.0"}
SOUND = music(seconds=0.7, rate=48_000)


@pytest.mark.parametrize("encoding", FORMATS)
def test_tags_change_no_sample(encoding):
    plain = encode(SOUND, encoding)

    np.testing.assert_array_equal(decode(tag(plain, encoding, TAGS)).samples, decode(plain).samples)


@pytest.mark.parametrize("encoding", FORMATS)
def test_every_file_says_that_a_model_made_it(encoding):
    content = tag(encode(SOUND, encoding), encoding, TAGS)

    for text in ("AI_GENERATED", "true", "DigitalSourceType", "trainedAlgorithmicMedia", *TAGS.values()):
        assert text.encode() in content


@pytest.mark.parametrize("encoding", FORMATS)
def test_other_programs_read_the_title(encoding):
    with soundfile.SoundFile(io.BytesIO(tag(encode(SOUND, encoding), encoding, TAGS))) as sound:
        assert sound.copy_metadata()["title"] == TAGS["title"]


@pytest.mark.parametrize("encoding", FORMATS)
def test_a_file_without_a_title_is_a_file(encoding):
    assert decode(tag(encode(SOUND, encoding), encoding, {})).samples.shape == SOUND.samples.shape


@pytest.mark.parametrize("encoding", FORMATS)
@pytest.mark.parametrize("length", [1, 126, 127, 128, 254, 255, 256, 5_000, 70_000])
def test_tags_of_every_length_leave_the_sound_readable(encoding, length):
    content = tag(encode(SOUND, encoding), encoding, {"title": "x" * length})

    assert decode(content).samples.shape == SOUND.samples.shape


@pytest.mark.parametrize("encoding", FORMATS)
def test_prompts_do_not_get_into_files(encoding):
    with pytest.raises(ValueError, match="prompt"):
        tag(encode(SOUND, encoding), encoding, {"prompt": "a secret"})


def test_vorbis_comments_follow_the_specification():
    assert ogg.vorbis_comment(b"v", [("A", "é")]) == b"\1\0\0\0v\1\0\0\0\4\0\0\0A=\xc3\xa9"
    assert ogg.vendor_of(ogg.vorbis_comment(b"Xiph", [])) == b"Xiph"


def test_id3_frames_are_of_version_2_4_and_in_utf_8():
    content = tag(encode(SOUND, "mp3"), "mp3", TAGS)

    assert content.startswith(b"ID3\x04\x00\x00")
    assert b"TXXX" in content
    assert b"\x03AI_GENERATED\x00true" in content
    assert b"\x03" + TAGS["title"].encode() in content


def test_wav_has_its_info_behind_the_sound_and_the_right_size():
    content = tag(encode(SOUND, "wav"), "wav", TAGS)

    assert content.index(b"data") < content.index(b"LIST")
    assert int.from_bytes(content[4:8], "little") == len(content) - 8


@pytest.mark.parametrize("encoding", FORMATS)
def test_tags_can_be_left_out(encoding):
    plain, bare = encode(SOUND, encoding), tag(encode(SOUND, encoding), encoding, None)

    assert b"AI_GENERATED" not in bare
    np.testing.assert_array_equal(decode(bare).samples, decode(plain).samples)
    assert bare == tag(encode(SOUND, encoding), encoding, None)


@pytest.mark.parametrize("encoding", FORMATS)
def test_the_chinese_field_names_the_producer_and_the_content(encoding):
    content = tag(encode(SOUND, encoding), encoding, {"producer": "某公司"}, "ab" * 32)
    start = content.index(b'{"Label"')

    assert json.JSONDecoder().raw_decode(content[start:].decode("utf-8", "replace"))[0] == {
        "Label": "1",
        "ContentProducer": "某公司",
        "ProduceID": "ab" * 32,
        "ReservedCode1": "",
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    }
    assert b"AIGC" in content[:start]
    assert b"AIGC" not in tag(encode(SOUND, encoding), encoding, TAGS)


@pytest.mark.parametrize("encoding", FORMATS)
def test_sound_of_others_makes_it_a_composite(encoding):
    content = tag(encode(SOUND, encoding), encoding, {"source_type": "compositeWithTrainedAlgorithmicMedia"})

    assert b"compositeWithTrainedAlgorithmicMedia" in content
    assert b"SOURCE_TYPE" not in content
