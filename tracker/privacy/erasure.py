"""Erasure of a candidate's evidence and records that keeps the ledger intact (docs/rules.md, Retention and erasure).

Texts and files are erased, and the salts of the texts too, so that nobody can test a guess against the hashes in the
ledger. Rows and events stay; the event of the erasure seals the changed rows again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select

from tracker.accounts.account_change_queries import list_changes
from tracker.accounts.earlier_names import list_earlier_names
from tracker.clock import day_of, now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.job_runs.files import drop_files_of
from tracker.ledger import row_seals, transactions
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import (
    AccountLink,
    Acknowledgement,
    ActionPoint,
    Allocation,
    Assessment,
    Attachment,
    Base,
    Claim,
    Countersignature,
    Decision,
    DeliveryFailure,
    Erasure,
    EventText,
    Evidence,
    EvidenceVersion,
    FeedbackAnswer,
    FeedbackRemark,
    Grant,
    IssuedForm,
    KnownBrowser,
    LinkRequest,
    Notification,
    Person,
    PortfolioAccess,
    QuestionSet,
    RecordWithdrawal,
    RecoveryCode,
    Registration,
    RegistrationChange,
    Reopening,
    RequirementConfirmation,
    RetentionHold,
    Sample,
    SampleItem,
    SecondFactor,
    Signature,
    SignIn,
    UnitAttempt,
    UnsavedText,
    UserSession,
    VersionMove,
    WitnessTestimony,
)
from tracker.portfolio.services.partial_uploads import end_uploads_of
from tracker.privacy.erased_texts import delete_text_salts, erase_texts, split
from tracker.privacy.retention import RetentionStatus, list_candidate_retention
from tracker.records.services.testimony_erasure import forget_failures
from tracker.storage.file_references import remove_files
from tracker.vocabulary import ERASED_TEXT, Role

EVIDENCE_TEXTS = (
    "title",
    "occasion",
    "customers",
    "narrative",
    "workplace_location",
    "workplace_holder",
    "workplace_seen_by",
    "response",
    "witness_name",
    "witness_relationship",
    "witness_status",
    "content",
)
TEXTS_OF_VERSIONS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (EvidenceVersion, EVIDENCE_TEXTS),
    (Attachment, ("name",)),
)
TEXTS_OF_TESTIMONIES = (
    "witness_name",
    "email",
    "title",
    "place",
    "narrative",
    "content",
    "decline_reason",
    "refusal_reason",
)
"""What is erased of testimonies, with the evidence: it is about the candidate and of the witness."""
TEXTS_OF_SETS = ("content", "note", "taken_back_reason")
"""What is erased of the questions that were set for a candidate, with the evidence."""
TEXTS_OF_ATTEMPTS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (Assessment, ("feedback", "warnings_reason")),
    (Decision, ("comment",)),
    (Countersignature, ("reason",)),
    (Signature, ("comment", "unsampled_reason", "warnings_reason")),
    (Reopening, ("reason",)),
    (Sample, ("comment",)),
    (ActionPoint, ("action", "response")),
    (RequirementConfirmation, ("note",)),
    (Claim, ("added_reason", "removed_reason")),
    (Allocation, ("reason",)),
    (VersionMove, ("reason",)),
)
TEXTS_OF_REGISTRATIONS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (RegistrationChange, ("candidate_number", "awarding_body_number")),
    (RetentionHold, ("reason", "lifted_reason")),
)


@dataclass(frozen=True)
class Portfolio:
    """Everything a candidate did at a centre, under all registrations there."""

    statuses: tuple[RetentionStatus, ...]
    attempt_ids: tuple[int, ...]
    items: tuple[Evidence, ...]

    @property
    def registrations(self) -> list[Registration]:
        """The candidate's registrations at the centre."""
        return [each.registration for each in self.statuses]


def find_due_scope(registration: Registration) -> bool | None:
    """Return what is due for erasure at the centre: True: everything, False: evidence only, None: nothing."""
    statuses, today = list_candidate_retention(registration), day_of(now())
    if all(each.is_due(each.records_until, today) for each in statuses):
        return None if all(each.is_fully_erased for each in statuses) else True
    if all(each.is_due(each.evidence_until, today) for each in statuses):
        return None if all(each.is_evidence_erased for each in statuses) else False
    return None


