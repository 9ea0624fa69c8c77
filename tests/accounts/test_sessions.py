"""Sessions by themselves: when each ends to the microsecond, whose they are, and what a request learns from one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask, request
from sqlalchemy import event, select
from sqlalchemy.orm import ORMExecuteState

from tests import factories
from tests.factories import World
from tracker.accounts import sessions
from tracker.errors import Conflict
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Person, UserSession
from tracker.vocabulary import Role, SecondStepMethod
from tracker.web.current_user import SecondStep, SignedIn

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
APP, PASSKEY = SecondStepMethod.APP, SecondStepMethod.PASSKEY

Freeze = Callable[[datetime], None]


@pytest.fixture(autouse=True)
def noon(app: Flask, freeze_clock: Freeze) -> None:
    freeze_clock(NOON)


def start(person: Person, **values: object) -> str:
    """Start a session of a person with these values in its row, and return its token."""
    with transaction():
        token = sessions.start_session(person, "127.0.0.1", "Chrome on Windows")
        row = read_session(token)
        for name, value in values.items():
            setattr(row, name, value)
    return token


def read_session(token: str) -> UserSession:
    db.session.expire_all()
    return db.session.query(UserSession).filter_by(token_hash=sessions.hash_token(token)).one()


@contextmanager
def request_with(app: Flask, token: str) -> Iterator[None]:
    """Run the block in a request whose cookie holds this token."""
    with app.test_request_context("/", headers={"Cookie": f"{sessions.COOKIE_NAME}={token}"}):
        yield


def find_signed_in(app: Flask, token: str) -> SignedIn | None:
    with request_with(app, token):
        return sessions.find_signed_in(request)


def find_timed_out(app: Flask, token: str) -> int | None:
    with request_with(app, token):
        return sessions.find_timed_out_person_id(request)


class TestStart:
    def test_the_row_holds_a_hash_of_a_token_of_32_bytes(self, world: World) -> None:
        with transaction():
            token = sessions.start_session(world.alice, "1" * 46, "b" * 201)
        row = read_session(token)
        assert len(token) == 43
        assert (row.person_id, row.address, row.browser) == (world.alice.id, "1" * 45, "b" * 200)
        assert (row.created_at, row.last_seen_at, row.verified_at) == (NOON, NOON, None)

    def test_the_second_factor_may_be_given_with_the_password(self, world: World) -> None:
        with transaction():
            token = sessions.start_session(world.bob, "127.0.0.1", "", proven=True)
        assert read_session(token).verified_at == NOON


class TestSignedIn:
    def test_a_request_learns_who_the_person_is(self, world: World, app: Flask) -> None:
        token = start(world.bob, verified_at=NOON, verified_with=APP)
        person = find_signed_in(app, token)
        assert person
        row = read_session(token)
        assert (person.person_id, person.name, person.email) == (world.bob.id, "Bob Archer", world.bob.email)
        assert person.password_hash == factories.PASSWORD_HASH
        assert (person.session_id, person.session_ref) == (row.id, row.token_hash[:16])
        assert [each.role for each in person.grants] == [Role.ASSESSOR]
        assert (person.has_second_factor, person.is_proven) == (False, True)
        assert person.second_step == SecondStep(NOON, APP)

    def test_without_a_cookie_or_with_an_unknown_token_there_is_nobody(self, world: World, app: Flask) -> None:
        start(world.alice)
        assert find_signed_in(app, "unknown") is None
        with app.test_request_context("/"):
            assert sessions.find_signed_in(request) is None
            assert sessions.find_timed_out_person_id(request) is None

    def test_a_person_without_password_or_second_step_has_none(self, world: World, app: Flask) -> None:
        with transaction():
            world.alice.password_hash = None
        person = find_signed_in(app, start(world.alice))
        assert person
        assert (person.password_hash, person.second_step, person.is_proven) == ("", None, False)
        earlier = find_signed_in(app, start(world.alice, verified_at=NOON))
        assert earlier
        assert (earlier.second_step, earlier.is_proven) == (None, True)
        without_a_time = find_signed_in(app, start(world.alice, verified_with=APP))
        assert without_a_time
        assert without_a_time.second_step is None

    @pytest.mark.parametrize(
        ("values", "is_open"),
        [
            ({"last_seen_at": NOON - sessions.IDLE_TIMEOUT + INSTANT}, True),
            ({"last_seen_at": NOON - sessions.IDLE_TIMEOUT}, False),
            ({"created_at": NOON - sessions.ABSOLUTE_TIMEOUT + INSTANT}, True),
            ({"created_at": NOON - sessions.ABSOLUTE_TIMEOUT}, False),
            ({"ended_at": NOON}, False),
            ({"ended_at": NOON, "last_seen_at": NOON - sessions.IDLE_TIMEOUT}, False),
        ],
    )
    def test_a_session_is_open_until_it_ends_or_times_out(
        self, world: World, app: Flask, values: dict[str, datetime], is_open: bool
    ) -> None:
        token = start(world.alice, **values)
        assert (find_signed_in(app, token) is not None) is is_open
        listed = db.session.scalar(select(UserSession.id).where(sessions.is_open()))
        assert (listed is not None) is is_open, "in statements that are built anew"
        timed_out = not is_open and "ended_at" not in values
        assert find_timed_out(app, token) == (world.alice.id if timed_out else None)

    def test_a_closed_account_has_no_session(self, world: World, app: Flask) -> None:
        token = start(world.alice)
        timed_out = start(world.alice, last_seen_at=NOON - sessions.IDLE_TIMEOUT)
        with transaction():
            world.alice.deactivated_at = NOON
            factories.leave_unsealed()
        assert find_signed_in(app, token) is None
        assert find_timed_out(app, timed_out) is None

    @pytest.mark.parametrize(
        ("age", "values", "is_open"),
        [
            (sessions.SECOND_FACTOR_TIMEOUT - INSTANT, {}, True),
            (sessions.SECOND_FACTOR_TIMEOUT, {}, False),
            (sessions.SECOND_FACTOR_TIMEOUT, {"verified_at": NOON}, True),
        ],
    )
    def test_the_second_factor_must_be_given_within_ten_minutes(
        self, world: World, app: Flask, age: timedelta, values: dict[str, datetime], is_open: bool
    ) -> None:
        token = start(world.bob, created_at=NOON - age, **values)
        assert find_signed_in(app, token), "without two-step verification there is no second step"
        with transaction():
            factories.make_app(world.bob)
        person = find_signed_in(app, token)
        assert (person is not None) is is_open
        assert person is None or person.has_second_factor

    def test_a_second_factor_of_somebody_else_does_not_count(self, world: World, app: Flask) -> None:
        with transaction():
            factories.make_app(world.carol)
        person = find_signed_in(app, start(world.bob))
        assert person
        assert not person.has_second_factor

    @pytest.mark.parametrize(
        ("age", "seen"),
        [(sessions.LAST_SEEN_INTERVAL, NOON), (sessions.LAST_SEEN_INTERVAL - INSTANT, None)],
    )
    def test_when_it_was_last_used_is_noted_once_a_minute(
        self, world: World, app: Flask, age: timedelta, seen: datetime | None
    ) -> None:
        token, other = start(world.alice, last_seen_at=NOON - age), start(world.alice, last_seen_at=NOON - age)
        assert find_signed_in(app, token)
        assert read_session(token).last_seen_at == (seen or NOON - age)
        assert read_session(other).last_seen_at == NOON - age


class TestGrants:
    def test_a_role_counts_from_its_start_until_its_end(self, world: World, app: Flask) -> None:
        with transaction():
            for role, starts_at, ends_at in (
                (Role.ASSESSOR, NOON, None),
                (Role.INTERNAL_VERIFIER, NOON + INSTANT, None),
                (Role.EXTERNAL_VERIFIER, NOON - INSTANT, NOON),
                (Role.ADMINISTRATOR, NOON - INSTANT, NOON + INSTANT),
            ):
                factories.grant(world.alice, world.southbank, role, ends_at=ends_at).starts_at = starts_at
            factories.leave_unsealed()
        person = find_signed_in(app, start(world.alice))
        assert person
        found = [(each.role, each.centre_id, each.centre_name) for each in person.grants]
        assert found == [
            (Role.CANDIDATE, world.northgate.id, "Northgate Skills"),
            (Role.ASSESSOR, world.southbank.id, "Southbank College"),
            (Role.ADMINISTRATOR, world.southbank.id, "Southbank College"),
        ]

    def test_the_chosen_role_is_that_of_the_session_or_the_first(self, world: World, app: Flask) -> None:
        with transaction():
            second = factories.grant(world.alice, world.southbank, Role.ASSESSOR)
            ended = factories.grant(world.alice, world.southbank, Role.ADMINISTRATOR, ends_at=NOON)
            nobody = factories.make_person("Nobody")
        chosen = {
            each: find_signed_in(app, start(world.alice, chosen_grant_id=each))
            for each in (None, second.id, ended.id)
        }
        roles = {each: person.chosen.role for each, person in chosen.items() if person and person.chosen}
        assert roles == {None: Role.CANDIDATE, second.id: Role.ASSESSOR, ended.id: Role.CANDIDATE}
        person = find_signed_in(app, start(nobody))
        assert person
        assert person.chosen is None


class TestTimedOut:
    @pytest.mark.parametrize(
        ("age", "is_known"), [(sessions.COOKIE_LIFETIME - INSTANT, True), (sessions.COOKIE_LIFETIME, False)]
    )
    def test_it_is_known_as_long_as_the_browser_keeps_its_cookie(
        self, world: World, app: Flask, age: timedelta, is_known: bool
    ) -> None:
        start(world.bob, created_at=NOON - age)
        token = start(world.alice, created_at=NOON - age)
        assert find_timed_out(app, token) == (world.alice.id if is_known else None)

    def test_a_sign_in_that_was_never_completed_is_not_known(self, world: World, app: Flask) -> None:
        timed_out = NOON - sessions.IDLE_TIMEOUT
        pending, proven = [start(world.bob, last_seen_at=timed_out, verified_at=each) for each in (None, NOON)]
        assert find_timed_out(app, pending) == world.bob.id, "nothing was to be completed"
        with transaction():
            factories.make_app(world.carol)
        assert find_timed_out(app, pending) == world.bob.id, "it is Carol's"
        with transaction():
            factories.make_app(world.bob)
        assert find_timed_out(app, pending) is None
        assert find_timed_out(app, proven) == world.bob.id

    def test_a_token_is_that_of_its_own_person_until_the_session_is_ended(self, world: World) -> None:
        token, ended = start(world.alice, last_seen_at=factories.LONG_AGO), start(world.alice, ended_at=NOON)
        assert sessions.is_session_of(token, world.alice.id)
        assert not sessions.is_session_of(token, world.bob.id)
        assert not sessions.is_session_of(ended, world.alice.id)
        assert not sessions.is_session_of("unknown", world.alice.id)


class TestSecondFactor:
    def test_it_is_proven_once_and_the_token_changes(self, world: World) -> None:
        token, other = start(world.bob, challenge="c", challenged_at=NOON), start(world.bob)
        session_id = read_session(token).id
        with transaction():
            new_token = sessions.mark_second_factor_proven(session_id, APP)
        row = read_session(new_token)
        assert len(new_token) == 43
        assert (row.id, row.verified_at, row.verified_with) == (session_id, NOON, APP)
        assert (row.challenge, row.challenged_at) == (None, None)
        assert read_session(other).verified_at is None
        with pytest.raises(Conflict), transaction():
            sessions.mark_second_factor_proven(session_id, APP)

    def test_it_is_proven_again_in_a_session_in_which_it_was_proven(self, world: World, freeze_clock: Freeze) -> None:
        token, other = [start(world.bob, verified_at=NOON) for _ in range(2)]
        unproven = start(world.bob)
        freeze_clock(NOON + INSTANT)
        with transaction():
            sessions.mark_second_factor_proven_again(read_session(token).id, PASSKEY)
        row = read_session(token)
        assert (row.verified_at, row.verified_with) == (NOON + INSTANT, PASSKEY)
        assert (read_session(other).verified_at, read_session(other).verified_with) == (NOON, None)
        with pytest.raises(Conflict), transaction():
            sessions.mark_second_factor_proven_again(read_session(unproven).id, PASSKEY)

    def test_nothing_is_proven_in_a_session_that_has_ended(self, world: World) -> None:
        pending = read_session(start(world.bob, ended_at=NOON)).id
        proven = read_session(start(world.bob, ended_at=NOON, verified_at=NOON)).id
        with pytest.raises(Conflict), transaction():
            sessions.mark_second_factor_proven(pending, APP)
        with pytest.raises(Conflict), transaction():
            sessions.mark_second_factor_proven_again(proven, APP)

    def test_the_proof_is_cleared_from_the_persons_sessions_only(self, world: World) -> None:
        token, other = [start(person, verified_at=NOON, verified_with=APP) for person in (world.bob, world.carol)]
        with transaction():
            sessions.clear_second_factor_checks(world.bob.id)
        assert (read_session(token).verified_at, read_session(token).verified_with) == (None, None)
        assert (read_session(other).verified_at, read_session(other).verified_with) == (NOON, APP)


class TestChallenge:
    def test_it_is_taken_once_from_its_own_session(self, world: World) -> None:
        first, second = [read_session(start(world.bob)).id for _ in range(2)]
        with transaction():
            sessions.save_challenge(first, "one")
            sessions.save_challenge(second, "two")
        assert sessions.take_challenge(first) == "one"
        assert sessions.take_challenge(first) is None
        assert sessions.take_challenge(second) == "two"

    @pytest.mark.parametrize(
        ("age", "expected"), [(sessions.CHALLENGE_TIMEOUT - INSTANT, "one"), (sessions.CHALLENGE_TIMEOUT, None)]
    )
    def test_it_expires_after_five_minutes(
        self, world: World, freeze_clock: Freeze, age: timedelta, expected: str | None
    ) -> None:
        session_id = read_session(start(world.bob)).id
        with transaction():
            sessions.save_challenge(session_id, "one")
        freeze_clock(NOON + age)
        assert sessions.take_challenge(session_id) == expected

    def test_its_row_is_locked_while_it_is_taken(self, world: World) -> None:
        """SQLite has one writer at a time; PostgreSQL needs the lock."""
        session_id = read_session(start(world.bob)).id
        locking: list[Any] = []

        def listener(state: ORMExecuteState) -> None:
            locking.append(getattr(state.statement, "_for_update_arg", None))

        event.listen(db.session, "do_orm_execute", listener)
        try:
            sessions.take_challenge(session_id)
        finally:
            event.remove(db.session, "do_orm_execute", listener)
        assert locking[0] is not None


class TestEnd:
    def test_one_or_all_or_all_but_one_session_of_a_person_ends(self, world: World, freeze_clock: Freeze) -> None:
        tokens = [start(world.bob) for _ in range(4)]
        others = start(world.carol)
        ends = []
        for end in (
            lambda: sessions.end_session(tokens[0]),
            lambda: sessions.end_sessions(world.bob.id, except_id=read_session(tokens[1]).id),
            lambda: sessions.end_sessions(world.bob.id),
            sessions.end_every_session,
        ):
            freeze_clock(NOON + (len(ends) + 1) * INSTANT)
            with transaction():
                end()
            ends.append([read_session(each).ended_at for each in (*tokens, others)])
        one, two, three, four = (NOON + number * INSTANT for number in range(1, 5))
        assert ends == [
            [one, None, None, None, None],
            [one, None, two, two, None],
            [one, three, two, two, None],
            [one, three, two, two, four],
        ]

    def test_an_ended_session_stays_ended_at_its_time(self, world: World, freeze_clock: Freeze) -> None:
        token = start(world.bob, ended_at=NOON)
        freeze_clock(NOON + INSTANT)
        with transaction():
            sessions.end_session(token)
            sessions.end_sessions(world.bob.id)
            sessions.end_every_session()
        assert read_session(token).ended_at == NOON


class TestCookie:
    @pytest.mark.parametrize(("is_secure", "name"), [(True, "__Host-tracker_session"), (False, "tracker_session")])
    def test_it_is_for_this_site_and_no_script_and_lasts_36_hours(
        self, app: Flask, is_secure: bool, name: str
    ) -> None:
        app.config["SESSION_COOKIE_SECURE"] = is_secure
        with app.test_request_context("/", environ_base={"REMOTE_ADDR": "192.0.2.7"}):
            assert sessions.get_cookie_name() == name
            assert sessions.get_client_address() == "192.0.2.7"
            response = app.response_class()
            sessions.set_cookie(response, "token")
            sessions.delete_cookie(response)
        stored, deleted = [set(each.split("; ")) for each in response.headers.getlist("Set-Cookie")]
        flags = {"HttpOnly", "SameSite=Lax", "Path=/"}
        assert {f"{name}=token", "Max-Age=129600"} | flags <= stored
        assert {f"{name}=", "Max-Age=0"} | flags <= deleted
        for cookie in (stored, deleted):
            assert ("Secure" in cookie) is is_secure

    def test_a_request_without_an_address_has_an_empty_one(self, app: Flask) -> None:
        with app.test_request_context("/", environ_overrides={"REMOTE_ADDR": None}):
            assert sessions.get_client_address() == ""
