"""Which of a transaction's events seals which row, and what each says of it."""

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from sqlalchemy import select

from tests import factories
from tests.factories import LONG_AGO, World
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger import row_seals
from tracker.ledger.events import Actor, record
from tracker.ledger.row_seals import RowSalts
from tracker.ledger.sealing import UnpermittedWrite
from tracker.ledger.transactions import transaction
from tracker.models import Base, Event, Registration, RowSalt, UnitAttempt
from tracker.vocabulary import AttemptState

REASON = "Moved away."
CountStatements = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def dan(world: World) -> Actor:
    return factories.make_actor(world.dan)


def read_events() -> list[dict[str, Any]]:
    return [json.loads(body)["data"] for body in db.session.scalars(select(Event.body).order_by(Event.seq))]


def seal_first(dan: Actor, act: str, *rows: Base) -> None:
    """Let an act seal rows for the first time."""
    with transaction():
        for row in rows:
            record(act, row, dan, rows=[row])


def start_attempt(registration: Registration, code: str) -> UnitAttempt:
    attempt = UnitAttempt(
        registration_id=registration.id,
        centre_id=registration.centre_id,
        candidate_id=registration.candidate_id,
        unit_id=factories.unit(code).id,
        state=AttemptState.IN_PROGRESS,
        round=1,
        started_at=LONG_AGO,
    )
    db.session.add(attempt)
    db.session.flush()
    return attempt


def get_key(row: Base) -> str:
    return row_seals.get_object_key(row)


def read_salts(key: str) -> RowSalts:
    return row_seals.find_salts([key])[key]


def hash_row(row: Base, **values: Any) -> dict[str, str]:
    """Return the hashes of a row's columns with the stored salts, some of the columns having other values."""
    return row_seals.hash_columns(
        read_salts(get_key(row)), row_seals.get_table(row), row_seals.get_values(row) | values
    )


def seal(row: Base, **values: Any) -> str:
    return row_seals.seal_row(row.__tablename__, hash_row(row, **values))


def test_a_first_seal_covers_the_row_as_it_is_and_names_no_former_values(world: World, dan: Actor) -> None:
    seal_first(dan, "candidate_registered", world.registration)
    key = get_key(world.registration)
    assert read_events() == [{"rows": {key: seal(world.registration)}}]
    assert len(read_salts(key).salt) == 32


def test_a_first_seal_covers_what_the_same_transaction_changed(world: World, dan: Actor) -> None:
    with transaction():
        world.registration.candidate_number = "C-2"
        record("candidate_registered", world.registration, dan)
    assert read_events() == [{"rows": {get_key(world.registration): seal(world.registration)}}]


def test_an_act_that_adds_rows_may_not_change_a_sealed_one(world: World, dan: Actor) -> None:
    seal_first(dan, "candidate_registered", world.registration)
    world.registration.candidate_number = "C-2"
    refusal = f"candidate_registered changed candidate_number of {get_key(world.registration)}"
    with pytest.raises(UnpermittedWrite, match=refusal), transaction():
        record("candidate_registered", world.registration, dan)


def test_an_event_that_changed_nothing_of_a_row_does_not_name_it(world: World, dan: Actor) -> None:
    seal_first(dan, "candidate_registered", world.registration)
    with transaction():
        world.registration.candidate_number = "C-2"
        record("candidate_withdrawn", world.registration, dan)
        record("registration_changed", world.registration, dan)
    _, withdrawn, changed = read_events()
    assert withdrawn == {}
    assert set(changed["rows"]) == {get_key(world.registration)}


def test_a_change_keeps_the_salts_of_a_row(world: World, dan: Actor) -> None:
    seal_first(dan, "candidate_registered", world.registration)
    before = read_salts(get_key(world.registration))
    with transaction():
        world.registration.candidate_number = "C-2"
        record("registration_changed", world.registration, dan)
    assert read_salts(get_key(world.registration)) == before


def test_nothing_is_left_to_seal_after_the_commit(world: World, dan: Actor) -> None:
    with transaction():
        record("data_exported", world.dan, dan, texts={"reason": "Asked for."})
    assert not db.session.info.get("changed_rows")