def erase_portfolio(registration: Registration, is_full: bool, actor: Actor) -> None:
    """Erase what is due of a candidate at a centre. Files are deleted after the commit.

    Args:
        registration: one of the candidate's registrations at the centre.
        is_full: whether the page announced that everything will be erased, or only the evidence.
        actor: the administrator.

    Raises:
        Refused: this is not what is due now.
    """
    assert actor.person_id is not None  # noqa: S101 - an administrator erases, never the operator
    lock_rows(Registration, [each.registration.id for each in list_candidate_retention(registration)])
    if find_due_scope(registration) is not is_full:
        raise Refused(
            "This is not due for erasure now: it was erased already, is on retention hold, or its retention period "
            "has not ended. Nothing was erased. Open the page again to see what is due."
        )
    portfolio = _load_portfolio(registration)
    erasures = [_start_erasure(each, is_full, actor.person_id) for each in portfolio.registrations]
    db.session.flush()
    records = _load_records(portfolio) if is_full else []
    changed = [*_erase_evidence(portfolio), *(_erase_records(portfolio, records) if is_full else ())]
    attachments = _load_rows(Attachment, Attachment.evidence_id, [each.id for each in portfolio.items])
    forms = _load_rows(IssuedForm, IssuedForm.attempt_id, portfolio.attempt_ids) if is_full else []
    db.session.execute(delete(UnsavedText).where(UnsavedText.person_id == registration.candidate_id))
    if is_full:
        changed += _erase_person(registration.candidate, portfolio)
    db.session.flush()
    _delete_row_salts(changed)
    delete_text_salts([*changed, *(row for row, _ in records)])
    for erasure in erasures:
        erasure.is_open = False
    db.session.flush()
    drop_files_of(registration.candidate_id, registration.centre_id)
    end_uploads_of(registration.candidate_id, registration.centre_id)
    files = sorted({each.sha256 for each in (*attachments, *forms)})
    versions = _load_rows(EvidenceVersion, EvidenceVersion.evidence_id, [each.id for each in portfolio.items])
    for erasure, status in zip(erasures, portfolio.statuses, strict=True):
        record(
            "portfolio_erased", erasure, actor, registration=erasure.registration_id, full=is_full,
            attempts=list(portfolio.attempt_ids), versions=[each.id for each in versions], files=files,
            attachments=[each.id for each in attachments], forms=[each.id for each in forms],
            until=str(status.records_until if is_full else status.evidence_until),
        )  # fmt: skip
    transactions.after_commit(lambda: remove_files(files))


def _load_portfolio(registration: Registration) -> Portfolio:
    statuses = list_candidate_retention(registration)
    candidate_id, centre_id = registration.candidate_id, registration.centre_id
    attempts = select(UnitAttempt.id).where(
        UnitAttempt.candidate_id == candidate_id, UnitAttempt.centre_id == centre_id
    )
    items = select(Evidence).where(Evidence.candidate_id == candidate_id, Evidence.centre_id == centre_id)
    attempt_ids = tuple(db.session.scalars(attempts.order_by(UnitAttempt.id)))
    lock_rows(UnitAttempt, attempt_ids)
    return Portfolio(tuple(statuses), attempt_ids, tuple(db.session.scalars(items.order_by(Evidence.id))))


def _start_erasure(registration: Registration, is_full: bool, person_id: int) -> Erasure:
    erasure = Erasure(
        registration_id=registration.id, is_full=is_full, erased_at=now(), erased_by_id=person_id, is_open=True
    )
    db.session.add(erasure)
    return erasure


def _erase_evidence(portfolio: Portfolio) -> list[Base]:
    ids = [each.id for each in portfolio.items]
    rows: list[tuple[Any, tuple[str, ...]]] = [(each, EVIDENCE_TEXTS) for each in portfolio.items]
    for model, names in TEXTS_OF_VERSIONS:
        rows += [(each, names) for each in _load_rows(model, model.evidence_id, ids)]
    testimonies = _load_rows(WitnessTestimony, WitnessTestimony.attempt_id, portfolio.attempt_ids)
    addresses = {each.email for each in testimonies}
    for each in testimonies:
        each.code = None
    rows += [(each, TEXTS_OF_TESTIMONIES) for each in testimonies]
    sets = _load_rows(QuestionSet, QuestionSet.attempt_id, portfolio.attempt_ids)
    rows += [(each, TEXTS_OF_SETS) for each in sets]
    changed = erase_texts(rows)
    forget_failures(addresses)
    return changed


