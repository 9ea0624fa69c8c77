"""What is kept of anybody: the account, roles, browsers, second factors, mail they had, and what they did."""

from typing import Any

from sqlalchemy import select

from tracker.extensions import db
from tracker.models import Centre, Event, Grant, Notification, Person, RecoveryCode, SecondFactor, UserSession
from tracker.privacy.anonymisation import plain, told


def read_account(person: Person) -> dict[str, Any]:
    return {
        "account": told(person, "name", "email", "created_at", "deactivated_at"),
        "roles": list_roles(person),
        "browsers": list_browsers(person),
        "second_factors": list_second_factors(person),
        "recovery_codes": list_recovery_codes(person),
        "mail": list_mail(person),
        "what_you_did": list_acts(person),
    }


def list_roles(person: Person) -> list[dict[str, Any]]:
    query = (
        select(Grant.role, Centre.name.label("centre"), Grant.starts_at, Grant.ends_at, Grant.granted_at)
        .join(Centre, Centre.id == Grant.centre_id)
        .where(Grant.person_id == person.id)
        .order_by(Grant.id)
    )
    return [told(each, "role", "centre", "starts_at", "ends_at", "granted_at") for each in db.session.execute(query)]


def list_browsers(person: Person) -> list[dict[str, Any]]:
    query = select(UserSession).where(UserSession.person_id == person.id).order_by(UserSession.id)
    names = ("browser", "address", "created_at", "verified_at", "last_seen_at", "ended_at")
    return [told(each, *names) for each in db.session.scalars(query)]


def list_second_factors(person: Person) -> list[dict[str, Any]]:
    """Without what they prove by: the app's secret, and the passkey's public key."""
    query = select(SecondFactor).where(SecondFactor.person_id == person.id).order_by(SecondFactor.id)
    return [told(each, "kind", "name", "created_at", "last_used_at") for each in db.session.scalars(query)]


def list_recovery_codes(person: Person) -> list[dict[str, Any]]:
    query = select(RecoveryCode).where(RecoveryCode.person_id == person.id).order_by(RecoveryCode.id)
    return [told(each, "created_at", "used_at") for each in db.session.scalars(query)]


def list_mail(person: Person) -> list[dict[str, Any]]:
    """What about, in the product's own word, and the day: the mails themselves are not kept."""
    query = select(Notification).where(Notification.person_id == person.id).order_by(Notification.id)
    return [{"day": each.day, "about": each.topic.partition(":")[0]} for each in db.session.scalars(query)]


def list_acts(person: Person) -> list[dict[str, Any]]:
    """The person's own lines of the ledger, without what they tell of others."""
    query = (
        select(Event.seq, Event.at, Event.act, Event.object_type, Event.hash)
        .where(Event.actor_id == person.id)
        .order_by(Event.seq)
    )
    return [
        {"event": each.seq, "at": plain(each.at), "act": each.act, "about_a": each.object_type, "hash": each.hash}
        for each in db.session.execute(query)
    ]
