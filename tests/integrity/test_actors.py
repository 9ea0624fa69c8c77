"""What the checks of actors find: roles, separation of duties, closed accounts, and re-authentication."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integrity.given_records import ALICE, BOB, CAROL, DAN, NOON, GivenSnapshot, build_event, build_snapshot
from tracker.integrity.actors import (
    REAUTHENTICATION_LIFETIME,
    find_actors_without_role,
    find_acts_without_right,
    find_duty_conflicts,
    find_signatures_without_reauthentication,
)
from tracker.integrity.ledger_events import LedgerEvent
from tracker.ledger.events import MAX_CLOCK_DIFFERENCE
from tracker.vocabulary import ReopeningKind, Role, SignatureRole

FRANK = 5
"""Another candidate at Northgate."""
NORTHGATE, SOUTHBANK = 1, 2
ATTEMPT = 7
TICK = timedelta(microseconds=1)
GRANTS = {
    ALICE: Role.CANDIDATE,
    BOB: Role.ASSESSOR,
    CAROL: Role.INTERNAL_VERIFIER,
    DAN: Role.ADMINISTRATOR,
    FRANK: Role.CANDIDATE,
}
"""The role of each person, whose grant has the person's own number."""


def build_grant(person: int, **changes: Any) -> dict[str, Any]:
    grant = {"id": person, "person_id": person, "centre_id": NORTHGATE, "role": GRANTS[person], "starts_at": NOON}
    return grant | changes


def build_allocation(person: int, **changes: Any) -> dict[str, Any]:
    allocation = {"attempt_id": ATTEMPT, "person_id": person, "role": GRANTS[person], "starts_at": NOON}
    return allocation | changes


def build_record(*events: LedgerEvent, **changes: list[dict[str, Any]]) -> GivenSnapshot:
    """Return a record of Alice's unit, which is allocated to Bob and Carol, with some tables replaced."""
    tables: dict[str, list[dict[str, Any]]] = {
        "grant": [build_grant(person) for person in GRANTS],
        "unit_attempt": [
            {"id": ATTEMPT, "candidate_id": ALICE, "centre_id": NORTHGATE},
            {"id": 8, "candidate_id": FRANK, "centre_id": SOUTHBANK},
        ],
        "allocation": [build_allocation(BOB), build_allocation(CAROL)],
        "visit": [{"id": 3, "centre_id": NORTHGATE}, {"id": 4, "centre_id": SOUTHBANK}],
    }
    return build_snapshot(*events, **(tables | changes))


def act_as(person: int, act: str, about: tuple[str, Any] = ("unit_attempt", ATTEMPT), **others: Any) -> LedgerEvent:
    """Return an event of a person under their grant."""
    return build_event(act, about, actor=person, **({"grant": person} | others))


def find_role_faults(event: LedgerEvent, **changes: list[dict[str, Any]]) -> list[str]:
    """Return the faults of an event's role without the event's name."""
    faults = find_actors_without_role(build_record(event, **changes))
    return [fault.removeprefix(f"{event.name} ") for fault in faults]


class TestActsWithoutARole:
    @pytest.mark.parametrize(
        ("event", "faults"),
        [
            (build_event("sign_in_failed", ("person", ALICE)), []),
            (build_event("password_changed", ("person", ALICE)), ["names no role of its actor"]),
            (build_event("password_changed", ("person", ALICE), actor=ALICE), []),
            (build_event("key_made", ("signing_key", 1), actor=ALICE), ["names no role of its actor"]),
            (
                build_event("password_changed", ("person", BOB), actor=ALICE),
                ["is about the account of somebody else"],
            ),
            (build_event("session_ended", ("user_session", 9), actor=ALICE), []),
        ],
    )
    def test_only_the_operator_and_people_on_their_own_account_need_none(
        self, event: LedgerEvent, faults: list[str]
    ) -> None:
        assert find_role_faults(event) == faults


