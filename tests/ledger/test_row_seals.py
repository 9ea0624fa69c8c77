"""Which columns the ledger seals, and the hashes and salts of a row, which must stay what they are for ever."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Table

from tests.factories import World
from tracker.extensions import db
from tracker.ledger import row_seals
from tracker.ledger.row_seals import RowSalts, SealedColumns
from tracker.ledger.transactions import transaction
from tracker.models import Evidence, RowSalt
from tracker.vocabulary import Role

UNSEALED = {
    "account_change": {"token_hash"},
    "attachment": {"position", "removed_at"},
    "erasure": {"is_open"},
    "evidence": {
        "content", "customers", "happened_from", "happened_until", "method", "narrative", "occasion", "response", "title", "updated_at",
        "version", "workplace_holder", "workplace_location", "workplace_seen_by",
        "witness_name", "witness_relationship", "witness_status",
    },
    "feedback_remark": {"read_at"},
    "person": {"email_confirmed_at", "password_hash"},
    "requirement_confirmation": {"note"},
    "unit_attempt": {"closing_comment", "simulation_reason", "version", "warnings_reason"},
    "visit_attempt": {"seen_at"},
    "witness_testimony": {
        "asked_at", "asked_by_id", "asker_told_at", "code", "code_sent_at", "criterion_ids", "decline_reason", "declined_at",
        "expires_at", "reminded_at", "token_hash", "withdrawn_at",
    },
}  # fmt: skip
"""The columns that may change without an event; of evidence, those of the draft; of a testimony, what was asked."""
SUBMISSION: dict[str, Any] = {
    "id": 7,
    "evidence_version_id": 3,
    "declaration": "My own work",
    "submitted_at": datetime(2026, 11, 5, 9, 30, tzinfo=UTC),
    "submitted_by_id": 1,
    "address_confirmed": None,
    "withdrawn_at": None,
}
SALTS = RowSalts("0f" * 16, {})
HASHES = {
    "declaration": "c82e99037affec37317c18fbcf77be5299edc09082162a0511849adcabb6a7a6",
    "evidence_version_id": "da3a96cd9032d5bb6d5a3970748ad28ea09dce2856cfe997fba02091520772d9",
    "id": "248efd788fae747940db1553ffa9d9c255d8bb20702738bee19c30740a7be58f",
    "submitted_at": "9c686e341bb5a3aa94ec3e5757a3946eb65486b2afd00445af1795c94cb9cde0",
    "submitted_by_id": "ca87b9a9574e2d1107be2d8470478ac085430e05eec8dfef5e0490b84cc8bb3f",
}


@pytest.fixture
def submission() -> Table:
    return db.metadata.tables["submission"]


def test_every_column_of_a_sealed_table_is_sealed_with_these_exceptions(app: Flask) -> None:
    tables = {name: db.metadata.tables[name] for name in row_seals.SEALED_TABLES}
    unsealed = {
        name: set(table.columns.keys()) - set(row_seals.SEALED_TABLES[name].columns(table))
        for name, table in tables.items()
    }
    assert {name: columns for name, columns in unsealed.items() if columns} == UNSEALED


@pytest.mark.parametrize(
    ("excluded", "only", "sealed"),
    [
        ({"salt"}, set(), ["event_seq", "field"]),
        (set(), {"salt", "field"}, ["field", "salt"]),
        ({"salt"}, {"salt", "field"}, ["field"]),
    ],
)
def test_columns_that_are_left_out_are_not_sealed_nor_any_but_those_that_are_named(
    excluded: set[str], only: set[str], sealed: list[str]
) -> None:
    columns = SealedColumns(excluded=frozenset(excluded), only=frozenset(only))
    assert columns.columns(db.metadata.tables["event_text"]) == sealed


def test_a_row_is_named_by_its_table_and_key(submission: Table) -> None:
    assert row_seals.get_row_key(submission, SUBMISSION) == "submission:7"
    file = db.metadata.tables["version_attachment"]
    assert row_seals.get_row_key(file, {"version_id": 7, "attachment_id": 3}) == "version_attachment:7-3"


def test_the_hashes_and_the_seal_of_a_row_stay_the_same(submission: Table) -> None:
    assert row_seals.hash_columns(SALTS, submission, SUBMISSION) == HASHES
    assert {
        name: row_seals.hash_column(SALTS, "submission", name, value) for name, value in SUBMISSION.items()
    } == dict.fromkeys(SUBMISSION) | HASHES
    assert (
        row_seals.seal_row("submission", HASHES) == "b3130a03d9c7fa9e9d6dd02cf947bea4c411411ad948165524e51c684be30a22"
    )


def test_a_seal_of_format_1_leaves_out_an_added_column_while_it_is_empty(submission: Table) -> None:
    assert row_seals.seal_row_in_format_1(SALTS.salt, submission, SUBMISSION) == (
        "3d33da3cbacd6253903a25490211333925b61c40f1c8bb7adaebb322ba4689b0"
    )
    confirmed = SUBMISSION | {"address_confirmed": True}
    assert row_seals.seal_row_in_format_1(SALTS.salt, submission, confirmed) == (
        "5869d2aaef43103b7e252167e5c1417bc478f3f31bb33dcc4c598dff06270f32"
    )


def test_values_are_written_in_utc_with_microseconds_as_dates_and_as_words() -> None:
    moment = datetime(2026, 11, 5, 9, 30, tzinfo=timezone(timedelta(hours=1)))
    assert row_seals.to_json_value(moment) == "2026-11-05T08:30:00.000000+00:00"
    assert row_seals.to_json_value(date(2026, 11, 5)) == "2026-11-05"
    assert row_seals.to_json_value(Role.ASSESSOR) == Role.ASSESSOR.value
    assert row_seals.to_json_value(None) is None


def test_each_row_has_a_new_salt_of_16_bytes() -> None:
    first, second = row_seals.make_salts(), row_seals.make_salts()
    assert first.salt != second.salt
    assert len(bytes.fromhex(first.salt)) == 16


def test_an_erasure_gives_the_erased_columns_new_salts_of_32_bytes_and_keeps_the_others(submission: Table) -> None:
    erased = row_seals.erase_column_salts(SALTS, submission, ["declaration"])
    assert erased.salt == ""
    assert len(bytes.fromhex(erased.get("declaration"))) == 32
    kept = {name: salt for name, salt in erased.columns.items() if name != "declaration"}
    assert kept == {name: SALTS.get(name) for name in SUBMISSION if name != "declaration"}
    assert erased.get("declaration") != SALTS.get("declaration")


def test_salts_are_either_one_or_one_for_each_sealed_column(submission: Table) -> None:
    assert SALTS.find_fault(submission) == ""
    assert RowSalts("", {"id": "00"}).find_fault(submission) == ""
    for salts in (RowSalts("", {}), RowSalts("0f" * 16, {"id": "00"})):
        assert salts.find_fault(submission) == "has salts of no known form"
    assert RowSalts("", {"id": "00", "x": "00"}).find_fault(submission) == "has a salt of x, which is not sealed"


def test_the_salts_of_many_rows_are_found_in_several_statements(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_seals, "CHUNK_SIZE", 2)
    keys = [f"person:{number}" for number in range(1, 6)]
    with transaction():
        db.session.add_all(RowSalt(row_key=key, salt=key[-1] * 32, column_salts={}) for key in keys)
    found = row_seals.find_salts([*keys, "person:9"])
    assert found == {key: RowSalts(key[-1] * 32, {}) for key in keys}


def test_only_the_salts_asked_for_are_found(app: Flask) -> None:
    with transaction():
        for key in ("person:1", "person:2"):
            db.session.add(RowSalt(row_key=key, salt="0a" * 16, column_salts={}))
    assert set(row_seals.find_salts(["person:2"])) == {"person:2"}


def test_evidence_is_sealed_once_it_has_a_number_and_a_log_of_sign_ins_never(world: World) -> None:
    draft = Evidence(centre_id=world.northgate.id, candidate_id=world.alice.id)
    assert not row_seals.is_sealed(draft)
    draft.number = 1
    assert row_seals.is_sealed(draft)
    assert not row_seals.is_sealed(RowSalt(row_key="person:0"))
