"""Checkpoints in files that were kept outside: copies of the file, and emails."""

from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from tracker.errors import Refused
from tracker.integrity import outside_checkpoints
from tracker.integrity.outside_checkpoints import read_outside_checkpoints
from tracker.ledger.checkpoints import Checkpoint

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FIRST = Checkpoint("https://tracker.example", 7, "0a" * 32, NOON, "0b" * 8, "0c" * 64, 1, "0" * 64)
SECOND = replace(FIRST, number=2, size=9)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept.jsonl"


def test_each_checkpoint_of_each_file_is_named(kept: Path, tmp_path: Path) -> None:
    kept.write_text(f"{FIRST.line}\n{SECOND.line}\n")
    (tmp_path / "other.txt").write_text(f"We keep {SECOND.line[:40]}\n")
    assert read_outside_checkpoints([kept, tmp_path / "other.txt"]) == [
        ("kept.jsonl: checkpoint 1", FIRST),
        ("kept.jsonl: checkpoint 2", SECOND),
        ("other.txt: checkpoint 1", None),
    ]


def test_a_line_that_an_email_program_broke_or_quoted_is_read(kept: Path) -> None:
    middle = FIRST.line.index('"origin"')
    kept.write_bytes(f"> {FIRST.line[:middle]}\r\n> {FIRST.line[middle:]}\r\n".encode())
    assert read_outside_checkpoints([kept]) == [("kept.jsonl: checkpoint 1", FIRST)]


def test_the_text_of_an_email_is_decoded(kept: Path) -> None:
    message = EmailMessage()
    message["Subject"] = "Checkpoint 1"
    message.set_content(f"Keep this email.\n{FIRST.line}\n", cte="base64")
    message.add_alternative("<p>{not this}</p>", subtype="html")
    kept.write_bytes(message.as_bytes())
    assert read_outside_checkpoints([kept]) == [("kept.jsonl: checkpoint 1", FIRST)]


def test_an_email_without_a_text_is_read_as_it_is(kept: Path) -> None:
    kept.write_text(f"Subject: Checkpoint\nContent-Type: text/html\n\n<p>{FIRST.line}</p>\n")
    assert read_outside_checkpoints([kept]) == [("kept.jsonl: checkpoint 1", FIRST)]


def test_a_file_that_only_begins_like_an_email_is_read_whole(kept: Path) -> None:
    kept.write_text(f"Kept: {FIRST.line}\n\nand then\n")
    assert read_outside_checkpoints([kept]) == [("kept.jsonl: checkpoint 1", FIRST)]


def test_a_file_without_a_checkpoint_or_that_cannot_be_read_is_refused(kept: Path) -> None:
    with pytest.raises(Refused, match=r"kept.jsonl cannot be read: No such file"):
        read_outside_checkpoints([kept])
    kept.write_text("words")
    with pytest.raises(Refused, match=r"kept.jsonl contains no checkpoint"):
        read_outside_checkpoints([kept])


def test_a_file_may_have_50_megabytes_and_no_more(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.write_text(FIRST.line)
    monkeypatch.setattr(outside_checkpoints, "MAX_SIZE", len(FIRST.line))
    assert read_outside_checkpoints([kept]) == [("kept.jsonl: checkpoint 1", FIRST)]
    kept.write_text(f"{FIRST.line}\n")
    with pytest.raises(Refused, match="larger than 50 MB"):
        read_outside_checkpoints([kept])