class TestRoles:
    def test_each_acts_under_their_own_role(self) -> None:
        assert find_role_faults(act_as(BOB, "unit_signed")) == []
        assert find_role_faults(act_as(CAROL, "sample_drawn")) == []
        assert find_role_faults(act_as(ALICE, "unit_confirmed")) == []
        assert find_role_faults(act_as(DAN, "attempt_voided")) == []

    def test_a_role_that_does_not_exist_or_is_of_somebody_else_is_named(self) -> None:
        assert find_role_faults(act_as(BOB, "unit_signed", grant=99)) == ["names no role of its actor"]
        assert find_role_faults(act_as(BOB, "unit_signed", grant=CAROL)) == ["names a role of somebody else"]

    @pytest.mark.parametrize("act", ["sample_drawn", "an_unknown_act"])
    def test_an_act_of_another_role_is_named(self, act: str) -> None:
        assert find_role_faults(act_as(BOB, act)) == ["was done as assessor"]

    @pytest.mark.parametrize(
        ("dates", "is_held"),
        [
            ({"starts_at": NOON, "ends_at": None}, True),
            ({"starts_at": NOON + TICK, "ends_at": None}, False),
            ({"starts_at": NOON, "ends_at": NOON}, False),
            ({"starts_at": NOON, "ends_at": NOON + TICK}, True),
        ],
    )
    def test_a_role_is_held_from_its_start_until_before_its_end(self, dates: dict[str, Any], is_held: bool) -> None:
        grants = [build_grant(BOB, **dates)]
        expected = [] if is_held else ["was done outside the dates of grant 2"]
        assert find_role_faults(act_as(BOB, "unit_signed"), grant=grants) == expected


ELSEWHERE = ["was done under a role at another centre"]


class TestCentres:
    def test_a_role_counts_at_its_centre(self) -> None:
        grants = [build_grant(DAN, centre_id=SOUTHBANK)]
        assert find_role_faults(act_as(DAN, "attempt_voided"), grant=grants) == ELSEWHERE

    def test_of_a_row_of_a_centre_the_row_itself_says_which(self) -> None:
        assert find_role_faults(act_as(DAN, "visit_opened", ("visit", 3), centre=SOUTHBANK)) == []
        assert find_role_faults(act_as(DAN, "visit_opened", ("visit", 4), centre=NORTHGATE)) == ELSEWHERE

    def test_of_a_missing_row_the_unit_says_which_that_the_event_names(self) -> None:
        about = ("requirement_confirmation", 1)
        grants = [build_grant(BOB, centre_id=SOUTHBANK)]
        assert find_role_faults(act_as(BOB, "requirement_confirmed", about, attempt=ATTEMPT)) == []
        assert (
            find_role_faults(act_as(BOB, "requirement_confirmed", about, attempt=ATTEMPT), grant=grants) == ELSEWHERE
        )

    def test_of_anything_else_the_event_says_which(self) -> None:
        about = ("guidance", 1)
        assert find_role_faults(act_as(DAN, "guidance_added", about, centre=NORTHGATE)) == []
        assert find_role_faults(act_as(DAN, "guidance_added", about, centre=SOUTHBANK)) == ELSEWHERE
        assert find_role_faults(act_as(DAN, "guidance_added", about)) == []

    def test_of_a_row_of_a_candidate_the_row_itself_says_which(self) -> None:
        evidence = [{"id": 4, "candidate_id": ALICE, "centre_id": SOUTHBANK}]
        event = act_as(ALICE, "claims_changed", ("evidence", 4), attempt=ATTEMPT)
        assert find_role_faults(event, evidence=evidence) == ELSEWHERE

    def test_what_is_no_row_belongs_to_no_centre(self) -> None:
        assert find_role_faults(act_as(DAN, "guidance_added", ("no table", 1))) == []


