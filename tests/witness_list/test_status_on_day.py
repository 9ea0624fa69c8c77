"""The status that the witness list gives a testimony. docs/rules.md, Witness list, rules 3 to 5."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.accounts.conftest import emails_to, mail_server  # noqa: F401 - fixtures
from tests.factories import World
from tests.records.testimonies import ask, authenticate, sign, sign_in_person
from tests.witness_list.entries import put_on_list
from tracker import clock
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.matrix.testimony_notes import ASKED_BY_MYSELF, IN_PERSON, SAME_ASSESSOR, find_testimony_notes
from tracker.models import Evidence, ListedWitness
from tracker.portfolio.queries.index import list_submitted_index
from tracker.portfolio.queries.warnings import list_draft_warnings
from tracker.recording_forms.annex_queries import build_annex
from tracker.vocabulary import ListedStatus, Method, Role
from tracker.web.text_direction import remove_direction_controls
from tracker.witness_list.services.listing import remove_witness
from tracker.witness_list.status_on_day import find_entry

Browser = Callable[..., FlaskClient]
Inbox = Callable[[Any], list[str]]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SAW_ON = date(2026, 11, 18)


@pytest.fixture
def inbox(emails_to: Inbox) -> Inbox:  # noqa: F811 - the fixture
    return emails_to


@dataclass
class Entry:
    """An entry of a list, without a database: an expert since 1 November, listed by person 4."""

    status: ListedStatus = ListedStatus.EXPERT
    starts_on: date = date(2026, 11, 1)
    ends_on: date | None = None
    recorded_at: datetime = NOON - timedelta(days=15)
    removed_at: datetime | None = None
    recorded_by_id: int = 4
    id: int = 1


@pytest.mark.parametrize(
    ("entry", "counts"),
    [
        (Entry(), True),
        (Entry(starts_on=SAW_ON, ends_on=SAW_ON), True),
        (Entry(starts_on=SAW_ON + timedelta(days=1)), False),
        (Entry(ends_on=SAW_ON - timedelta(days=1)), False),
        (Entry(recorded_at=NOON), True),
        (Entry(recorded_at=NOON + timedelta(seconds=1)), False),
        (Entry(removed_at=NOON + timedelta(seconds=1)), True),
        (Entry(removed_at=NOON), False),
        (Entry(recorded_by_id=7), False),
    ],
)
def test_an_entry_counts_that_was_on_the_list_and_held_on_the_day(entry: Any, counts: bool) -> None:
    """Person 7 authenticates a testimony of what was seen on 18 November, signed on the 20th."""
    assert (find_entry([entry], SAW_ON, NOON, 7) is entry) is counts


def test_the_highest_status_counts() -> None:
    entries: list[Any] = [
        Entry(ListedStatus.OTHER),
        Entry(ListedStatus.EXPERT, id=2),
        Entry(ListedStatus.FAMILIAR, id=3),
    ]
    found = find_entry(entries, SAW_ON, NOON, 7)
    assert found
    assert found.id == 2


class TestTestimonies:
    def test_a_listed_expert_s_testimony_is_that_of_an_expert_witness(
        self, world: World, client: Browser, inbox: Inbox
    ) -> None:
        put_on_list(world)
        testimony = sign(ask(world.cfacc15, world.alice), inbox)
        answering = client(world.bob).get(f"/attempts/{world.cfacc15.id}/testimonies/{testimony.id}").text
        assert "Expert witness, from" in remove_direction_controls(answering)
        version = authenticate(testimony, world.bob)
        assert version.method is Method.EXPERT_WITNESS
        assert version.witness_status == "on the centre’s witness list: expert witness"
        for person, page in (
            (world.alice, f"/records/{version.evidence_id}"),
            (world.bob, f"/attempts/{world.cfacc15.id}/evidence/{version.evidence_id}/assess"),
            (world.carol, f"/attempts/{world.cfacc15.id}/evidence/{version.evidence_id}"),
        ):
            assert "on the centre’s witness list: expert witness" in client(person).get(page).text
        (record,) = build_annex(world.cfacc15, None, None).records
        assert "On the centre’s witness list: expert witness." in remove_direction_controls(record.line)

    @pytest.mark.parametrize(
        "fields",
        [
            {"starts_on": clock.today() - timedelta(days=2)},
            {"ends_on": clock.today() - timedelta(days=4)},
            {"email": "other@corvell.example"},
        ],
    )
    def test_a_testimony_is_of_no_expert_without_the_status_on_the_day(
        self, world: World, inbox: Inbox, fields: dict[str, Any]
    ) -> None:
        """Margaret saw it three days ago."""
        put_on_list(world, **fields)
        version = authenticate(sign(ask(world.cfacc15, world.alice), inbox), world.bob)
        assert (version.method, version.witness_status) == (Method.WITNESS_TESTIMONY, "")

    def test_who_is_listed_after_the_signature_is_no_expert_in_it(self, world: World, inbox: Inbox) -> None:
        testimony = sign(ask(world.cfacc15, world.alice), inbox)
        put_on_list(world)
        assert authenticate(testimony, world.bob).method is Method.WITNESS_TESTIMONY

    def test_a_removal_after_the_signature_changes_nothing(self, world: World, inbox: Inbox) -> None:
        entry = put_on_list(world)
        testimony = sign(ask(world.cfacc15, world.alice), inbox)
        with transaction():
            remove_witness(db.session.get_one(ListedWitness, entry.id), "Left.", factories.make_actor(world.dan))
        assert authenticate(testimony, world.bob).method is Method.EXPERT_WITNESS

    def test_another_status_is_shown_and_the_method_stays(self, world: World, inbox: Inbox) -> None:
        put_on_list(world, ListedStatus.FAMILIAR)
        version = authenticate(sign(ask(world.cfacc15, world.alice), inbox), world.bob)
        assert version.method is Method.WITNESS_TESTIMONY
        assert version.witness_status == "on the centre’s witness list: familiar with the standards"

    @pytest.mark.usefixtures("inbox")
    def test_what_is_signed_in_person_has_no_status_and_says_so(self, world: World, client: Browser) -> None:
        put_on_list(world)
        version = authenticate(
            sign_in_person(world.cfacc15, world.alice, contact="m.ellis@corvell.example"), world.bob
        )
        assert (version.method, version.witness_status) == (Method.WITNESS_TESTIMONY, "")
        assert find_testimony_notes(version) == [IN_PERSON]
        (record,) = build_annex(world.cfacc15, None, None).records
        assert "Signed in person, address not confirmed." in remove_direction_controls(record.line)
        (line,) = list_submitted_index(world.alice.id, world.northgate.id)
        assert line.written_by == f"authenticated by the assessor; {IN_PERSON}"
        assert IN_PERSON.capitalize() in client(world.carol).get(f"/records/{version.evidence_id}").text
        assert IN_PERSON in client(world.alice).get("/evidence?format=csv").text


class TestOneAssessor:
    """docs/rules.md, Witness testimonies, rule 20."""

    def test_who_asked_and_authenticates_declares_it_and_every_reader_is_told(
        self, world: World, client: Browser, inbox: Inbox
    ) -> None:
        testimony = sign(ask(world.cfacc15, world.bob), inbox)
        page = client(world.bob).get(f"/attempts/{world.cfacc15.id}/testimonies/{testimony.id}").text
        assert ASKED_BY_MYSELF in page
        version = authenticate(testimony, world.bob)
        assert version.submission.declaration.endswith(ASKED_BY_MYSELF)
        assert find_testimony_notes(version) == [SAME_ASSESSOR]
        shown = client(world.carol).get(f"/attempts/{world.cfacc15.id}/evidence/{version.evidence_id}").text
        assert SAME_ASSESSOR.capitalize() in shown
        (record,) = build_annex(world.cfacc15, None, None).records
        assert "Asked for and authenticated by the same assessor." in remove_direction_controls(record.line)
        (line,) = list_submitted_index(world.alice.id, world.northgate.id)
        assert SAME_ASSESSOR in line.written_by

    def test_a_witness_whom_somebody_else_listed_lifts_it(self, world: World, inbox: Inbox) -> None:
        put_on_list(world, ListedStatus.OTHER)
        assert find_testimony_notes(authenticate(sign(ask(world.cfacc15, world.bob), inbox), world.bob)) == []

    def test_a_witness_whom_the_assessor_listed_themselves_does_not(self, world: World, inbox: Inbox) -> None:
        put_on_list(world, ListedStatus.OTHER, by=world.bob)
        version = authenticate(sign(ask(world.cfacc15, world.bob), inbox), world.bob)
        assert find_testimony_notes(version) == [SAME_ASSESSOR]
        assert version.witness_status == ""

    def test_another_assessor_or_the_candidate_asked(self, world: World, inbox: Inbox) -> None:
        assert find_testimony_notes(authenticate(sign(ask(world.cfacc15, world.alice), inbox), world.bob)) == []
        with transaction():
            asif = factories.make_person("Asif Khan", world.northgate, Role.ASSESSOR)
        asked = ask(world.inscc004, asif, criterion_ids=[factories.criterion(world.inscc004, "1").id])
        assert find_testimony_notes(authenticate(sign(asked, inbox), world.bob)) == []


@pytest.mark.parametrize(
    ("listed", "warns"),
    [
        ({}, False),
        ({"name": "MARGARET  ELLIS"}, False),
        ({"name": "Another Name"}, True),
        ({"starts_on": clock.today()}, True),
        ({"ends_on": clock.today() - timedelta(days=6)}, True),
    ],
)
def test_a_candidate_s_expert_witness_is_compared_with_the_list(
    world: World, listed: dict[str, Any], warns: bool
) -> None:
    """docs/rules.md, Warnings, rule 9: Alice's item is of five days ago."""
    put_on_list(world, **listed)
    with transaction():
        item = factories.make_evidence(world.cfacc15, "Call with a customer")
        item.method, item.happened_from, item.happened_until = (
            Method.EXPERT_WITNESS,
            clock.today() - timedelta(5),
            None,
        )
        item.witness_name, item.witness_relationship, item.witness_status = "Margaret Ellis", "Manager", "14 years"
    assert [each.rule for each in list_draft_warnings(item) if each.rule == 9] == ([9] if warns else [])
    with transaction():
        db.session.get_one(Evidence, item.id).method = Method.WITNESS_TESTIMONY
    assert not any(each.rule == 9 for each in list_draft_warnings(item))
