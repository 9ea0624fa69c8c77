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
        CheckConstraint("kind <> 'app' OR (secret IS NOT NULL AND last_step IS NOT NULL)", name="app_is_complete"),
        CheckConstraint(
            "kind <> 'passkey' OR (credential_id IS NOT NULL AND public_key IS NOT NULL AND sign_count IS NOT NULL)",
            name="passkey_is_complete",
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
    """The name the person gave it."""
    secret: Mapped[str | None]
    """The secret from which an authenticator app makes its codes, encrypted."""
    last_step: Mapped[int | None]
    """The 30-second step whose code was accepted last; its code and earlier ones are refused."""
    credential_id: Mapped[str | None] = mapped_column(unique=True)
    """In base64url."""
    public_key: Mapped[bytes | None]
    sign_count: Mapped[int | None] = mapped_column(BigInteger)
    """How often the passkey was used, as it says; 0 if it does not count."""
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class RecoveryCode(Base):
    """A recovery code, which replaces a lost second factor once."""

    __tablename__ = "recovery_code"

    id: Mapped[PrimaryKey]
    person_id: Mapped[int] = refers_to("person.id")
    code_hash: Mapped[str]
    """Argon2id."""
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
