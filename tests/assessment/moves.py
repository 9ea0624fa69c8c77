"""A later version of CFACC15, with the links that Dan has confirmed, for tests of version moves."""

from dataclasses import replace

from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.library.versions import UNITS, as_revision, publish, reworded
from tracker.assessment.services.version_moves import move_to_version
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.library.services.links import confirm_link, confirm_same_wording
from tracker.models import Claim, Criterion, Unit, UnitAttempt, VersionMove
from tracker.units.documents import UnitDocument
from tracker.vocabulary import CriterionKind

REASON = "The awarding body certifies version 2 from January."
TWO = "Deal with complex customer contacts that colleagues without appropriate authority refer to you."


def second_version() -> UnitDocument:
    """Return version 2: criterion 2 is reworded, 3 is gone, and evidence requirement 3 is reworded."""
    document = as_revision(reworded(UNITS["CFACC15"], {"p:2": TWO, "p:3": ""}), revision=1, version="2")
    requirements = [
        replace(each, text="You must provide evidence of three months.") if each.label == "3" else each
        for each in document.evidence_requirements
    ]
    return replace(document, evidence_requirements=tuple(requirements))


def publish_second_version(world: World, *, linked: bool = True) -> Unit:
    """Publish version 2; with `linked`, confirm the unchanged criteria and the rewording of 2."""
    older, newer = world.cfacc15.unit, publish(second_version())
    if linked:
        actor = factories.actor(world.dan)
        with transaction():
            confirm_same_wording(older, newer, world.northgate, actor)
            confirm_link(older, newer, (2, 2), world.northgate, actor)
    return newer


def move(world: World, newer: Unit, attempt: UnitAttempt | None = None, **more: str) -> VersionMove:
    with transaction():
        return move_to_version(attempt or world.cfacc15, newer, REASON, factories.actor(world.dan), **more)


def claimed(attempt: UnitAttempt) -> dict[str, Claim]:
    """Return the live claims by criterion, written `2` or `k:a`."""
    db.session.rollback()
    query = (
        select(Criterion, Claim)
        .join(Claim, Claim.criterion_id == Criterion.id)
        .where(Claim.attempt_id == attempt.id, Claim.removed_at.is_(None))
    )
    return {
        f"{'k:' if criterion.kind is CriterionKind.KNOWLEDGE else ''}{criterion.label}": claim
        for criterion, claim in db.session.execute(query)
    }
