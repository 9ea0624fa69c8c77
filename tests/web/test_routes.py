"""Access to every route by every method, for every kind of person, to Alice's objects at Northgate and Frank's at Southbank.

`TABLE` names who may use a route on Alice's objects; on Frank's, their counterparts at Southbank may. Everybody else is
sent to sign in, or gets a page not found, and nothing is written. A route that is not in the table fails, and so does
one without an access rule.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import TextClause, func, select, text, update

from tests import factories
from tests.factories import World
from tests.proof.proof_size import FULL_SIZE, record_figures
from tests.sample_objects import Staff, make_sample_objects
from tracker import clock
from tracker.accounts import sessions
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Allocation, Base, Event, Grant, Person, UserSession
from tracker.vocabulary import Role
from tracker.web.route_rules import find_route_rule

pytestmark = pytest.mark.one_database

Browser = Callable[[Person], FlaskClient]
Prepare = Callable[[str, Callable[[], Any]], Any]

NOBODY: frozenset[str] = frozenset()
ALICE, BOB, CAROL, DAN = frozenset({"alice"}), frozenset({"bob"}), frozenset({"carol"}), frozenset({"dan"})
VISITOR = frozenset({"eve"})
READERS = ALICE | BOB | CAROL | DAN | VISITOR
CANDIDATES, ASSESSORS = ALICE | {"anna", "frank"}, BOB | {"grace", "bart", "vera"}
VERIFIERS, VISITORS = CAROL | {"carla", "vera", "ivan"}, VISITOR | {"eric", "olga"}
ADMINISTRATORS = DAN | {"heidi"}
BANK_WRITERS = DAN | BOB | {"bart", "vera"}
EVERYBODY_SIGNED_IN = CANDIDATES | ASSESSORS | VERIFIERS | VISITORS | ADMINISTRATORS
ANYBODY = EVERYBODY_SIGNED_IN | {"nobody", "gone"}
TWINS = {"alice": "frank", "bob": "grace", "carol": "ivan", "dan": "heidi", "eve": "olga"}
"""The counterpart at Southbank, in role and towards Frank, of each person at Northgate, and the other way round."""
TWINS |= {twin: name for name, twin in TWINS.items()}

TABLE: dict[str, frozenset[str]] = {
    # anybody
    "doctor.show_health": ANYBODY,
    "doctor.show_readiness": ANYBODY,
    "accounts.sign_in": ANYBODY,
    "accounts.sign_out": ANYBODY,
    "accounts.forgotten_password": ANYBODY,
    "accounts.request_browser_link": ANYBODY,
    "accounts.confirm_new_browser": NOBODY,  # no such token exists
    "recording_forms.verify_form": ANYBODY,
    "recording_forms.verify_file": ANYBODY,
    "accounts.follow_link": NOBODY,  # no such token exists
    "accounts.cancel_by_link": NOBODY,  # no such token exists
    "records.testify": NOBODY,  # no such token exists
    "accounts.outbox": NOBODY,  # in demo mode only
    "metrics.show_metrics": NOBODY,  # by token or network only, and none is configured
    # anybody signed in
    "home.home": EVERYBODY_SIGNED_IN,
    "accounts.my_account": EVERYBODY_SIGNED_IN,
    "accounts.list_own_signatures": EVERYBODY_SIGNED_IN,
    "accounts.list_own_sign_ins": EVERYBODY_SIGNED_IN,
    "accounts.list_unsaved_texts": EVERYBODY_SIGNED_IN,
    "accounts.delete_unsaved_text": NOBODY,  # no such text exists
    "accounts.send_confirmation_link": EVERYBODY_SIGNED_IN,
    "accounts.confirm_own_address": NOBODY,  # no such token exists
    "accounts.cancel_own_account_change": NOBODY,  # it belongs to the invited person, who has not signed in
    "accounts.get_csrf_token": EVERYBODY_SIGNED_IN,
    "accounts.confirm_sign_in": EVERYBODY_SIGNED_IN,  # they have proved it and are redirected
    "accounts.get_passkey_options": EVERYBODY_SIGNED_IN,
    "accounts.use_recovery_code": EVERYBODY_SIGNED_IN,
    "accounts.set_up_two_step_verification": EVERYBODY_SIGNED_IN,
    "accounts.set_up_app": EVERYBODY_SIGNED_IN,
    "accounts.set_up_passkey": EVERYBODY_SIGNED_IN,
    "accounts.get_new_passkey_options": EVERYBODY_SIGNED_IN,
    "accounts.make_recovery_codes": EVERYBODY_SIGNED_IN,
    "accounts.confirm_recovery_codes": EVERYBODY_SIGNED_IN,
    "accounts.remove_second_factor": ALICE,  # it belongs to her
    "privacy.show_own_access_log": CANDIDATES,
    "privacy.show_access_log": DAN,
    "privacy.list_retention": DAN,
    "privacy.change_retention_hold": DAN,
    "privacy.erase_portfolio": DAN,
    "privacy.show_own_data": EVERYBODY_SIGNED_IN,
    "privacy.download_own_data": EVERYBODY_SIGNED_IN,
    "accounts.choose_role": ALICE,  # the grant in the form is hers
    "accounts.end_own_session": NOBODY,  # no such session exists
    "library.list_units": EVERYBODY_SIGNED_IN,
    "library.show_unit": EVERYBODY_SIGNED_IN,
    "library.compare_versions": EVERYBODY_SIGNED_IN,
    "recording_forms.blank_form": EVERYBODY_SIGNED_IN,
    "library.list_guidance": EVERYBODY_SIGNED_IN,
    "library.list_qualifications": EVERYBODY_SIGNED_IN,
    "library.show_qualification": EVERYBODY_SIGNED_IN,
    "library.show_guidance": EVERYBODY_SIGNED_IN,
    # a draft of a unit at Northgate: its administrator corrects it, its assessors read it
    "library.show_draft": DAN | BOB | {"bart", "vera"},
    "recording_forms.draft_form": DAN | BOB | {"bart", "vera"},
    "integrity.show_integrity": ADMINISTRATORS,
    "library.choose_centre": ADMINISTRATORS,
    "library.correct_unit": ADMINISTRATORS,  # they read that the unit belongs to the installation
    "library.add_unit": DAN,
    "library.read_unit": DAN,
    "library.review_draft": DAN,
    "library.download_source": DAN,
    "library.change_criterion": DAN,
    "library.add_criterion": DAN,
    "library.change_requirement": DAN,
    "library.change_section": DAN,
    "library.resolve_doubt": DAN,
    "library.use_passage": DAN,
    "library.restart_draft": DAN,
    "library.share_draft": DAN,
    "library.discard_draft": DAN,
    "library.confirm_publishing": DAN,
    "library.publish_unit": DAN,
    "library.choose_import": DAN,
    "library.preview_import": DAN,
    "library.show_import": DAN,
    "job_runs.list_own_jobs": EVERYBODY_SIGNED_IN,
    "job_runs.show_job": DAN,
    "job_runs.get_job_progress": DAN,
    "job_runs.download_result": NOBODY,  # the job has made no file
    "job_runs.cancel_job": DAN,
    "job_runs.retry_job": DAN,
    "recording_forms.choose_cohort": DAN,
    "recording_forms.print_cohort": DAN,
    "library.start_import": DAN,
    "library.resume_import": DAN,
    "library.cancel_import": DAN,
    "library.choose_export": DAN,
    "library.export_units": DAN,
    "library.write_qualification": DAN,
    "library.publish_qualification": DAN,
    "registrations.choose_qualification": DAN,
    "registrations.change_registration": DAN,
    "library.add_guidance": DAN,
    "library.edit_guidance": NOBODY,  # the page belongs to the installation
    "library.attach_guidance": DAN,
    "library.detach_guidance": DAN,
    # who may read the attempt
    "portfolio.show_attempt": READERS,
    "portfolio.show_past_version": READERS,
    "recording_forms.show_form": READERS,
    "recording_forms.print_form": READERS,
    "recording_forms.issued_form": NOBODY,  # no such form exists
    "recording_forms.issue_form": BOB | CAROL | DAN,
    "portfolio.show_attempt_evidence": READERS - DAN,
    "portfolio.download_sealed": READERS - DAN,
    "portfolio.print_blank_sheet": READERS,
    "portfolio.print_evidence": READERS - DAN,
    "portfolio.print_feedback": READERS - DAN,
    "portfolio.show_registration": ALICE | DAN,
    "portfolio.show_index": READERS,
    "portfolio.print_index": READERS,
    # candidates: their own pages, and for Alice her objects
    "portfolio.add_evidence": CANDIDATES,
    "portfolio.autosave_new": CANDIDATES,
    "portfolio.index_of_evidence": CANDIDATES,
    "portfolio.print_own_index": ALICE | {"frank"},  # Anna is registered for nothing
    "portfolio.edit_evidence": ALICE,
    "portfolio.answer_feedback": ALICE,
    "portfolio.autosave_draft": ALICE,
    "portfolio.mark_remarks_read": ALICE,
    "portfolio.answer_remark": ALICE,
    "portfolio.show_evidence": ALICE,
    "portfolio.show_version": ALICE,
    "portfolio.print_own_evidence": ALICE,
    "portfolio.print_own_feedback": ALICE,
    "portfolio.submit": ALICE,
    "portfolio.withdraw_evidence": ALICE,
    "portfolio.discard_evidence": ALICE,
    "portfolio.upload_file": ALICE,
    "portfolio.remove_own": ALICE,
    "portfolio.move_own": ALICE,
    "portfolio.download_own": ALICE,
    "portfolio.choose_criteria": ALICE,
    "portfolio.save_criteria": ALICE,
    "portfolio.tick_criterion": ALICE,
    "portfolio.tick_cell": ALICE,
    "portfolio.save_matrix": ALICE,
    "assessment.confirm_unit": ALICE,
    "assessment.confirm": ALICE,
    "assessment.dispute": ALICE,
    # assessors: their own queue, and Alice's attempt for whom it is allocated to
    "assessment.queue": ASSESSORS,
    "assessment.list_candidates": ASSESSORS,
    "assessment.assess": BOB,
    "assessment.finish_assessment": BOB,
    "assessment.save_assessment": BOB,
    "assessment.undo_assessment": BOB,
    "assessment.settle_remark_on_page": BOB,
    "assessment.sign_unit": BOB,
    "assessment.sign": BOB,
    "assessment.save_signing": BOB,
    "assessment.retract": BOB,
    # Bob is asked to countersign in Alice's unit
    "assessment.list_to_countersign": ASSESSORS,
    "assessment.countersign": BOB,
    "assessment.agree": BOB,
    "assessment.disagree": BOB,
    "assessment.take_back": BOB,
    "assessment.countersign_unit": NOBODY,  # no sign-off waits
    "assessment.sign_countersignature": NOBODY,
    "assessment.list_countersigners": DAN,
    "assessment.change_countersigning": DAN,
    "assessment.name_countersigner": DAN,
    "assessment.end_countersigner": DAN,
    "assessment.answer_action_point": BOB,
    # records of assessment: the author writes, the candidate answers, an internal verifier decides an objection
    "records.start": BOB,
    "records.print_blank": BOB,
    "records.choose_questions": BOB,
    "records.write": BOB,
    "records.autosave": BOB,
    "records.finish": BOB,
    "records.withdraw": BOB,
    "records.upload_file": BOB,
    "records.remove_draft_file": BOB,
    "records.move_draft_file": BOB,
    "records.download_draft_file": BOB,
    "records.start_recording_upload": BOB,
    "records.receive_part": BOB,
    "records.finish_recording_upload": BOB,
    "records.stop_recording_upload": BOB,
    "records.show_record": READERS - DAN,
    "records.print_record": READERS - DAN,
    "records.download_file": READERS - DAN,
    "records.acknowledge": ALICE,
    "records.decide": CAROL,
    # the question bank: read by staff of the centre, kept by its assessors and administrators
    # set questions: the assessor sets them and takes them back, the candidate answers, whoever reads evidence prints
    "records.set_for_candidate": BOB,
    "records.show_set": BOB,
    "records.print_set": READERS - DAN,
    "records.answer_questions": ALICE,
    "records.autosave_answers": ALICE,
    "records.list_own_questions": ADMINISTRATORS | ASSESSORS | VERIFIERS,
    "records.list_questions": BANK_WRITERS | CAROL | {"carla", "vera"},
    "records.show_question": BANK_WRITERS | CAROL | {"carla", "vera"},
    "records.add_question": BANK_WRITERS,
    "records.change_question": BANK_WRITERS,
    "records.retire_question": BANK_WRITERS,
    "records.show_testimonies": ALICE | BOB,
    "records.print_blank_testimony": ALICE | BOB,
    "records.ask_witness": ALICE | BOB,
    "records.withdraw_testimony": ALICE | BOB,
    "records.answer_testimony": BOB,
    # internal verifiers
    "verification.list_verifications": VERIFIERS,
    "verification.list_action_points": VERIFIERS,
    "verification.verify_unit": CAROL,
    "verification.sample_unit": CAROL,
    "verification.sign_as_sampled": CAROL,
    "verification.release_unsampled": CAROL,
    "verification.return_unit": CAROL,
    "verification.reopen_unit": CAROL,
    "verification.close_action_point": CAROL,
    "verification.ask_again": CAROL,
    "verification.sign_unit": CAROL,
    "verification.show_requirements": CAROL,
    "verification.show_form": CAROL,
    "verification.show_history": CAROL,
    "verification.show_action_points": CAROL,
    "verification.list_coverage": VERIFIERS,
    "verification.list_method_coverage": VERIFIERS,
    "verification.list_other_units": VERIFIERS,
    # external verifiers
    "verification.show_visit": VISITORS,
    "verification.visit_unit": VISITOR,
    "verification.mark_unit_seen": VISITOR,
    # administrators
    "accounts.list_people": ADMINISTRATORS,
    "registrations.list_registrations": ADMINISTRATORS,
    "library.list_evidence_rules": DAN,
    "library.add_evidence_rule": DAN,
    "library.change_evidence_rule": DAN,
    "library.end_evidence_rule": DAN,
    "library.list_links": DAN,
    "library.decide_link": DAN,
    "assessment.move_attempt": DAN,
    "assessment.move": DAN,
    "assessment.move_attempts": DAN,
    "assessment.move_all": DAN,
    "accounts.list_centre_people": DAN,
    "accounts.invite": DAN,
    "accounts.show_person": DAN,
    "accounts.end_role": DAN,
    "accounts.end_roles": DAN,
    "accounts.reset_password": DAN,
    "accounts.end_sessions": DAN,
    "accounts.change_name": DAN,
    "accounts.change_email": DAN,
    "accounts.reset_two_step_verification": DAN,
    "accounts.approve_account_change": DAN,
    "accounts.cancel_account_change": DAN,
    "accounts.invite_again": DAN,
    "accounts.make_invitation_links": DAN,
    "registrations.list_centre_registrations": DAN,
    "registrations.register_candidate": DAN,
    "registrations.add_unit": DAN,
    "registrations.withdraw_candidate": DAN,
    "registrations.allocate": DAN,
    "registrations.void_attempt": DAN,
    "registrations.list_allocations": DAN,
    "registrations.change_allocations": DAN,
    "registrations.import_csv": DAN,
    "registrations.download_import_example": DAN,
    "registrations.list_visits": DAN,
    "registrations.find_people": DAN,
    # the staff register: administrators and internal verifiers of the centre read it, Bob reads and writes in his own
    "staff.list_own_staff": ADMINISTRATORS | VERIFIERS,
    "staff.list_staff": DAN | CAROL | {"carla", "vera"},
    "staff.show_staff_record": DAN | BOB | CAROL | {"carla", "vera"},
    "staff.list_cpd": DAN | BOB | CAROL | {"carla", "vera"},
    "staff.print_staff_record": DAN | BOB | CAROL | {"carla", "vera"},
    "staff.print_blank_record": ADMINISTRATORS | ASSESSORS | VERIFIERS,
    "staff.record_award": DAN,
    "staff.confirm_award": DAN,
    "staff.remove_award": DAN,
    "staff.record_competence": DAN,
    "staff.remove_competence": DAN,
    "staff.answer_interest": DAN,
    "staff.record_cpd": BOB,
    "staff.remove_cpd": BOB,
    "staff.declare_interest": BOB,
    "staff.end_interest": BOB,
    "privacy.erase_staff_record": DAN,
    # the witness list: the staff of the centre read it, assessors add to it
    "witness_list.list_own_witnesses": ADMINISTRATORS | ASSESSORS | VERIFIERS,
    "witness_list.list_witnesses": DAN | BOB | CAROL | {"bart", "carla", "vera"},
    "witness_list.list_witness": DAN | BOB | {"bart", "vera"},
    "witness_list.remove_witness": DAN,
    "witness_list.print_witness_list": DAN | BOB | CAROL | {"bart", "carla", "vera"},
    "witness_list.print_blank_witness_list": ADMINISTRATORS | ASSESSORS | VERIFIERS,
    "privacy.erase_listed_witness": DAN,
    "accounts.centre_settings": DAN,
    "accounts.settings": ADMINISTRATORS,
    "registrations.end_visit": DAN,
}
UNRULED = {"static"}
NEVER_COUNTED = {"user_session", "known_browser", "counted_attempt", "sign_in"}
REFUSED_INPUT = {400, 409, 413, 422}
"""Statuses for a person who may act, where the body of the request is empty."""


def list_allowed(app: Flask, endpoint: str, whose: str) -> frozenset[str]:
    """Return who may use a route on the objects of `whose`; a route without arguments, or for everybody, is the same for both."""
    names = TABLE[endpoint]
    is_about_a_candidate = any(rule.arguments for rule in app.url_map.iter_rules(endpoint))
    if whose == "alice" or not is_about_a_candidate or names >= EVERYBODY_SIGNED_IN:
        return names
    return frozenset(TWINS[name] for name in names if name in TWINS)


class SampleRequests:
    """People of every kind, and the addresses and bodies of requests for objects of Alice or Frank."""

    def __init__(self, app: Flask, world: World, prepare: Prepare, whose: str = "alice") -> None:
        self.app, self.world = app, world
        made = prepare(f"the sample objects of {whose}", lambda: self._fill_database(whose))
        self.people = {name: db.session.get_one(Person, key) for name, key in made["people"].items()}
        self.ids: dict[str, Any] = made["objects"]
        self.tokens: dict[str, str] = made["tokens"]
        with transaction():  # the sessions were started when the first test of this process filled the database
            db.session.execute(update(UserSession).values(last_seen_at=clock.now()))

    def open_browsers(self) -> dict[str, FlaskClient]:
        """Return the browser of each person, signed in with the second factor proven, and of nobody."""
        browsers = {name: self.app.test_client() for name in (*self.tokens, "nobody")}
        for name, token in self.tokens.items():
            browsers[name].set_cookie(sessions.COOKIE_NAME, token)
        return browsers

    def _fill_database(self, whose: str) -> dict[str, dict[str, Any]]:
        """Make people and objects; return their ids."""
        world = self.world
        with transaction():
            people = {
                name: getattr(world, name)
                for name in ("alice", "bob", "carol", "dan", "eve", "frank", "grace", "heidi")
            }
            for name, full, role in (
                ("anna", "Anna Another", Role.CANDIDATE),
                ("bart", "Bart Unallocated", Role.ASSESSOR),
                ("carla", "Carla Unallocated", Role.INTERNAL_VERIFIER),
                ("eric", "Eric Outside", Role.EXTERNAL_VERIFIER),
                ("vera", "Vera Both", Role.ASSESSOR),
                ("gone", "Gone Away", Role.ADMINISTRATOR),
                ("ivan", "Ivan Verifier", Role.INTERNAL_VERIFIER),
                ("olga", "Olga Visitor", Role.EXTERNAL_VERIFIER),
            ):
                centre = world.southbank if name in TWINS else world.northgate
                people[name] = factories.make_person(full, centre, role)
            people["gone"].deactivated_at = clock.now()
            self._make_former_assessor(people["vera"])
            objects = self._make_objects_of_alice() if whose == "alice" else self._make_objects_of_frank(people)
            tokens = {
                name: sessions.start_session(person, "127.0.0.1", "Chrome on Windows", proven=True)
                for name, person in people.items()
            }
        ids = {name: person.id for name, person in people.items()}
        return {"people": ids, "objects": objects, "tokens": tokens}

    def _make_objects_of_alice(self) -> dict[str, Any]:
        world = self.world
        invited = factories.make_person("Ivy Invited", world.northgate, Role.CANDIDATE)
        return make_sample_objects(world.cfacc15, Staff(world.bob, world.carol, world.dan, world.eve), invited)

    def _make_objects_of_frank(self, people: dict[str, Person]) -> dict[str, Any]:
        world, ivan = self.world, people["ivan"]
        invited = factories.make_person("Ivy Invited", world.southbank, Role.CANDIDATE)
        factories.allocate(world.franks_attempt, ivan, Role.INTERNAL_VERIFIER, world.heidi)
        staff = Staff(world.grace, ivan, world.heidi, people["olga"])
        return make_sample_objects(world.franks_attempt, staff, invited)

    def _make_former_assessor(self, vera: Person) -> None:
        """Make Vera an internal verifier who assessed the attempt before Bob."""
        factories.grant(vera, self.world.northgate, Role.INTERNAL_VERIFIER)
        allocation = Allocation(
            attempt_id=self.world.cfacc15.id, person_id=vera.id, role=Role.ASSESSOR, starts_at=factories.LONG_AGO,
            ends_at=factories.days_ago(9), reason="First allocation", allocated_by_id=self.world.dan.id,
        )  # fmt: skip
        factories.add_and_flush(allocation)

    def address(self, endpoint: str, method: str) -> str:
        """Return the address of a route with the ids of the sample objects."""
        names = {name for rule in self.app.url_map.iter_rules(endpoint) for name in rule.arguments}
        with self.app.test_request_context():
            return self.app.url_map.bind("localhost").build(
                endpoint, {name: self.ids[name] for name in names}, method
            )

    def body(self, endpoint: str) -> dict[str, Any]:
        """Return the fields without which a route answers that the page is not found."""
        grant = db.session.scalar(select(Grant.id).where(Grant.person_id == self.world.alice.id))
        unit = factories.unit("DELIVERCC").id
        return {"accounts.choose_role": {"grant": grant}, "registrations.add_unit": {"unit": unit}}.get(endpoint, {})  # type: ignore[return-value]  # a body for these two only


@cache
def write_counting() -> TextClause:
    """Return the statement that counts the rows of every table but those of sessions: one, since it is sent often."""
    tables = [table.name for table in Base.metadata.sorted_tables if table.name not in NEVER_COUNTED]
    return text(
        " UNION ALL ".join(f"SELECT '{table}' AS name, count(*) AS number FROM \"{table}\"" for table in tables)
    )


def count_rows_and_events() -> tuple[dict[str, int], int]:
    """Return the number of rows in every table but those of sessions, and the length of the ledger."""
    db.session.rollback()
    counts = {each.name: each.number for each in db.session.execute(write_counting())}
    return counts, db.session.scalar(select(func.max(Event.seq))) or 0


def list_methods(app: Flask) -> dict[str, list[tuple[str, str]]]:
    """Return each endpoint with its methods."""
    methods: dict[str, list[tuple[str, str]]] = {}
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "PATCH", "DELETE"}):
            methods.setdefault(rule.endpoint, []).append((method, rule.endpoint))
    return methods


def test_every_route_is_in_the_table_and_has_a_rule(app: Flask) -> None:
    app.load_views()  # type: ignore[attr-defined]  # the app is a Tracker
    routed = set(app.view_functions) - UNRULED
    assert routed == set(TABLE)
    assert not [endpoint for endpoint in routed if find_route_rule(app, endpoint) is None]


def test_a_route_without_a_rule_is_refused_to_everybody(
    app: Flask, world: World, client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.load_views()  # type: ignore[attr-defined]  # the app is a Tracker
    monkeypatch.setitem(app.view_functions, "library.list_units", lambda: "no rule stopped this")
    for browser in (app.test_client(), client(world.alice), client(world.dan)):
        assert browser.get("/units").status_code == 404


@pytest.mark.parametrize("whose", ["alice", "frank"] if FULL_SIZE else ["alice"])
@pytest.mark.parametrize("endpoint", sorted(TABLE))
def test_a_route_is_open_to_the_people_in_the_table_only(
    endpoint: str, whose: str, app: Flask, world: World, prepare: Prepare
) -> None:
    sample, allowed = SampleRequests(app, world, prepare, whose), list_allowed(app, endpoint, whose)
    browsers = sample.open_browsers()
    assert set(browsers) == ANYBODY
    body = sample.body(endpoint)
    for method, _ in list_methods(app)[endpoint]:
        address = sample.address(endpoint, method)
        before = count_rows_and_events()
        record_figures(answers=len(ANYBODY))
        for name in sorted(ANYBODY - allowed):
            answer = browsers[name].open(address, method=method, data=body)
            details = (name, method, address, answer.status_code)
            if answer.status_code in {302, 303}:
                assert name in {"nobody", "gone"}, details
                assert answer.location.startswith("/sign-in"), details
            else:
                assert answer.status_code in {403, 404, 409}, details
            assert b"Complaint" not in answer.data, details
            answer.close()
        assert count_rows_and_events() == before, f"{method} {address} wrote for somebody it refused"
        for name in sorted(allowed):
            if endpoint == "accounts.sign_out":
                continue
            answer = browsers[name].open(address, method=method, data=body)
            details = (name, method, address, answer.status_code, answer.data[:300])  # type: ignore[assignment]  # longer than the one above
            answer.close()
            assert answer.status_code < 400 or answer.status_code in REFUSED_INPUT, details
            assert not (
                answer.status_code in {302, 303} and answer.location.startswith("/sign-in") and name != "nobody"
            ), details
