"""Acts on CPD and declarations of interest: the person writes them, and an administrator answers a declaration."""

from datetime import date

from sqlalchemy import select

from tracker.clock import now
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import Centre, CpdEntry, InterestDeclaration, Person
from tracker.staff.services.checks import (
    check_another_person,
    check_own,
    check_past_day,
    check_reason,
    clean_line,
    clean_text,
)
from tracker.vocabulary import ERASED_TEXT

MAX_MINUTES = 60_000


def record_cpd(
    person: Person, centre: Centre, happened_on: date | None, minutes: int, texts: tuple[str, str, str], actor: Actor
) -> CpdEntry:
    """Record continuing professional development in one's own log.

    Args:
        person: whose log it is, who acts.
        centre: the centre.
        happened_on: the day, or the last of several.
        minutes: how long it took.
        texts: what it was, what was learned, and what shows it; the last may be empty.
        actor: the person in a role as assessor or verifier of the centre.

    Raises:
        Invalid: something is missing or cannot be.
        Refused: somebody else's log.
    """
    check_own(person, actor)
    title, learning, evidence = texts
    if not 1 <= minutes <= MAX_MINUTES:
        raise Invalid("Enter the hours, such as 2 or 1.5.", "hours")
    entry = CpdEntry(
        person_id=person.id, centre_id=centre.id,
        happened_on=check_past_day(happened_on, "Enter the date.", "happened_on"), minutes=minutes,
        title=clean_line(title, "Enter what you did.", "title"),
        learning=clean_text(learning, "Enter what you learned and how you use it.", "learning"),
        evidence=clean_text(evidence, "", "evidence"), recorded_at=now(),
    )  # fmt: skip
    db.session.add(entry)
    db.session.flush()
    record(
        "cpd_recorded", entry, actor, texts={"title": entry.title, "learning": entry.learning},
        person=person.id, centre=centre.id, minutes=minutes,
    )  # fmt: skip
    return entry


def remove_cpd(entry: CpdEntry, person: Person, reason: str, actor: Actor) -> None:
    """Remove an entry from one's own CPD log. It stays in the record, with the reason.

    Raises:
        Invalid: no reason.
        Refused: it was removed already, or the log is somebody else's.
    """
    check_own(person, actor)
    lock_rows(CpdEntry, [entry.id])
    if entry.removed_at:
        raise Refused("This entry was removed already. Nothing was changed.")
    entry.removed_reason, entry.removed_at = check_reason(reason), now()
    db.session.flush()
    record(
        "cpd_removed", entry, actor, texts={"reason": entry.removed_reason},
        person=entry.person_id, centre=entry.centre_id,
    )  # fmt: skip


def declare_interest(person: Person, centre: Centre, interest: str, actor: Actor) -> InterestDeclaration:
    """Declare a conflict of interest to a centre, or, with an empty text, that there is none.

    docs/rules.md, Staff register, rule 6. [S13]

    Raises:
        Invalid: the text is too long, or is the word that stands for an erased one, so that it would count as none.
        Refused: somebody else's declaration, or "none" while a declared interest has not ended.
    """
    check_own(person, actor)
    lock_rows(Person, [person.id])  # so that a declaration at the same moment is seen
    text = clean_text(interest, "", "interest")
    if text == ERASED_TEXT:
        raise Invalid(
            f"Write whom or what it concerns. “{ERASED_TEXT}” alone stands for a declaration that was erased.",
            "interest",
        )
    if not text and _has_open_interest(person, centre):
        raise Refused(
            "You have declared an interest that has not ended. End it first, then declare that you have none. "
            "Nothing was changed."
        )
    declaration = InterestDeclaration(person_id=person.id, centre_id=centre.id, interest=text, declared_at=now())
    db.session.add(declaration)
    db.session.flush()
    record(
        "interest_declared", declaration, actor, texts={"interest": text}, person=person.id, centre=centre.id,
        nothing=not text,
    )  # fmt: skip
    return declaration


def answer_interest(declaration: InterestDeclaration, person: Person, answer: str, actor: Actor) -> None:
    """Record what a centre does about a declared interest, as an administrator who is not its person.

    Raises:
        Invalid: no answer.
        Refused: one's own declaration, or one that was answered, has ended or declares nothing.
    """
    answered_by_id = check_another_person(person, actor)
    lock_rows(InterestDeclaration, [declaration.id])
    if declaration.answered_at or not declaration.is_open:
        raise Refused("This declaration was answered already, or has ended. Nothing was changed.")
    declaration.answer = clean_text(answer, "Enter what the centre does about it.", "answer")
    declaration.answered_at, declaration.answered_by_id = now(), answered_by_id
    db.session.flush()
    record(
        "interest_answered", declaration, actor, texts={"answer": declaration.answer},
        person=declaration.person_id, centre=declaration.centre_id,
    )  # fmt: skip


def end_interest(declaration: InterestDeclaration, person: Person, reason: str, actor: Actor) -> None:
    """End one's own declared interest, which no longer applies.

    Raises:
        Invalid: no reason.
        Refused: it has ended or declares nothing, or it is somebody else's.
    """
    check_own(person, actor)
    lock_rows(InterestDeclaration, [declaration.id])
    if not declaration.is_open:
        raise Refused("This declaration has ended already. Nothing was changed.")
    declaration.ended_reason, declaration.ended_at = check_reason(reason), now()
    db.session.flush()
    record(
        "interest_ended", declaration, actor, texts={"reason": declaration.ended_reason},
        person=declaration.person_id, centre=declaration.centre_id,
    )  # fmt: skip


def _has_open_interest(person: Person, centre: Centre) -> bool:
    query = select(InterestDeclaration.id).where(
        InterestDeclaration.person_id == person.id, InterestDeclaration.centre_id == centre.id,
        InterestDeclaration.interest.not_in(["", ERASED_TEXT]), InterestDeclaration.ended_at.is_(None),
    )  # fmt: skip
    return db.session.scalar(query.limit(1)) is not None
