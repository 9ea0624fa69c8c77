"""What a witness does with their link: asks for a code, signs the testimony, or declines.

docs/rules.md, Witness testimonies, rules 3 to 9. The witness has no account, so the events have no actor.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from tracker.accounts.mailboxes import clean_address, find_person, is_own_address
from tracker.accounts.person_names import clean_name, is_name, remove_invisible_characters
from tracker.accounts.services.attempt_limits import (
    Limit,
    count_attempt,
    count_link_request,
    forget_attempts,
    name_address,
)
from tracker.accounts.sessions import hash_token
from tracker.clock import now
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.events import record as record_event
from tracker.ledger.transactions import lock_rows, reading
from tracker.models import Criterion, UnitAttempt, WitnessTestimony
from tracker.portfolio.queries.testimonies import find_state, list_criteria
from tracker.portfolio.record_content import MAX_LINE, SeenCriterion, WitnessTestimonyContent, dump_content
from tracker.portfolio.services.evidence import MAX_LENGTH
from tracker.records.services.testimony_requests import check_open, may_email
from tracker.records.testimony_emails import (
    notify_of_refusal,
    notify_of_signature,
    send_code,
    send_notice,
    send_receipt,
)
from tracker.vocabulary import AttemptKind, RecordKind, WitnessStatus, WitnessTestimonyState
from tracker.web.encryption import decrypt, encrypt
from tracker.web.formatting import day
from tracker.web.text_direction import isolate

WITNESS = Actor(None)
"""A witness, who has no account: the event is about the testimony, which has their name."""
CODE_LIFETIME = timedelta(minutes=10)
MAX_DECLINE_REASON = 2_000
UNKNOWN_LINK = Limit(AttemptKind.LINK, 20, "Too many links that do not work were opened. Wait {}, then try again.")
CODE_REQUEST = Limit(
    AttemptKind.LINK, 3, "You asked for a code too often. Check your junk folder. To ask again, wait {}."
)
CODE = Limit(AttemptKind.SECOND_STEP, 5, "There were too many wrong codes. Wait {}, then try again.")
ENDED = {
    WitnessTestimonyState.EXPIRED: "This link has expired. Ask whoever asked you for a new one.",
    WitnessTestimonyState.WITHDRAWN: "This request was withdrawn, so nothing is asked of you any more.",
    WitnessTestimonyState.DECLINED: "You have said that you cannot confirm this. You need do nothing more.",
    WitnessTestimonyState.SIGNED: "You have signed this testimony. It cannot be changed.",
    WitnessTestimonyState.AUTHENTICATED: (
        "You have signed this testimony, and an assessor has accepted it. It cannot be changed."
    ),
    WitnessTestimonyState.REFUSED: "You have signed this testimony. An assessor decided not to use it.",
}
"""What somebody reads who opens a link that was used or has ended: never what was written."""


class LinkEnded(Refused):
    """A witness's link that does not work any more, or never did."""

    title = "This link no longer works"

    def __init__(self, sentence: str, ended: WitnessTestimony | None = None) -> None:
        super().__init__(sentence)
        self.ended = ended
        """What the link was for, where it has ended for good."""


@dataclass(frozen=True)
class TypedTestimony:
    """What a witness typed and ticked."""

    name: str
    job: str
    relationship: str
    status: WitnessStatus | None
    is_unrelated: bool
    """Whether the witness declares that they are no relative or partner of the candidate."""
    narrative: str
    criterion_ids: Collection[int]
    signed_name: str = ""
    code: str = ""
    contact: str = ""
    """The address that a witness gives in person, if any."""


def get_open_testimony(token: str, client_address: str) -> WitnessTestimony:
    """Return what the link with this token asks for, while it can be answered.

    Raises:
        LinkEnded: the link never existed or has ended, or the unit is not in progress. Links that do not exist are
            counted for each IP address.
    """
    testimony = _find(token)
    if testimony is None:
        raise LinkEnded(_count_unknown_link(client_address))
    if sentence := ENDED.get(find_state(testimony)):
        raise LinkEnded(sentence, testimony)
    try:
        check_open(testimony.attempt)
    except Refused:
        raise LinkEnded(
            f"{isolate(testimony.attempt.candidate.name)}’s unit was signed off or ended, so a testimony cannot be "
            "added to it now. Nothing was sent, and you need do nothing."
        ) from None
    return testimony