def test_each_event_seals_the_row_as_it_was_after_its_own_change(world: World, dan: Actor) -> None:
    registration = world.registration
    seal_first(dan, "candidate_registered", registration)
    key, before = get_key(registration), hash_row(registration)
    with transaction():
        registration.candidate_number = "C-2"
        registration.withdrawn_at, registration.withdrawn_reason = now(), REASON
        record("candidate_withdrawn", registration, dan)
        record("registration_changed", registration, dan)
    _, withdrawn, changed = read_events()
    assert withdrawn["former"] == {key: {"withdrawn_at": None, "withdrawn_reason": None}}
    assert changed["former"] == {key: {"candidate_number": before["candidate_number"]}}
    former_number = hash_row(registration) | {"candidate_number": before["candidate_number"]}
    assert withdrawn["rows"] == {key: row_seals.seal_row("registration", former_number)}
    assert changed["rows"] == {key: seal(registration)}


def test_new_rows_are_sealed_by_the_events_about_them_and_others_by_the_last(world: World, dan: Actor) -> None:
    ben = factories.make_person("Ben Okafor", world.northgate)
    registration = factories.make_registration(ben, world.northgate, world.dan)
    with transaction():
        first, second, third = [start_attempt(registration, code) for code in ("CFACC15", "INSCC004", "DELIVERCC")]
        record("attempt_started", first, dan)
        record("attempt_started", second, dan)
        record("data_exported", world.dan, dan)
    about_first, about_second, exported = read_events()
    assert set(about_first["rows"]) == {get_key(first)}
    assert set(about_second["rows"]) == {get_key(second), get_key(third)}
    assert "rows" not in exported


def test_a_row_that_an_event_names_is_sealed_by_that_event(world: World, dan: Actor) -> None:
    ben = factories.make_person("Ben Okafor", world.northgate)
    registration = factories.make_registration(ben, world.northgate, world.dan)
    with transaction():
        first, second, third = [start_attempt(registration, code) for code in ("CFACC15", "INSCC004", "DELIVERCC")]
        record("attempt_started", first, dan, rows=[third])
        record("attempt_started", second, dan)
    about_first, about_second = read_events()
    assert set(about_first["rows"]) == {get_key(first), get_key(third)}
    assert set(about_second["rows"]) == {get_key(second)}


def test_an_event_that_names_a_row_says_what_it_changed_of_it(world: World, dan: Actor) -> None:
    seal_first(dan, "candidate_registered", world.registration)
    key, before = get_key(world.registration), hash_row(world.registration)
    with transaction():
        world.registration.candidate_number = "C-2"
        record("registration_changed", world.alice, dan)
        record("registration_changed", world.registration, dan, rows=[world.registration])
    assert read_events()[2] == {
        "rows": {key: seal(world.registration)},
        "former": {key: {"candidate_number": before["candidate_number"]}},
    }


def test_a_row_without_a_seal_that_an_event_names_and_may_not_add_is_left_without_one(
    world: World, dan: Actor
) -> None:
    with transaction():
        record("data_exported", world.dan, dan, rows=[world.registration])
    assert read_events() == [{}]
    assert row_seals.find_salts([get_key(world.registration)]) == {}


def test_a_row_that_no_act_may_add_is_refused(world: World, dan: Actor) -> None:
    attempt = start_attempt(world.registration, "DELIVERCC")
    refusal = re.escape(f"candidate_withdrawn made {get_key(attempt)}: see WRITES")
    with pytest.raises(UnpermittedWrite, match=refusal), transaction():
        record("candidate_withdrawn", world.registration, dan)


def test_a_row_of_another_candidate_than_the_event_is_about_is_refused(world: World, dan: Actor) -> None:
    ben = factories.make_person("Ben Okafor", world.northgate)
    registration = factories.make_registration(ben, world.northgate, world.dan)
    attempt = start_attempt(registration, "CFACC15")
    refusal = re.escape(f"attempt_started made {get_key(attempt)}: see WRITES")
    with pytest.raises(UnpermittedWrite, match=refusal), transaction():
        record("attempt_started", world.cfacc15, dan)


def test_rows_of_tables_without_seals_may_be_changed_beside_an_event(world: World, dan: Actor) -> None:
    salt = RowSalt(row_key="person:0", salt="00" * 16, column_salts={})
    with transaction():
        db.session.add(salt)
        record("data_exported", world.dan, dan)
    with transaction():
        salt.salt = "11" * 16
        record("data_exported", world.dan, dan)
    assert read_events() == [{}, {}]


