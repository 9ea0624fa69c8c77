"""Finishing of a record that an assessor wrote: stamps become claims, a version is sealed, the candidate is asked."""

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
from tracker.portfolio.record_content import MAX_STAMPS, ObservationContent, WrittenContent, dump_content
from tracker.portfolio.recording_times import RecordingTime, list_recordings, read_areas
from tracker.portfolio.services.evidence import find_latest_version, find_problems
from tracker.portfolio.services.submissions import get_next_number
from tracker.records.emails import notify_candidate
from tracker.records.kinds import get_written_kind
from tracker.records.services.discussions import read_discussion
from tracker.records.services.drafts import list_claimed, list_markable, read_observation
from tracker.records.services.sealing import seal_record
from tracker.records.services.stamped_claims import claim_stamped
from tracker.records.stamped_times import read_stamped_times
from tracker.records.stamps import MarkedCriterion, list_places, read_stamps
from tracker.registrations.due_releases import end_countersignatures_in, release_due_assessments_in
from tracker.vocabulary import CountersignatureEnd, RecordKind

END_BEFORE_START = (
    "The end is before the start. Change one of them. If you observed past midnight, end at 23:59 and write a second "
    "observation for the next day."
)
ENDS_BEFORE_DISCUSSION = "The end is before the start. Change one of them."
HOW_TO_TYPE = "Type each time on a line with its criteria: 12:31 i, 8."
MAX_TITLE = 200


@dataclass(frozen=True)
class FinishCheck:
    """What a draft stamps, and what is missing before it can be finished."""

    content: WrittenContent
    """As it will be sealed, with its stamps."""
    locators: Mapping[tuple[int, int], list[str]]
    """Where each stamped criterion is shown, by attempt and criterion: times, and numbers of questions."""
    missing: tuple[str, ...]
    title: str
    """As the record is listed."""

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
    if record.record_kind is RecordKind.PROFESSIONAL_DISCUSSION:
        return _check_discussion(record, criteria, claimed)
    return _check_observation(record, criteria, claimed)


def _check_observation(
    record: Evidence, criteria: Collection[MarkedCriterion], claimed: Collection[MarkedCriterion]
) -> FinishCheck:
    draft = read_observation(record)
    content = replace(draft, questions=tuple(each for each in draft.questions if not each.is_empty))
    known = [*criteria, *claimed]
    is_observation = record.record_kind is RecordKind.OBSERVATION
    read = read_stamps(record.narrative if is_observation else "", known)
    content = replace(content, stamps=read.stamps)
    places = list_places(content, known)
    unknown = [*read.unknown, *places.unknown]
    locators = places.select(criteria)
    verb = "stamp" if is_observation else "assess"
    list_needed = _list_needed_of_observation if is_observation else _list_needed_of_questions
    requirements = (
        (record.happened_from, "Enter the date."),
        *list_needed(record, content, claims_something=bool(locators or unknown or read.without_time)),
        (not content.ends or content.ends >= content.starts, END_BEFORE_START),
        (len(read.stamps) <= MAX_STAMPS, f"Remove some stamps: an observation can have at most {MAX_STAMPS}."),
        (not unknown, f"Correct or remove what names no criterion that you can {verb}: {', '.join(unknown)}."),
        (
            not read.without_time,
            f"Correct the times of these stamps: {', '.join(read.without_time)}. Use 00:00 to 23:59.",
        ),
    )
    missing = [sentence for value, sentence in requirements if not value]
    missing += find_problems({name: getattr(record, name) for name in ("happened_from", "narrative")}).values()
    return FinishCheck(content, locators, tuple(missing), _build_title(record, content.place))


def _list_needed_of_observation(
    record: Evidence, content: ObservationContent, *, claims_something: bool
) -> list[tuple[object, str]]:
    """Return what an observation needs, each with the sentence where it is missing."""
    return [
        (content.starts, "Enter when it started."),
        (content.ends, "Enter when it ended."),
        (content.place.strip(), "Enter the place."),
        (record.narrative.strip(), "Write what you saw."),
        (claims_something, "Stamp at least one criterion."),
    ]


def _list_needed_of_questions(
    _record: Evidence, content: ObservationContent, *, claims_something: bool
) -> list[tuple[object, str]]:
    """Return what a record of questions needs: words, an answer and a criterion for each."""
    needed: list[tuple[object, str]] = [
        (content.questions, "Enter at least one question and its answer."),
        (claims_something or not content.questions, "Enter the criterion of at least one question."),
    ]
    for number, each in enumerate(content.questions, 1):
        needed += [
            (each.question.strip(), f"Question {number}: enter the question."),
            (each.answer.strip(), f"Question {number}: enter the answer as given, or remove the question."),
            (each.mark.strip(), f"Question {number}: enter the criterion that it is about."),
        ]
    return needed


