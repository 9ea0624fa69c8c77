"""The candidate's home page: next steps, units with progress, latest evidence."""

import html
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.assessment.workflow import (
    accept,
    build_draft,
    meet_everything,
    release,
    return_item,
    sign,
    submit_item,
    submit_next_version,
)
from tests.factories import World
from tracker import clock
from tracker.assessment.services.assessments import accept_evidence, save_draft
from tracker.assessment.services.signing import dispute_unit
from tracker.ledger.transactions import transaction
from tracker.vocabulary import AttemptState, Outcome, Role

ClientFor = Callable[..., FlaskClient]


def home(browser: FlaskClient) -> str:
    response = browser.get("/")
    assert response.status_code == 200
    return html.unescape(response.text)


def steps(browser: FlaskClient) -> list[str]:
    """Return the lines of “Next steps”, without the titles under them."""
    listed = home(browser).partition('<ol class="next">')[2].partition("</ol>")[0]
    listed = re.sub(r'<span class="muted step-detail">.*?</span>', "", listed)
    return [" ".join(re.sub(r"<[^>]+>", " ", line).split()) for line in listed.split("</li>") if line.strip()]


def leads_to(browser: FlaskClient) -> list[str]:
    items = home(browser).partition('<ol class="next">')[2].partition("</ol>")[0]
    return re.findall(r'href="([^"]+)"', items)


def only_cfacc15(world: World) -> None:
    """Void Alice's other unit, so that its steps are not listed."""
    with transaction():
        world.inscc004.state = AttemptState.VOID


def test_home_needs_sign_in(anonymous: FlaskClient) -> None:
    assert anonymous.get("/").location.startswith("/sign-in")


@pytest.mark.parametrize(("hour", "greeting"), [(8, "morning"), (12, "afternoon"), (18, "evening")])
def test_greeting_follows_the_time_of_day(
    world: World, client: ClientFor, freeze_clock: Callable[[datetime], None], hour: int, greeting: str
) -> None:
    freeze_clock(datetime(2026, 11, 23, hour, 30, tzinfo=UTC))
    assert f"Good {greeting}, Alice." in home(client(world.alice))


def test_unit_shows_progress_and_assessor(world: World, client: ClientFor) -> None:
    _, version, claims = submit_item(world.cfacc15, "Call of 5 October", "1", "2", "3")
    with transaction():
        factories.accept(world.cfacc15, version, world.bob, {claims[0]: Outcome.MET})
    page = re.sub(r"<[^>]+>", "", home(client(world.alice)))
    assert "1 of 24 met" in page
    assert "3 claimed" in page
    assert "Assessor: Bob Archer, since 1 September 2026" in page


def test_first_step_is_to_add_evidence(world: World, client: ClientFor) -> None:
    alice = client(world.alice)
    assert steps(alice) == ["Add your first evidence for CFACC15 and INSCC004"]
    assert leads_to(alice) == ["/evidence/new"]
    assert "Latest evidence" not in home(alice), "no heading over nothing"


def test_many_units_without_evidence_are_counted(world: World, client: ClientFor) -> None:
    with transaction():
        for code in ("CFAM&LFD3", "DELIVERCC"):
            factories.make_attempt(world.registration, code)
    assert steps(client(world.alice)) == ["Add your first evidence for your 4 units"]


def test_page_without_units_says_how_they_appear(world: World, client: ClientFor) -> None:
    with transaction():
        ivy = factories.make_person("Ivy Okafor", world.northgate, Role.CANDIDATE)
        factories.db.session.flush()
    page = home(client(ivy))
    assert "No units yet." in page
    assert "Next for you" not in page
    assert "Add evidence" in page


