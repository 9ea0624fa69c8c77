"""Texts of the emails about assessment, sign-off and version moves: each function returns a subject and a body."""

from tracker.assessment.services.version_move_plans import format_version
from tracker.background.emails import build_url
from tracker.models import Assessment, Countersignature, Person, Unit, UnitAttempt
from tracker.vocabulary import ReopeningKind, use_terms


def build_evidence_returned_email(assessment: Assessment) -> tuple[str, str]:
    """Return the email that tells the candidate that evidence was returned."""
    version = assessment.evidence_version
    body = (
        f"{assessment.assessor.name} has assessed “{version.title}” and returned it to you. "
        f"Read the feedback, then submit a new version: {build_url(f'/evidence/{version.evidence_id}')}"
    )
    return f"Evidence {version.evidence.number} was returned to you", body


def build_remarks_email(assessment: Assessment, count: int) -> tuple[str, str]:
    """Return the email that tells the candidate of remarks on evidence that was accepted."""
    version = assessment.evidence_version
    path = "/records" if version.author_id else "/evidence"
    remarks = "a remark" if count == 1 else f"{count} remarks"
    body = (
        f"{assessment.assessor.name} has accepted “{version.title}” and written {remarks} on it. "
        f"Read and answer: {build_url(f'{path}/{version.evidence_id}')}"
    )
    return f"Remarks on evidence {version.evidence.number}", body


def build_to_countersign_email(asked: Countersignature, assessor: Person) -> tuple[str, str]:
    """Return the email that tells a countersigner that something of an assessor waits for them."""
    what = "signed a unit off" if asked.signature_id else "assessed evidence"
    body = (
        f"{assessor.name} has {what} and holds no assessor’s award yet. You countersign for {assessor.name}: the "
        "candidate sees nothing of it before. Read the evidence and the decisions, then agree or disagree: "
        f"{build_url('/countersigning')}"
    )
    return f"To countersign: {assessor.name}", body


def build_not_countersigned_email(answered: Countersignature, countersigner: Person) -> tuple[str, str]:
    """Return the email that tells an assessor that their countersigner disagrees."""
    path = f"/attempts/{answered.attempt_id}"
    if answered.assessment:
        path += f"/evidence/{answered.assessment.evidence_version.evidence_id}/assess"
    body = f"{countersigner.name} disagrees and has written why. Read the reason: {build_url(path)}"
    return f"Not countersigned by {countersigner.name}", body


def build_unit_signed_email(attempt: UnitAttempt) -> tuple[str, str]:
    """Return the email that asks the candidate to confirm a unit."""
    body = (
        f"Your assessor has signed off {attempt.unit.code}, {attempt.unit.title}. "
        f"Read the form, then confirm the unit: {build_url(f'/attempts/{attempt.id}/confirm')}"
    )
    return f"Confirm {attempt.unit.code}", body


def build_unit_confirmed_email(attempt: UnitAttempt) -> tuple[str, str]:
    """Return the email that tells the internal verifier that a unit can be verified."""
    body = (
        f"{attempt.candidate.name} has confirmed {attempt.unit.code}. "
        f"You can verify it now: {build_url(f'/attempts/{attempt.id}/verify')}"
    )
    return f"{attempt.unit.code} of {attempt.candidate.name} is confirmed", body


def build_unit_disputed_email(attempt: UnitAttempt) -> tuple[str, str]:
    """Return the email that tells the assessor that the candidate disputes a unit."""
    body = (
        f"{attempt.candidate.name} disagrees with your decision on some criteria. "
        f"Assess them again: {build_url(f'/attempts/{attempt.id}')}"
    )
    return f"{attempt.candidate.name} disputes {attempt.unit.code}", body


REOPENED_BY = {
    ReopeningKind.RETRACTION: "your assessor has retracted their signature",
    ReopeningKind.RETURN: "the internal verifier has returned the unit to your assessor",
    ReopeningKind.REOPENING: "the internal verifier has reopened the verified unit",
    ReopeningKind.DISAGREEMENT: "the internal verifier disagrees with an assessment decision",
}
"""What somebody other than the candidate has done that ended a round."""


def build_unit_reopened_email(attempt: UnitAttempt, kind: ReopeningKind) -> tuple[str, str]:
    """Return the email that tells the candidate that a signed unit is in progress again."""
    body = (
        f"{attempt.unit.code}, {attempt.unit.title}, is in progress again: "
        f"{use_terms(REOPENED_BY[kind], attempt.centre.terms)}. The signatures under it no longer count. "
        f"Read the reason: {build_url(f'/attempts/{attempt.id}')}"
    )
    return f"{attempt.unit.code} is in progress again", body


def build_version_moved_email(attempt: UnitAttempt, newer: Unit, not_carried_over: int) -> tuple[str, str]:
    """Return the email that tells the candidate and the assessor that an attempt moved to a later version."""
    body = (
        f"{newer.code}, {newer.title}, of {attempt.candidate.name} has moved to {format_version(newer)}. "
        + (
            f"{not_carried_over} claims were not carried over: the unit’s page lists them. "
            if not_carried_over > 1
            else ""
        )
        + ("1 claim was not carried over: the unit’s page lists it. " if not_carried_over == 1 else "")
        + f"See the unit: {build_url(f'/attempts/{attempt.id}')}"
    )
    return f"{newer.code} has moved to {format_version(newer)}", body
