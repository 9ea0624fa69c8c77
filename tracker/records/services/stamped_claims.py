"""Claims of records: what the version in use stamps is claimed, and nothing else."""

from collections.abc import Collection, Mapping

from sqlalchemy import select

from tracker.clock import now
from tracker.extensions import db
from tracker.models import Claim, Decision, Evidence, EvidenceVersion
from tracker.portfolio.record_content import WrittenContent, load_as
from tracker.records.queries.stampable import list_restorable_units
from tracker.records.stamps import list_places, mark_criteria

MAX_LOCATOR = 200


def claim_stamped(
    record: Evidence,
    locators: Mapping[tuple[int, int], list[str]],
    attempt_ids: Collection[int],
    person_id: int,
    reason: str | None = None,
) -> None:
    """Claim each stamped criterion with its times, and remove claims that are no longer stamped and not decided.

    Only claims in these attempts, which are in progress, change. Claims that an assessor added with a reason stay.

    Args:
        record: the record.
        locators: where each criterion is shown, by attempt and criterion.
        attempt_ids: the attempts.
        person_id: who finishes, withdraws or decides.
        reason: why claims are removed, where it is not because a new version was finished.
    """
    moment = now()
    query = select(Claim).where(
        Claim.evidence_id == record.id, Claim.attempt_id.in_(attempt_ids), Claim.removed_at.is_(None)
    )
    live = {(claim.attempt_id, claim.criterion_id): claim for claim in db.session.scalars(query)}
    for (attempt_id, criterion_id), places in locators.items():
        locator = ", ".join(places)[:MAX_LOCATOR]
        if claim := live.get((attempt_id, criterion_id)):
            claim.locator = locator
            continue
        db.session.add(
            Claim(
                attempt_id=attempt_id,
                evidence_id=record.id,
                criterion_id=criterion_id,
                locator=locator,
                claimed_at=moment,
                claimed_by_id=record.author_id,
            )
        )
    decided = select(Decision.claim_id).where(
        Decision.claim_id.in_([claim.id for claim in live.values()]), Decision.superseded_at.is_(None)
    )
    decided_ids = set(db.session.scalars(decided))
    for key, claim in live.items():
        if key not in locators and claim.id not in decided_ids and not claim.added_reason:
            claim.removed_at, claim.removed_by_id, claim.removed_reason = moment, person_id, reason
    db.session.flush()


def restore_claims(record: Evidence, version: EvidenceVersion, person_id: int, reason: str) -> None:
    """Set the claims in open units back to what a version stamps that is in use again.

    A claim that an assessor removed with a reason since then stays removed.
    """
    content = load_as(WrittenContent, version.record_kind, version.content)
    if content is None:  # it was erased
        return
    units = list_restorable_units(record, version)
    criteria = mark_criteria(units, content.first_attempt)
    query = select(Claim.attempt_id, Claim.criterion_id).where(
        Claim.evidence_id == record.id, Claim.removed_at >= version.sealed_at, Claim.removed_reason != ""
    )
    removed = {(row[0], row[1]) for row in db.session.execute(query)}
    locators = list_places(content, criteria).select([each for each in criteria if each.key not in removed])
    claim_stamped(record, locators, {unit.attempt_id for unit in units}, person_id, reason)
