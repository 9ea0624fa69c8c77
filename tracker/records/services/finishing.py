"""Finishing of an observation: its stamps become claims, a version is sealed, and the candidate is asked."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import select

from tracker.assessment.services.assessments import check_assessor
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.transactions import lock_rows
from tracker.models import (
    SEALED_FIELDS,
    Evidence,
    EvidenceVersion,
    Grant,
    Person,
    UnitAttempt,
)
from tracker.portfolio.record_content import MAX_STAMPS, ObservationContent, dump_content
from tracker.portfolio.services.evidence import find_latest_version, find_problems
from tracker.portfolio.services.submissions import get_next_number
from tracker.records.emails import notify_candidate
from tracker.records.services.drafts import TITLE, list_claimed, list_markable, read_content
from tracker.records.services.sealing import seal_record
from tracker.records.services.stamped_claims import claim_stamped
from tracker.records.stamps import MarkedCriterion, list_places, read_stamps
from tracker.registrations.due_releases import release_due_assessments_in
from tracker.vocabulary import RecordKind

DECLARATION = (
    "I declare that I observed this myself, that this record is true, and that I have removed customers’ personal "
    "details or have permission to use them."
)
END_BEFORE_START = (
    "The end is before the start. Change one of them. If you observed past midnight, end at 23:59 and write a second "
    "observation for the next day."
)
MAX_TITLE = 200


@dataclass(frozen=True)
class FinishCheck:
    """What a draft stamps, and what is missing before it can be finished."""

    content: ObservationContent
    """As it will be sealed, with its stamps."""
    locators: Mapping[tuple[int, int], list[str]]
    """Where each stamped criterion is shown, by attempt and criterion: times, and numbers of questions."""
    missing: tuple[str, ...]

    @property
    def attempt_ids(self) -> list[int]:
        """Return the attempts whose criteria are stamped, in order."""
        return sorted({attempt_id for attempt_id, _ in self.locators})


def check_draft(
    record: Evidence, criteria: Collection[MarkedCriterion], claimed: Collection[MarkedCriterion] = ()
) -> FinishCheck:
    """Return what a draft stamps, and a sentence for each thing that is missing.

    Args:
        record: the draft.
        criteria: the criteria that its author can stamp now.
        claimed: the other criteria that the record claims: a stamp of one stays true, and claims nothing anew.
    """
    draft = read_content(record)
    content = replace(draft, questions=tuple(each for each in draft.questions if not each.is_empty))
    known = [*criteria, *claimed]
    read = read_stamps(record.narrative, known)
    content = replace(content, stamps=read.stamps)
    places = list_places(content, known)
    unknown = [*read.unknown, *places.unknown]
    locators = places.select(criteria)
    requirements = (
        (record.happened_from, "Enter the date."),
        (content.starts, "Enter when it started."),
        (content.ends, "Enter when it ended."),
        (not content.ends or content.ends >= content.starts, END_BEFORE_START),
        (content.place.strip(), "Enter the place."),
        (record.narrative.strip(), "Write what you saw."),
        (locators or unknown or read.without_time, "Stamp at least one criterion."),
        (len(read.stamps) <= MAX_STAMPS, f"Remove some stamps: an observation can have at most {MAX_STAMPS}."),
        (not unknown, f"Correct or remove what names no criterion that you can stamp: {', '.join(unknown)}."),
        (
            not read.without_time,
            f"Correct the times of these stamps: {', '.join(read.without_time)}. Use 00:00 to 23:59.",
        ),
    )
    missing = [sentence for value, sentence in requirements if not value]
    missing += find_problems({name: getattr(record, name) for name in ("happened_from", "narrative")}).values()
    return FinishCheck(content, locators, tuple(missing))


def finish_observation(record: Evidence, actor: Actor, seen_version: int | None = None) -> EvidenceVersion:
    """Seal the draft as the next version under the declaration, claim what is stamped, and ask the candidate.

    Locks the grant, the attempts and the record, in this order (docs/rules.md, Records of assessment, rule 3).

    Raises:
        Conflict: the draft was changed since it was shown as `seen_version`.
        Invalid: something is missing.
        Refused: nothing changed since the last version, or a stamped unit can no longer be assessed by the author.
    """
    assert actor.person_id is not None  # noqa: S101 - people write records
    criteria = _lock_markable(record, actor)
    attempt_ids = {each.unit.attempt_id for each in criteria}
    check = check_draft(record, criteria, list_claimed(record, criteria))
    if seen_version is not None and seen_version != record.version:
        raise Conflict(
            "This observation was changed in another window since you opened this page. Nothing was sent. Read the "
            "current text below, then finish it."
        )
    if check.missing:
        raise Invalid(f"{' '.join(check.missing)} Everything typed so far is saved.")
    for attempt in _load_attempts(check.attempt_ids):
        check_assessor(attempt, actor)
    # Also where stamps were removed: a decided claim stays.
    release_due_assessments_in(_load_attempts(attempt_ids))
    record.content = dump_content(RecordKind.OBSERVATION, check.content)
    record.title = f"{TITLE}: {check.content.place.strip()}"[:MAX_TITLE]
    latest = find_latest_version(record)
    if latest and not _has_changes_since(record, latest):
        raise Refused("Nothing has changed since you finished this observation, so there is nothing to send.")
    record.number = record.number or get_next_number(record)
    db.session.flush()
    claim_stamped(record, check.locators, attempt_ids, actor.person_id)
    version = seal_record(record, DECLARATION, check.attempt_ids, actor)
    notify_candidate(record, db.session.get_one(Person, actor.person_id))
    return version


def _has_changes_since(record: Evidence, version: EvidenceVersion) -> bool:
    """Return whether the draft has other fields, files or order of files than a version."""
    if any(getattr(record, name) != getattr(version, name) for name in SEALED_FIELDS):
        return True
    return [each.id for each in record.attachments] != [each.id for each in version.attachments]


def _lock_markable(record: Evidence, actor: Actor) -> list[MarkedCriterion]:
    """Lock the grant, the attempts and the record; return the criteria that the author can still stamp."""
    if actor.grant_id:
        lock_rows(Grant, [actor.grant_id])
    locked = {each.unit.attempt_id for each in list_markable(record, actor)}
    lock_rows(UnitAttempt, locked)
    lock_rows(Evidence, [record.id])
    # Another request may have signed or reallocated a unit before the locks.
    return [each for each in list_markable(record, actor) if each.unit.attempt_id in locked]


def _load_attempts(attempt_ids: Iterable[int]) -> list[UnitAttempt]:
    query = select(UnitAttempt).where(UnitAttempt.id.in_(attempt_ids)).order_by(UnitAttempt.id)
    return list(db.session.scalars(query))
