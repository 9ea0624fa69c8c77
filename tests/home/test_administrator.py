"""The administrator's home page: figures, units to allocate, pending invitations, recent activity, withdrawals."""

import html
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.assessment import countersigning
from tests.factories import World, make_actor, make_person
from tests.records.testimonies import authenticate, sign_in_person
from tracker import clock
from tracker.background import emails, jobs
from tracker.background.delivery_failures import record_failure
from tracker.extensions import db
from tracker.home import activity
from tracker.job_runs.services import add_run
from tracker.ledger.transactions import transaction
from tracker.library.services.import_job import UNIT_IMPORT
from tracker.models import ActionPoint, JobRun, Person
from tracker.registrations.allocations import allocate_all
from tracker.registrations.services import void_attempt
from tracker.vocabulary import AttemptState, JobState, Outcome, Role
from tracker.web import lists

ClientFor = Callable[..., FlaskClient]


def lines(browser: FlaskClient, heading: str) -> list[str]:
    """Return the lines of a section of the page."""
    page = html.unescape(browser.get("/").text)
    section = page.partition(f"<h2>{heading}</h2>")[2].partition("</section>")[0]
    return [" ".join(re.sub(r"<[^>]+>", " ", line).split()) for line in section.split("</li>") if "<li>" in line]


def invite(world: World, name: str) -> Person:
    with transaction():
        person = make_person(name, world.northgate, Role.CANDIDATE)
        person.password_hash = None
    return person


