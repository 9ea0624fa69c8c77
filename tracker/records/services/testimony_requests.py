"""Requests for a witness's testimony: asked for with a one-time link by email, and withdrawn."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select

from tracker.accounts.mailboxes import clean_address, has_domain_of, is_own_address, is_same_mailbox, name_mailbox
from tracker.accounts.person_names import clean_name, is_name
from tracker.accounts.services.attempt_limits import lock_counters
from tracker.accounts.sessions import hash_token
from tracker.background import emails
from tracker.clock import now, today
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.events import record as record_event
from tracker.ledger.transactions import lock_rows
from tracker.models import Criterion, Person, UnitAttempt, WitnessTestimony
from tracker.portfolio.queries.testimonies import find_state
from tracker.portfolio.record_content import MAX_LINE
from tracker.records.testimony_emails import send_link, send_withdrawal
from tracker.registrations.separation_of_duties import check_not_withdrawn
from tracker.vocabulary import ERASED_TEXT, AttemptKind, AttemptState, WitnessTestimonyState
from tracker.web.text_direction import isolate

LIFETIME = timedelta(days=30)
"""How long a witness's link works."""
HAND_OVER_LIFETIME = timedelta(hours=1)
"""How long a device that was handed over to a witness shows what they are asked."""
KEPT_AFTER_END = timedelta(days=30)
"""How long a request that was not signed is kept after its link ended."""
MAX_OPEN = 20
"""The most requests of one unit that wait for a witness."""
MAX_A_DAY = 20
"""The most requests of one asker within `DAY`, over all units, whatever became of them."""
MAX_A_DAY_TO_ADDRESS = 3
"""The most of these that lead to one mailbox."""
MAX_A_DAY_TO_MAILBOX = 6
"""The most requests and notices to one mailbox within `DAY`, whoever asks, at whatever centre."""
DAY = timedelta(hours=24)
MAX_CRITERIA = 60
NOT_TODAY = (
    "No request can be emailed to this address today. Nothing was sent. Ask again tomorrow, or hand over this device."
)
"""For the limit over all askers: it says nothing of what others asked, or whether they did."""
NO_EMAILS = "This installation sends no emails, so a witness cannot be asked by email. Nothing was sent."


@dataclass(frozen=True)
class AskedTestimony:
    """What a witness is asked to confirm, as it was typed."""

    witness_name: str
    email: str
    """Empty where the device is handed over."""
    title: str
    happened_on: date
    place: str
    criterion_ids: Collection[int]


def ask_witness(attempt: UnitAttempt, asked: AskedTestimony, actor: Actor) -> tuple[WitnessTestimony, str]:
    """Email a witness a link with which they can confirm what they saw. The caller has locked the attempt.

    The link's token is not stored, only its hash (docs/rules.md, Witness testimonies, rules 1 to 3).

    Returns:
        What was asked, and the token for the demonstration, whose witness signs.

    Raises:
        Invalid: a field is missing or too long, no criterion of the unit is chosen, or the address is the
            candidate's or the asker's own.
        Refused: no emails are sent here, the unit is not in progress, too many requests wait, or the asker has asked
            too often today.
    """
    if not emails.can_deliver():
        raise Refused(NO_EMAILS)
    if not clean_address(asked.email):
        raise Invalid("Enter the witness’s email address, or hand over this device.", "email")
    testimony, token = _add_request(attempt, asked, actor, is_in_person=False)
    send_link(testimony, token)
    return testimony, token


def hand_over(attempt: UnitAttempt, asked: AskedTestimony, actor: Actor) -> str:
    """Return the token with which a witness gives a testimony on the asker's device, within an hour.

    The caller has locked the attempt, and signs the asker out (docs/rules.md, Witness testimonies, rule 10).

    Raises as `ask_witness` does, except where no emails are sent.
    """
    return _add_request(attempt, asked, actor, is_in_person=True)[1]


def _add_request(
    attempt: UnitAttempt, asked: AskedTestimony, actor: Actor, *, is_in_person: bool
) -> tuple[WitnessTestimony, str]:
    assert actor.person_id is not None  # noqa: S101 - people ask witnesses
    check_open(attempt)
    _check_fields(attempt, asked, actor.person_id)
    _check_number(attempt)
    _check_today(actor.person_id, asked.email)
    moment, token = now(), secrets.token_urlsafe(32)
    testimony = WitnessTestimony(
        attempt_id=attempt.id,
        asked_by_id=actor.person_id,
        asked_at=moment,
        witness_name=clean_name(asked.witness_name),
        is_in_person=is_in_person,
        email=clean_address(asked.email),
        title=clean_name(asked.title),
        happened_on=asked.happened_on,
        place=clean_name(asked.place),
        criterion_ids=sorted(set(asked.criterion_ids)),
        token_hash=hash_token(token),
        expires_at=moment + (HAND_OVER_LIFETIME if is_in_person else LIFETIME),
        decline_reason="",
        narrative="",
    )
    db.session.add(testimony)
    db.session.flush()
    record_event("testimony_requested", testimony, actor, attempt=attempt.id, in_person=is_in_person)
    return testimony, token


