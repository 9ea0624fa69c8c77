"""The list of a person's own signatures, each with its receipt."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import aliased

from tracker.clock import day_of
from tracker.models import Event, Person, Signature, Unit, UnitAttempt
from tracker.vocabulary import SignatureRole
from tracker.web.formatting import address_note
from tracker.web.list_pages import load_page
from tracker.web.list_positions import by_name
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery, contains_words


@dataclass(frozen=True)
class OwnSignature:
    """A receipt for a signature: what was signed and when, and the hash of the event that records it."""

    role: SignatureRole
    unit_code: str
    candidate: str
    round: int
    signed_at: datetime
    superseded_at: datetime | None
    snapshot_hash: str
    event_hash: str | None
    address_confirmed: bool | None
    email_confirmed_at: datetime | None
    """When the signer confirmed the address that they have now."""

    @property
    def address_note(self) -> str:
        """Return what the signature says of the signer's address; empty where it was confirmed."""
        return address_note(self.address_confirmed, self.email_confirmed_at)


SIGNATURES = ListDefinition[OwnSignature](
    "my-signatures",
    (
        Column("Unit", lambda row: row.unit_code, can_sort=True),
        Column("Candidate", lambda row: row.candidate, can_sort=True),
        Column("Role", lambda row: row.role.label, has_terms=True),
        Column("Round", lambda row: row.round, only_in_csv=True),
        Column("Signed", lambda row: day_of(row.signed_at), can_sort=True, largest_first=True),
        Column("Superseded", lambda row: row.superseded_at and day_of(row.superseded_at), only_in_csv=True),
        Column("Note", lambda row: row.address_note, only_in_csv=True),
        Column("Receipt", lambda row: row.event_hash),
        Column("Signed content", lambda row: row.snapshot_hash, only_in_csv=True),
    ),
    default_sort="-signed",
)
ROLES = Filter("role", "Role", "All roles", {role.value: role.label for role in SignatureRole}, has_terms=True)
STATES = Filter("state", "Signatures", "All signatures", {"live": "In force", "superseded": "Superseded"})


def list_own_signatures(person_id: int, query: ListQuery) -> ListPage[OwnSignature]:
    """List a page of a person's signatures, newest first unless sorted. Runs two SQL statements."""
    signer = aliased(Person)
    statement = (
        select(
            Signature.role,
            Unit.code,
            Person.name,
            Signature.round,
            Signature.signed_at,
            Signature.superseded_at,
            Signature.snapshot_hash,
            Event.hash,
            Signature.address_confirmed,
            signer.email_confirmed_at,
        )
        .join(signer, signer.id == Signature.person_id)
        .join(UnitAttempt, UnitAttempt.id == Signature.attempt_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .outerjoin(Event, (Event.object_type == "signature") & (Event.object_id == Signature.id))
        .where(Signature.person_id == person_id, contains_words(query, Unit.code, Unit.title, Person.name))
    )
    if role := query.get("role"):
        statement = statement.where(Signature.role == SignatureRole(role))
    if state := query.get("state"):
        is_live = Signature.superseded_at.is_(None)
        statement = statement.where(is_live if state == "live" else ~is_live)
    return load_page(
        SIGNATURES,
        query,
        statement,
        lambda row: OwnSignature(*row),
        key=Signature.id,
        order_by={
            "unit": [Unit.code],
            "candidate": [by_name(Person.name)],
            "signed": [Signature.signed_at],
        },
    )
