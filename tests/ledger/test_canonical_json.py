"""Canonical JSON: the one way a value is written before it is hashed, and the check of it."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracker.ledger.canonical_json import MAX_INTEGER, canonical_json, encode_value, encode_words, parse_canonical

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(1 - MAX_INTEGER, MAX_INTEGER - 1) | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
    max_leaves=20,
)


@given(VALUES)
def test_canonical_json_is_recognised(value: Any) -> None:
    try:
        body = canonical_json(value)
    except UnicodeEncodeError:
        return
    assert parse_canonical(body)[1]
    assert canonical_json(parse_canonical(body)[0]) == body


@given(VALUES | st.sampled_from(['a "quoted" word', "a\\b\n", "\x7f", -1, MAX_INTEGER - 1]))
@example("e\u0301")  # the accent as a separate character
@example({"a": "\u00e9"})
@example({"a": 'a "quoted" word'})
def test_the_faster_ways_give_the_same_bytes(value: Any) -> None:
    """Seals are hashed from them, and what was sealed before must still match."""
    assert encode_value(value) == canonical_json(value)
    if isinstance(value, dict):
        assert encode_words(value) == canonical_json(value)


@given(st.dictionaries(st.text("ab_", min_size=1), st.text("0123456789abcdef") | st.none() | st.text()))
def test_names_with_hashes_are_encoded_as_any_dictionary(words: dict[str, Any]) -> None:
    assert encode_words(words) == canonical_json(words)


@pytest.mark.parametrize("value", [MAX_INTEGER, -MAX_INTEGER, 1.0, {"a": MAX_INTEGER}])
def test_the_faster_ways_refuse_the_same(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has a message of its own
        encode_value(value)
    with pytest.raises(ValueError):  # noqa: PT011
        encode_words({"a": value})


@pytest.mark.parametrize(
    "body",
    [
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b'["\\u0061"]',
        b'["e\\u0301"]',  # the accent as a separate character
        b'{"a":1,"a":1}',
    ],
)
def test_json_written_otherwise_is_not_canonical(body: bytes) -> None:
    assert json.loads(body) is not None
    assert not parse_canonical(body)[1]


@pytest.mark.parametrize("body", [b"[1.0]", b"[NaN]", b"[1e3]", b"[9007199254740992]", b"[", b"\xff", b""])
def test_values_without_a_canonical_form_are_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has a message of its own
        parse_canonical(body)


@pytest.mark.parametrize("value", [MAX_INTEGER, -MAX_INTEGER, 1.0, b"x", {1, 2}, {"a": [object()]}])
def test_values_that_json_cannot_write_exactly_are_refused(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has a message of its own
        canonical_json(value)


def test_keys_are_sorted_and_text_is_ascii_in_form_nfc() -> None:
    value = {"b": (True, None, -1), "a": "e\u0301", "e\u0301": MAX_INTEGER - 1}
    assert canonical_json(value) == b'{"a":"\\u00e9","b":[true,null,-1],"\\u00e9":9007199254740991}'