def request_code(token: str, typed: TypedTestimony, client_address: str) -> WitnessTestimony:
    """Email the witness a code, once what they typed is complete. Nothing that they typed is stored.

    Raises as `get_open_testimony` does, and `Invalid` where something is missing or a code was asked for too often.
    """
    with reading():
        testimony = get_open_testimony(token, client_address)
        if testimony.is_in_person:
            raise Refused("You sign this on the device that was handed to you, without a code. Nothing was sent.")
        _check(testimony, typed)
        testimony_id = testimony.id
    count_link_request(f"testimony code {testimony_id}", client_address, CODE_REQUEST)
    testimony = _lock(token, client_address)
    code = f"{secrets.randbelow(1_000_000):06}"
    testimony.code, testimony.code_sent_at = encrypt(code, _name_code(testimony)), now()
    db.session.flush()
    send_code(testimony, code)
    return testimony


def sign_testimony(token: str, typed: TypedTestimony, client_address: str) -> WitnessTestimony:
    """Seal what the witness typed under their name.

    By email they typed the code that was sent to their address. In person there is none.

    Raises:
        Invalid: something is missing, the code is wrong or expired, or it was tried too often.
        LinkEnded: as `get_open_testimony`.
    """
    with reading():
        testimony = get_open_testimony(token, client_address)
        _check(testimony, typed)
        _check_signed_name(typed)
        account, needs_code = f"testimony {testimony.id}", not testimony.is_in_person
    if needs_code:
        count_attempt(CODE, account, account)
    testimony = _lock(token, client_address)
    if needs_code and not _is_code(testimony, typed.code):
        raise Invalid("This code is wrong or has expired. Type the newest code, or ask for another.", "code")
    criteria = _check(testimony, typed)
    forget_attempts(CODE, account, account)
    if testimony.is_in_person:
        testimony.email = clean_address(typed.contact)
    testimony.witness_name = clean_name(typed.name)
    testimony.narrative = _clean_text(typed.narrative)
    testimony.content = dump_content(RecordKind.WITNESS_TESTIMONY, _build_content(testimony, typed, criteria))
    testimony.signed_at, testimony.code = now(), None
    if needs_code:  # an address given in person may be anybody's
        testimony.witness_id = find_person(testimony.email)
    db.session.flush()
    record_event("testimony_signed", testimony, WITNESS, attempt=testimony.attempt_id, address_confirmed=needs_code)
    _tell_witness(testimony)
    notify_of_signature(testimony)
    return testimony


def decline(token: str, reason: str, client_address: str) -> None:
    """Record that the person asked is somebody else, or did not see this, and end the link.

    Raises:
        Invalid: the reason is too long.
        LinkEnded: as `get_open_testimony`.
    """
    if len(reason) > MAX_DECLINE_REASON:
        raise Invalid(f"Use at most {MAX_DECLINE_REASON:,} characters.", "reason")
    testimony = _lock(token, client_address)
    testimony.declined_at, testimony.code = now(), None
    testimony.decline_reason = _clean_text(reason)
    record_event("testimony_declined", testimony, WITNESS, attempt=testimony.attempt_id)
    notify_of_refusal(testimony)


def build_statement(testimony: WitnessTestimony) -> str:
    """Return the wording that the witness signs, with the candidate's name as it is stored."""
    return write_statement(day(testimony.happened_on), testimony.attempt.candidate.name)


def write_statement(when: str, candidate_name: str) -> str:
    """Return the wording of a witness's signature for a day, or for `the date above` on a blank sheet."""
    return (
        f"I saw this myself on {when}, and what I have written is true. I am not a relative or partner of "
        f"{candidate_name}."
    )


def _find(token: str) -> WitnessTestimony | None:
    query = select(WitnessTestimony).where(WitnessTestimony.token_hash == hash_token(token))
    return db.session.scalars(query).one_or_none()


def _count_unknown_link(client_address: str) -> str:
    """Count the opening of a link that does not exist, and return what its reader is told."""
    db.session.rollback()
    try:
        count_link_request(f"unknown witness link from {name_address(client_address)}", client_address, UNKNOWN_LINK)
    except Invalid as refusal:
        return str(refusal)
    return "This link does not exist, or a newer one replaced it. Open the whole link in the newest email."


def _lock(token: str, client_address: str) -> WitnessTestimony:
    """Lock the attempt and the testimony, and return it while it can still be answered."""
    testimony = get_open_testimony(token, client_address)
    lock_rows(UnitAttempt, [testimony.attempt_id])
    lock_rows(WitnessTestimony, [testimony.id])
    return get_open_testimony(token, client_address)  # another request may have answered it meanwhile


