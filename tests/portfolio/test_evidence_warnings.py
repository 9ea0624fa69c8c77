"""Warnings about evidence: each rule, the reads behind them, and the page for submitting (docs/rules.md, Warnings)."""

import io
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tests.portfolio.conftest import ClientFor
from tracker import clock
from tracker.ledger.transactions import transaction
from tracker.models import Attachment, Evidence, UnitAttempt
from tracker.models.people import EVIDENCE_AGE_MONTHS
from tracker.portfolio.evidence_warnings import (
    ClaimedUnit,
    EvidenceContext,
    FileElsewhere,
    list_evidence_warnings,
    subtract_months,
)
from tracker.portfolio.queries.evidence import list_version_attachments
from tracker.portfolio.queries.warnings import list_draft_warnings, load_version_context
from tracker.portfolio.services.files import attach_file, store_file
from tracker.vocabulary import Method, Role, Simulation


def build_item(**fields: Any) -> Evidence:
    defaults: dict[str, Any] = {
        "method": Method.WORK_PRODUCT,
        "happened_from": date(2026, 10, 5),
        "happened_until": None,
    }
    return Evidence(**defaults | fields)


def build_unit(**fields: Any) -> ClaimedUnit:
    defaults: dict[str, Any] = {
        "code": "CFACC15",
        "simulation": Simulation.FORBIDDEN,
        "registered_on": date(2024, 1, 1),
        "criterion_count": 24,
        "claim_count": 2,
    }
    return ClaimedUnit(**defaults | fields)


def find_rules(item: Evidence, *units: ClaimedUnit, files: tuple[FileElsewhere, ...] = ()) -> list[int]:
    """Return the numbers of the rules that warn about an item submitted on 28 November 2026."""
    context = EvidenceContext(date(2026, 11, 28), 24, units or (build_unit(),), files)
    return [warning.rule for warning in list_evidence_warnings(item, context)]


def test_ordinary_evidence_has_no_warning() -> None:
    assert find_rules(build_item()) == []
    assert find_rules(build_item(happened_from=None, method=None)) == []


@pytest.mark.parametrize(
    ("first", "last", "has_warning"),
    [
        (date(2024, 11, 28), None, False),
        (date(2024, 11, 27), None, True),
        (date(2024, 1, 5), date(2024, 11, 28), False),
    ],
)
def test_evidence_older_than_the_limit_at_submission_is_warned_about(
    first: date, last: date | None, has_warning: bool
) -> None:
    assert (2 in find_rules(build_item(happened_from=first, happened_until=last))) is has_warning


def test_months_are_counted_back_to_the_last_day_of_a_shorter_month() -> None:
    assert subtract_months(date(2026, 3, 31), 1) == date(2026, 2, 28)
    assert subtract_months(date(2026, 1, 15), 24) == date(2024, 1, 15)
    assert subtract_months(date(2026, 1, 15), 1) == date(2025, 12, 15)


def test_evidence_produced_before_registration_suggests_prior_learning() -> None:
    unit, other_unit = build_unit(registered_on=date(2026, 10, 6)), build_unit(code="INSCC004")
    assert find_rules(build_item(), unit, other_unit) == [3]
    assert find_rules(build_item(happened_until=date(2026, 10, 6)), unit) == []
    assert find_rules(build_item(method=Method.PRIOR_LEARNING), unit) == []
    context = EvidenceContext(date(2026, 11, 28), 24, (unit, other_unit))
    (warning,) = list_evidence_warnings(build_item(), context)
    assert warning.text == "It was produced before registration for CFACC15."
    assert warning.advice == "Consider recognition of prior learning."


@pytest.mark.parametrize(
    ("method", "name", "status", "has_warning"),
    [
        (Method.WITNESS_TESTIMONY, None, None, True),
        (Method.WITNESS_TESTIMONY, "D. Shaw", None, False),
        (Method.EXPERT_WITNESS, None, "12 years in contact centres", True),
        (Method.EXPERT_WITNESS, "D. Shaw", None, True),
        (Method.EXPERT_WITNESS, "D. Shaw", "12 years in contact centres", False),
        (Method.OBSERVATION, None, None, False),
    ],
)
def test_testimony_needs_a_named_witness_and_an_expert_a_status(
    method: Method, name: str | None, status: str | None, has_warning: bool
) -> None:
    item = build_item(method=method, witness_name=name, witness_status=status, workplace_seen_by="D. Shaw, manager")
    assert (4 in find_rules(item)) is has_warning


def test_one_item_claimed_for_a_whole_unit_is_warned_about() -> None:
    assert find_rules(build_item(), build_unit(claim_count=24)) == [5]
    assert find_rules(build_item(), build_unit(claim_count=23)) == []
    assert find_rules(build_item(), build_unit(criterion_count=1, claim_count=1)) == []


@pytest.mark.parametrize(
    ("rule", "has_warning"),
    [(Simulation.UNSTATED, True), (Simulation.PER_CRITERION, False), (Simulation.FORBIDDEN, False)],
)
def test_simulation_is_warned_about_where_the_unit_is_silent(rule: Simulation, has_warning: bool) -> None:
    assert (6 in find_rules(build_item(method=Method.SIMULATION), build_unit(simulation=rule))) is has_warning
    assert 6 not in find_rules(build_item(), build_unit(simulation=rule))


