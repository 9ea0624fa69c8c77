"""Acts on a centre's witness list: an entry is recorded, and removed with a reason."""

from dataclasses import dataclass
from datetime import date

from tracker.accounts.mailboxes import clean_address, find_person
from tracker.accounts.person_names import clean_name, is_name
from tracker.clock import now
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import Centre, ListedWitness
from tracker.staff.services.checks import MAX_LINE, check_past_day, check_reason, clean_line, clean_text
from tracker.vocabulary import ListedStatus


@dataclass(frozen=True)
class TypedWitness:
    """An entry of the witness list, as it was typed."""

    name: str
    email: str
    relationship: str
    status: ListedStatus
    starts_on: date | None
    ends_on: date | None = None
    inducted_on: date | None = None
    cv: str = ""


def list_witness(centre: Centre, typed: TypedWitness, actor: Actor, *, is_administrator: bool) -> ListedWitness:
    """Put a witness on a centre's list (docs/rules.md, Witness list, rules 1 and 2).

    Args:
        centre: the centre.
        typed: what was typed.
        actor: an administrator or an assessor of the centre.
        is_administrator: whether they act as an administrator, who alone lists an expert witness.

    Raises:
        Invalid: something is missing or cannot be.
        Refused: an assessor would list an expert witness, or themselves.
    """
    assert actor.person_id is not None  # noqa: S101 - people keep the list
    is_expert = typed.status is ListedStatus.EXPERT
    if is_expert and not is_administrator:
        raise Refused("An administrator of the centre lists expert witnesses. Nothing was saved.")
    if not is_name(clean_name(typed.name)) or len(clean_name(typed.name)) > MAX_LINE:
        raise Invalid("Enter the witness’s name.", "name")
    address = clean_address(typed.email)
    if address and find_person(address) == actor.person_id:
        raise Refused("This is your own address. Another person lists you as a witness. Nothing was saved.")
    starts_on = check_past_day(typed.starts_on, "Enter the first day of the status.", "starts_on")
    if typed.ends_on is not None and typed.ends_on < starts_on:
        raise Invalid("Enter the first day or a later one, or leave it empty.", "ends_on")
    inducted_on = _check_induction(typed, starts_on)
    entry = ListedWitness(
        centre_id=centre.id, name=clean_name(typed.name), email=address,
        relationship=clean_line(typed.relationship, "Enter the job or relationship.", "relationship"),
        status=typed.status, starts_on=starts_on, ends_on=typed.ends_on, inducted_on=inducted_on,
        cv=clean_text(typed.cv, "Enter what the CV shows, and where it is kept." if is_expert else "", "cv"),
        recorded_at=now(), recorded_by_id=actor.person_id,
    )  # fmt: skip
    db.session.add(entry)
    db.session.flush()
    record(
        "witness_listed", entry, actor, texts={"name": entry.name, "email": address, "cv": entry.cv},
        centre=centre.id, status=entry.status.value,
    )  # fmt: skip
    return entry


def remove_witness(entry: ListedWitness, reason: str, actor: Actor) -> None:
    """Remove an entry: it no longer counts for testimonies signed from now on, and stays in the record.

    Raises:
        Invalid: no reason.
        Refused: it was removed already.
    """
    lock_rows(ListedWitness, [entry.id])
    if entry.removed_at:
        raise Refused("This entry was removed already. Nothing was changed.")
    entry.removed_reason, entry.removed_at, entry.removed_by_id = check_reason(reason), now(), actor.person_id
    db.session.flush()
    record("listed_witness_removed", entry, actor, texts={"reason": entry.removed_reason}, centre=entry.centre_id)


def _check_induction(typed: TypedWitness, starts_on: date) -> date | None:
    if typed.status is not ListedStatus.EXPERT and typed.inducted_on is None:
        return None
    inducted_on = check_past_day(typed.inducted_on, "Enter the date of the induction.", "inducted_on")
    if inducted_on > starts_on:
        raise Invalid("The induction is on the first day of the status, or before it.", "inducted_on")
    return inducted_on
