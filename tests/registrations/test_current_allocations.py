"""An allocation to somebody whose role has ended counts as none, on every page and in every list."""

import html
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tracker import clock
from tracker.assessment.queries.candidates import load_candidates
from tracker.assessment.queries.queue import list_evidence_to_assess
from tracker.ledger.transactions import transaction
from tracker.portfolio.emails import notify_assessors
from tracker.recording_forms.queries import build_form_content
from tracker.registrations.allocation_list import list_allocations, list_longest_in_progress
from tracker.registrations.current_allocations import find_current_allocation
from tracker.registrations.queries import list_registrations_to_allocate
from tracker.vocabulary import AttemptState, Role
from tracker.web.lists import ListQuery

ClientFor = Callable[..., FlaskClient]
MARK = "No longer has this role"


def end_role(world: World) -> None:
    """End Bob's role, as an administrator does; his allocations stay open."""
    with transaction():
        world.bob.grants[0].ends_at = clock.now()


def text_of(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_units_of_an_assessor_whose_role_has_ended_need_allocating(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    assert "Units need allocating" not in text_of(dan.get("/").text)
    end_role(world)
    home = text_of(dan.get("/").text)
    assert "2 Units need allocating" in home
    assert "Longest in progress" not in home, "nobody has had these units for long"
    assert "allocated to Bob Archer" not in home
    (line,) = list_registrations_to_allocate(world.northgate.id, 10)
    assert (line.units, line.without_assessor, line.without_verifier) == (2, 2, 0)
    assert list_longest_in_progress(world.northgate.id, 10) == []


def test_the_figure_says_since_when_the_oldest_is_registered(world: World, client: ClientFor) -> None:
    """The unit was allocated until today, so it has not needed allocating since its registration."""
    with transaction():
        world.cfacc15.started_at = factories.days_ago(100)
    end_role(world)
    assert "oldest registered 100 days ago" in text_of(client(world.dan).get("/").text)


def test_allocations_mark_who_no_longer_has_the_role(world: World, client: ClientFor) -> None:
    dan, address = client(world.dan), f"/centres/{world.northgate.id}/allocations"
    assert MARK not in dan.get(address).text
    assert list_allocations(world.northgate, ListQuery(chosen={"assessor": "none"})).total == 0
    end_role(world)
    page = dan.get(f"{address}?assessor=none").text
    assert page.count(MARK) == 2
    assert "Bob Archer" in page
    assert "Bob Archer (no longer has this role)" in dan.get(f"{address}?format=csv").text


def test_units_whose_assessor_left_come_first(world: World) -> None:
    with transaction():
        gina = factories.make_person("Gina Holt", world.northgate, Role.ASSESSOR)
        unit = factories.make_attempt(world.registration, "DELIVERCC")
        factories.allocate(unit, gina, Role.ASSESSOR, world.dan)
        gina.grants[0].ends_at = clock.now()
    assert list_allocations(world.northgate, ListQuery()).rows[0].code == "DELIVERCC"


def test_registration_page_marks_open_units_only(world: World, client: ClientFor) -> None:
    end_role(world)
    with transaction():
        world.inscc004.state = AttemptState.VERIFIED
    page = client(world.dan).get(f"/registrations/{world.registration.id}").text
    assert page.count(MARK) == 1


@pytest.mark.parametrize("path", ["/", "/attempts/{}"])
def test_candidate_reads_that_the_assessor_no_longer_has_the_role(world: World, client: ClientFor, path: str) -> None:
    alice, path = client(world.alice), path.format(world.cfacc15.id)
    assert MARK not in alice.get(path).text
    end_role(world)
    page = text_of(alice.get(path).text)
    assert re.search(f"Assessor: Bob Archer, since 1 September 2026 {MARK}", page)


def test_former_assessor_of_one_centre_has_none_of_its_work_in_their_lists(world: World) -> None:
    """Bob still assesses at Southbank, so he can open his queue."""
    with transaction():
        factories.grant(world.bob, world.southbank, Role.ASSESSOR)
    workflow.submit_item(world.cfacc15, "Call of 5 October", "1")
    assert len(list_evidence_to_assess(world.bob.id)) == 1
    end_role(world)
    assert list_evidence_to_assess(world.bob.id) == []
    assert load_candidates(world.bob.id, []) == []


def test_former_assessor_gets_no_email_about_submitted_evidence(
    world: World, emails_to: Callable[..., list[str]]
) -> None:
    evidence, version, _ = workflow.submit_item(world.cfacc15, "Call of 5 October", "1")
    end_role(world)
    with transaction():
        notify_assessors(evidence, version, [world.cfacc15])
    assert emails_to(world.bob) == []
    assert find_current_allocation(world.cfacc15, Role.ASSESSOR) is None
    with transaction():
        world.bob.grants[0].ends_at = None
        notify_assessors(evidence, version, [world.cfacc15])
    assert len(emails_to(world.bob)) == 1


def test_form_names_no_assessor_until_somebody_is_allocated(world: World) -> None:
    assert build_form_content(world.cfacc15).assessor_name == "Bob Archer"
    end_role(world)
    assert build_form_content(world.cfacc15).assessor_name == ""


def test_somebody_whose_account_is_closed_is_no_current_assessor(world: World) -> None:
    with transaction():
        world.bob.deactivated_at = clock.now()
    assert find_current_allocation(world.cfacc15, Role.ASSESSOR) is None
    assert find_current_allocation(world.cfacc15, Role.INTERNAL_VERIFIER)
