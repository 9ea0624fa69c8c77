"""Centres, people, the roles granted to them, and their sessions."""

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Base, Line, PrimaryKey, Sha256, refers_to
from tracker.vocabulary import CentreTerms, LinkPurpose, Role, SecondStepMethod, SigningTwoStep

UNSAMPLED_REASONS = (
    "Not selected under the centre's sampling plan",
    "This assessor's decisions on this unit were sampled for other candidates in this period",
    "Sampled at the interim stage in an earlier round; nothing has changed since",
)
"""The reasons for releasing a unit without sampling that a centre starts with."""
EVIDENCE_AGE_MONTHS = 24
"""The age limit of evidence that a centre starts with."""


DEMONSTRATION_SESSION = "demonstration"
"""The session that the events of the demonstration name. Real sessions are named by hashes."""


class Centre(Base):
    """An organisation approved to assess, with its centre number."""

    __tablename__ = "centre"

    id: Mapped[PrimaryKey]
    name: Mapped[Line]
    number: Mapped[str] = mapped_column(String(40), unique=True)
    terms: Mapped[CentreTerms] = mapped_column(default=CentreTerms.SCOTLAND)
    """Whose terms for verification the centre uses on screen and on paper."""
    unsampled_reasons: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """The centre's own reasons for releasing a unit without sampling; empty while it uses the standard list."""
    evidence_age_limit: Mapped[int | None]
    """The age in months over which evidence is warned about; empty while the centre uses the standard limit."""
    has_form_annex: Mapped[bool | None]
    """Whether recording forms have an annex; empty while the centre uses the standard, which is that they have."""
    candidates_need_two_step: Mapped[bool | None]
    """Whether candidates need two-step verification; empty while the centre has not chosen: they do not."""
    signing_two_step: Mapped[SigningTwoStep | None]
    """Whom signing asks for two-step verification; empty while the centre has not chosen: assessors and verifiers."""
    has_countersigning: Mapped[bool | None]
    """Whether decisions of assessors without an award are countersigned; empty while it was never switched on."""
    created_at: Mapped[datetime]

    @property
    def prints_annex(self) -> bool:
        """Whether the centre's recording forms have an annex."""
        return self.has_form_annex is not False

    @property
    def signers_needing_two_step(self) -> SigningTwoStep:
        """Whom signing asks for two-step verification, among those who have set it up."""
        return self.signing_two_step or SigningTwoStep.STAFF

    @property
    def evidence_age_months(self) -> int:
        """The age in months, at submission, over which evidence is warned about."""
        return self.evidence_age_limit or EVIDENCE_AGE_MONTHS

    @property
    def offered_unsampled_reasons(self) -> list[str]:
        """The reasons that the centre's verifiers may choose from."""
        return list(UNSAMPLED_REASONS) if self.unsampled_reasons is None else self.unsampled_reasons


DEACTIVATED = text("deactivated_at IS NOT NULL")
INVITED = text("password_hash IS NULL AND deactivated_at IS NULL")


class Person(Base):
    """A person with one account for the whole installation, whatever roles they have."""

    __tablename__ = "person"
    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email_lower"),
        Index("ix_person_name_in_order", text("lower(name)"), "id"),
        Index("ix_person_created_at", "created_at"),
        Index("ix_person_invited", "created_at", sqlite_where=INVITED, postgresql_where=INVITED),
        Index("ix_person_deactivated", "id", sqlite_where=DEACTIVATED, postgresql_where=DEACTIVATED),
    )

    id: Mapped[PrimaryKey]
    name: Mapped[Line]
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str | None]
    """Argon2id; empty until the invitation is accepted."""
    email_confirmed_at: Mapped[datetime | None]
    """When the person used a link that was emailed to this address; empty once the address is changed."""
    created_at: Mapped[datetime]
    deactivated_at: Mapped[datetime | None]

    grants: Mapped[list["Grant"]] = relationship(
        back_populates="person", foreign_keys="Grant.person_id", order_by="Grant.id"
    )


