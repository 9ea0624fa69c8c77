"""Countersigning: when it is needed, whom an assessment or a signature waits for, and what ends the waiting.

docs/rules.md, Countersigning. The answer is given in `countersignature_answers`.
"""

from collections.abc import Collection
from typing import Any

from tracker.assessment import emails as email_texts
from tracker.assessment.queries.countersigning import (
    find_countersigner,
    find_countersigner_fault,
    find_fault_in_unit,
    find_waiting,
    is_qualified,
    list_open_in,
)
from tracker.background import emails
from tracker.clock import now
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import Assessment, Centre, Countersignature, Person, Signature, UnitAttempt
from tracker.vocabulary import AssessmentState, CountersignatureEnd
from tracker.web.text_direction import isolate

ASK_ADMINISTRATOR = "Ask your centre’s administrator to name another countersigner. What you typed is kept."


ENDS_SIGNATURES = {CountersignatureEnd.ROUND, CountersignatureEnd.VOID, CountersignatureEnd.WITHDRAWAL}
"""What ends the wait of a signature too. A signature stands when the unit is allocated to somebody else."""


class NoCountersigner(Invalid):
    """A decision that has to be countersigned, where nobody is named who can; what was typed is kept."""


def find_need(attempt: UnitAttempt, assessor_id: int) -> bool | None:
    """Return whether what an assessor decides today needs a countersigner; None while the centre asks for none.

    A countersigner who can act must be named then (docs/rules.md, Countersigning, rules 2 and 3).

    Raises:
        NoCountersigner: one is needed, and nobody is named who can countersign.
    """
    if not attempt.centre.has_countersigning:
        return None
    if is_qualified(assessor_id, attempt.centre_id):
        return False
    _choose_countersigner(attempt, assessor_id)
    return True


def ask_for_assessment(assessment: Assessment) -> bool:
    """Let an assessment wait for its countersigner, instead of releasing it. Return whether somebody can be asked.

    The caller has locked the attempt.
    """
    attempt = assessment.attempt
    lock_rows(Centre, [attempt.centre_id])  # so that countersigning is not switched off meanwhile
    if not attempt.centre.has_countersigning:
        return False
    try:
        person = _choose_countersigner(attempt, assessment.assessor_id)
    except NoCountersigner:
        return False
    assessment.state, assessment.release_after = AssessmentState.AWAITING_COUNTERSIGNATURE, None
    _ask(
        Countersignature(attempt_id=attempt.id, assessment_id=assessment.id, person=person, asked_at=now()),
        Actor(assessment.assessor_id, assessment.grant_id, assessment.session_ref),
        assessment.assessor,
    )
    return True


def ask_for_signature(signature: Signature, actor: Actor) -> Countersignature:
    """Ask for the countersignature of an assessor's signature under a unit; raise as `find_need` does."""
    assessor = db.session.get_one(Person, signature.person_id)
    lock_rows(Centre, [signature.attempt.centre_id])
    person = _choose_countersigner(signature.attempt, assessor.id)
    asked = Countersignature(
        attempt_id=signature.attempt_id, signature_id=signature.id, person=person, asked_at=now()
    )
    _ask(asked, actor, assessor)
    return asked


def ask_another(waiting: Countersignature, person: Person, assessor: Person, actor: Actor) -> None:
    """End a countersignature that waits, and ask another person for it. The caller has locked the attempt."""
    end_waiting(waiting, CountersignatureEnd.NEW_COUNTERSIGNER, actor)
    asked = Countersignature(
        attempt_id=waiting.attempt_id,
        assessment_id=waiting.assessment_id,
        signature_id=waiting.signature_id,
        person=person,
        asked_at=now(),
    )
    _ask(asked, actor, assessor)


def end_countersignatures(
    attempts: Collection[UnitAttempt],
    because: CountersignatureEnd,
    actor: Actor,
    *,
    evidence_id: int | None = None,
) -> None:
    """End what waits for a countersigner in attempts: each assessment becomes a draft again.

    Args:
        attempts: the attempts, locked by the caller.
        because: the act that ends it.
        actor: who does the act.
        evidence_id: the one item of evidence that it is about; None for all, signatures included.
    """
    ids = [attempt.id for attempt in attempts if attempt.centre.has_countersigning]
    for waiting in list_open_in(ids) if ids else ():
        assessment = waiting.assessment
        if assessment is None and because not in ENDS_SIGNATURES:
            continue
        if evidence_id is not None and (assessment is None or assessment.evidence_version.evidence_id != evidence_id):
            continue
        end_waiting(waiting, because, actor)
        if assessment:
            turn_into_draft(assessment)
    db.session.flush()


