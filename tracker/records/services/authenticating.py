"""An assessor's answer to a signed testimony: authenticated, and so evidence, or refused with a reason.

docs/rules.md, Witness testimonies, rules 11 to 14.
"""

from tracker.assessment.services.assessments import check_assessor
from tracker.clock import now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.events import record as record_event
from tracker.ledger.transactions import lock_rows
from tracker.matrix.testimony_notes import ASKED_BY_MYSELF
from tracker.models import (
    ADDED_FIELDS,
    Acknowledgement,
    Evidence,
    EvidenceVersion,
    Grant,
    ListedWitness,
    Person,
    UnitAttempt,
    WitnessTestimony,
)
from tracker.portfolio.queries.testimonies import find_state, list_criteria
from tracker.portfolio.record_content import WitnessTestimonyContent, load_as
from tracker.portfolio.services.evidence import MAX_LENGTH
from tracker.portfolio.services.submissions import get_next_number
from tracker.records.services.sealing import seal_record
from tracker.records.services.stamped_claims import claim_stamped
from tracker.records.services.use import validate_reason
from tracker.records.testimony_emails import notify_of_refusal, notify_of_use, send_use
from tracker.registrations.separation_of_duties import is_witness, list_verified
from tracker.vocabulary import AcknowledgementAnswer, ListedStatus, Method, RecordKind, Role, WitnessTestimonyState
from tracker.witness_list.status_on_day import find_entry, list_entries_of

DECLARATION = (
    "I have checked that the witness is who they say they are and gave this testimony, and that it is about the "
    "candidate’s own work."
)
"""What an assessor declares of a testimony that they authenticate."""
HANDED_OVER = (
    "You handed over the device on which this was signed, and no code confirmed who signed it, so another assessor "
    "has to authenticate it. Nothing was changed. Ask the centre’s administrator to allocate the unit to another "
    "assessor."
)
NO_CRITERIA = (
    "The unit moved to another version since the witness was asked, and has none of the criteria that they ticked. "
    "Nothing was changed. Refuse this testimony with that reason, and ask the witness again."
)


def authenticate_testimony(testimony: WitnessTestimony, attempt: UnitAttempt, actor: Actor) -> EvidenceVersion:
    """Seal a signed testimony as evidence of the candidate, and claim the criteria that the witness ticked.

    The caller has locked the attempt.

    Raises:
        Refused: it was answered already, the unit cannot be assessed by this person now, they are the witness or
            handed over the device to them, or the unit has none of the criteria any more.
    """
    content = _check_answer(testimony, attempt, actor)
    assert actor.person_id is not None  # noqa: S101 - `_check_answer` knows the assessor
    _check_independent(testimony, actor.person_id)
    entry = find_listed_witness(testimony, actor.person_id)
    declaration = build_declaration(testimony, actor.person_id, entry)
    criteria = list_criteria(attempt.unit_id, {each.criterion for each in content.criteria})
    if not criteria:
        raise Refused(NO_CRITERIA)
    evidence = _build_evidence(testimony, attempt, content, actor.person_id, entry)
    db.session.add(evidence)
    db.session.flush()
    lock_rows(Evidence, [evidence.id])
    evidence.number = get_next_number(evidence)
    db.session.flush()
    claim_stamped(evidence, {(attempt.id, each.id): [] for each in criteria}, [attempt.id], actor.person_id)
    version = seal_record(evidence, declaration, [attempt.id], actor)
    testimony.answered_at, testimony.answered_by_id, testimony.evidence_id = now(), actor.person_id, evidence.id
    _acknowledge(testimony, version, actor)
    if not testimony.is_in_person:
        send_use(testimony, evidence.number)
    notify_of_use(testimony)
    return version


def find_listed_witness(testimony: WitnessTestimony, assessor_id: int) -> ListedWitness | None:
    """Return the entry of the centre's witness list that counts for a signed testimony, or None. One statement.

    Only a code shows that the witness has the mailbox of an entry: what is signed in person gets no status.
    """
    if testimony.is_in_person or testimony.signed_at is None:
        return None
    entries = list_entries_of(testimony.attempt.centre_id, testimony.email)
    return find_entry(entries, testimony.happened_on, testimony.signed_at, assessor_id)


def build_declaration(testimony: WitnessTestimony, assessor_id: int, entry: ListedWitness | None) -> str:
    """Return what an assessor declares of a testimony: also if they asked for it and nobody else listed the witness.

    docs/rules.md, Witness testimonies, rule 20.
    """
    is_own_request = testimony.asked_by_id == assessor_id and entry is None
    return f"{DECLARATION} {ASKED_BY_MYSELF}" if is_own_request else DECLARATION