class TestUnits:
    def test_an_event_names_the_unit_that_it_is_about(self) -> None:
        assert find_role_faults(act_as(BOB, "unit_signed", attempt=ATTEMPT)) == []
        assert find_role_faults(act_as(BOB, "unit_signed", attempt=8)) == [
            "names another unit than the one that it is about"
        ]

    def test_an_event_about_evidence_may_name_a_unit(self) -> None:
        evidence = [{"id": 4, "candidate_id": ALICE, "centre_id": NORTHGATE}]
        event = act_as(ALICE, "claims_changed", ("evidence", 4), attempt=ATTEMPT)
        assert find_role_faults(event, evidence=evidence) == []

    def test_candidates_act_on_their_own_units(self) -> None:
        assert find_role_faults(act_as(FRANK, "unit_confirmed")) == [
            "was done by somebody who was not candidate there"
        ]

    def test_candidates_act_on_their_own_evidence(self) -> None:
        evidence = [{"id": 4, "candidate_id": FRANK, "centre_id": NORTHGATE}]
        event = act_as(ALICE, "claims_changed", ("evidence", 4), attempt=ATTEMPT)
        assert find_role_faults(event, evidence=evidence) == ["was done by somebody who was not candidate there"]

    def test_of_a_missing_row_the_unit_that_the_event_names_is_the_candidates_own(self) -> None:
        about = ("evidence_version", 1)
        assert find_role_faults(act_as(ALICE, "evidence_submitted", about, attempt=ATTEMPT)) == []
        assert find_role_faults(act_as(FRANK, "evidence_submitted", about, attempt=ATTEMPT)) == [
            "was done by somebody who was not candidate there"
        ]
        assert find_role_faults(act_as(FRANK, "evidence_submitted", about)) == []

    @pytest.mark.parametrize(
        ("changes", "is_allocated"),
        [
            ({}, True),
            ({"person_id": CAROL}, False),
            ({"role": Role.INTERNAL_VERIFIER}, False),
            ({"attempt_id": 8}, False),
            ({"starts_at": NOON + TICK}, False),
            ({"ends_at": NOON}, True),
            ({"ends_at": NOON - TICK}, False),
        ],
    )
    def test_assessors_act_on_units_while_they_are_allocated_to_them(
        self, changes: dict[str, Any], is_allocated: bool
    ) -> None:
        faults = find_role_faults(act_as(BOB, "unit_signed"), allocation=[build_allocation(BOB, **changes)])
        assert faults == ([] if is_allocated else ["was done by somebody who was not assessor there"])

    def test_internal_verifiers_act_on_units_that_are_allocated_to_them(self) -> None:
        assert find_role_faults(act_as(CAROL, "sample_drawn"), allocation=[]) == [
            "was done by somebody who was not internal_verifier there"
        ]

    def test_administrators_need_no_allocation_and_assessors_none_where_no_unit_is_named(self) -> None:
        assert find_role_faults(act_as(DAN, "attempt_voided"), allocation=[]) == []
        assert find_role_faults(act_as(BOB, "form_issued", ("issued_form", 1)), allocation=[]) == []


ASSESSED = "attempt 7 was assessed by its candidate"
VERIFIED = "attempt 7 was verified by its candidate"
ASSESSING = {
    "assessment": {"assessor_id": BOB, "state": "released"},
    "decision": {"decided_by_id": BOB, "assessment_id": 1},
    "signature": {"person_id": BOB, "role": SignatureRole.ASSESSOR},
}
VERIFYING = {
    "sample": {"verifier_id": BOB},
    "action_point": {"raised_by_id": BOB},
    "reopening": {"reopened_by_id": BOB, "kind": ReopeningKind.RETURN},
    "signature": {"person_id": BOB, "role": SignatureRole.INTERNAL_VERIFIER},
}
ASSESSED_BY_BOB = {"assessment": ASSESSING["assessment"]}
SAMPLED_BY_BOB = {"sample": VERIFYING["sample"]}
SAME_PERSON = ["attempt 7 was assessed and verified by the same person, 2"]