def test_draft_is_linked_to_criteria_then_submitted(world: World, client: ClientFor) -> None:
    only_cfacc15(world)
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Escalation log")
    alice = client(world.alice)
    assert steps(alice)[0].startswith("Link “Escalation log” to criteria")
    assert leads_to(alice)[0] == f"/evidence/{evidence.id}/criteria"
    with transaction():
        factories.claim(world.cfacc15, evidence, "1")
    assert steps(alice)[0].startswith("Submit “Escalation log”")
    with transaction():
        factories.submit(evidence)
    assert steps(alice) == ["Add evidence for CFACC15: 23 criteria have none yet"]
    assert leads_to(alice) == [f"/attempts/{world.cfacc15.id}?show=gaps"]


def test_feedback_comes_first_and_names_the_assessor(world: World, client: ClientFor) -> None:
    evidence, version, (claim,) = submit_item(world.cfacc15, "Call of 5 October", "1")
    marks = build_draft({claim: Outcome.NEEDS_MORE}, feedback="Say what you did.", all_checks=False)
    return_item(world.cfacc15, version, world.bob, marks)
    alice = client(world.alice)
    assert steps(alice)[0] == "Respond to Bob’s feedback on evidence 1 just now"
    assert leads_to(alice)[0] == f"/evidence/{evidence.id}"
    submit_next_version(evidence)
    assert not any("feedback" in step for step in steps(alice))


def test_feedback_of_other_candidates_is_not_shown(world: World, client: ClientFor) -> None:
    _, version, (claim,) = submit_item(world.cfacc15, "Call of 5 October", "1")
    marks = build_draft({claim: Outcome.NEEDS_MORE}, feedback="Say what you did.", all_checks=False)
    return_item(world.cfacc15, version, world.bob, marks)
    assert not any("feedback" in step for step in steps(client(world.frank)))


def accept_short(world: World, *labels: str) -> object:
    """Accept an item with every criterion needing more, and return it."""
    evidence, version, claims = submit_item(world.cfacc15, "Call of 5 October", *labels)
    with transaction():
        by_bob = factories.make_actor(world.bob)
        comments = dict.fromkeys(claims, "Show another occasion")
        marks = build_draft(dict.fromkeys(claims, Outcome.NEEDS_MORE), comments)
        save_draft(world.cfacc15, version, marks, by_bob)
        assessment = accept_evidence(world.cfacc15, version, by_bob)
    release(assessment.id)
    return evidence


def test_criteria_that_need_more_are_counted(world: World, client: ClientFor) -> None:
    only_cfacc15(world)
    accept_short(world, "1", "2")
    alice = client(world.alice)
    assert steps(alice)[0] == "Add evidence for CFACC15: 2 criteria need more just now"
    assert leads_to(alice)[0] == f"/attempts/{world.cfacc15.id}?show=mine"
    assert "Call of 5 October" in home(alice)


def test_criterion_with_a_newer_claim_is_not_a_next_step(world: World, client: ClientFor) -> None:
    only_cfacc15(world)
    accept_short(world, "1", "2")
    submit_item(world.cfacc15, "Call of 12 October", "1")
    assert steps(client(world.alice))[0] == "Add evidence for CFACC15: 1 criterion needs more just now"


def test_criterion_met_by_other_evidence_is_not_a_next_step(world: World, client: ClientFor) -> None:
    only_cfacc15(world)
    accept_short(world, "1")
    _, version, claims = submit_item(world.cfacc15, "Call of 12 October", "1")
    accept(world.cfacc15, version, world.bob, claims)
    assert not any("more" in step for step in steps(client(world.alice)))


def test_disputed_criterion_needs_more_again(world: World, client: ClientFor) -> None:
    only_cfacc15(world)
    sign(world, world.cfacc15)
    with transaction():
        criterion = factories.criterion(world.cfacc15, "5")
        dispute_unit(world.cfacc15, [criterion.id], "I never did this", factories.make_actor(world.alice))
    assert steps(client(world.alice)) == ["Add evidence for CFACC15: 1 criterion needs more just now"]


