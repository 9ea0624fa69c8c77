"""The ledger: one row an event, chained by hashes, never changed."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from tracker.models.base import Base, PrimaryKey, Sha256, refers_to


class Event(Base):
    """Who did what to which thing, under which grant, when. `body` is the exact bytes that were hashed."""

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_object", "object_type", "object_id"),)

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = refers_to("person.id")
    """Empty for the installation's operator and for jobs."""
    grant_id: Mapped[int | None] = refers_to("grant.id", index=False)
    act: Mapped[str] = mapped_column(String(60))
    object_type: Mapped[str] = mapped_column(String(40))
    object_id: Mapped[int]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    prev: Mapped[Sha256] = mapped_column(unique=True)
    hash: Mapped[Sha256] = mapped_column(unique=True)


class EventText(Base):
    """The salt of a text told of in an event. Erasing it and the text leaves the chain whole."""

    __tablename__ = "event_text"

    event_seq: Mapped[int] = refers_to("event.seq", index=False, primary_key=True)
    field: Mapped[str] = mapped_column(String(40), primary_key=True)
    salt: Mapped[str] = mapped_column(String(64))


class SigningKey(Base):
    """The public half of a key of the installation; the newest signs. The private half lies in a file of its own."""

    __tablename__ = "signing_key"

    id: Mapped[PrimaryKey]
    name: Mapped[str] = mapped_column(String(16), unique=True)
    """The beginning of the hash of the public key, and of the names of its files."""
    public_key: Mapped[Sha256] = mapped_column(unique=True)
    """Ed25519, 32 bytes in hex."""
    certificate: Mapped[str]
    """Of the seal on PDFs, as PEM."""
    made_at: Mapped[datetime]


class IntegrityCheckRun(Base):
    """One run of every check over the record, and what it found."""

    __tablename__ = "integrity_check_run"

    id: Mapped[PrimaryKey]
    checked_at: Mapped[datetime]
    finished_at: Mapped[datetime]
    events: Mapped[int]
    """How long the ledger was."""
    violated: Mapped[int]
    """How many checks did not hold."""
    results: Mapped[list[Any]] = mapped_column(JSON)
    """{invariant, name, offences, first} of each."""
