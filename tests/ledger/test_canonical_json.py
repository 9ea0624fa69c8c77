"""The one way to write a thing down before it is hashed, and telling whether it was."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.ledger.canonical_json import MAX_INTEGER, canonical_json, parse_canonical

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(1 - MAX_INTEGER, MAX_INTEGER - 1) | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
    max_leaves=20,
)


@settings(deadline=None)
@given(VALUES)
def test_what_is_written_canonically_is_known_as_such(value: Any) -> None:
    try:
        written = canonical_json(value)
    except UnicodeEncodeError:
        return
    assert parse_canonical(written)[1]
    assert canonical_json(parse_canonical(written)[0]) == written


@pytest.mark.parametrize(
    "body",
    [
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b'["\\u0061"]',
        b'["e\\u0301"]',  # the accent apart from its letter
        b'{"a":1,"a":1}',
    ],
)
def test_another_way_of_writing_it_is_not(body: bytes) -> None:
    assert json.loads(body) is not None
    assert not parse_canonical(body)[1]


@pytest.mark.parametrize("body", [b"[1.0]", b"[NaN]", b"[1e3]", b"[9007199254740992]", b"[", b"\xff", b""])
def test_what_has_no_canonical_form_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has a message of its own
        parse_canonical(body)