def test_signed_unit_is_to_be_confirmed(
    world: World, client: ClientFor, freeze_clock: Callable[[datetime], None]
) -> None:
    sign(world, world.cfacc15)
    freeze_clock(clock.now() + timedelta(days=2))
    alice = client(world.alice)
    assert steps(alice)[0] == "Confirm CFACC15: your assessor has signed it off 2 days"
    assert leads_to(alice)[0] == f"/attempts/{world.cfacc15.id}/confirm"


def test_page_says_so_when_everything_is_claimed(world: World, client: ClientFor) -> None:
    only_cfacc15(world)
    meet_everything(world, world.cfacc15)
    page = home(client(world.alice))
    assert "You have claimed every criterion." in page
    assert "Next for you" not in page


def test_step_shows_the_title_and_whether_the_assessor_waits(world: World, client: ClientFor) -> None:
    only_cfacc15(world)
    _, version, (claim,) = submit_item(world.cfacc15, "Call of 5 October", "1")
    return_item(
        world.cfacc15,
        version,
        world.bob,
        build_draft({claim: Outcome.NEEDS_MORE}, feedback="More.", all_checks=False),
    )
    first, gaps = home(client(world.alice)).partition('<ol class="next">')[2].split("</li>")[:2]
    assert "Call of 5 October" in first
    assert 'class="is-answer"' in first
    assert world.cfacc15.unit.title in gaps
    assert "is-answer" not in gaps


def test_latest_evidence_shows_the_state_that_needs_the_candidate_most(world: World, client: ClientFor) -> None:
    evidence, version, (claim,) = submit_item(world.cfacc15, "Call of 5 October", "1")
    with transaction():
        factories.claim(world.inscc004, evidence, "1")
        factories.make_evidence(world.cfacc15, "Escalation log")
    return_item(
        world.cfacc15,
        version,
        world.bob,
        build_draft({claim: Outcome.NEEDS_MORE}, feedback="More.", all_checks=False),
    )
    listed = home(client(world.alice)).partition("Latest evidence")[2]
    assert re.findall(r"</span> (Draft|Submitted|Returned|Accepted)", listed) == ["Draft", "Returned"]


def test_verified_units_are_counted(world: World, client: ClientFor) -> None:
    assert "verified" not in home(client(world.alice))
    with transaction():
        world.inscc004.state = AttemptState.VERIFIED
    assert "1 of 2 units verified" in home(client(world.alice))


def test_at_most_three_next_steps_are_shown(world: World, client: ClientFor) -> None:
    with transaction():
        for number in range(5):
            factories.make_evidence(world.cfacc15, f"Note {number}")
    assert len(steps(client(world.alice))) == 3


def test_latest_five_items_are_listed_newest_first(world: World, client: ClientFor) -> None:
    for number in range(1, 7):
        submit_item(world.cfacc15, f"Call {number}", "1", days_ago=7 - number)
    section = home(client(world.alice)).partition("Latest evidence")[2]
    assert re.findall(r"Call \d", section) == ["Call 6", "Call 5", "Call 4", "Call 3", "Call 2"]


def test_nothing_of_other_candidates_is_shown(world: World, client: ClientFor) -> None:
    submit_item(world.cfacc15, "Call of 5 October", "1")
    page = home(client(world.frank))
    assert "Call of 5 October" not in page
    assert "Bob Archer" not in page


def test_markup_in_a_title_is_escaped(world: World, client: ClientFor) -> None:
    with transaction():
        factories.make_evidence(world.cfacc15, "<script>alert(1)</script>")
    assert "&lt;script&gt;" in client(world.alice).get("/").text


def test_page_takes_as_few_statements_for_many_units(
    world: World, client: ClientFor, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    for number in range(12):
        submit_item(world.cfacc15, f"Call {number}", "1", "2", "3")
    alice = client(world.alice)
    with count_statements() as statements:
        alice.get("/")
    assert len(statements) <= 9