def _check_discussion(
    record: Evidence, criteria: Collection[MarkedCriterion], claimed: Collection[MarkedCriterion]
) -> FinishCheck:
    draft = read_discussion(record)
    known = [*criteria, *claimed]
    read = read_stamped_times(draft.stamped_times, known)
    content = replace(draft, stamps=read.stamps)
    areas, recordings = read_areas(content.areas), len(list_recordings(record.attachments))
    times = [RecordingTime(each.recording, each.second) for each in read.stamps] + [
        each.at for each in areas if each.at
    ]
    too_many = max((each.recording for each in times), default=0) > recordings
    day = record.happened_from
    requirements = (
        (areas, "Enter the areas that you agreed beforehand."),
        (content.agreed_on, "Enter the day on which you agreed the areas."),
        (
            not (day and content.agreed_on > day.isoformat()),
            "The areas were agreed after the discussion. Change one day.",
        ),
        (day, "Enter the date."),
        (content.starts, "Enter when it started."),
        (content.ends, "Enter when it ended."),
        (not content.ends or content.ends >= content.starts, ENDS_BEFORE_DISCUSSION),
        (content.place.strip(), "Enter the place or medium."),
        (recordings, "Add a recording."),
        (record.narrative.strip(), "Write a summary."),
        (read.stamps or read.unknown or read.unreadable, "Stamp at least one criterion."),
        (len(read.stamps) <= MAX_STAMPS, f"Remove some times: a discussion can have at most {MAX_STAMPS} stamps."),
        (
            not read.unknown,
            f"Correct or remove what names no criterion that you can stamp: {', '.join(read.unknown)}.",
        ),
        (not read.unreadable, f"Correct these lines: {', '.join(read.unreadable)}. {HOW_TO_TYPE}"),
        (recordings == 0 or not too_many, "A time names a recording that is not there. Correct it."),
    )
    missing = [sentence for value, sentence in requirements if not value]
    missing += find_problems({name: getattr(record, name) for name in ("happened_from", "narrative")}).values()
    locators = list_places(content, known).select(criteria)
    return FinishCheck(content, locators, tuple(missing), _build_title(record, areas[0].title if areas else ""))


def _build_title(record: Evidence, about: str) -> str:
    title = get_written_kind(record.record_kind).title
    return (f"{title}: {about.strip()}" if about.strip() else title)[:MAX_TITLE]


def finish_record(record: Evidence, actor: Actor, seen_version: int | None = None) -> EvidenceVersion:
    """Seal the draft as the next version under the declaration, claim what is stamped, and ask the candidate.

    Locks the grant, the attempts and the record, in this order (docs/rules.md, Records of assessment, rule 3).

    Raises:
        Conflict: the draft was changed since it was shown as `seen_version`.
        Invalid: something is missing.
        Refused: nothing changed since the last version, or a stamped unit can no longer be assessed by the author.
    """
    assert actor.person_id is not None  # noqa: S101 - people write records
    assert record.record_kind is not None  # noqa: S101 - it is a record
    words = get_written_kind(record.record_kind)
    criteria = _lock_markable(record, actor)
    attempt_ids = {each.unit.attempt_id for each in criteria}
    check = check_draft(record, criteria, list_claimed(record, criteria))
    if seen_version is not None and seen_version != record.version:
        raise Conflict(
            f"This {words.noun} was changed in another window since you opened this page. Nothing was sent. Read "
            "the current text below, then finish it."
        )
    if check.missing:
        raise Invalid(f"{' '.join(check.missing)} Everything typed so far is saved.")
    for attempt in _load_attempts(check.attempt_ids):
        check_assessor(attempt, actor)
    # Also where stamps were removed: a decided claim stays.
    attempts = _load_attempts(attempt_ids)
    release_due_assessments_in(attempts)
    end_countersignatures_in(attempts, CountersignatureEnd.NEW_VERSION, actor, evidence_id=record.id)
    record.content = dump_content(record.record_kind, check.content)
    record.title = check.title
    latest = find_latest_version(record)
    if latest and not _has_changes_since(record, latest):
        raise Refused(f"Nothing has changed since you finished this {words.noun}, so there is nothing to send.")
    record.number = record.number or get_next_number(record)
    db.session.flush()
    claim_stamped(record, check.locators, attempt_ids, actor.person_id)
    version = seal_record(record, words.declaration, check.attempt_ids, actor)
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
