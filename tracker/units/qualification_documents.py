"""Qualifications as documents: which units, in which groups, make one up. No Flask, no database."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from tracker.ledger.canonical_json import canonical_json, sha256
from tracker.units.documents import Identifier, Provenance, order_of, without_empty


@dataclass(frozen=True)
class QualificationUnit:
    """A unit that may count, whether it is in the library or not yet."""

    code: str
    title: str
    credit: int | None = None
    level: int | None = None
    version: str | None = None
    """The only version that counts; any does where it is None."""


@dataclass(frozen=True)
class QualificationGroup:
    """A group of optional units, and how many of them, or credits of them, there must and may be."""

    name: str
    units: tuple[str, ...]
    title: str | None = None
    minimum: int = 0
    maximum: int | None = None
    minimum_credits: int = 0
    maximum_credits: int | None = None

    @property
    def label(self) -> str:
        return f"Group {self.name}"


@dataclass(frozen=True)
class QualificationDocument:
    """One version of a qualification with its rules of combination."""

    code: str
    slug: str
    title: str
    version: str
    revision: int
    awarding_body: str | None
    level: str | None
    identifiers: tuple[Identifier, ...]
    units: tuple[QualificationUnit, ...]
    mandatory: tuple[str, ...]
    groups: tuple[QualificationGroup, ...]
    minimum_units: int
    """Of all that count, mandatory ones among them."""
    minimum_credits: int
    credits_at_level: int
    """So many of the credits must be at `at_level` or above."""
    at_level: int | None
    barred: tuple[tuple[str, str], ...]
    """Pairs of units that may not count together."""
    provenance: Provenance
    notes: tuple[str, ...]
    file_name: str = field(default="", compare=False)

    @cached_property
    def by_code(self) -> dict[str, QualificationUnit]:
        return {unit.code: unit for unit in self.units}

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.code, self.version, self.revision)

    @property
    def version_order(self) -> tuple[tuple[tuple[int, str], ...], int]:
        return (order_of(self.version), self.revision)

    def group_of(self, code: str) -> QualificationGroup | None:
        """The optional group that a unit is in; None for a mandatory one."""
        return next((group for group in self.groups if code in group.units), None)

    def barred_with(self, code: str) -> Iterator[str]:
        for one, other in self.barred:
            if code in {one, other}:
                yield other if code == one else one

    def as_json(self) -> dict[str, Any]:
        found = asdict(self)
        del found["file_name"]
        return found

    @property
    def content_hash(self) -> str:
        return sha256("tracker.qualification.v1", canonical_json(without_empty(self.as_json())))


def qualification_from_json(found: Mapping[str, Any]) -> QualificationDocument:
    """A qualification from its JSON, as it was stored."""
    plain: dict[str, Any] = {key: tuple(each) if isinstance(each, list) else each for key, each in found.items()}
    return QualificationDocument(
        **plain
        | {
            "identifiers": tuple(Identifier(**each) for each in found["identifiers"]),
            "units": tuple(QualificationUnit(**each) for each in found["units"]),
            "groups": tuple(
                QualificationGroup(**{**each, "units": tuple(each["units"])}) for each in found["groups"]
            ),
            "barred": tuple((one, other) for one, other in found["barred"]),
            "provenance": Provenance(**found["provenance"]),
        }
    )
