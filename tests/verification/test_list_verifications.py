"""The internal verifier's home: units to verify, open action points, and the coverage."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.verification import steps
from tracker import clock
from tracker.ledger.transactions import transaction
from tracker.models import ActionPoint, Person, UnitAttempt
from tracker.verification.queries import allocated as queries
from tracker.verification.queries.action_points import ACTION_POINTS
from tracker.verification.queries.coverage import list_coverage, list_method_coverage
from tracker.vocabulary import AttemptState, Method, Role
from tracker.web.lists import Column, ListQuery, read_list_query

Browser = Callable[[Person], FlaskClient]


def test_confirmed_units_are_listed_to_verify_and_others_as_allocated(confirmed: World, client: Browser) -> None:
    carol = client(confirmed.carol)
    page = carol.get("/verification").text
    assert page.index("Units to verify") < page.index("CFACC15")
    assert "not sampled" in page
    assert "1 other unit allocated to you" in page
    other_units = carol.get("/verification/other-units").text
    assert "INSCC004" in other_units
    assert "CFACC15" not in other_units


def test_units_to_verify_are_listed_however_many_verified_ones_there_are(confirmed: World) -> None:
    """The list was cut at 500 rows, and units verified earlier came first."""
    carol = confirmed.carol.id
    for number in range(3):
        make_confirmed_attempt(confirmed, number, AttemptState.VERIFIED)
    for number in range(3, 6):
        make_confirmed_attempt(confirmed, number, AttemptState.CONFIRMED)
    first = queries.list_attempts_to_verify(carol, ListQuery(sort="confirmed", size=2))
    arguments = {"size": "2", **first.next_arguments}
    pages = [
        first,
        queries.list_attempts_to_verify(carol, replace(read_list_query(queries.TO_VERIFY, arguments), size=2)),
    ]
    assert [attempt.state for listed in pages for attempt in listed.rows] == [AttemptState.CONFIRMED] * 4
    assert [(listed.total, listed.has_next) for listed in pages] == [(4, True), (4, False)]
    assert queries.count_attempts_to_verify(carol) == 4
    assert queries.count_other_attempts(carol) == 4  # three verified, and INSCC004 in progress


@pytest.mark.parametrize(
    ("address", "column"),
    [
        *(("/verification", column) for column in queries.TO_VERIFY.sortable_columns),
        *(("/verification/other-units", column) for column in queries.OTHER_UNITS.sortable_columns),
    ],
)
def test_verifiers_units_can_be_sorted_by_every_column_that_says_so(
    confirmed: World, client: Browser, address: str, column: Column
) -> None:
    carol = client(confirmed.carol)
    for sort in (column.name, f"-{column.name}"):
        assert "1–1 of 1" in carol.get(address, query_string={"sort": sort}).text


def test_units_to_verify_are_searched_and_filtered_by_what_was_sampled(confirmed: World, client: Browser) -> None:
    carol = client(confirmed.carol)
    for words in ("alice", "cfacc15", "BOB ARCHER"):
        assert "1–1 of 1" in carol.get("/verification", query_string={"q": words}).text
    assert "No unit matches “zebra”." in carol.get("/verification?q=zebra").text
    assert "1–1 of 1" in carol.get("/verification?sampled=no").text
    assert "No unit matches these filters." in carol.get("/verification?sampled=yes").text
    steps.agree(confirmed, steps.find_live_decision(confirmed.cfacc15, "1"))
    assert "1–1 of 1" in carol.get("/verification?sampled=yes").text


def test_other_units_are_filtered_by_state(confirmed: World, client: Browser) -> None:
    make_confirmed_attempt(confirmed, 1, AttemptState.VERIFIED)
    carol = client(confirmed.carol)
    page = carol.get("/verification/other-units?state=verified").text
    assert "Candidate 1" in page
    assert "Alice Moran" not in page
    both = carol.get("/verification/other-units").text
    assert both.index("Alice Moran") < both.index("Candidate 1"), "in progress before verified"


def test_units_to_verify_are_downloaded_as_csv(confirmed: World, client: Browser) -> None:
    response = client(confirmed.carol).get("/verification?format=csv")
    assert response.mimetype == "text/csv"
    heads, row = response.data.decode("utf-8-sig").splitlines()
    assert heads == "Candidate,Unit,Title,Round,Assessor,Confirmed,Last sampled"
    assert row.startswith("Alice Moran,CFACC15,")
    assert client(confirmed.bob).get("/verification?format=csv").status_code == 404


def test_action_points_that_the_assessor_has_answered_come_first(confirmed: World, client: Browser) -> None:
    with transaction():
        unanswered, answered = (make_action_point(confirmed, action) for action in ("Not answered.", "Answered."))
        answered.response, answered.responded_at = "Done.", clock.now()
    page = client(confirmed.carol).get("/action-points").text
    assert page.index(answered.action) < page.index(unanswered.action)
    assert "1 to close or ask again · 1 waiting for the assessor" in page


def test_what_waits_comes_first_and_other_units_last(world: World, confirmed: World, client: Browser) -> None:
    page = client(confirmed.carol).get("/verification").text
    order = ["<b>1</b> unit to verify", "<h2>Units to verify</h2>", "1 other unit allocated to you"]
    assert [each for each in order if each in page] == order
    assert sorted(order, key=page.index) == order


def test_home_says_first_that_nothing_is_to_verify(world: World, client: Browser) -> None:
    page = client(world.carol).get("/verification").text
    main = page[page.index("</h1>") :]
    order = ["No action points to close and no units to verify.", "2 other units allocated to you"]
    assert sorted(order, key=main.index) == order
    assert "<h2>Units to verify</h2>" not in page


def test_action_points_that_wait_for_the_assessor_are_counted_apart(confirmed: World, client: Browser) -> None:
    with transaction():
        make_action_point(confirmed, "Not answered.")
    carol = client(confirmed.carol)
    page = carol.get("/verification").text
    assert "to close" not in page
    assert re.search(r"1 action point waiting for\s+the assessor", page)
    assert "Not answered." not in page
    with transaction():
        answered = make_action_point(confirmed, "Answered.")
        answered.response, answered.responded_at = "Done.", clock.now()
    page = carol.get("/verification").text
    assert "<b>1</b> action point to close" in page
    assert "Answered." in page


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("", {"Waiting.", "Answered."}),
        ("waiting", {"Waiting."}),
        ("answered", {"Answered."}),
        ("closed", {"Closed."}),
        ("all", {"Waiting.", "Answered.", "Closed."}),
        ("unknown", {"Waiting.", "Answered."}),
    ],
)
def test_action_points_are_filtered_by_state(confirmed: World, client: Browser, state: str, shown: set[str]) -> None:
    with transaction():
        for action in ("Waiting.", "Answered.", "Closed."):
            action_point = make_action_point(confirmed, action)
            if action != "Waiting.":
                action_point.response, action_point.responded_at = "Done.", clock.now()
            if action == "Closed.":
                action_point.closed_at = clock.now()
    page = client(confirmed.carol).get("/action-points", query_string={"state": state}).text
    listed = set(re.findall(r'data-label="Action required">([^<]+)<', page))
    assert listed == shown


@pytest.mark.parametrize("column", ACTION_POINTS.sortable_columns)
def test_action_points_can_be_sorted_by_every_column_that_says_so(
    confirmed: World, client: Browser, column: Column
) -> None:
    with transaction():
        make_action_point(confirmed, "Say which rule was applied.")
    for sort in (column.name, f"-{column.name}"):
        page = client(confirmed.carol).get("/action-points", query_string={"sort": sort, "q": "RULE"}).text
        assert "1–1 of 1" in page


def test_coverage_counts_units_and_decisions_sampled_by_assessor_and_unit(confirmed: World) -> None:
    (row,) = list_coverage(confirmed.carol.id, ListQuery(sort="assessor")).rows
    assert (row.assessor, row.subject, row.units, row.sampled_units) == ("Bob Archer", "CFACC15", 1, 0)
    assert (row.decisions, row.sampled_decisions, row.is_unsampled) == (24, 0, True)
    steps.disagree(confirmed, steps.find_live_decision(confirmed.cfacc15, "1"))
    (row,) = list_coverage(confirmed.carol.id, ListQuery(sort="assessor")).rows
    assert (row.decisions, row.sampled_decisions) == (24, 1), "the disagreement supersedes the sampled decision"
    assert row.units == 0, "it is in progress again"


def test_decision_that_is_sampled_twice_counts_once(confirmed: World) -> None:
    for _ in range(2):
        steps.agree(confirmed, steps.find_live_decision(confirmed.cfacc15, "1"))
    (row,) = list_coverage(confirmed.carol.id, ListQuery(sort="assessor")).rows
    assert (row.decisions, row.sampled_decisions) == (24, 1)


def test_coverage_of_another_verifier_is_not_shown(confirmed: World, client: Browser) -> None:
    assert list_coverage(confirmed.eve.id, ListQuery(sort="assessor")).total == 0
    assert client(confirmed.bob).get("/verification/coverage").status_code == 404
    page = client(confirmed.carol).get("/verification/coverage?format=csv").text
    assert "Bob Archer,CFACC15,1,0,24,0,0%" in page


def test_coverage_counts_the_samples_of_a_period(confirmed: World, client: Browser) -> None:
    """Carol samples late on the last day of September; the days of a period are those of London."""
    with clock.frozen_at(datetime(2030, 9, 30, 23, 30, tzinfo=clock.LONDON)):
        steps.agree(confirmed, steps.find_live_decision(confirmed.cfacc15, "1"))
    carol = client(confirmed.carol)

    def sampled(**period: str) -> tuple[int, int]:
        (row,) = list_coverage(confirmed.carol.id, ListQuery(sort="assessor", chosen=period)).rows
        assert (row.units, row.decisions) == (1, 24), "the period is of the samples, not of the work"
        return row.sampled_units, row.sampled_decisions

    assert sampled() == sampled(**{"from": "2030-09-30", "until": "2030-09-30"}) == (1, 1)
    assert sampled(**{"from": "2030-10-01"}) == sampled(until="2030-09-29") == (0, 0)
    page = " ".join(carol.get("/verification/coverage?from=2030-09-01&until=2030-09-30").text.split())
    assert "Only samples from 1 September 2030 until 30 September 2030 count." in page
    assert 'value="2030-09-01"' in page, "the field keeps the day"
    assert "/verification/coverage/methods?from=2030-09-01&amp;until=2030-09-30" in page
    assert (
        "The first day is after the last day"
        in carol.get("/verification/coverage?from=2030-09-30&until=2030-09-01").text
    )
    assert "Only samples" not in carol.get("/verification/coverage?from=yesterday&until=9999-01-01").text


def test_coverage_by_method_shows_which_methods_were_sampled_of_each_assessor(
    confirmed: World, client: Browser
) -> None:
    with transaction():
        evidence = factories.make_evidence(confirmed.inscc004, "What my manager saw")
        evidence.method = Method.WITNESS_TESTIMONY
        claims, testimony = factories.claim(confirmed.inscc004, evidence, "1", "2"), factories.submit(evidence)
    workflow.accept(confirmed.inscc004, testimony, confirmed.bob, claims)
    steps.agree(confirmed, steps.find_live_decision(confirmed.cfacc15, "1"))
    rows = list_method_coverage(confirmed.carol.id, ListQuery(sort="method")).rows
    assert [(row.assessor, row.subject, row.decisions, row.sampled_decisions) for row in rows] == [
        ("Bob Archer", Method.WITNESS_TESTIMONY.label, 2, 0),
        ("Bob Archer", Method.WORK_PRODUCT.label, 24, 1),
    ]
    page = client(confirmed.carol).get("/verification/coverage/methods?q=testimony").text
    assert "0 of 2: not sampled" in page
    assert Method.WORK_PRODUCT.label not in page.partition("<table")[2]
    assert client(confirmed.bob).get("/verification/coverage/methods").status_code == 404


def make_confirmed_attempt(world: World, number: int, state: AttemptState) -> UnitAttempt:
    with transaction():
        candidate = factories.make_person(f"Candidate {number}", world.northgate, Role.CANDIDATE)
        registration = factories.make_registration(candidate, world.northgate, world.dan)
        attempt = factories.make_attempt(registration, "CFACC15")
        factories.allocate(attempt, world.carol, Role.INTERNAL_VERIFIER, world.dan)
        attempt.state = state
    return attempt


def make_action_point(world: World, action: str) -> ActionPoint:
    return factories.add_and_flush(
        ActionPoint(
            attempt_id=world.cfacc15.id,
            round=world.cfacc15.round,
            raised_by_id=world.carol.id,
            raised_at=clock.now(),
            action=action,
            due_on=clock.today(),
        )
    )


def test_verifiers_pages_take_few_statements(
    confirmed: World, client: Browser, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    carol = client(confirmed.carol)
    carol.get("/verification")
    for path, max_statements in (
        ("/verification", 14),
        ("/verification/other-units", 8),
        ("/action-points", 8),
        ("/verification/coverage?from=2026-09-01", 8),
        ("/verification/coverage/methods", 8),
        (f"/attempts/{confirmed.cfacc15.id}/verify", 20),
    ):
        with count_statements() as statements:
            carol.get(path)
        assert len(statements) <= max_statements, (path, len(statements), statements)


@pytest.mark.parametrize(
    ("name", "path", "label"), [("carol", "/verification", "Verification"), ("eve", "/visit", "Visit")]
)
def test_the_entry_of_the_home_page_is_marked(
    confirmed: World, client: Browser, name: str, path: str, label: str
) -> None:
    page = client(getattr(confirmed, name)).get("/", follow_redirects=True).text
    entry = page.partition('aria-current="page"')[2].partition("</a>")[0]
    assert entry.endswith(f"<span>{label}</span>")
    assert f'href="{path}"' in page
