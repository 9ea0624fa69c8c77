"""Emails about testimonies: to the witness, who has no account, and to the asker and the unit's assessors."""

from sqlalchemy import select

from tracker.background import emails
from tracker.extensions import db
from tracker.models import Allocation, Person, UnitAttempt, WitnessTestimony
from tracker.portfolio.record_content import WitnessTestimonyContent, load_as
from tracker.registrations.current_allocations import is_current
from tracker.vocabulary import RecordKind, Role
from tracker.web.formatting import day


def send_link(testimony: WitnessTestimony, token: str) -> None:
    """Email the witness the link. It is in this email alone: only the hash of its token is stored."""
    candidate, unit = testimony.attempt.candidate, testimony.attempt.unit
    centre, url = testimony.attempt.centre.name, emails.build_url(f"/witness/{token}")
    emails.send(
        testimony.email,
        f"Please confirm what you saw {candidate.name} do",
        (
            f"Hello {testimony.witness_name},\n\n{testimony.asked_by.name} asks you to confirm “{testimony.title}” "
            f"for {candidate.name}, in the unit {unit.code} {unit.title} at {centre}. You need no account. Open this "
            f"link and write what you saw:\n\n{url}\n\nThe link works until {day(testimony.expires_at)}. Do not "
            "forward it: it is for you alone. If you did not see "
            "this, open the link and say so, or ignore this email.\n"
        ),
    )


def send_reminder(testimony: WitnessTestimony, token: str) -> None:
    """Remind the witness, with a new link that replaces the first."""
    candidate, url = testimony.attempt.candidate, emails.build_url(f"/witness/{token}")
    emails.send(
        testimony.email,
        f"Reminder: please confirm what you saw {candidate.name} do",
        (
            f"Hello {testimony.witness_name},\n\n{testimony.asked_by.name} asked you on {day(testimony.asked_at)} to "
            f"confirm “{testimony.title}” for {candidate.name}. You need no account. Open this link and write "
            f"what you saw, or say that you cannot confirm it:\n\n{url}\n\nThe link works until "
            f"{day(testimony.expires_at)} and replaces the one before. We do not remind you again.\n"
        ),
    )


def notify_of_failure(testimony: WitnessTestimony) -> None:
    """Email the asker that an email to the witness could not be delivered."""
    emails.notify(
        testimony.asked_by,
        f"testimony_unanswered:{testimony.id}",
        f"The email to {testimony.witness_name} could not be delivered",
        f"Ask them for their address. Withdraw the request to confirm “{testimony.title}” for "
        f"{testimony.attempt.candidate.name}, and ask again: {_build_list_url(testimony)}",
    )


def notify_of_silence(testimony: WitnessTestimony) -> None:
    """Email the asker that the witness has not answered."""
    emails.notify(
        testimony.asked_by,
        f"testimony_unanswered:{testimony.id}",
        f"{testimony.witness_name} has not answered about {testimony.attempt.candidate.name}",
        f"Speak to them, or ask another witness to confirm “{testimony.title}”: {_build_list_url(testimony)}",
    )


def send_code(testimony: WitnessTestimony, code: str) -> None:
    """Email the witness the code with which they confirm their address."""
    emails.send(
        testimony.email,
        f"Your code to sign the testimony for {testimony.attempt.candidate.name}",
        (
            f"Hello {testimony.witness_name},\n\nYour code is {code}. It works for 10 minutes. If you did not ask "
            "for it, somebody else has opened your link: do not give them the code.\n"
        ),
    )


def send_withdrawal(testimony: WitnessTestimony) -> None:
    """Email the witness that nothing is asked of them any more."""
    emails.send(
        testimony.email,
        f"Your testimony for {testimony.attempt.candidate.name} is no longer needed",
        (
            f"Hello {testimony.witness_name},\n\nThe request to confirm “{testimony.title}” for "
            f"{testimony.attempt.candidate.name} was withdrawn. Its link no longer works. You need do nothing.\n"
        ),
    )


def send_receipt(testimony: WitnessTestimony) -> None:
    """Email the witness a copy of what they signed, and who reads it."""
    content = load_as(WitnessTestimonyContent, RecordKind.WITNESS_TESTIMONY, testimony.content)
    assert content is not None  # noqa: S101 - the witness has just signed it
    labels = ", ".join(each.label for each in content.criteria)
    emails.send(
        testimony.email,
        f"Your testimony for {testimony.attempt.candidate.name}",
        (
            f"Hello {content.witness},\n\nYou signed this testimony for {testimony.attempt.candidate.name}. An "
            f"assessor at {testimony.attempt.centre.name} checks with you that it is yours.\n\n{testimony.title}\n"
            f"{day(testimony.happened_on)}, {content.place}\n\n{testimony.narrative}\n\nCriteria of "
            f"{testimony.attempt.unit.code} that you ticked: {labels}\n\n{content.statement}\n{content.witness}, "
            f"{content.job}, {day(testimony.signed_at)}\n\nIt cannot be changed now. If you did not sign it, tell "
            f"{testimony.attempt.centre.name} at once.\n"
        ),
    )


