"""The marks of the matrix, the list and the form, which are one derivation (docs/rules.md, Assessment, rule 15).

`tests/proof/test_life.py` compares them after each step of random sequences of acts.
"""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.assessment import workflow
from tests.assessment.second_version import move_to_second_version, publish_second_version
from tests.factories import World
from tests.recording_forms.shown_marks import Marks, check_marks_agree
from tests.recording_forms.tagged_pdf import Sheet
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Person, UnitAttempt
from tracker.vocabulary import AssessmentOutcome, Outcome

Client = Callable[[Person], FlaskClient]
LABELS = ("1", "2", "3")


@pytest.fixture
def check(client: Client, world: World) -> Callable[[], Marks]:
    """Compare all pages and forms. Return the marks of the first three criteria, by item."""
    browser = client(world.bob)

    def check() -> Marks:
        db.session.expire_all()
        marks = check_marks_agree(world.cfacc15, browser)
        db.session.rollback()
        return {ref: row[:3] for ref, row in marks.items()}

    return check


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [(AssessmentOutcome.ACCEPTED, ["✓", "◐", ""]), (AssessmentOutcome.RETURNED, ["", "", ""])],
)
def test_decisions_are_marked_only_on_an_accepted_version(
    world: World, check: Callable[[], Marks], outcome: AssessmentOutcome, expected: list[str]
) -> None:
    _, version, claims = workflow.submit_item(world.cfacc15, "Call", *LABELS)
    outcomes = dict(zip(claims, (Outcome.MET, Outcome.NEEDS_MORE, Outcome.NOT_MET), strict=True))
    with transaction():
        factories.accept(world.cfacc15, version, world.bob, outcomes, outcome=outcome)
    assert check() == {"1": expected}


def test_only_a_met_decision_is_marked_after_a_new_version(world: World, check: Callable[[], Marks]) -> None:
    evidence, version, claims = workflow.submit_item(world.cfacc15, "Call", *LABELS)
    assert check() == {"1": ["○", "○", "○"]}
    outcomes = dict(zip(claims, (Outcome.MET, Outcome.NEEDS_MORE, Outcome.NOT_MET), strict=True))
    with transaction():
        factories.accept(world.cfacc15, version, world.bob, outcomes)
    workflow.submit_next_version(evidence)
    assert check() == {"1 v2": ["✓", "○", "○"]}


def test_marks_follow_decisions_to_another_version_of_the_unit(world: World, check: Callable[[], Marks]) -> None:
    _, version, claims = workflow.submit_item(world.cfacc15, "Call", *LABELS)
    with transaction():
        factories.accept(world.cfacc15, version, world.bob, dict.fromkeys(claims, Outcome.MET))
    assert check() == {"1": ["✓", "✓", "✓"]}
    move_to_second_version(world, publish_second_version(world))
    # 1 is unchanged, 2 is reworded and has to be assessed again, 3 of version 1 is gone
    assert check() == {"1": ["✓", "○", ""]}


def test_the_candidates_matrix_has_the_same_marks(client: Client, world: World, assessed: UnitAttempt) -> None:
    page = client(world.alice).get(f"/attempts/{assessed.id}?view=matrix").text
    assert 'aria-label="1, 1: met"' in page
    assert 'aria-label="1, 2: contributes, more was needed"' in page
    assert 'aria-label="1, 3: not met"' in page


def test_the_legend_says_what_each_mark_means(client: Client, world: World, assessed: UnitAttempt) -> None:
    browser = client(world.alice)
    meanings = (
        "a decision “met” on this criterion stands on this evidence",
        "contributes: shown, more was needed",
        "claimed, not yet assessed",
    )
    paper = " ".join(Sheet(browser.get(f"/attempts/{assessed.id}/form.pdf").data).text.split())
    pages = (browser.get(f"/attempts/{assessed.id}{path}").text for path in ("/form", "?view=matrix"))
    for text in (paper, *pages):
        assert all(meaning in text for meaning in meanings)