class Grant(Base):
    """A role granted to a person at a centre between two moments; `ends_at` is exclusive and may be empty."""

    __tablename__ = "grant"
    __table_args__ = (
        CheckConstraint("granted_by_id IS NULL OR granted_by_id <> person_id", name="not_to_oneself"),
        Index("ix_grant_centre_id_role", "centre_id", "role"),
    )

    id: Mapped[PrimaryKey]
    person_id: Mapped[int] = refers_to("person.id")
    centre_id: Mapped[int] = refers_to("centre.id", index=False)
    role: Mapped[Role]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    granted_by_id: Mapped[int | None] = refers_to("person.id", index=False)
    """Empty when the installation's operator granted it by command line."""
    granted_at: Mapped[datetime]

    person: Mapped[Person] = relationship(back_populates="grants", foreign_keys=[person_id])
    centre: Mapped[Centre] = relationship()

    def is_live(self, at: datetime) -> bool:
        """Return whether the grant is in force at a moment."""
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


class AccountLink(Base):
    """A one-time link by which a person sets a password or confirms their address. Only the token's hash is kept."""

    __tablename__ = "account_link"

    id: Mapped[PrimaryKey]
    person_id: Mapped[int] = refers_to("person.id")
    purpose: Mapped[LinkPurpose]
    token_hash: Mapped[Sha256] = mapped_column(unique=True)
    emailed_to: Mapped[str | None] = mapped_column(String(254))
    """The address it was emailed to; empty if it was shown to an administrator or printed for the operator."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    person: Mapped[Person] = relationship(foreign_keys=[person_id])


class UserSession(Base):
    """A signed-in browser. The cookie holds a 256-bit token; only its hash is kept."""

    __tablename__ = "user_session"

    id: Mapped[PrimaryKey]
    token_hash: Mapped[Sha256] = mapped_column(unique=True)
    person_id: Mapped[int] = refers_to("person.id")
    chosen_grant_id: Mapped[int | None] = refers_to("grant.id", index=False)
    address: Mapped[str] = mapped_column(String(45))
    browser: Mapped[Line]
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]
    """When the second step of two-step verification was last done in this session."""
    verified_with: Mapped[SecondStepMethod | None]
    """How it was done; empty in sessions that began in an earlier release."""
    challenge: Mapped[str | None] = mapped_column(String(64))
    """The challenge a passkey must sign, usable once; in base64url."""
    challenged_at: Mapped[datetime | None]


class UnsavedText(Base):
    """What a person sent in a form that waits for sign-in or the second step, encrypted, until they send it again.

    Neither sealed nor append-only: the worker deletes a row after 24 hours (docs/security.md, Unsaved text).
    """

    __tablename__ = "unsaved_text"

    id: Mapped[PrimaryKey]
    person_id: Mapped[int] = refers_to("person.id")
    content: Mapped[str]
    """The form's address, its page and its fields, encrypted under a key derived from `SECRET_KEY`."""
    kept_at: Mapped[datetime] = mapped_column(index=True)


class Notification(Base):
    """An email sent to a person about one topic on one day: nobody gets two about the same topic in a day."""

    __tablename__ = "notification"
    __table_args__ = (UniqueConstraint("person_id", "topic", "day"),)

    id: Mapped[PrimaryKey]
    person_id: Mapped[int] = refers_to("person.id", index=False)
    topic: Mapped[Line]
    """What it is about, as a code: `evidence_returned:12`."""
    day: Mapped[str] = mapped_column(String(10))


class DeliveryFailure(Base):
    """The failure of the last email to an address; deleted when the email server accepts one to it."""

    __tablename__ = "delivery_failure"

    address: Mapped[str] = mapped_column(String(254), primary_key=True)
    code: Mapped[int | None]
    """The reply code with which the email server refused it (5xx); empty if it did not take it for a day."""
    failed_at: Mapped[datetime]
    given_up: Mapped[bool]
    """Whether the email is no longer tried."""


class IdempotencyKey(Base):
    """A signing or submitting form that was processed, and the page it redirected to."""

    __tablename__ = "idempotency_key"

    person_id: Mapped[int] = refers_to("person.id", index=False, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    body_hash: Mapped[Sha256]
    location: Mapped[str]
    used_at: Mapped[datetime]


class Installation(Base):
    """The single row that marks a demonstration database; the mark is never removed (tracker/demo/guard.py)."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[PrimaryKey]
    is_demo: Mapped[bool]
