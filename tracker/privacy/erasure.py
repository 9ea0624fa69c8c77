"""Erasure that leaves the chain whole: words and files go, with the salts by which the ledger could tell them again.

Rows stay, and so does every event. A row whose words are gone is sealed anew by the event that tells of the erasure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select

from tracker.clock import day_of, now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger import row_seals, transactions
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import (
    AccountLink,
    ActionPoint,
    Allocation,
    Assessment,
    Attachment,
    Base,
    Claim,
    Decision,
    Erasure,
    Event,
    EventText,
    Evidence,
    EvidenceVersion,
    Grant,
    IssuedForm,
    Notification,
    Person,
    PortfolioAccess,
    RecoveryCode,
    Registration,
    Reopening,
    RequirementConfirmation,
    RetentionHold,
    Sample,
    SampleItem,
    SecondFactor,
    Signature,
    UnitAttempt,
    UserSession,
    VersionMove,
)
from tracker.privacy.retention import RetentionStatus, list_candidate_retention
from tracker.storage.file_references import ERASED_TEXT, remove_files
from tracker.vocabulary import Role

CHUNK = 400
WORDS = ("title", "occasion", "customers", "narrative", "workplace_location", "workplace_holder", "workplace_seen_by")
OF_THE_EVIDENCE: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (EvidenceVersion, WORDS),
    (Attachment, ("name",)),
)
OF_AN_ATTEMPT: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (Assessment, ("feedback",)),
    (Decision, ("comment",)),
    (Signature, ("comment", "unsampled_reason")),
    (Reopening, ("reason",)),
    (Sample, ("comment",)),
    (ActionPoint, ("action", "response")),
    (RequirementConfirmation, ("note",)),
    (Claim, ("added_reason", "removed_reason")),
    (Allocation, ("reason",)),
    (VersionMove, ("reason",)),
)


@dataclass(frozen=True)
class Portfolio:
    """What a candidate did at a centre, under every registration there."""

    kept: tuple[RetentionStatus, ...]
    attempt_ids: tuple[int, ...]
    items: tuple[Evidence, ...]

    @property
    def registrations(self) -> list[Registration]:
        return [each.registration for each in self.kept]


def find_due_scope(registration: Registration) -> bool | None:
    """Whether everything of this candidate is due here (True), or evidence alone (False), or nothing (None)."""
    kept, today = list_candidate_retention(registration), day_of(now())
    if all(each.is_due(each.records_until, today) for each in kept):
        return None if all(each.is_wholly_erased for each in kept) else True
    if all(each.is_due(each.evidence_until, today) for each in kept):
        return None if all(each.is_evidence_erased for each in kept) else False
    return None


def erase_portfolio(registration: Registration, is_whole: bool, actor: Actor) -> None:
    """Erase what is due of a candidate at a centre. Files go once the change is safe.

    `is_whole` is what the page said would go. Raises `Refused` while a clock runs or a hold stands.
    """
    assert actor.person_id is not None  # noqa: S101 - an administrator erases, never the operator
    lock_rows(Registration, [each.registration.id for each in list_candidate_retention(registration)])
    if find_due_scope(registration) is not is_whole:
        raise Refused(
            "This is not due for erasure now: a clock still runs, a hold stands, or it was erased already. "
            "Nothing was erased. Open the page again and look."
        )
    portfolio = _read(registration)
    doors = [_open_door(each, is_whole, actor.person_id) for each in portfolio.registrations]
    db.session.flush()
    changed = [*_erase_evidence(portfolio), *(_erase_records(portfolio) if is_whole else ())]
    attachments = _rows(Attachment, Attachment.evidence_id, [each.id for each in portfolio.items])
    forms = _rows(IssuedForm, IssuedForm.attempt_id, portfolio.attempt_ids) if is_whole else []
    if is_whole:
        changed += _erase_person(registration.candidate, portfolio)
    db.session.flush()
    _destroy_salts(changed)
    for door in doors:
        door.is_open = False
    db.session.flush()
    files = sorted({each.sha256 for each in (*attachments, *forms)})
    versions = _rows(EvidenceVersion, EvidenceVersion.evidence_id, [each.id for each in portfolio.items])
    for door, kept in zip(doors, portfolio.kept, strict=True):
        record(
            "portfolio_erased", door, actor, registration=door.registration_id, whole=is_whole,
            attempts=list(portfolio.attempt_ids), versions=[each.id for each in versions], files=files,
            attachments=[each.id for each in attachments], forms=[each.id for each in forms],
            until=str(kept.records_until if is_whole else kept.evidence_until),
        )  # fmt: skip
    transactions.after_commit(lambda: remove_files(files))


def _read(registration: Registration) -> Portfolio:
    kept = list_candidate_retention(registration)
    whose = (registration.candidate_id, registration.centre_id)
    attempts = select(UnitAttempt.id).where(UnitAttempt.candidate_id == whose[0], UnitAttempt.centre_id == whose[1])
    items = select(Evidence).where(Evidence.candidate_id == whose[0], Evidence.centre_id == whose[1])
    attempt_ids = tuple(db.session.scalars(attempts.order_by(UnitAttempt.id)))
    lock_rows(UnitAttempt, attempt_ids)
    return Portfolio(tuple(kept), attempt_ids, tuple(db.session.scalars(items.order_by(Evidence.id))))


def _open_door(registration: Registration, is_whole: bool, person_id: int) -> Erasure:
    door = Erasure(
        registration_id=registration.id, is_whole=is_whole, erased_at=now(), erased_by_id=person_id, is_open=True
    )
    db.session.add(door)
    return door


def _erase_evidence(portfolio: Portfolio) -> list[Base]:
    ids = [each.id for each in portfolio.items]
    rows: list[tuple[Any, tuple[str, ...]]] = [(each, WORDS) for each in portfolio.items]
    for model, names in OF_THE_EVIDENCE:
        rows += [(each, names) for each in _rows(model, model.evidence_id, ids)]
    return _blanked(rows)


def _erase_records(portfolio: Portfolio) -> list[Base]:
    rows: list[tuple[Any, tuple[str, ...]]] = []
    for model, names in OF_AN_ATTEMPT:
        rows += [(each, names) for each in _rows(model, model.attempt_id, portfolio.attempt_ids)]
    samples = [each.id for each, _ in rows if isinstance(each, Sample)]
    rows += [(each, ("comment",)) for each in _rows(SampleItem, SampleItem.sample_id, samples)]
    rows += [
        (each, ("closing_comment", "void_reason"))
        for each in _rows(UnitAttempt, UnitAttempt.id, portfolio.attempt_ids)
    ]
    ids = [each.id for each in portfolio.registrations]
    rows += [(each, ("reason", "lifted_reason")) for each in _rows(RetentionHold, RetentionHold.registration_id, ids)]
    changed = _blanked(rows)
    for each, _ in rows:
        if isinstance(each, Assessment) and each.draft_decisions:
            each.draft_decisions = {}
            changed.append(each)
        if isinstance(each, VersionMove) and each.not_carried_over:
            each.not_carried_over = []
            changed.append(each)
    for registration in portfolio.registrations:
        registration.candidate_number = f"erased-{registration.id}"
        registration.awarding_body_number = ERASED_TEXT
        if registration.withdrawn_reason:
            registration.withdrawn_reason = ERASED_TEXT
    return [*changed, *portfolio.registrations]


def _erase_person(person: Person, portfolio: Portfolio) -> list[Base]:
    """Name and address, unless they are still needed: another centre's registration, or another role."""
    ids = {each.id for each in portfolio.registrations}
    whole = select(Erasure.registration_id).where(Erasure.is_whole)
    elsewhere = select(Registration.id).where(
        Registration.candidate_id == person.id, Registration.id.not_in(ids), Registration.id.not_in(whole)
    )
    other_role = select(Grant.id).where(Grant.person_id == person.id, Grant.role != Role.CANDIDATE)
    if db.session.scalar(elsewhere.limit(1)) or db.session.scalar(other_role.limit(1)):
        return []
    person.name, person.email = ERASED_TEXT, f"erased-{person.id}@erased.invalid"
    person.password_hash, person.deactivated_at = None, person.deactivated_at or now()
    for model in (UserSession, AccountLink, Notification, SecondFactor, RecoveryCode):
        db.session.execute(delete(model).where(model.person_id == person.id))
    db.session.execute(delete(PortfolioAccess).where(PortfolioAccess.candidate_id == person.id))
    return [person]


