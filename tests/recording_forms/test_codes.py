"""The code on an issued form: its layout never changes, for codes on paper must stay readable."""

import re
from base64 import urlsafe_b64encode

import pytest

from tracker.recording_forms.codes import FormCode, parse_code

CODE = FormCode("0a" * 16, 3, "1b" * 32, 4711, "2c" * 32, "3d" * 8)
SIGNATURE = "4e" * 64
PACKED = bytes.fromhex("01" + "0a" * 16 + "0003" + "1b" * 32 + "0000000000001267" + "2c" * 32 + "3d" * 8)


def encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def test_the_layout_is_fixed_and_what_is_signed_has_a_tag_before_it() -> None:
    assert CODE.packed == PACKED
    assert CODE.body == b"tracker.form.v1\0" + PACKED


def test_a_code_is_read_as_it_was_written() -> None:
    text = CODE.text(SIGNATURE)
    assert text == encode(PACKED + bytes.fromhex(SIGNATURE))
    assert re.fullmatch("[A-Za-z0-9_-]+", text), "it stands in an address"
    assert parse_code(text) == (CODE, SIGNATURE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "é",
        "A",
        encode(PACKED),
        encode(PACKED + bytes.fromhex(SIGNATURE) + b"\0"),
        encode(b"\2" + PACKED[1:] + bytes.fromhex(SIGNATURE)),
        encode(b"\0" + PACKED[1:] + bytes.fromhex(SIGNATURE)),
    ],
)
def test_any_other_text_is_no_code(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - what is wrong with it does not matter
        parse_code(text)
