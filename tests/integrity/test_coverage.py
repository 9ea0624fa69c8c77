"""What `flask verify` protects and what it does not: every column is in one of the two lists, and the docs say the same."""

import json
from collections import Counter
from pathlib import Path

import pytest
from flask import Flask

from tracker.extensions import db
from tracker.integrity.coverage import NOT_COVERED, list_covered_columns, list_uncovered_columns
from tracker.integrity.verify import CHECKS

INTEGRITY_DOCS = Path(__file__).parents[2] / "docs" / "integrity.md"


@pytest.mark.usefixtures("app")
def test_every_column_is_in_exactly_one_list() -> None:
    listed = Counter((table, name) for table, names in list_covered_columns(CHECKS).items() for name in names)
    listed += Counter((table, name) for table, names, _ in list_uncovered_columns() for name in names)
    columns = {(table.name, column.name) for table in db.metadata.sorted_tables for column in table.columns}
    assert columns - set(listed) == set()
    assert set(listed) - columns == set()
    assert [place for place, times in listed.items() if times > 1] == []


def test_the_command_prints_both_lists(app: Flask) -> None:
    printed = app.test_cli_runner().invoke(args=["verify", "--covered", "--json"]).output
    listed = json.loads(printed)
    assert listed["covered"] == list_covered_columns(CHECKS)
    assert {each["table"] for each in listed["not_covered"]} >= {"user_session", "criterion_link", "portfolio_access"}
    for table in ("decision", "signature", "event", "evidence_version"):
        assert set(listed["covered"][table]) == {column.name for column in db.metadata.tables[table].columns}, table
    assert {"name", "size", "sha256", "media_type"} <= set(listed["covered"]["attachment"])
    assert {"text", "label", "kind", "heading", "assessable", "parent"} <= set(listed["covered"]["criterion"])
    lines = app.test_cli_runner().invoke(args=["verify", "--covered"]).output.splitlines()
    assert lines.index("Covered:") < lines.index("Not covered:")
    assert lines[lines.index("  visit_attempt: seen_at") + 1].strip() == NOT_COVERED[-4].reason


def test_the_documentation_lists_what_is_not_covered() -> None:
    rows = [
        f"| {', '.join(f'`{table}`' if not names else f'`{table}`: {names}' for table, names in entry.tables.items())} |"
        f" {entry.reason} |"
        for entry in NOT_COVERED
    ]
    text = INTEGRITY_DOCS.read_text(encoding="utf-8")
    assert [row for row in rows if row not in text] == []