def test_new_candidate_needs_an_assessor_and_a_verifier(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    button = f'href="/centres/{world.northgate.id}/allocations">Allocate</a>'
    page = dan.get("/").text
    assert "Every open unit has an assessor and an internal verifier." in page
    assert button not in page
    with transaction():
        ivy = make_person("Ivy Okafor", world.northgate, Role.CANDIDATE)
        factories.make_attempt(factories.make_registration(ivy, world.northgate, world.dan), "CFACC15")
    (line,) = lines(dan, "Needs allocating")
    assert line.startswith("CFACC15 of Ivy Okafor needs an assessor and an internal verifier")
    assert button in dan.get("/").text


def test_what_waits_for_a_countersigner_is_counted(world: World, client: ClientFor) -> None:
    gwen = countersigning.make_qualified(world)
    countersigning.switch_on(world, gwen)
    dan = client(world.dan)
    assert "Waiting to be countersigned" not in dan.get("/").text
    countersigning.decide(world)
    countersigning.decide(world, "Call", ("3",))
    page = " ".join(dan.get("/").text.split())
    assert f'<b>2</b> <a href="/centres/{world.northgate.id}/countersigning">Waiting to be countersigned</a>' in page
    assert "Waiting to be countersigned" not in client(world.heidi).get("/").text


def test_a_stopped_worker_is_reported(world: World, client: ClientFor, monkeypatch: pytest.MonkeyPatch) -> None:
    dan, sentence = client(world.dan), "The background worker is not running."
    assert sentence not in dan.get("/").text
    monkeypatch.setattr(jobs.Jobs, "has_worker", lambda _self: False)
    assert sentence in dan.get("/").text
    assert "emails that failed" not in dan.get("/").text, "none are sent here"
    monkeypatch.setattr(emails, "can_deliver", lambda: True)
    assert "Feedback and imports are delayed, and emails that failed are not tried again." in dan.get("/").text


def test_failed_jobs_are_reported_until_they_are_retried_or_cancelled(world: World, client: ClientFor) -> None:
    dan, heidi = client(world.dan), client(world.heidi)
    assert "failed</a>" not in dan.get("/").text
    with transaction():
        runs = [
            add_run(UNIT_IMPORT, make_actor(world.dan), centre_id=world.northgate.id, title=title, total=1)
            for title in ("Import of one.yaml", "Import of two.yaml", "Import that waits")
        ]
        for run in runs[:2]:
            run.state = JobState.FAILED
    assert "failed</a>" not in heidi.get("/").text, "they are of another centre"
    page = " ".join(dan.get("/").text.split())
    assert '<a href="/jobs?whose=centre&amp;state=failed">2 jobs failed</a>. Retry or cancel them.' in page
    listed = dan.get("/jobs?whose=centre&state=failed").text
    assert "Import of one.yaml" in listed
    assert "Import that waits" not in listed
    with transaction():
        db.session.get_one(JobRun, runs[0].id).state = JobState.CANCELLED
    assert "1 job failed</a>. Retry or cancel it." in " ".join(dan.get("/").text.split())
    with transaction():
        db.session.get_one(JobRun, runs[1].id).state = JobState.WAITING
    assert "failed</a>" not in dan.get("/").text


def test_unit_needs_allocating_when_its_assessor_loses_the_role(world: World, client: ClientFor) -> None:
    with transaction():
        world.bob.deactivated_at = clock.now()
    rows = lines(client(world.dan), "Needs allocating")
    assert [line.partition(" ·")[0] for line in rows] == ["2 units of Alice Moran need an assessor"]


def test_lists_have_a_line_for_each_candidate(world: World, client: ClientFor) -> None:
    """Eight units of one candidate are one line, which says how many need whom."""
    dan = client(world.dan)
    (line,) = lines(dan, "Longest in progress")
    assert line == "2 units of Alice Moran allocated to Bob Archer since 1 September 2026"
    with transaction():
        factories.allocate(
            factories.make_attempt(world.registration, "DELIVERCC"), world.bob, Role.ASSESSOR, world.dan
        )
        factories.make_attempt(world.registration, "CFAM&LFD3")
    (line,) = lines(dan, "Needs allocating")
    assert line.startswith(
        "2 units of Alice Moran 1 without an assessor, 2 without an internal verifier · registered"
    )


def test_pending_invitations_are_listed(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    assert "Pending invitations" not in dan.get("/").text, "no heading over nothing"
    ivy = invite(world, "Ivy Okafor")
    (line,) = lines(dan, "Pending invitations")
    assert line.startswith("Ivy Okafor invited")
    assert f"/people/{ivy.id}" in dan.get("/").text


def test_a_pending_invitation_that_was_not_delivered_is_marked(world: World, client: ClientFor) -> None:
    ivy = invite(world, "Ivy Okafor")
    invite(world, "Ian Reid")
    record_failure(ivy.email, 550, given_up=False)
    marked = {line[:3]: "Email not delivered" in line for line in lines(client(world.dan), "Pending invitations")}
    assert marked == {"Ivy": True, "Ian": False}


def test_invitation_with_an_ended_role_is_not_listed(world: World, client: ClientFor) -> None:
    ivy = invite(world, "Ivy Okafor")
    with transaction():
        ivy.grants[0].ends_at = clock.now() - timedelta(hours=1)
    assert lines(client(world.dan), "Pending invitations") == []


def test_units_longest_in_progress_are_listed_with_their_assessors(world: World, client: ClientFor) -> None:
    with transaction():
        world.inscc004.state = AttemptState.VOID
    (line,) = lines(client(world.dan), "Longest in progress")
    assert line == "CFACC15 of Alice Moran allocated to Bob Archer since 1 September 2026"


def test_withdrawn_candidates_are_listed(world: World, client: ClientFor) -> None:
    with transaction():
        world.registration.withdrawn_at = clock.now()
    dan = client(world.dan)
    (line,) = lines(dan, "Withdrawn candidates")
    assert line.startswith("Alice Moran")
    assert lines(dan, "Longest in progress") == []
    assert lines(dan, "Needs allocating") == []


def test_nothing_of_another_centre_is_shown(world: World, client: ClientFor) -> None:
    page = client(world.heidi).get("/").text
    assert "Southbank College" in page
    assert "Frank Osei" in page
    assert "Alice Moran" not in page


def test_page_takes_as_few_statements_for_many_units(
    world: World, client: ClientFor, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    with transaction():
        for number in range(15):
            person = make_person(f"Candidate {number}", world.northgate, Role.CANDIDATE)
            factories.make_attempt(factories.make_registration(person, world.northgate, world.dan), "CFACC15")
    dan = client(world.dan)
    with count_statements() as statements:
        page = dan.get("/").text
    assert len(statements) <= 12
    assert page.count("needs an assessor") == 10
    assert "10 of 15 units are shown." in page


def figures(browser: FlaskClient) -> dict[str, str]:
    """Return the figures of the page by their words, lower case, without the line below."""
    page = html.unescape(browser.get("/").text).partition('class="counts figures"')[2].partition("</ul>")[0]
    items = [" ".join(re.sub(r"<[^>]+>", " ", item).split()) for item in page.split("</li>") if "<li" in item]
    return {words.lower(): number for number, _, words in (item.strip("> ").partition(" ") for item in items)}


def test_figures_count_what_is_active_waits_and_is_overdue(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    assert figures(dan) == {"active candidate 2 open units": "1"}
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Complaint CH-2231")
        factories.claim(world.cfacc15, evidence, "5", "7")
        factories.submit(evidence)
        world.inscc004.state = AttemptState.CONFIRMED
        db.session.add(
            ActionPoint(
                attempt_id=world.cfacc15.id,
                round=1,
                raised_by_id=world.carol.id,
                raised_at=clock.now(),
                action="Ask her about the late calls.",
                due_on=clock.today() - timedelta(days=2),
            )
        )
    invite(world, "Ivy Okafor")
    counts = figures(dan)
    assert counts["item to assess"] == "1"
    assert counts["unit to verify"] == "1"
    assert any(words.startswith("overdue action point") for words in counts)
    assert counts["pending invitation"] == "1"


def test_more_items_to_assess_than_are_counted_are_more_than_that(
    world: World, client: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MAX_COUNTED", 2)
    dan = client(world.dan)
    shown = []
    for count in (1, 2, 3):
        with transaction():
            evidence = factories.make_evidence(world.cfacc15, f"Complaint {count}")
            factories.claim(world.cfacc15, evidence, "5")
            factories.submit(evidence)
        text = html.unescape(dan.get("/").text)
        shown += re.findall(r"<b>([^<]+)</b> (Items? to assess)", text)
    assert shown == [("1", "Item to assess"), ("2", "Items to assess"), ("more than 2", "Items to assess")]


def test_draft_and_assessed_items_are_not_to_assess(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Complaint CH-2231")
        claims = factories.claim(world.cfacc15, evidence, "5")
    assert "item to assess" not in figures(dan)
    with transaction():
        version = factories.submit(evidence)
    assert figures(dan)["item to assess"] == "1"
    with transaction():
        factories.accept(world.cfacc15, version, world.bob, dict.fromkeys(claims, Outcome.MET))
    assert "item to assess" not in figures(dan)


def test_acts_before_the_first_that_are_read_belong_to_a_line_too(
    world: World, client: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "FIRST_READ", 1)
    with transaction():
        attempts = [factories.make_attempt(world.registration, code) for code in ("DELIVERCC", "CFAM&LFD3")]
        allocate_all(attempts, {Role.ASSESSOR: world.bob}, "", make_actor(world.dan))
    (line,) = lines(client(world.dan), "Recent activity")
    assert line.startswith("Dan Price made 2 allocations just now")


def test_empty_centre_does_not_say_that_its_units_are_allocated(world: World, client: ClientFor) -> None:
    with transaction():
        world.registration.withdrawn_at = clock.now()
    page = client(world.dan).get("/").text
    assert "No open units." in page
    assert "Every open unit has" not in page


def test_recent_activity_names_the_person_act_and_unit(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    assert "Recent activity" not in dan.get("/").text
    dan.post(f"/attempts/{world.cfacc15.id}/void", data={"reason": "Registered by mistake."})
    (line,) = lines(dan, "Recent activity")
    assert line.startswith("Dan Price voided a unit: CFACC15 of Alice Moran")
    assert "Recent activity" not in client(world.heidi).get("/").text


def test_an_import_is_a_line_for_each_kind_of_act(world: World, client: ClientFor) -> None:
    """Not eight lines that a unit was allocated."""
    with transaction():
        attempts = [factories.make_attempt(world.registration, code) for code in ("DELIVERCC", "CFAM&LFD3")]
        allocate_all(
            attempts, {Role.ASSESSOR: world.bob, Role.INTERNAL_VERIFIER: world.carol}, "", make_actor(world.dan)
        )
    (line,) = lines(client(world.dan), "Recent activity")
    assert line.startswith("Dan Price made 4 allocations just now")


def test_acts_that_are_not_soon_after_each_other_are_lines_of_their_own(
    world: World, client: ClientFor, freeze_clock: Callable[[datetime], None]
) -> None:
    start = clock.now()
    for minutes, attempt in ((0, world.cfacc15), (11, world.inscc004)):
        freeze_clock(start + timedelta(minutes=minutes))
        with transaction():
            void_attempt(attempt, "Registered by mistake.", make_actor(world.dan))
    assert [line.partition(" of Alice")[0] for line in lines(client(world.dan), "Recent activity")] == [
        "Dan Price voided a unit: INSCC004",
        "Dan Price voided a unit: CFACC15",
    ]


def test_an_authenticated_testimony_is_one_line_and_no_observation(world: World, client: ClientFor) -> None:
    authenticate(sign_in_person(world.cfacc15, world.alice), world.bob)
    shown = lines(client(world.dan), "Recent activity")
    assert [line.partition(":")[0] for line in shown] == [
        "Bob Archer authenticated a testimony",
        "Alice Moran asked a witness",
    ]


def test_recent_activity_says_whose_role_was_ended(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    dan.post(f"/centres/{world.northgate.id}/people/{world.bob.id}/grants/{world.bob.grants[0].id}/end")
    (line,) = lines(dan, "Recent activity")
    assert line.startswith("Dan Price ended a role: Bob Archer")


def test_a_centre_without_candidates_is_offered_the_import(world: World, client: ClientFor) -> None:
    dan, link = client(world.dan), f'href="/centres/{world.northgate.id}/people/import"'
    assert link not in dan.get("/").text
    with transaction():
        world.registration.withdrawn_at = clock.now()
    assert link in dan.get("/").text


def test_navigation_groups_the_pages_of_an_administrator(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    nav = dan.get("/").text.partition('aria-label="Main"')[2].partition("</nav>")[0]
    assert re.findall(r"<span>([^<]+)</span>", nav) == ["Home", "People", "Candidates", "Units", "Settings"]
    assert dan.get("/settings").location == f"/centres/{world.northgate.id}/settings"
    page = dan.get(f"/centres/{world.northgate.id}/settings").text
    assert "Record integrity" in page
    assert "Retention" in page
