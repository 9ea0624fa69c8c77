"""What people prove themselves by beside their password, and what stands in when they lost it."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.models.base import Base, Line, PrimaryKey, refers_to
from tracker.vocabulary import SecondFactorKind


class SecondFactor(Base):
    """A person's authenticator app, of which they have one, or one of their passkeys."""

    __tablename__ = "second_factor"
    __table_args__ = (
        CheckConstraint("kind <> 'app' OR (secret IS NOT NULL AND last_step IS NOT NULL)", name="app_is_whole"),
        CheckConstraint(
            "kind <> 'passkey' OR (credential_id IS NOT NULL AND public_key IS NOT NULL AND sign_count IS NOT NULL)",
            name="passkey_is_whole",
        ),
        Index(
            "uq_second_factor_app",
            "person_id",
            unique=True,
            sqlite_where=text("kind = 'app'"),
            postgresql_where=text("kind = 'app'"),
        ),
    )

    id: Mapped[PrimaryKey]
    person_id: Mapped[int] = refers_to("person.id")
    kind: Mapped[SecondFactorKind]
    name: Mapped[Line]
    """What the person calls it."""
    secret: Mapped[str | None]
    """What the app's codes are made from, encrypted; never in clear."""
    last_step: Mapped[int | None]
    """The half minute whose code was accepted last: neither it nor an earlier one is accepted again."""
    credential_id: Mapped[str | None] = mapped_column(unique=True)
    """In base64url."""
    public_key: Mapped[bytes | None]
    sign_count: Mapped[int | None] = mapped_column(BigInteger)
    """How often the passkey says it was used; 0 where it does not count."""
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class RecoveryCode(Base):
    """A code on paper that stands in for a lost second factor, once."""

    __tablename__ = "recovery_code"

    id: Mapped[PrimaryKey]
    person_id: Mapped[int] = refers_to("person.id")
    code_hash: Mapped[str]
    """Argon2id."""
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
