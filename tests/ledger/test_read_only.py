"""While a restore waits to be accepted: the marker of this host, the mark for the others, and what the operator signs."""

import pytest
from flask import Flask

from tracker.hosts import marks
from tracker.ledger import read_only
from tracker.ledger.read_only import ReadOnly, build_acceptance_statement

HEAD = "0a" * 32


@pytest.fixture
def marked(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done to the mark for other hosts. This host's marker is in a folder that does not exist yet."""
    done: list[str] = []
    marker = app.config["KEYS_PATH"].parent / "instance/of/this/host/restored.json"
    monkeypatch.setattr(read_only, "get_marker_path", lambda: marker)
    monkeypatch.setattr(marks, "set_restoring", lambda: done.append("set"))
    monkeypatch.setattr(marks, "end_restoring", lambda: done.append("ended"))
    return done


def test_the_marker_makes_every_host_read_only_until_it_is_removed(marked: list[str]) -> None:
    assert not read_only.is_read_only()
    assert read_only.read_marker() is None
    for size in (3, 4):
        read_only.write_marker({"size": size})
        assert read_only.is_read_only()
        assert read_only.read_marker() == {"size": size}
    with read_only.accepting():
        assert not read_only.is_read_only()
    assert read_only.is_read_only()
    read_only.remove_marker()
    assert not read_only.is_read_only()
    assert marked == ["set", "set", "ended"]


def test_the_mark_of_another_host_counts(marked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert marked == []
    monkeypatch.setattr(marks, "is_restoring", lambda: True)
    assert read_only.is_read_only()


def test_only_the_host_with_the_marker_sets_the_mark_again(marked: list[str]) -> None:
    read_only.renew_mark()
    assert marked == []
    read_only.write_marker({"size": 3})
    read_only.renew_mark()
    assert marked == ["set", "set"]


def test_whoever_is_refused_reads_that_nothing_was_saved() -> None:
    error = ReadOnly()
    assert error.status == 503
    assert "Nothing was saved" in str(error)


def test_the_format_of_what_the_operator_signs_never_changes() -> None:
    earlier = b'tracker.restore.v1\0{"checkpoint_size":5,"head":"' + HEAD.encode() + b'","size":3}'
    assert build_acceptance_statement(3, HEAD, 5) == earlier
    assert build_acceptance_statement(3, HEAD, 5, "2026-11-23T12:00:00+00:00") == earlier.replace(
        b'{"checkpoint', b'{"accepted_at":"2026-11-23T12:00:00+00:00","checkpoint'
    )