def _acknowledge(testimony: WitnessTestimony, version: EvidenceVersion, actor: Actor) -> None:
    assert actor.person_id is not None  # noqa: S101 - assessors authenticate
    acknowledgement = Acknowledgement(
        evidence_version_id=version.id,
        role=Role.ASSESSOR,
        answer=AcknowledgementAnswer.AUTHENTICATED,
        statement=version.submission.declaration,
        reason="",
        acknowledged_at=now(),
        acknowledged_by_id=actor.person_id,
    )
    db.session.add(acknowledgement)
    db.session.flush()
    record_event(
        "testimony_authenticated",
        acknowledgement,
        actor,
        attempt=testimony.attempt_id,
        testimony=testimony.id,
        version=version.id,
    )


def refuse_testimony(testimony: WitnessTestimony, attempt: UnitAttempt, reason: str, actor: Actor) -> None:
    """Record why a signed testimony is not used. The caller has locked the attempt.

    Raises:
        Invalid: there is no reason, or it is too long.
        Refused: it was answered already, or the unit cannot be assessed by this person now. The witness may refuse
            it: somebody else may have given their address.
    """
    _check_answer(testimony, attempt, actor)
    testimony.refusal_reason = validate_reason(reason)
    testimony.answered_at, testimony.answered_by_id = now(), actor.person_id
    record_event(
        "testimony_refused", testimony, actor, texts={"reason": testimony.refusal_reason}, attempt=attempt.id
    )
    notify_of_refusal(testimony)


def _check_independent(testimony: WitnessTestimony, person_id: int) -> None:
    """Raise `Refused` for the witness, for who handed over the device, and where the witness has verified the unit.

    docs/rules.md, Witness testimonies, rules 10 and 13; Separation of duties, rule 7.
    """
    if is_witness(testimony, db.session.get_one(Person, person_id)):
        raise Refused(
            "You gave this testimony, so you cannot authenticate or assess it. Nothing was changed. Ask the centre’s "
            "administrator to allocate the unit to another assessor."
        )
    if testimony.is_in_person and testimony.asked_by_id == person_id:
        raise Refused(HANDED_OVER)
    if testimony.witness_id and list_verified([testimony.witness_id], [testimony.attempt_id]):
        raise Refused(
            "The witness has verified this unit, so their testimony cannot be evidence in it. Nothing was changed. "
            "Refuse it with that reason."
        )


def _check_answer(testimony: WitnessTestimony, attempt: UnitAttempt, actor: Actor) -> WitnessTestimonyContent:
    """Lock the grant and the testimony; return its content while this person may answer it."""
    if actor.grant_id:
        lock_rows(Grant, [actor.grant_id])
    lock_rows(WitnessTestimony, [testimony.id])
    check_assessor(attempt, actor)
    if find_state(testimony) is not WitnessTestimonyState.SIGNED:
        raise Refused("This testimony is not signed, or was answered already. Nothing was changed.")
    content = load_as(WitnessTestimonyContent, RecordKind.WITNESS_TESTIMONY, testimony.content)
    if content is None:
        raise Refused("The text of this testimony was erased. Nothing was changed.")
    return content


def _build_evidence(
    testimony: WitnessTestimony,
    attempt: UnitAttempt,
    content: WitnessTestimonyContent,
    author_id: int,
    entry: ListedWitness | None,
) -> Evidence:
    """Return the evidence that a testimony becomes: of an expert witness only by the centre's list, rule 3 there."""
    moment, is_expert = now(), entry is not None and entry.status is ListedStatus.EXPERT
    return Evidence(
        candidate_id=attempt.candidate_id,
        centre_id=attempt.centre_id,
        author_id=author_id,
        record_kind=RecordKind.WITNESS_TESTIMONY,
        created_at=moment,
        updated_at=moment,
        **{
            **dict.fromkeys(MAX_LENGTH.keys() - ADDED_FIELDS, ""),
            "title": testimony.title,
            "method": Method.EXPERT_WITNESS if is_expert else Method.WITNESS_TESTIMONY,
            "happened_from": testimony.happened_on,
            "narrative": testimony.narrative,
            "witness_name": content.witness,
            "witness_relationship": content.relationship,
            "witness_status": entry.status.described if entry else "",
            "content": testimony.content,
        },
    )