def end_countersignature_of(assessment: Assessment, because: CountersignatureEnd, actor: Actor) -> None:
    """End what an assessment waits for, if it waits. The caller has locked the attempt, and turns it into a draft."""
    if assessment.state is not AssessmentState.AWAITING_COUNTERSIGNATURE:
        return
    for waiting in list_open_in([assessment.attempt_id]):
        if waiting.assessment_id == assessment.id:
            end_waiting(waiting, because, actor)


def take_back(waiting: Countersignature, actor: Actor) -> Assessment:
    """End what an assessor's own assessment waits for: it is their draft again. The caller has locked the attempt.

    docs/rules.md, Countersigning, rule 11.

    Raises:
        NotFound: it is somebody else's assessment, or a sign-off, which is retracted on its own page.
        Refused: it was answered or has ended.
    """
    lock_rows(Countersignature, [waiting.id])
    assessment = waiting.assessment
    if assessment is None or assessment.assessor_id != actor.person_id:
        raise NotFound
    if not waiting.is_open:
        raise Refused("This was countersigned already, sent back, or has ended. Nothing was changed.")
    end_waiting(waiting, CountersignatureEnd.TAKEN_BACK, actor)
    turn_into_draft(assessment)
    return assessment


def turn_into_draft(assessment: Assessment) -> None:
    """Turn an assessment that was finished and not released into a draft again. What was typed is kept."""
    assessment.state = AssessmentState.DRAFT
    assessment.outcome, assessment.release_after, assessment.needs_countersigner = None, None, None


def check_not_waiting(attempt: UnitAttempt, version_id: int, assessor_id: int) -> None:
    """Raise `Refused` while the assessor's assessment of this version waits for its countersigner."""
    if waiting := find_waiting(attempt, version_id, assessor_id):
        raise Refused(
            f"{isolate(waiting.person.name)} has not countersigned your assessment of this item yet, so it cannot be "
            "changed now. Nothing was changed."
        )


def _choose_countersigner(attempt: UnitAttempt, assessor_id: int) -> Person:
    """Return who countersigns for an assessor in a unit now; raise `NoCountersigner` if nobody can."""
    named = find_countersigner(assessor_id, attempt.centre_id)
    if named is None:
        raise NoCountersigner(
            "You hold no assessor’s award today, so your decisions have to be countersigned, and nobody is named for "
            f"that. {ASK_ADMINISTRATOR.replace('another', 'a')}"
        )
    fault = find_countersigner_fault(named.person, attempt.centre_id) or find_fault_in_unit(named.person, attempt)
    if fault:
        raise NoCountersigner(f"Your decisions have to be countersigned, and {fault}. {ASK_ADMINISTRATOR}")
    return named.person


def _ask(asked: Countersignature, actor: Actor, assessor: Person) -> None:
    db.session.add(asked)
    db.session.flush()
    db.session.refresh(asked)
    facts: dict[str, Any] = {"assessment": asked.assessment_id, "signature": asked.signature_id}
    if asked.assessment:
        facts["outcome"] = asked.assessment.outcome.value if asked.assessment.outcome else None
        facts["outcomes"] = {
            claim: decision["outcome"]
            for claim, decision in asked.assessment.draft_decisions.items()
            if decision.get("outcome")
        }
    record(
        "countersignature_asked",
        asked,
        actor,
        attempt=asked.attempt_id,
        person=asked.person_id,
        **{name: value for name, value in facts.items() if value is not None},
    )
    # One email a day for each assessor, however much they decide.
    text = email_texts.build_to_countersign_email(asked, assessor)
    emails.notify(asked.person, f"to_countersign:{assessor.id}", *text)


def end_waiting(waiting: Countersignature, because: CountersignatureEnd, actor: Actor) -> None:
    """End one countersignature without an answer, and record it."""
    waiting.ended_at, waiting.ended_because = now(), because
    db.session.flush()  # an assessment has one open countersignature: the old one ends before the new one is inserted
    record("countersignature_ended", waiting, actor, attempt=waiting.attempt_id, because=because.value)
