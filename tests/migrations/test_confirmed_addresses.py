"""Migration 0013: who has confirmed their address is read from the ledger, and no confirmation is made up."""

from datetime import UTC, datetime, timedelta

from flask import Flask
from sqlalchemy import select, text

from tests.factories import make_person
from tests.migrations.test_migrations import REVISIONS, migrate
from tracker import clock
from tracker.extensions import db
from tracker.integrity.confirmed_addresses import find_other_confirmations
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.ledger.events import OPERATOR, Actor, record
from tracker.ledger.transactions import transaction
from tracker.models import AccountLink, Person
from tracker.vocabulary import LinkPurpose

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


def record_past(person: Person, *acts: str, by: Actor, purpose: str = "invitation", shown: bool = False) -> None:
    """Record events as they were before they said whether a link was emailed, each an hour after the last."""
    for act in acts:
        clock.frozen = (clock.frozen or NOON) + timedelta(hours=1)
        if act == "link_issued":
            facts = {"shown_to_administrator": True} if shown else {}
            record(act, person, by, purpose=purpose, **facts)
        else:
            record(act, person, by if act == "email_changed" else Actor(person.id))


def make_past() -> dict[str, int]:
    """Make people with events of the past; return their ids by what they did."""
    with transaction():
        dan = make_person("Dan Price")
        by_dan = Actor(dan.id)
        people = {each: make_person(each) for each in ("emailed", "shown", "printed", "reset", "changed", "open")}
        record_past(people["emailed"], "link_issued", "invitation_accepted", by=by_dan)
        record_past(people["emailed"], "link_issued", "password_reset", by=by_dan, purpose="reset")
        record_past(people["shown"], "link_issued", "link_issued", "invitation_accepted", by=by_dan, shown=True)
        record_past(people["printed"], "link_issued", "invitation_accepted", by=OPERATOR)
        record_past(people["reset"], "link_issued", "password_reset", by=OPERATOR, purpose="reset")
        record_past(people["changed"], "link_issued", "invitation_accepted", "email_changed", by=by_dan)
        record_past(people["open"], "link_issued", by=by_dan)
        for name in ("open", "printed"):
            db.session.add(
                AccountLink(
                    person_id=people[name].id,
                    purpose=LinkPurpose.INVITATION,
                    token_hash=name,
                    created_at=NOON,
                    expires_at=NOON + timedelta(days=14),
                )
            )
        return {name: person.id for name, person in people.items()}


def test_only_a_used_link_that_was_emailed_for_certain_is_a_confirmation(empty_app: Flask) -> None:
    migrate(REVISIONS[0])
    ids = make_past()
    db.session.remove()
    migrate("0012_file_order")
    migrate("0013_confirmed_addresses")
    rows = db.session.execute(text("SELECT name FROM person WHERE email_confirmed_at IS NOT NULL"))
    assert [row.name for row in rows] == ["emailed"]
    db.session.rollback()
    migrate(REVISIONS[0])
    person = db.session.get_one(Person, ids["emailed"])
    assert person.email_confirmed_at == NOON + timedelta(hours=2)
    assert list(find_other_confirmations(LedgerSnapshot())) == []
    links = db.session.execute(select(Person.name, AccountLink.emailed_to).join(AccountLink.person))
    assert {row.name: row.emailed_to for row in links} == {"open": "open@example.org", "printed": None}
