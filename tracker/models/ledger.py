"""The ledger of events, chained by hashes and never changed; signing keys; runs of the integrity check."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from tracker.models.base import Base, PrimaryKey, Sha256, refers_to


class Event(Base):
    """An event: who did what to which thing, under which grant, when; `body` holds the bytes that were hashed."""

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
    """The salt of a text that an event holds as a hash; it can be erased without breaking the chain.

    Events of format 1 hold the salts of their row seals here too.
    """

    __tablename__ = "event_text"

    event_seq: Mapped[int] = refers_to("event.seq", index=False, primary_key=True)
    field: Mapped[str] = mapped_column(String(40), primary_key=True)
    salt: Mapped[str] = mapped_column(String(64))


class RowSalt(Base):
    """The salts of a sealed row (tracker/ledger/row_seals.py)."""

    __tablename__ = "row_salt"

    row_key: Mapped[str] = mapped_column(String(60), primary_key=True)
    """The row's name in the ledger: `decision:12`."""
    salt: Mapped[str] = mapped_column(String(64))
    """From which the salts of the columns are derived; empty once something of the row was erased."""
    column_salts: Mapped[dict[str, str]] = mapped_column(JSON)
    """The salt of each column once something was erased."""


class SigningKey(Base):
    """The public half of a signing key; the newest key signs. The private half is in a file outside the database."""

    __tablename__ = "signing_key"

    id: Mapped[PrimaryKey]
    name: Mapped[str] = mapped_column(String(16), unique=True)
    """The first 16 hex digits of the public key's hash; the names of its files begin with it."""
    public_key: Mapped[Sha256] = mapped_column(unique=True)
    """Ed25519, 32 bytes in hex."""
    certificate: Mapped[str]
    """The certificate of the seal on PDFs, as PEM."""
    made_at: Mapped[datetime]


class CheckpointCopy(Base):
    """The database's copy of a checkpoint, of which the original is outside it (tracker/ledger/checkpoints.py)."""

    __tablename__ = "checkpoint_copy"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line: Mapped[str]
    """The line of the file."""


class IntegrityCheckRun(Base):
    """One run of all integrity checks and its results."""

    __tablename__ = "integrity_check_run"

    id: Mapped[PrimaryKey]
    checked_at: Mapped[datetime]
    finished_at: Mapped[datetime]
    events: Mapped[int]
    """The number of events in the ledger."""
    violated: Mapped[int]
    """The number of checks that failed."""
    results: Mapped[list[Any]] = mapped_column(JSON)
    """{invariant, name, offences, first, since} of each check.

    `since` is the number of the event up to which an earlier check was relied on; None if everything was read.
    """
    signature: Mapped[str | None] = mapped_column(String(200))
    """The name of the key that signed the rest, a colon, and the signature in hex; None from a host without a key."""