def _check(testimony: WitnessTestimony, typed: TypedTestimony) -> list[Criterion]:
    """Return the criteria that the witness ticked; raise `Invalid` for the first thing that is missing or refused."""
    _check_person(testimony, typed)
    first_name = isolate(testimony.attempt.candidate.name)
    text = _clean_text(typed.narrative)
    if not text:
        raise Invalid(f"Write what {first_name} did.", "narrative")
    if len(text) > MAX_LENGTH["narrative"]:
        raise Invalid(f"Use at most {MAX_LENGTH['narrative']:,} characters.", "narrative")
    proposed = list_criteria(testimony.attempt.unit_id, testimony.criterion_ids)
    if not proposed:
        raise Invalid(
            f"The unit moved to another version since you were asked, and has none of what you were asked about. "
            f"Nothing was sent. {isolate(testimony.asked_by.name)} can ask you again."
        )
    criteria = [each for each in proposed if each.id in set(typed.criterion_ids)]
    if not criteria:
        raise Invalid("Tick what you saw. If you saw none of it, choose “I cannot confirm this”.", "criterion")
    return criteria


def _check_person(testimony: WitnessTestimony, typed: TypedTestimony) -> None:
    first_name = isolate(testimony.attempt.candidate.name)
    if not is_name(clean_name(typed.name)):
        raise Invalid("Enter your full name.", "name")
    for name, sentence in (("job", "Enter your job."), ("relationship", f"Enter how you know {first_name}.")):
        if not (text := clean_name(getattr(typed, name))):
            raise Invalid(sentence, name)
        if len(text) > MAX_LINE:
            raise Invalid(f"Use at most {MAX_LINE} characters.", name)
    if typed.status is None:
        raise Invalid("Choose what describes you.", "status")
    if not typed.is_unrelated:
        raise Invalid(
            f"A relative or partner of {first_name} cannot be a witness. Tick this if you are neither; otherwise "
            "choose “I cannot confirm this”.",
            "is_unrelated",
        )
    address = typed.contact if testimony.is_in_person else testimony.email
    for person in (testimony.attempt.candidate, testimony.asked_by):
        if is_own_address(address, person):
            raise Invalid(
                f"This address is {isolate(person.name)}’s own, so it cannot be a witness’s. Nothing was sent.",
                "contact",
            )


def _tell_witness(testimony: WitnessTestimony) -> None:
    """Email a copy to a confirmed address; to one that was given in person a notice, within the limits."""
    if not testimony.is_in_person:
        send_receipt(testimony)
    elif testimony.email and may_email(testimony.asked_by_id, testimony.email, before=1):
        send_notice(testimony)


def _check_signed_name(typed: TypedTestimony) -> None:
    if clean_name(typed.signed_name).casefold() != clean_name(typed.name).casefold():
        raise Invalid("Type your full name as you entered it above.", "signed_name")


def read_code(testimony: WitnessTestimony) -> str | None:
    """Return the code that was sent last, while it works."""
    return decrypt(testimony.code, _name_code(testimony), within=CODE_LIFETIME) if testimony.code else None


def _is_code(testimony: WitnessTestimony, typed: str) -> bool:
    code, digits = read_code(testimony), "".join(typed.split())
    return code is not None and digits.isascii() and secrets.compare_digest(code, digits)


def _name_code(testimony: WitnessTestimony) -> str:
    """Return the purpose of the code's key; it names the address, so that the code counts for no other one."""
    return f"code of testimony {testimony.id} to {testimony.email}"


def _build_content(
    testimony: WitnessTestimony, typed: TypedTestimony, criteria: Collection[Criterion]
) -> WitnessTestimonyContent:
    assert typed.status is not None  # noqa: S101 - it was checked
    code = testimony.attempt.unit.code
    return WitnessTestimonyContent(
        witness=clean_name(typed.name),
        job=clean_name(typed.job),
        relationship=clean_name(typed.relationship),
        contact=testimony.email,
        status=typed.status,
        place=testimony.place,
        criteria=tuple(
            SeenCriterion(testimony.attempt_id, each.id, code, each.kind, each.label) for each in criteria
        ),
        statement=build_statement(testimony),
        address_confirmed=not testimony.is_in_person,
    )


def _clean_text(text: str) -> str:
    return remove_invisible_characters(text.replace("\r\n", "\n").replace("\r", "\n")).strip()
