"""Files of units are parsed in a sandboxed subprocess, with limits, and give the same units as in this process."""

from pathlib import Path

import pytest

from tracker.errors import Busy, Invalid
from tracker.library.services.unit_files import parse_file
from tracker.sandbox.limits import MEGABYTE
from tracker.units import formats, sandboxed_files
from tracker.units.sandboxed_files import PARSER, parse_sandboxed

UNIT = next(Path(__file__).parents[2].glob("standards/**/cfacc15*.yaml")).read_bytes()


def test_the_subprocess_gives_the_units_that_the_format_reads() -> None:
    assert parse_sandboxed("yaml", UNIT) == formats.read("yaml", UNIT)


def test_an_uploaded_file_of_units_is_not_parsed_in_the_servers_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise AssertionError("parsed in the server's process")

    monkeypatch.setattr(formats, "read", fail)
    assert parse_file("yaml", UNIT).units[0].code == "CFACC15"


def test_a_file_that_cannot_be_read_is_refused_with_its_own_sentence() -> None:
    with pytest.raises(Invalid, match="nested too deeply") as raised:
        parse_sandboxed("case", b"[" * 100_000)
    assert raised.value.field == "file"


def test_a_file_that_reaches_a_limit_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PARSER, "timeout_seconds", 0.01)
    with pytest.raises(Invalid, match=r"reading was stopped\. Nothing was imported\. Split it") as raised:
        parse_sandboxed("yaml", UNIT)
    assert raised.value.field == "file"


def test_a_file_waits_while_another_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandboxed_files.PARSER, "timeout_seconds", 0)
    with PARSER.slots.take(1), pytest.raises(Busy, match=r"Nothing was imported\. Try again in a minute\."):
        parse_sandboxed("yaml", UNIT)


def test_the_subprocess_has_limits_on_memory_time_and_output() -> None:
    assert PARSER.limits.address_space == 1024 * MEGABYTE
    assert PARSER.limits.cpu_seconds
    assert PARSER.limits.file_size