def _blanked(rows: Iterable[tuple[Any, tuple[str, ...]]]) -> list[Base]:
    """Put the word in place of every text that is there; the rows that changed come out."""
    changed = []
    for row, names in rows:
        written = [name for name in names if getattr(row, name)]
        for name in written:
            setattr(row, name, ERASED_TEXT)
        if written:
            changed.append(row)
    return changed


def _destroy_salts(changed: Sequence[Base]) -> None:
    """Without its salt, what the ledger holds of a row or a text is a number that matches nothing."""
    keys = [row_seals.key_of(row_seals.table_of(each), row_seals.values_of(each)) for each in changed]
    for some in _in_chunks(keys):
        db.session.execute(delete(EventText).where(EventText.field.in_(some)))
    by_type: dict[str, list[int]] = {}
    for each in changed:
        by_type.setdefault(each.__tablename__, []).append(each.id)  # type: ignore[attr-defined]  # each has one
    for name, ids in by_type.items():
        for some in _in_chunks(ids):
            about = select(Event.seq).where(Event.object_type == name, Event.object_id.in_(some))
            db.session.execute(
                delete(EventText).where(EventText.event_seq.in_(about), EventText.field.not_like("%:%"))
            )


def _rows(model: Any, column: Any, ids: Sequence[int]) -> list[Any]:
    found: list[Any] = []
    for some in _in_chunks(ids):
        found += db.session.scalars(select(model).where(column.in_(some)).order_by(model.id))
    return found


def _in_chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))
