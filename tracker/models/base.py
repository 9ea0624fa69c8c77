"""The declarative base of the models, their shared column types, and the names of constraints."""

from datetime import UTC, datetime
from typing import Annotated, Any

from sqlalchemy import DateTime, Enum, ForeignKey, MetaData, String, Text, TypeDecorator
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, mapped_column, registry

from tracker import vocabulary

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC: a datetime with a time zone in Python, also on SQLite, which stores none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        """Return the moment in UTC; raise ValueError for one without a time zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = "a moment without a time zone cannot be stored"
            raise ValueError(message)
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        """Return the stored moment with the time zone UTC."""
        return value if value is None else value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)


def enum_column(enumeration: type[vocabulary.LabelledEnum]) -> Enum:
    """Return a column type that stores a member's value as a string with a named CHECK, on both databases."""
    return Enum(
        enumeration,
        name=enumeration.__name__.lower(),
        native_enum=False,
        create_constraint=True,
        length=40,
        values_callable=lambda members: [member.value for member in members],
    )


ENUMS = (
    vocabulary.Role,
    vocabulary.CentreTerms,
    vocabulary.AwardKind,
    vocabulary.ListedStatus,
    vocabulary.CriterionKind,
    vocabulary.LabelOrigin,
    vocabulary.DocumentType,
    vocabulary.Simulation,
    vocabulary.AttemptState,
    vocabulary.Method,
    vocabulary.RecordKind,
    vocabulary.AcknowledgementAnswer,
    vocabulary.Outcome,
    vocabulary.AssessmentState,
    vocabulary.AssessmentOutcome,
    vocabulary.CountersignatureEnd,
    vocabulary.SignatureRole,
    vocabulary.ReopeningKind,
    vocabulary.LinkPurpose,
    vocabulary.AttemptKind,
    vocabulary.SignInOutcome,
    vocabulary.SecondStepMethod,
    vocabulary.SigningTwoStep,
    vocabulary.LinkKind,
    vocabulary.DraftState,
    vocabulary.ImportState,
    vocabulary.JobState,
    vocabulary.PortfolioPart,
    vocabulary.SecondFactorKind,
    vocabulary.AccountChangeKind,
)

Line = Annotated[str, mapped_column(String(200))]
"""A line a person types: a name, a title, a place."""
Sha256 = Annotated[str, mapped_column(String(64))]
PrimaryKey = Annotated[int, mapped_column(primary_key=True)]

TYPES: dict[Any, Any] = {datetime: UtcDateTime(), str: Text(), **{each: enum_column(each) for each in ENUMS}}


class Base(DeclarativeBase):
    """The base class of all models."""

    registry = registry(metadata=MetaData(naming_convention=NAMING), type_annotation_map=TYPES)


def refers_to(column: str, *, index: bool = True, primary_key: bool = False) -> Any:
    """Return a foreign key column; none cascades, since rows that others refer to are never deleted."""
    return mapped_column(ForeignKey(column), index=index, primary_key=primary_key)
