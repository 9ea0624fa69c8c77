"""Marks and states of an attempt as pages and the printed form show them, and as they follow from stored rows."""

from typing import Any

import lxml.html
from flask.testing import FlaskClient
from sqlalchemy import and_, select

from tests.recording_forms.cell_by_cell import render_divided_page
from tracker.extensions import db
from tracker.matrix import load_matrix, summarise_attempts
from tracker.models import Assessment, Claim, Criterion, Decision, Evidence, UnitAttempt
from tracker.recording_forms.queries import build_form_content
from tracker.vocabulary import AssessmentOutcome, CriterionState, Outcome

Marks = dict[str, list[str]]
"""The marks of each item, by its reference; a criterion without a mark has an empty text."""


def check_marks_agree(attempt: UnitAttempt, browser: FlaskClient) -> Marks:
    """Compare the matrix, the list, the form on screen and the form on paper. Return their marks.

    `browser` is that of somebody who reads the unit and claims nothing.
    """
    path = f"/attempts/{attempt.id}"
    criteria = list_criteria(attempt)
    expected = list_expected_marks(attempt, criteria)
    states = read_list(browser.get(path).text, criteria)
    on_matrix = read_matrix(browser.get(f"{path}?view=matrix").text)
    on_screen = read_form(browser.get(f"{path}/form").text)
    on_paper = read_form(render_divided_page(build_form_content(attempt)))
    assert on_matrix == expected
    assert on_screen == expected
    assert on_paper == expected
    for place, state in enumerate(states):
        column = [row[place] for row in expected.values()]
        assert ("✓" in column) is (state == CriterionState.MET.label), (criteria[place].label, state, column)
        assert state != CriterionState.NOTHING_YET.label or not any(column)
    progress = summarise_attempts([attempt.id])[attempt.id]
    assert progress.met == states.count(CriterionState.MET.label) == load_matrix(attempt).met
    return expected


def list_criteria(attempt: UnitAttempt) -> list[Criterion]:
    query = select(Criterion).where(Criterion.unit_id == attempt.unit_id, Criterion.assessable)
    return list(db.session.scalars(query.order_by(Criterion.position)))


def list_expected_marks(attempt: UnitAttempt, criteria: list[Criterion]) -> Marks:
    """Return the marks that follow from the stored rows by docs/rules.md, Assessment, rule 15."""
    accepted = set(
        db.session.scalars(
            select(Assessment.evidence_version_id).where(
                Assessment.attempt_id == attempt.id,
                Assessment.released_at.is_not(None),
                Assessment.outcome == AssessmentOutcome.ACCEPTED,
            )
        )
    )
    query = (
        select(Claim.evidence_id, Claim.criterion_id, Decision.outcome, Decision.evidence_version_id)
        .join(Evidence, Evidence.id == Claim.evidence_id)
        .outerjoin(Decision, and_(Decision.claim_id == Claim.id, Decision.superseded_at.is_(None)))
        .where(Claim.attempt_id == attempt.id, Claim.removed_at.is_(None))
        .order_by(Evidence.number)
    )
    rows = {row.evidence_id: row for row in load_matrix(attempt).rows}
    marks: Marks = {}
    for evidence_id, criterion_id, outcome, version_id in db.session.execute(query):
        if evidence_id not in rows:
            continue  # never submitted, so only the candidate sees the claim
        row = marks.setdefault(rows[evidence_id].ref, [""] * len(criteria))
        place = next(place for place, each in enumerate(criteria) if each.id == criterion_id)
        row[place] = _get_expected_mark(
            outcome, is_current=version_id == rows[evidence_id].version_id, is_accepted=version_id in accepted
        )
    return marks


def _get_expected_mark(outcome: Outcome | None, *, is_current: bool, is_accepted: bool) -> str:
    if outcome is Outcome.MET and is_accepted:
        return "✓"
    if not is_current:
        return "○"
    return "◐" if outcome is Outcome.NEEDS_MORE and is_accepted else ""


def read_list(page: str, criteria: list[Criterion]) -> list[str]:
    """Return the state of each criterion on the unit's list."""
    tree = lxml.html.fromstring(page)
    rows = [tree.get_element_by_id(f"criterion-{each.id}") for each in criteria]
    return [_read(row.xpath('.//span[contains(@class, "state ")]')[0]).split(maxsplit=1)[1] for row in rows]


def read_matrix(page: str) -> Marks:
    """Return the marks of the unit's matrix; a dash stands for a claim that does not count."""
    rows = lxml.html.fromstring(page).xpath('//table[@class="matrix"]/tbody/tr')
    return {_read(row[0]): [_read(cell).replace("–", "") for cell in row[2:]] for row in rows}


def read_form(page: str) -> Marks:
    """Return the marks of the form's table, on screen or on paper."""
    rows = lxml.html.fromstring(page).xpath('//tr[contains(@class, "marks")]')
    return {_read(row[0]): [_read(cell) for cell in row[2:]] for row in rows}


def _read(element: Any) -> str:
    return " ".join(element.text_content().split())