def test_former_values_are_read_only_where_a_sealed_row_was_not_loaded(
    world: World, dan: Actor, count_statements: CountStatements
) -> None:
    salt = RowSalt(row_key="person:0", salt="00" * 16, column_salts={})
    with transaction():
        db.session.add(salt)
    seal_first(dan, "candidate_registered", world.registration)
    assert world.registration.candidate_number
    with transaction():
        db.session.expire(salt)
        world.registration.candidate_number, salt.salt = "C-2", "11" * 16
        with count_statements() as statements:
            record("registration_changed", world.registration, dan)
            db.session.flush()
    assert [each.split()[:2] for each in statements if "SELECT" in each and "FROM registration" in each] == []
    assert [each for each in statements if each.startswith("SELECT") and "row_salt.salt" in each] == []


def test_a_row_that_is_sealed_and_unchanged_is_not_sealed_again(world: World, dan: Actor) -> None:
    seal_first(dan, "candidate_registered", world.registration)
    with transaction():
        world.registration.candidate_number = str(world.registration.candidate_number)
        record("registration_changed", world.registration, dan, rows=[world.registration])
    assert read_events()[1] == {}


def test_a_value_that_is_changed_back_before_the_commit_is_no_change(world: World, dan: Actor) -> None:
    seal_first(dan, "candidate_registered", world.registration)
    number = world.registration.candidate_number
    with transaction():
        world.registration.candidate_number = "C-2"
        db.session.flush()
        world.registration.candidate_number = number
        record("data_exported", world.dan, dan)
    assert read_events()[1] == {}


def test_the_former_value_of_a_column_changed_twice_is_that_before_the_transaction(world: World, dan: Actor) -> None:
    seal_first(dan, "candidate_registered", world.registration)
    before = hash_row(world.registration)
    with transaction():
        for number in ("C-2", "C-3"):
            world.registration.candidate_number = number
            db.session.flush()
        record("registration_changed", world.registration, dan)
    assert read_events()[1]["former"] == {
        get_key(world.registration): {"candidate_number": before["candidate_number"]}
    }


def test_the_former_value_of_a_column_that_was_never_loaded_is_read(world: World, dan: Actor) -> None:
    seal_first(dan, "candidate_registered", world.registration, db.session.get_one(Registration, 2))
    before = hash_row(world.registration)
    with transaction():
        db.session.expire(world.registration)
        world.registration.candidate_number = "C-2"
        record("registration_changed", world.registration, dan)
    assert read_events()[2]["former"] == {
        get_key(world.registration): {"candidate_number": before["candidate_number"]}
    }


def test_a_change_that_only_another_rows_event_would_permit_is_refused(world: World, dan: Actor) -> None:
    first, second = db.session.scalars(select(Registration).order_by(Registration.id).limit(2))
    seal_first(dan, "candidate_registered", first, second)
    first.withdrawn_at = second.withdrawn_at = now()
    with (
        pytest.raises(UnpermittedWrite, match=f"candidate_withdrawn changed withdrawn_at of {get_key(second)}"),
        transaction(),
    ):
        record("candidate_withdrawn", first, dan)


def test_a_change_that_no_act_may_make_is_refused_beside_one_that_an_act_may(world: World, dan: Actor) -> None:
    seal_first(dan, "candidate_registered", world.registration)
    world.registration.withdrawn_at, world.registration.candidate_number = now(), "C-2"
    with pytest.raises(UnpermittedWrite, match="changed candidate_number of"), transaction():
        record("candidate_withdrawn", world.registration, dan)


def test_an_erased_column_has_a_new_salt_and_the_others_keep_theirs(world: World, dan: Actor) -> None:
    seal_first(dan, "person_invited", world.alice)
    key = get_key(world.alice)
    before, salts = hash_row(world.alice), read_salts(key)
    with transaction():
        world.alice.name = "Erased"
        record("portfolio_erased", world.alice, dan)
    erased = read_events()[1]
    assert erased["former"] == {key: {"name": before["name"]}}
    assert erased["rows"] == {key: seal(world.alice)}
    replaced = read_salts(key)
    assert replaced.salt == ""
    assert {name for name in replaced.columns if replaced.get(name) != salts.get(name)} == {"name"}
    assert db.session.get_one(RowSalt, key).column_salts == dict(replaced.columns)
