"""Qualifications as frozen dataclasses: units, groups and rules of combination, without Flask and the database."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from tracker.ledger.canonical_json import canonical_json, sha256
from tracker.units.documents import Identifier, Provenance, drop_empty, parse_version


@dataclass(frozen=True)
class QualificationUnit:
    """A unit that may count towards the qualification; the library need not hold it."""

    code: str
    title: str
    credit: int | None = None
    level: int | None = None
    version: str | None = None
    """The only version that counts; None where any version counts."""


@dataclass(frozen=True)
class QualificationGroup:
    """A group of optional units with its minimum and maximum numbers of units and credits."""

    name: str
    units: tuple[str, ...]
    title: str | None = None
    minimum: int = 0
    maximum: int | None = None
    minimum_credits: int = 0
    maximum_credits: int | None = None

    @property
    def label(self) -> str:
        """Return the name as shown, such as `Group B`."""
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
    """The number of units that must count in all, including the mandatory ones."""
    minimum_credits: int
    credits_at_level: int
    """The number of credits that must be at `at_level` or above."""
    at_level: int | None
    barred: tuple[tuple[str, str], ...]
    """Pairs of units that may not count together."""
    provenance: Provenance
    notes: tuple[str, ...]
    file_name: str = field(default="", compare=False)

    @cached_property
    def by_code(self) -> dict[str, QualificationUnit]:
        """Return the units by their codes."""
        return {unit.code: unit for unit in self.units}

    @property
    def key(self) -> tuple[str, str, int]:
        """Return code, version and revision, which identify a version of the qualification."""
        return (self.code, self.version, self.revision)

    @property
    def version_order(self) -> tuple[tuple[tuple[int, str], ...], int]:
        """Return a sort key: later versions are larger and, within a version, later revisions."""
        return (parse_version(self.version), self.revision)

    def find_group(self, code: str) -> QualificationGroup | None:
        """Return the optional group that contains a unit; None for a mandatory unit."""
        return next((group for group in self.groups if code in group.units), None)

    def list_barred(self, code: str) -> Iterator[str]:
        """Yield the units that may not count together with this one."""
        for one, other in self.barred:
            if code in {one, other}:
                yield other if code == one else one

    def as_json(self) -> dict[str, Any]:
        """Return the qualification as plain JSON values."""
        result = asdict(self)
        del result["file_name"]
        return result

    @property
    def content_hash(self) -> str:
        """Return the hash of what the qualification states."""
        return sha256("tracker.qualification.v1", canonical_json(drop_empty(self.as_json())))


def qualification_from_json(result: Mapping[str, Any]) -> QualificationDocument:
    """Return the qualification from its JSON as stored."""
    plain: dict[str, Any] = {key: tuple(each) if isinstance(each, list) else each for key, each in result.items()}
    return QualificationDocument(
        **plain
        | {
            "identifiers": tuple(Identifier(**each) for each in result["identifiers"]),
            "units": tuple(QualificationUnit(**each) for each in result["units"]),
            "groups": tuple(
                QualificationGroup(**{**each, "units": tuple(each["units"])}) for each in result["groups"]
            ),
            "barred": tuple((one, other) for one, other in result["barred"]),
            "provenance": Provenance(**result["provenance"]),
        }
    )