def _load_records(portfolio: Portfolio) -> list[tuple[Any, tuple[str, ...]]]:
    """Return every record of assessment and verification in the portfolio, each with its columns of text."""
    rows: list[tuple[Any, tuple[str, ...]]] = []
    for model, names in TEXTS_OF_ATTEMPTS:
        rows += [(each, names) for each in _load_rows(model, model.attempt_id, portfolio.attempt_ids)]
    versions = _load_rows(EvidenceVersion, EvidenceVersion.evidence_id, [each.id for each in portfolio.items])
    assessments = [each.id for each, _ in rows if isinstance(each, Assessment)]
    remarks = _load_rows(FeedbackRemark, FeedbackRemark.assessment_id, assessments)
    answers = _load_rows(FeedbackAnswer, FeedbackAnswer.remark_id, [each.id for each in remarks])
    rows += [(each, ("text",)) for each in (*remarks, *answers)]
    acknowledgements = _load_rows(
        Acknowledgement, Acknowledgement.evidence_version_id, [each.id for each in versions]
    )
    rows += [(each, ("reason",)) for each in acknowledgements]
    withdrawals = _load_rows(RecordWithdrawal, RecordWithdrawal.evidence_version_id, [each.id for each in versions])
    rows += [(each, ("reason",)) for each in withdrawals]
    samples = [each.id for each, _ in rows if isinstance(each, Sample)]
    rows += [(each, ("comment",)) for each in _load_rows(SampleItem, SampleItem.sample_id, samples)]
    rows += [
        (each, ("closing_comment", "warnings_reason", "simulation_reason", "void_reason"))
        for each in _load_rows(UnitAttempt, UnitAttempt.id, portfolio.attempt_ids)
    ]
    ids = [each.id for each in portfolio.registrations]
    for model, names in TEXTS_OF_REGISTRATIONS:
        rows += [(each, names) for each in _load_rows(model, model.registration_id, ids)]
    return rows


def _erase_records(portfolio: Portfolio, records: Iterable[tuple[Any, tuple[str, ...]]]) -> list[Base]:
    changed = erase_texts(records)
    for each, _ in records:
        if isinstance(each, Assessment) and each.draft_decisions:
            each.draft_decisions = {}
            changed.append(each)
        if isinstance(each, Assessment) and each.answer_marks:
            each.answer_marks = {}
            changed.append(each)
        if isinstance(each, VersionMove) and each.not_carried_over:
            each.not_carried_over = []
            changed.append(each)
    for registration in portfolio.registrations:
        registration.candidate_number = f"erased-{registration.id}"
        if registration.awarding_body_number:
            registration.awarding_body_number = ERASED_TEXT
        if registration.withdrawn_reason:
            registration.withdrawn_reason = ERASED_TEXT
    return [*changed, *portfolio.registrations]


def _erase_person(person: Person, portfolio: Portfolio) -> list[Base]:
    """Erase the name and email address, unless another centre's registration or another role still needs them."""
    ids = {each.id for each in portfolio.registrations}
    fully_erased = select(Erasure.registration_id).where(Erasure.is_full)
    elsewhere = select(Registration.id).where(
        Registration.candidate_id == person.id, Registration.id.not_in(ids), Registration.id.not_in(fully_erased)
    )
    other_role = select(Grant.id).where(Grant.person_id == person.id, Grant.role != Role.CANDIDATE)
    if db.session.scalar(elsewhere.limit(1)) or db.session.scalar(other_role.limit(1)):
        return []
    db.session.execute(delete(DeliveryFailure).where(DeliveryFailure.address == person.email))
    address = person.email
    person.name, person.email = ERASED_TEXT, f"erased-{person.id}@erased.invalid"
    changed = erase_texts(_list_account_history(person))
    person.password_hash, person.deactivated_at = None, person.deactivated_at or now()
    for model in (UserSession, SignIn, KnownBrowser, AccountLink, Notification, SecondFactor, RecoveryCode):
        db.session.execute(delete(model).where(model.person_id == person.id))
    db.session.execute(delete(LinkRequest).where(LinkRequest.email == address))
    db.session.execute(delete(PortfolioAccess).where(PortfolioAccess.candidate_id == person.id))
    return [*changed, person]


def _list_account_history(person: Person) -> list[tuple[Any, tuple[str, ...]]]:
    """List a person's earlier names and changes of the account, each with its columns of text.

    A change that waits is cancelled by the installation when it is due, since the account is closed.
    """
    names = [(each, ("name",)) for each in list_earlier_names(person.id)]
    return [*names, *((each, ("old_email", "new_email")) for each in list_changes(person.id))]


def _delete_row_salts(changed: Iterable[Base]) -> None:
    """Delete the salts of the changed rows' seals in events of format 1; the event replaces those of format 2."""
    for chunk in split([row_seals.get_object_key(row) for row in changed]):
        db.session.execute(delete(EventText).where(EventText.field.in_(chunk)))


def _load_rows(model: Any, column: Any, ids: Sequence[int]) -> list[Any]:
    rows: list[Any] = []
    for chunk in split(ids):
        rows += db.session.scalars(select(model).where(column.in_(chunk)).order_by(model.id))
    return rows