def send_notice(testimony: WitnessTestimony) -> None:
    """Tell the address that was given in person that there is a testimony, without its title, its text or a witness.

    Nobody has confirmed the address, so it may be that of somebody who was never asked.
    """
    candidate, centre = testimony.attempt.candidate.name, testimony.attempt.centre.name
    emails.send(
        testimony.email,
        f"A testimony for {candidate} names your address",
        (
            f"Hello,\n\nSomebody signed a testimony for {candidate} at {centre} in person, and gave this as their "
            f"email address. If it was you, you need do nothing. If it was not, tell {centre} at once.\n"
        ),
    )


def send_use(testimony: WitnessTestimony, number: int) -> None:
    """Email the witness that an assessor accepted their testimony as evidence: an alert, should it not be theirs."""
    assert testimony.answered_by is not None  # noqa: S101 - an assessor has just authenticated it
    emails.send(
        testimony.email,
        f"Your testimony for {testimony.attempt.candidate.name} is evidence now",
        (
            f"Hello {testimony.witness_name},\n\n{testimony.answered_by.name} has accepted your testimony "
            f"“{testimony.title}” as evidence {number} of {testimony.attempt.candidate.name}. If you did not sign "
            f"it, tell {testimony.attempt.centre.name} at once.\n"
        ),
    )


def notify_of_use(testimony: WitnessTestimony) -> None:
    """Email the candidate that a testimony about them is evidence: only they may know that nobody gave it."""
    assert testimony.answered_by is not None  # noqa: S101 - an assessor has just authenticated it
    emails.notify(
        testimony.attempt.candidate,
        f"testimony_authenticated:{testimony.id}",
        f"The testimony of {testimony.witness_name} is evidence in {testimony.attempt.unit.code}",
        f"{testimony.answered_by.name} has authenticated “{testimony.title}”. If this witness did not see your work, "
        f"tell {testimony.attempt.centre.name}: {emails.build_url(f'/records/{testimony.evidence_id}')}",
    )


def notify_of_signature(testimony: WitnessTestimony) -> None:
    """Email the asker that the witness signed, and the assessors that the testimony waits for them."""
    name = testimony.attempt.candidate.name
    subject = f"{testimony.witness_name} has signed a testimony for {name}"
    assessors = _list_assessors(testimony)
    for assessor in assessors:
        emails.notify(
            assessor,
            f"testimony_signed:{testimony.id}",
            subject,
            f"Read “{testimony.title}” and say whether it is authentic: {_build_assessor_url(testimony)}",
        )
    if testimony.asked_by not in assessors:
        emails.notify(
            testimony.asked_by,
            f"testimony_signed:{testimony.id}",
            subject,
            f"“{testimony.title}” counts once the assessor has authenticated it: {_build_list_url(testimony)}",
        )


def notify_of_refusal(testimony: WitnessTestimony) -> None:
    """Email the asker that the witness declined, or that an assessor refused the testimony."""
    words = "was declined by the witness" if testimony.declined_at else "was refused by the assessor"
    emails.notify(
        testimony.asked_by,
        f"testimony_refused:{testimony.id}",
        f"The testimony of {testimony.witness_name} {words}",
        f"“{testimony.title}” does not count. Read the reason: {_build_list_url(testimony)}",
    )


def _list_assessors(testimony: WitnessTestimony) -> list[Person]:
    query = (
        select(Person)
        .join(Allocation, Allocation.person_id == Person.id)
        .join(UnitAttempt, UnitAttempt.id == Allocation.attempt_id)
        .where(Allocation.attempt_id == testimony.attempt_id, Allocation.role == Role.ASSESSOR, is_current())
        .order_by(Person.id)
    )
    return list(db.session.scalars(query))


def _build_list_url(testimony: WitnessTestimony) -> str:
    return emails.build_url(f"/attempts/{testimony.attempt_id}/testimonies")


def _build_assessor_url(testimony: WitnessTestimony) -> str:
    return emails.build_url(f"/attempts/{testimony.attempt_id}/testimonies/{testimony.id}")
