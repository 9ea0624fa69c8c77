"""Export of account data: account, roles, sessions, two-step verification, emails, and the person's own acts."""

from typing import Any

from sqlalchemy import select

from tracker.accounts.account_change_queries import list_changes
from tracker.accounts.earlier_names import list_earlier_names
from tracker.accounts.services.unsaved_texts import list_unsaved_forms
from tracker.extensions import db
from tracker.models import (
    Centre,
    Event,
    Grant,
    JobRun,
    KnownBrowser,
    Notification,
    Person,
    RecoveryCode,
    SecondFactor,
    SignIn,
    UserSession,
)
from tracker.privacy.anonymisation import read_columns, to_json_value
from tracker.privacy.export_staff_record import read_staff_records
from tracker.privacy.export_witness_list import read_own_entries


def read_account(person: Person) -> dict[str, Any]:
    """Return everything stored about a person's account."""
    return {
        "account": read_columns(person, "name", "email", "email_confirmed_at", "created_at", "deactivated_at"),
        "earlier_names": [read_columns(each, "name", "changed_at") for each in list_earlier_names(person.id)],
        "changes_of_the_account": [
            read_columns(
                each,
                "kind",
                "old_email",
                "new_email",
                "requested_at",
                "takes_effect_at",
                "applied_at",
                "cancelled_at",
            )
            for each in list_changes(person.id)
        ],
        "roles": list_roles(person),
        "staff_register": read_staff_records(person),
        "witness_lists": read_own_entries(person),
        "browsers": list_browsers(person),
        "sign_ins": list_sign_ins(person),
        "known_browsers": list_known_browsers(person),
        "second_factors": list_second_factors(person),
        "recovery_codes": list_recovery_codes(person),
        "emails": list_emails(person),
        "unsaved_texts": list_unsaved_texts(person),
        "jobs": list_job_runs(person),
        "what_you_did": list_acts(person),
    }


def list_roles(person: Person) -> list[dict[str, Any]]:
    """List the roles a person has or had."""
    query = (
        select(Grant.role, Centre.name.label("centre"), Grant.starts_at, Grant.ends_at, Grant.granted_at)
        .join(Centre, Centre.id == Grant.centre_id)
        .where(Grant.person_id == person.id)
        .order_by(Grant.id)
    )
    return [
        read_columns(each, "role", "centre", "starts_at", "ends_at", "granted_at")
        for each in db.session.execute(query)
    ]


def list_browsers(person: Person) -> list[dict[str, Any]]:
    """List the sessions of a person."""
    query = select(UserSession).where(UserSession.person_id == person.id).order_by(UserSession.id)
    names = ("browser", "address", "created_at", "verified_at", "verified_with", "last_seen_at", "ended_at")
    return [read_columns(each, *names) for each in db.session.scalars(query)]


def list_sign_ins(person: Person) -> list[dict[str, Any]]:
    """List the sign-ins to a person's account that are kept, successful or not."""
    query = select(SignIn).where(SignIn.person_id == person.id).order_by(SignIn.id)
    return [read_columns(each, "at", "outcome", "address", "browser") for each in db.session.scalars(query)]


def list_known_browsers(person: Person) -> list[dict[str, Any]]:
    """List when and from where a person last signed in with each browser that is known."""
    query = select(KnownBrowser).where(KnownBrowser.person_id == person.id).order_by(KnownBrowser.id)
    return [read_columns(each, "address", "last_used_at") for each in db.session.scalars(query)]


def list_second_factors(person: Person) -> list[dict[str, Any]]:
    """List a person's authenticator app and passkeys, without secrets and keys."""
    query = select(SecondFactor).where(SecondFactor.person_id == person.id).order_by(SecondFactor.id)
    return [read_columns(each, "kind", "name", "created_at", "last_used_at") for each in db.session.scalars(query)]


def list_recovery_codes(person: Person) -> list[dict[str, Any]]:
    """List when a person's recovery codes were made and used, without the codes."""
    query = select(RecoveryCode).where(RecoveryCode.person_id == person.id).order_by(RecoveryCode.id)
    return [read_columns(each, "created_at", "used_at") for each in db.session.scalars(query)]


def list_emails(person: Person) -> list[dict[str, Any]]:
    """List the topics and days of the emails sent to a person; their texts are not stored."""
    query = select(Notification).where(Notification.person_id == person.id).order_by(Notification.id)
    return [{"day": each.day, "about": each.topic.partition(":")[0]} for each in db.session.scalars(query)]


def list_unsaved_texts(person: Person) -> list[dict[str, Any]]:
    """List what a person sent after their session had timed out and is still kept for them."""
    return [
        {"kept_at": to_json_value(each.kept_at), "page": each.page, "fields": [list(pair) for pair in each.fields]}
        for each in list_unsaved_forms(person.id)
    ]


def list_job_runs(person: Person) -> list[dict[str, Any]]:
    """List the long jobs that a person started, without the people whom they were about."""
    query = select(JobRun).where(JobRun.started_by_id == person.id).order_by(JobRun.id)
    names = ("kind", "title", "state", "done", "total", "started_at", "ended_at")
    return [read_columns(each, *names) for each in db.session.scalars(query)]


def list_acts(person: Person) -> list[dict[str, Any]]:
    """List the person's own events in the ledger, without anything about other people."""
    query = (
        select(Event.seq, Event.at, Event.act, Event.object_type, Event.hash)
        .where(Event.actor_id == person.id)
        .order_by(Event.seq)
    )
    return [
        {
            "event": each.seq,
            "at": to_json_value(each.at),
            "act": each.act,
            "about_a": each.object_type,
            "hash": each.hash,
        }
        for each in db.session.execute(query)
    ]
