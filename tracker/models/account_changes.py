"""Earlier names of people, and changes of their accounts that wait before they take effect."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Base, Line, PrimaryKey, Sha256, refers_to
from tracker.models.people import Centre, Person
from tracker.vocabulary import AccountChangeKind

WAITING = text("applied_at IS NULL AND cancelled_at IS NULL")


class EarlierName(Base):
    """A name that a person had until it was changed, and by whom."""

    __tablename__ = "earlier_name"

    id: Mapped[PrimaryKey]
    person_id: Mapped[int] = refers_to("person.id")
    name: Mapped[Line]
    changed_at: Mapped[datetime]
    changed_by_id: Mapped[int | None] = refers_to("person.id", index=False)
    """Empty when the installation's operator changed it by command line."""


class AccountChange(Base):
    """A change of a person's email address or a reset of their two-step verification, from the request to its end.

    It takes effect after a waiting time or when a second administrator approves it, unless it is cancelled
    (docs/rules.md, Roles and permissions, rule 18).
    """

    __tablename__ = "account_change"
    __table_args__ = (
        Index(
            "uq_account_change_waiting",
            "person_id",
            "kind",
            unique=True,
            sqlite_where=WAITING,
            postgresql_where=WAITING,
        ),
        CheckConstraint("(kind = 'email') = (new_email IS NOT NULL)", name="email_is_given"),
        CheckConstraint("applied_at IS NULL OR cancelled_at IS NULL", name="one_end"),
        CheckConstraint("approved_by_id IS NULL OR applied_at IS NOT NULL", name="approved_when_applied"),
        CheckConstraint(
            "approved_by_id <> requested_by_id AND approved_by_id <> person_id", name="by_a_second_person"
        ),
    )

    id: Mapped[PrimaryKey]
    person_id: Mapped[int] = refers_to("person.id")
    centre_id: Mapped[int | None] = refers_to("centre.id")
    """The centre whose administrator asked for it; empty when the operator made it."""
    kind: Mapped[AccountChangeKind]
    old_email: Mapped[str] = mapped_column(String(254))
    """The address when it was asked for, which is told of it."""
    new_email: Mapped[str | None] = mapped_column(String(254))
    requested_at: Mapped[datetime]
    requested_by_id: Mapped[int | None] = refers_to("person.id", index=False)
    takes_effect_at: Mapped[datetime] = mapped_column(index=True)
    token_hash: Mapped[Sha256 | None] = mapped_column(unique=True)
    """Of the link in the email with which its person cancels it."""
    approved_by_id: Mapped[int | None] = refers_to("person.id", index=False)
    applied_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    cancelled_by_id: Mapped[int | None] = refers_to("person.id", index=False)
    """Empty when it could no longer take effect, as `cancelled_because` says."""
    cancelled_because: Mapped[str | None]

    person: Mapped[Person] = relationship(foreign_keys=[person_id])
    centre: Mapped[Centre | None] = relationship()
    requested_by: Mapped[Person | None] = relationship(foreign_keys=[requested_by_id])
    approved_by: Mapped[Person | None] = relationship(foreign_keys=[approved_by_id])
    cancelled_by: Mapped[Person | None] = relationship(foreign_keys=[cancelled_by_id])

    @property
    def is_waiting(self) -> bool:
        """Return whether it has neither taken effect nor been cancelled."""
        return self.applied_at is None and self.cancelled_at is None
