"""Steps of countersigning, done by the product's own services."""

from collections.abc import Iterable

from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.staff.entries import hold
from tracker.assessment.services import assessments, countersigners
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Assessment, Claim, Countersignature, EvidenceVersion, Person
from tracker.vocabulary import Outcome, Role


def make_qualified(world: World, name: str = "Gwen Hill") -> Person:
    """Make an assessor of Northgate with an award."""
    with transaction():
        person = factories.make_person(name, world.northgate, Role.ASSESSOR)
        hold(person, world.northgate, world.dan)
    return person


def switch_on(world: World, countersigner: Person) -> None:
    """Name Bob's countersigner and switch countersigning on."""
    with transaction():
        dan = factories.make_actor(world.dan)
        countersigners.name_countersigner(world.bob, countersigner, world.northgate, dan)
        countersigners.change_countersigning(world.northgate, dan, is_on=True)


def decide(
    world: World, title: str = "Complaint", labels: Iterable[str] = ("1", "2"), *, returns: bool = False
) -> tuple[EvidenceVersion, list[Claim], Assessment]:
    """Let Bob accept or return an item, and the time to undo it pass."""
    _, version, claims = workflow.submit_item(world.cfacc15, title, *labels)
    bob = factories.make_actor(world.bob)
    with transaction():
        draft = workflow.build_draft(
            dict.fromkeys(claims, Outcome.MET), feedback="Say which day it was." if returns else ""
        )
        assessments.save_draft(world.cfacc15, version, draft, bob)
        finish = assessments.return_evidence if returns else assessments.accept_evidence
        assessment = finish(world.cfacc15, version, bob)
    workflow.release(assessment.id)
    db.session.refresh(assessment)
    return version, claims, assessment


def find_waiting() -> Countersignature:
    """Return the one countersignature that has not ended without an answer."""
    (only,) = db.session.scalars(select(Countersignature).where(Countersignature.ended_at.is_(None))).all()
    return only
