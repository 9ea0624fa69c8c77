"""Changes of people's names; earlier names are kept (docs/rules.md, Roles and permissions, rule 17)."""

from tracker.accounts import emails as email_texts
from tracker.accounts.person_names import clean_name, is_name
from tracker.accounts.services.people import check_account_managed
from tracker.accounts.services.two_step_verification import send_security_email
from tracker.clock import now
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import Centre, EarlierName, Person


def change_name(person: Person, centre: Centre | None, name: str, actor: Actor) -> bool:
    """Change a person's name, keep the earlier one and email them; return whether it is another name.

    Args:
        person: whose name it is.
        centre: the administrator's centre; None for the operator.
        name: the new name.
        actor: the administrator or the operator.

    Raises:
        Invalid: a name that cannot be used.
        Refused: their own name, or an account that is not the centre's alone.
    """
    typed = clean_name(name)
    if not is_name(typed):
        raise Invalid("Enter a name with at least one letter and at most 200 characters.", "name")
    lock_rows(Person, [person.id])
    if centre is not None:
        check_account_managed(person, centre, actor)
    elif person.deactivated_at:
        raise Refused(f"The account {person.email} is closed. Nothing was changed.")
    if typed == person.name:
        return False
    earlier = EarlierName(person_id=person.id, name=person.name, changed_at=now(), changed_by_id=actor.person_id)
    db.session.add(earlier)
    person.name = typed
    db.session.flush()
    record(
        "name_changed", earlier, actor, texts={"before": earlier.name, "after": typed}, rows=[person],
        person=person.id, centre=centre.id if centre else None,
    )  # fmt: skip
    send_security_email(person, *email_texts.build_name_changed_email(earlier.name, typed))
    return True
