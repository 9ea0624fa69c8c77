"""Sign-ins, and what limits them: counted attempts, known browsers, and requests for links."""

from datetime import datetime

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tracker.models.base import Base, Line, PrimaryKey, Sha256, refers_to
from tracker.vocabulary import AttemptKind, LinkPurpose, SignInOutcome


class CountedAttempt(Base):
    """An attempt at a password, a code or a link, counted before it is checked; deleted if it was right."""

    __tablename__ = "counted_attempt"
    __table_args__ = (
        Index("ix_counted_attempt_kind_account_hash", "kind", "account_hash"),
        Index("ix_counted_attempt_kind_client_hash", "kind", "client_hash"),
    )

    id: Mapped[PrimaryKey]
    kind: Mapped[AttemptKind]
    account_hash: Mapped[Sha256]
    """The hash of the typed email address, or of the person's id."""
    client_hash: Mapped[Sha256]
    """The hash of what the attempt came from: an IP address, a known browser or a session."""
    attempted_at: Mapped[datetime] = mapped_column(index=True)


class KnownBrowser(Base):
    """A browser with which a person has signed in. Its cookie holds a 256-bit token; only the hash is kept."""

    __tablename__ = "known_browser"
    __table_args__ = (UniqueConstraint("person_id", "token_hash"),)

    id: Mapped[PrimaryKey]
    person_id: Mapped[int] = refers_to("person.id", index=False)
    token_hash: Mapped[Sha256] = mapped_column(index=True)
    address: Mapped[str] = mapped_column(String(45))
    """The IP address of the last sign-in."""
    last_used_at: Mapped[datetime]


class LinkRequest(Base):
    """A request for a link by email that the worker has not answered yet; the address may have no account."""

    __tablename__ = "link_request"

    id: Mapped[PrimaryKey]
    email: Mapped[str] = mapped_column(String(254))
    """The address as it was typed, in lower case."""
    purpose: Mapped[LinkPurpose]
    requested_at: Mapped[datetime]


class SignIn(Base):
    """A sign-in, successful or not, as its person reads it; the worker deletes it after 90 days."""

    __tablename__ = "sign_in"

    id: Mapped[PrimaryKey]
    person_id: Mapped[int | None] = refers_to("person.id")
    """Empty for an email address without an account; the worker deletes such a row."""
    at: Mapped[datetime] = mapped_column(index=True)
    outcome: Mapped[SignInOutcome]
    address: Mapped[str] = mapped_column(String(45))
    """The IP address."""
    browser: Mapped[Line]
    is_recorded: Mapped[bool]
    """Whether an event in the ledger records it."""
