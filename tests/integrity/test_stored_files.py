"""Faults of stored files, by the rows that refer to them."""

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests import factories
from tests.factories import World
from tests.stored_files import stored_path
from tracker.clock import now
from tracker.extensions import db
from tracker.integrity import stored_files
from tracker.integrity.stored_files import (
    find_attachments_without_file,
    find_changed_derived_files,
    find_leftover_files,
)
from tracker.ledger.transactions import transaction
from tracker.models import UnitDraft
from tracker.storage import file_store
from tracker.storage.stores import StoreEntry
from tracker.vocabulary import DraftState

WORDS, OTHERS, GONE = (hashlib.sha256(content).hexdigest() for content in (b"words", b"others", b"gone"))


class Ledger:
    """A snapshot that has the rows of one table."""

    def __init__(self, rows: dict[Any, dict[str, Any]], erased: Iterable[int] = ()) -> None:
        self._rows, self._erased = rows, set(erased)

    def rows(self, _table: str) -> dict[Any, dict[str, Any]]:
        return self._rows

    def list_erased_ids(self, fact: str) -> set[int]:
        return self._erased if fact == "attachments" else set()


@pytest.fixture(autouse=True)
def store(app: Flask, tmp_path: Path) -> Path:
    """A store with two files."""
    app.config["ATTACHMENTS_PATH"] = tmp_path / "store"
    for content in (b"words", b"others"):
        file_store.save(io.BytesIO(content))
    return tmp_path / "store"


def find_attachment_faults(rows: dict[int, tuple[str, int]], erased: Iterable[int] = ()) -> list[str]:
    ledger: Any = Ledger({key: {"sha256": sha256, "size": size} for key, (sha256, size) in rows.items()}, erased)
    return list(find_attachments_without_file(ledger))


class TestAttachments:
    def test_each_without_its_file_is_named(self) -> None:
        stored_path(OTHERS).chmod(0o600)
        stored_path(OTHERS).write_bytes(b"another text")
        assert find_attachment_faults({1: (WORDS, 5), 2: (GONE, 4), 3: (OTHERS, 6), 4: (GONE, 4), 5: (WORDS, 5)}) == [
            "attachment 2: its file is gone",
            "attachment 3: its file was changed",
            "attachment 4: its file is gone",
        ]

    def test_each_of_another_size_is_named(self) -> None:
        assert find_attachment_faults({1: (WORDS, 5), 2: (WORDS, 6)}) == [
            "attachment 2: its file is not 6 bytes long"
        ]

    def test_what_was_erased_needs_no_file(self) -> None:
        assert find_attachment_faults({1: (GONE, 4), 2: (GONE, 4)}, erased=[1]) == ["attachment 2: its file is gone"]

    def test_a_file_of_several_attachments_is_read_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        read: list[str] = []
        monkeypatch.setattr(stored_files, "find_file_fault", read.append)
        assert find_attachment_faults({1: (WORDS, 5), 2: (OTHERS, 6), 3: (WORDS, 5)}) == []
        assert read == [WORDS, OTHERS]


class TestLeftovers:
    def test_a_file_that_no_row_refers_to_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        entries = [StoreEntry(f"{sha256[:2]}/{sha256}", 5, 0.0) for sha256 in (WORDS, OTHERS)]
        entries.append(StoreEntry("0a/upload.tmp", 5, 0.0))
        monkeypatch.setattr(file_store, "list_files", lambda: iter(entries))
        monkeypatch.setattr(stored_files, "_list_referenced", lambda: iter([WORDS]))
        ledger: Any = Ledger({})
        assert list(find_leftover_files(ledger)) == [
            f"{OTHERS} is not referred to by any row",
            "upload.tmp was not written completely",
        ]

    def test_only_rows_with_a_file_refer_to_one(self, world: World) -> None:
        with transaction():
            for sha256 in (None, WORDS):
                db.session.add(build_draft(world, sha256))
            factories.leave_unsealed()
        assert list(stored_files._list_referenced()) == [WORDS]


def build_draft(world: World, sha256: str | None) -> UnitDraft:
    return UnitDraft(
        centre_id=world.northgate.id,
        state=DraftState.DRAFT,
        title="Resolve complaints",
        source_name="",
        source_kind="",
        source_sha256=sha256,
        source_lines=[],
        reading="{}",
        document="{}",
        made_by_id=world.dan.id,
        created_at=now(),
        updated_at=now(),
    )


def find_derived_faults(*names: str) -> list[str]:
    ledger: Any = Ledger({(WORDS, name): {"sha256": hashlib.sha256(b"page").hexdigest()} for name in names})
    return list(find_changed_derived_files(ledger))


class TestDerivedFiles:
    def test_one_that_is_as_it_was_made_or_gone_is_no_fault(self) -> None:
        file_store.write_derived(WORDS, "page-1.jpg", b"page")
        assert find_derived_faults("page-1.jpg", "page-2.jpg") == []

    def test_one_that_was_changed_or_cannot_be_read_is_named(self) -> None:
        file_store.write_derived(WORDS, "page-1.jpg", b"another page")
        stored_path(f"{WORDS}.page-2.jpg").mkdir()
        assert find_derived_faults("page-1.jpg", "page-2.jpg") == [
            f"{WORDS}.page-1.jpg was changed since it was made from its file",
            f"{WORDS}.page-2.jpg cannot be read",
        ]