def withdraw_request(testimony: WitnessTestimony, actor: Actor) -> None:
    """Withdraw a request that the witness has not answered, so that its link no longer works.

    Raises:
        Refused: the witness has signed or declined, or it was withdrawn already.
    """
    lock_rows(WitnessTestimony, [testimony.id])
    if find_state(testimony) not in {WitnessTestimonyState.ASKED, WitnessTestimonyState.EXPIRED}:
        raise Refused("The witness has answered already, or the request was withdrawn. Nothing was changed.")
    testimony.withdrawn_at, testimony.code = now(), None
    record_event("testimony_withdrawn", testimony, actor, attempt=testimony.attempt_id)
    if not testimony.is_in_person and testimony.email != ERASED_TEXT:  # otherwise nobody was sent a link
        send_withdrawal(testimony)


def count_today(asker_id: int | None, address: str | None = None) -> int:
    """Count what was asked of witnesses within 24 hours, withdrawn and answered requests among it.

    Args:
        asker_id: who asked; None counts everybody's.
        address: count only requests to this mailbox, and testimonies in person whose witness gave it.
    """
    query = select(WitnessTestimony.email).where(WitnessTestimony.asked_at > now() - DAY)
    if asker_id is not None:
        query = query.where(WitnessTestimony.asked_by_id == asker_id)
    if address is not None:
        query = query.where(has_domain_of(WitnessTestimony.email, address))
    return sum(address is None or is_same_mailbox(each, address) for each in db.session.scalars(query))


def may_email(asker_id: int, address: str, *, before: int = 0) -> bool:
    """Return whether one more email may go to an address that nobody has confirmed, within the limits of a day.

    Only one transaction at a time counts a mailbox.

    Args:
        asker_id: who asks, or asked.
        address: the address.
        before: how many of those that are counted are this email's own.
    """
    lock_counters(AttemptKind.LINK, f"testimonies to {name_mailbox(address)}")
    own, all_ = count_today(asker_id, address) - before, count_today(None, address) - before
    return own < MAX_A_DAY_TO_ADDRESS and all_ < MAX_A_DAY_TO_MAILBOX


def check_open(attempt: UnitAttempt) -> None:
    """Raise `Refused` unless the unit is in progress and its candidate was not withdrawn."""
    if attempt.state is not AttemptState.IN_PROGRESS:
        raise Refused("This unit is not in progress, so no testimony can be added to it. Nothing was changed.")
    check_not_withdrawn(attempt)


def _check_fields(attempt: UnitAttempt, asked: AskedTestimony, asker_id: int) -> None:
    if not is_name(clean_name(asked.witness_name)):
        raise Invalid("Enter the witness’s name.", "witness_name")
    if is_own_address(asked.email, attempt.candidate):
        raise Invalid(
            "This is the candidate’s own address. A testimony needs the address of the person who saw the work.",
            "email",
        )
    if is_own_address(asked.email, db.session.get_one(Person, asker_id)):
        raise Invalid("This is your own address. To record what you saw yourself, write an observation.", "email")
    for name, label in (("title", "what the witness is to confirm"), ("place", "the place")):
        if not clean_name(getattr(asked, name)):
            raise Invalid(f"Enter {label}.", name)
        if len(clean_name(getattr(asked, name))) > MAX_LINE:
            raise Invalid(f"Use at most {MAX_LINE} characters.", name)
    if asked.happened_on > today():
        raise Invalid("Enter the date on which the witness saw the work. It cannot be in the future.", "happened_on")
    query = select(Criterion.id).where(
        Criterion.unit_id == attempt.unit_id, Criterion.assessable, Criterion.id.in_(asked.criterion_ids)
    )
    found = set(db.session.scalars(query))
    if not found or found != set(asked.criterion_ids):
        raise Invalid("Choose the criteria that the witness may confirm.", "criterion")
    if len(found) > MAX_CRITERIA:
        raise Invalid(f"Choose at most {MAX_CRITERIA} criteria.", "criterion")


def _check_number(attempt: UnitAttempt) -> None:
    waiting = select(func.count(WitnessTestimony.id)).where(
        WitnessTestimony.attempt_id == attempt.id,
        WitnessTestimony.signed_at.is_(None),
        WitnessTestimony.withdrawn_at.is_(None),
        WitnessTestimony.declined_at.is_(None),
        WitnessTestimony.expires_at > now(),
    )
    if (db.session.scalar(waiting) or 0) >= MAX_OPEN:
        raise Refused(
            f"{MAX_OPEN} requests for {isolate(attempt.candidate.name)} in this unit wait for a witness, which is "
            "the maximum. Nothing was sent. Withdraw one that is not needed."
        )


def _check_today(asker_id: int, address: str) -> None:
    """Raise `Refused` for an asker who would send too many emails to people who have no account here.

    docs/rules.md, Witness testimonies, rule 18.
    """
    lock_counters(AttemptKind.LINK, f"testimonies asked for by {asker_id}")
    if count_today(asker_id) >= MAX_A_DAY:
        raise Refused(
            f"You have asked for {MAX_A_DAY} testimonies in 24 hours, which is the maximum. Nothing was sent. Ask "
            "for more tomorrow."
        )
    if not clean_address(address):
        return
    if count_today(asker_id, address) >= MAX_A_DAY_TO_ADDRESS:
        raise Refused(
            f"You have sent {MAX_A_DAY_TO_ADDRESS} requests to this address in 24 hours, which is the maximum. "
            "Nothing was sent. Ask this witness for more tomorrow."
        )
    if not may_email(asker_id, address):
        raise Refused(NOT_TODAY)
