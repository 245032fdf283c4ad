"""Whatever the bytes, the answer is a wish or a refusal."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muscgen.admission import InvalidFields, read
from muscgen.errors import InvalidRequest, MalformedBody, Rejected
from muscgen.request import GenerateRequest

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
NAMES = (
    st.sampled_from([field.alias or name for name, field in GenerateRequest.model_fields.items()]) | st.text()
)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body):
    with contextlib.suppress(Rejected):
        read(body)


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_any_json_is_read_or_refused(fields):
    with contextlib.suppress(Rejected):
        read(json.dumps(fields).encode("utf-8"))


@pytest.mark.parametrize("seven", ["7.0", "7e0", "0.7E1", "7"])
def test_seven_is_an_integer_however_it_is_written(seven):
    assert read(b'{"prompt": "a", "seed": %s}' % seven.encode()).seed == 7


@pytest.mark.parametrize("number", ["7.5", "1e400", "9007199254740993.0", "7.0000001"])
def test_what_is_no_integer_is_none(number):
    with pytest.raises(InvalidRequest) as raised:
        read(b'{"prompt": "a", "seed": %s}' % number.encode())
    assert raised.value.param == "seed"


@pytest.mark.parametrize("depth", [300, 900, 990, 5_000, 100_000])
def test_no_depth_is_too_much_to_be_refused(depth):
    with pytest.raises((MalformedBody, InvalidRequest)):
        read(b'{"prompt": ' + b"[" * depth + b"]" * depth + b"}")


def test_python_names_are_no_wire_names():
    with pytest.raises(InvalidFields) as caught:
        read(b'{"prompt": "a", "duration_s": 3}')
    assert caught.value.suggestion.startswith("did you mean duration?")


def test_an_unknown_field_deep_down_is_told_what_is_known_there():
    with pytest.raises(InvalidFields) as caught:
        read(b'{"prompt": "a", "output": {"normalize": {"lufz": 1}}}')
    assert caught.value.param == "output.normalize.lufz"
    assert "lufs, true_peak_db" in caught.value.suggestion


def test_a_limit_is_told():
    with pytest.raises(InvalidRequest) as caught:
        read(b'{"prompt": "a", "sampling": {"temperature": 9}}')
    assert caught.value.suggestion == "<= 5"


def test_a_limit_of_many_digits_is_told_in_full():
    with pytest.raises(InvalidRequest) as caught:
        read(b'{"prompt": "a", "seed": 18446744073709551616}')
    assert caught.value.suggestion == "<= 9007199254740991"


def test_an_empty_prompt_is_refused_in_a_sentence():
    with pytest.raises(InvalidRequest, match=r"^prompt should have at least 1 character$"):
        read(b'{"prompt": ""}')


def test_no_refusal_repeats_what_was_written():
    with pytest.raises(InvalidFields) as caught:
        read(b'{"prompt": ["xylophone"], "model": 1, "output": {"format": "xylophone"}}')
    assert "xylophone" not in str(caught.value.faults)


def test_a_huge_name_is_cut():
    with pytest.raises(MalformedBody) as caught:
        read(json.dumps({"prompt": "a"}).replace("}", f', "{"k" * 9_999}": 1, "{"k" * 9_999}": 2}}').encode())
    assert len(caught.value.detail) < 200
