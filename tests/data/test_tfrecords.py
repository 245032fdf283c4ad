"""TFRecord files, written by protobuf's own code and read by ours."""

from __future__ import annotations

import contextlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.layouts import example, framed, nsynth_records
from muscgen.data.readers import tfrecord


def test_the_checksum_is_that_of_the_format():
    # RFC 3720's CRC-32C of "123456789", masked as record_writer.h does
    crc = 0xE3069283
    assert tfrecord.masked_crc(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_features_come_back_as_they_were():
    audio = np.linspace(-1, 1, 1_000, dtype=np.float32)
    found = tfrecord.example(
        example({"audio": audio, "pitch": 60, "low": [-1, 2**62], "note_str": "a", "q": []})
    )
    assert np.array_equal(found.pop("audio"), audio)
    assert found == {"pitch": [60], "low": [-1, 2**62], "note_str": [b"a"], "q": []}


def test_values_that_are_not_packed_are_read_too():
    # Feature{float_list{value: 1.5 value: -2}} and Feature{int64_list{value: 7}}, each value with its own tag
    floats = b"\x0d" + struct.pack("<f", 1.5) + b"\x0d" + struct.pack("<f", -2)
    entries = [("f", b"\x12" + bytes([len(floats)]) + floats), ("i", b"\x1a\x02\x08\x07")]
    message = b""
    for name, feature in entries:
        entry = b"\x0a\x01" + name.encode() + b"\x12" + bytes([len(feature)]) + feature
        message += b"\x0a" + bytes([len(entry)]) + entry
    found = tfrecord.example(b"\x0a" + bytes([len(message)]) + message)
    assert found["f"].tolist() == [1.5, -2.0]
    assert found["i"] == [7]


def test_records_follow_each_other_and_can_be_found_again(tmp_path):
    path = nsynth_records(tmp_path, 3, samples=100)
    found = list(tfrecord.records(path))
    assert len(found) == 3
    assert tfrecord.read_record(path, found[1].start, len(found[1].content)) == found[1].content


def test_a_damaged_content_is_told_and_the_next_record_follows(tmp_path):
    path = nsynth_records(tmp_path, 3, samples=100)
    second = list(tfrecord.records(path))[1]
    content = bytearray(path.read_bytes())
    content[second.start + 20] ^= 1
    path.write_bytes(content)
    assert [bool(record.damage) for record in tfrecord.records(path)] == [False, True, False]
    with pytest.raises(tfrecord.Damaged):
        tfrecord.read_record(path, second.start, len(second.content))


@pytest.mark.parametrize("cut", [4, 11, 30, 200])
def test_a_file_that_is_cut_short_says_where(tmp_path, cut):
    path = tmp_path / "cut.tfrecord"
    path.write_bytes(framed(example({"a": "x" * 300}))[:cut])
    with pytest.raises(tfrecord.Damaged, match="cut short"):
        list(tfrecord.records(path))


def test_a_damaged_length_is_not_followed(tmp_path):
    path = tmp_path / "long.tfrecord"
    path.write_bytes(struct.pack("<QI", 1 << 60, 0) + b"x" * 100)
    with pytest.raises(tfrecord.Damaged, match="length"):
        list(tfrecord.records(path))


@given(st.binary(max_size=200))
def test_any_bytes_are_features_or_damaged(content):
    with contextlib.suppress(tfrecord.Damaged):
        assert isinstance(tfrecord.example(content), dict)