def find_duty_faults(*rows: dict[str, dict[str, Any]]) -> list[str]:
    """Return the conflicts of duties in a record with these rows, by table, of Alice's unit."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for each in rows:
        for table, row in each.items():
            tables.setdefault(table, []).append({"attempt_id": ATTEMPT} | row)
    return list(find_duty_conflicts(build_record(**tables)))


class TestSeparationOfDuties:
    @pytest.mark.parametrize("table", ASSESSING)
    def test_whoever_verified_did_not_assess(self, table: str) -> None:
        assert find_duty_faults({table: ASSESSING[table]}) == []
        assert find_duty_faults({table: ASSESSING[table]}, SAMPLED_BY_BOB) == SAME_PERSON
        assert find_duty_faults({table: ASSESSING[table]}, {"sample": {"verifier_id": CAROL}}) == []

    @pytest.mark.parametrize("table", VERIFYING)
    def test_whoever_assessed_did_not_verify(self, table: str) -> None:
        assert find_duty_faults({table: VERIFYING[table]}) == []
        assert find_duty_faults({table: VERIFYING[table]}, ASSESSED_BY_BOB) == SAME_PERSON

    def test_countersigning_is_assessing_and_closing_an_action_point_is_verifying(self) -> None:
        countersigned = {"signature": {"person_id": BOB, "role": SignatureRole.COUNTERSIGNER}}
        closed = {"action_point": {"raised_by_id": CAROL, "closed_by_id": BOB}}
        assert find_duty_faults(countersigned, SAMPLED_BY_BOB) == SAME_PERSON
        assert find_duty_faults(closed, ASSESSED_BY_BOB) == SAME_PERSON

    @pytest.mark.parametrize(
        "row",
        [
            {"assessment": {"assessor_id": BOB, "state": "draft"}},
            {"decision": {"decided_by_id": BOB}},
            {"signature": {"person_id": ALICE, "role": SignatureRole.CANDIDATE}},
        ],
    )
    def test_a_draft_and_a_decision_of_another_act_are_no_assessment(self, row: dict[str, dict[str, Any]]) -> None:
        assert find_duty_faults(row, SAMPLED_BY_BOB) == []

    def test_a_dispute_is_no_verification(self) -> None:
        dispute = {"reopening": {"reopened_by_id": BOB, "kind": ReopeningKind.DISPUTE}}
        assert find_duty_faults(dispute, ASSESSED_BY_BOB) == []

    def test_another_unit_may_be_verified(self) -> None:
        assert find_duty_faults(ASSESSED_BY_BOB, {"sample": {"verifier_id": BOB, "attempt_id": 8}}) == []

    def test_candidates_neither_assess_nor_verify_their_own_unit(self) -> None:
        assert find_duty_faults({"assessment": {"assessor_id": ALICE, "state": "released"}}) == [ASSESSED]
        assert find_duty_faults({"sample": {"verifier_id": ALICE}}) == [VERIFIED]

    def test_a_missing_unit_has_no_candidate(self) -> None:
        assert find_duty_faults({"sample": {"verifier_id": ALICE, "attempt_id": 99}}) == []

    def test_a_candidates_signature_is_the_candidates_own(self) -> None:
        signature = {"person_id": FRANK, "role": SignatureRole.CANDIDATE}
        assert find_duty_faults({"signature": signature}) == [
            "signature 1 is a candidate's, but another person signed"
        ]
        assert find_duty_faults({"signature": signature | {"attempt_id": 99}}) == []


class TestClosedAccountsAndOwnRoles:
    @pytest.mark.parametrize(
        ("deactivated_at", "is_named"), [(None, False), (NOON, False), (NOON - TICK, True), (NOON + TICK, False)]
    )
    def test_nobody_acts_after_their_account_was_closed(self, deactivated_at: Any, is_named: bool) -> None:
        record = build_snapshot(
            build_event("data_exported", actor=ALICE), person=[{"id": ALICE, "deactivated_at": deactivated_at}]
        )
        fault = "event 1 (data_exported) was done by person 1 after their account was closed"
        assert list(find_acts_without_right(record)) == ([fault] if is_named else [])

    def test_whoever_acts_exists(self) -> None:
        events = [build_event("data_exported", actor=ALICE), build_event("key_made", seq=2)]
        assert list(find_acts_without_right(build_snapshot(*events))) == [
            "event 1 (data_exported) was done by person 1, who does not exist"
        ]

    def test_nobody_gives_themselves_a_role(self) -> None:
        grants = [build_grant(DAN, granted_by_id=DAN), build_grant(BOB, granted_by_id=DAN), build_grant(CAROL)]
        assert list(find_acts_without_right(build_snapshot(grant=grants))) == [
            "grant 4 was given by the person who has it"
        ]

    @pytest.mark.parametrize(
        ("actor", "about", "faults"),
        [
            (DAN, BOB, []),
            (DAN, 99, []),
            (BOB, BOB, ["event 1 (grant_given) was done by the person who got the role"]),
            (CAROL, BOB, ["grant 2 and event 1 (grant_given) name different people as giver"]),
        ],
    )
    def test_the_event_of_a_role_names_who_gave_it(self, actor: int, about: int, faults: list[str]) -> None:
        event = build_event("grant_given", ("grant", about), actor=actor)
        people = [{"id": person} for person in GRANTS]
        record = build_snapshot(event, person=people, grant=[build_grant(BOB, granted_by_id=DAN)])
        assert list(find_acts_without_right(record)) == faults


class TestReauthentication:
    def find_faults(self, *events: LedgerEvent, **changes: Any) -> list[str]:
        signature = {"person_id": BOB, "session_ref": "s", "signed_at": NOON, "reauthenticated_at": NOON}
        record = build_snapshot(*events, signature=[signature | changes])
        return list(find_signatures_without_reauthentication(record))

    @pytest.mark.parametrize(
        ("before", "is_fresh"),
        [
            (timedelta(0), True),
            (REAUTHENTICATION_LIFETIME, True),
            (REAUTHENTICATION_LIFETIME + TICK, False),
            (-TICK, False),
        ],
    )
    def test_signers_confirmed_who_they_are_in_the_five_minutes_before(
        self, before: timedelta, is_fresh: bool
    ) -> None:
        fault = "signature 1 was made without a password in the five minutes before"
        assert self.find_faults(reauthenticated_at=NOON - before) == ([] if is_fresh else [fault])

    @pytest.mark.parametrize(
        ("difference", "is_same"),
        [(MAX_CLOCK_DIFFERENCE, True), (-MAX_CLOCK_DIFFERENCE, True), (MAX_CLOCK_DIFFERENCE + TICK, False)],
    )
    def test_a_signature_has_the_time_of_its_event(self, difference: timedelta, is_same: bool) -> None:
        event = build_event("unit_signed", ("signature", 1), at=NOON + difference, actor=BOB, session="s")
        fault = "signature 1 and event 1 (unit_signed) have different times"
        assert self.find_faults(event) == ([] if is_same else [fault])

    @pytest.mark.parametrize("act", ["unit_signed", "unit_confirmed", "unit_verified"])
    @pytest.mark.parametrize(
        ("actor", "session", "is_same"),
        [(BOB, "s", True), (CAROL, "s", False), (BOB, "t", False), (BOB, None, False)],
    )
    def test_a_signature_names_the_person_and_session_of_its_event(
        self, act: str, actor: int, session: str | None, is_same: bool
    ) -> None:
        event = build_event(act, ("signature", 1), actor=actor, session=session)
        fault = f"signature 1 and event 1 ({act}) name different people or sessions"
        assert self.find_faults(event) == ([] if is_same else [fault])

    def test_an_event_without_a_session_agrees_with_an_empty_one(self) -> None:
        event = build_event("unit_signed", ("signature", 1), actor=BOB)
        assert self.find_faults(event, session_ref="") == []
