"""A later version of CFACC15, with the links that Dan has confirmed, for tests of version moves."""

from dataclasses import replace

from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.library.unit_versions import UNITS, make_revision, publish_version, reword_criteria
from tracker.assessment.services.version_moves import move_to_version
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.library.services.links import confirm_link, confirm_same_wording
from tracker.models import Claim, Criterion, Unit, UnitAttempt, VersionMove
from tracker.units.documents import UnitDocument
from tracker.vocabulary import CriterionKind

REASON = "The awarding body certifies version 2 from January."
REWORDED_TEXT = "Deal with complex customer contacts that colleagues without appropriate authority refer to you."


def build_second_version() -> UnitDocument:
    """Return version 2: criterion 2 is reworded, 3 is removed, and evidence requirement 3 is reworded."""
    document = make_revision(
        reword_criteria(UNITS["CFACC15"], {"p:2": REWORDED_TEXT, "p:3": ""}), revision=1, version="2"
    )
    requirements = [
        replace(each, text="You must provide evidence of three months.") if each.label == "3" else each
        for each in document.evidence_requirements
    ]
    return replace(document, evidence_requirements=tuple(requirements))


def publish_second_version(world: World, *, linked: bool = True) -> Unit:
    """Publish version 2; with `linked`, confirm the unchanged criteria and the rewording of 2."""
    older, newer = world.cfacc15.unit, publish_version(build_second_version())
    if linked:
        actor = factories.make_actor(world.dan)
        with transaction():
            confirm_same_wording(older, newer, world.northgate, actor)
            confirm_link(older, newer, (2, 2), world.northgate, actor)
    return newer


def move_to_second_version(
    world: World, newer: Unit, attempt: UnitAttempt | None = None, **options: str
) -> VersionMove:
    with transaction():
        return move_to_version(attempt or world.cfacc15, newer, REASON, factories.make_actor(world.dan), **options)


def list_claims_by_label(attempt: UnitAttempt) -> dict[str, Claim]:
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