def test_file_in_other_evidence_is_named_and_another_candidate_never_is() -> None:
    files = (FileElsewhere("a.txt", 4), FileElsewhere("a.txt", None, is_of_another_candidate=True))
    context = EvidenceContext(date(2026, 11, 28), 24, (build_unit(),), files)
    assert [warning.text for warning in list_evidence_warnings(build_item(), context)] == [
        "The file “a.txt” is also in evidence 4.",
        "The file “a.txt” is also in evidence of another candidate of this centre.",
    ]


# --- the reads -------------------------------------------------------------------------------------------


@pytest.fixture
def make_item(world: World) -> Callable[..., Evidence]:
    """`make_item(attempt, title, content=…)` makes a draft with a file that claims criterion 5."""

    def make(attempt: UnitAttempt, title: str, *, content: bytes = b"The same notes.", submitted: bool) -> Evidence:
        with transaction():
            evidence = factories.make_evidence(attempt, title)
            factories.claim(attempt, evidence, "5")
            attach_file(evidence, store_file(io.BytesIO(content), f"{title}.txt"))
            if submitted:
                seal(evidence)
        return evidence

    return make


def seal(evidence: Evidence) -> None:
    from tracker.models import VersionAttachment

    version = factories.submit(evidence)
    for attachment in evidence.attachments:
        factories.add_and_flush(VersionAttachment(version_id=version.id, attachment_id=attachment.id))


def list_texts(evidence: Evidence) -> list[str]:
    return [warning.text for warning in list_draft_warnings(evidence)]


def test_the_same_file_is_found_in_own_items_and_drafts(world: World, make_item: Callable[..., Evidence]) -> None:
    make_item(world.cfacc15, "first", submitted=True)
    make_item(world.cfacc15, "draft", submitted=False)
    make_item(world.cfacc15, "other content", content=b"Different.", submitted=True)
    second_draft = make_item(world.cfacc15, "again", submitted=False)
    assert sorted(list_texts(second_draft)) == [
        "The file “again.txt” is also in another draft.",
        "The file “again.txt” is also in evidence 1.",
    ]


def test_the_same_file_of_another_candidate_is_found_once_submitted_without_a_name(
    world: World, make_item: Callable[..., Evidence]
) -> None:
    colleague = make_colleague(world)
    other_item = make_item(colleague, "theirs", submitted=False)
    own_item = make_item(world.cfacc15, "own", submitted=False)
    assert list_texts(own_item) == []
    with transaction():
        seal(other_item)
    (text,) = list_texts(own_item)
    assert text == "The file “own.txt” is also in evidence of another candidate of this centre."
    assert colleague.candidate.name not in text


def test_the_same_file_at_another_centre_is_not_warned_about(
    world: World, make_item: Callable[..., Evidence]
) -> None:
    make_item(world.franks_attempt, "elsewhere", submitted=True)
    assert list_texts(make_item(world.cfacc15, "own", submitted=False)) == []


def test_the_assessor_is_not_warned_of_a_file_in_a_draft(world: World, make_item: Callable[..., Evidence]) -> None:
    make_item(world.cfacc15, "draft", submitted=False)
    (version,) = make_item(world.cfacc15, "sent", submitted=True).versions
    files: list[Attachment] = list_version_attachments(version)
    assert load_version_context(version, files, EVIDENCE_AGE_MONTHS, ()).files_elsewhere == ()


def test_only_an_assessor_of_both_items_has_a_link_to_the_other_with_the_same_file(
    world: World, client: ClientFor, make_item: Callable[..., Evidence]
) -> None:
    colleague = make_colleague(world)
    theirs = make_item(colleague, "theirs", submitted=True)
    own = make_item(world.cfacc15, "own", submitted=True)
    bob, address = client(world.bob), f"/attempts/{world.cfacc15.id}/evidence/{own.id}/assess"
    assert "Chloe Colleague" not in bob.get(address).text
    with transaction():
        factories.allocate(colleague, world.bob, Role.ASSESSOR, world.dan)
    page = " ".join(bob.get(address).text.split())
    assert (
        f'<a href="/attempts/{colleague.id}/evidence/{theirs.id}">evidence {theirs.number} of Chloe Colleague</a>.'
        in page
    )


def make_colleague(world: World) -> UnitAttempt:
    """Another candidate of Northgate with an attempt at CFACC15."""
    with transaction():
        person = factories.make_person("Chloe Colleague", world.northgate, factories.Role.CANDIDATE)
        registration = factories.make_registration(person, world.northgate, world.dan)
        return factories.make_attempt(registration, "CFACC15")


# --- the page --------------------------------------------------------------------------------------------


def test_candidate_sees_warnings_before_submission_and_can_submit(alice: FlaskClient, complaint: Evidence) -> None:
    assert "Warning" not in alice.get(f"/evidence/{complaint.id}/submit").text
    with transaction():
        complaint.happened_from = subtract_months(clock.today(), 25)
    page = alice.get(f"/evidence/{complaint.id}/submit").text
    assert "It is more than 24 months old." in page
    assert "Consider recognition of prior learning." in page
    assert alice.post(f"/evidence/{complaint.id}/submit", data={"declared": "y"}).status_code == 303
