"""Units and guidance as documents: what a YAML file holds, as frozen dataclasses. No Flask, no database."""

from dataclasses import asdict, dataclass, field
from typing import Any

from tracker.canonical import canonical_json, sha256
from tracker.vocabulary import CriterionKind, DocumentType, LabelOrigin, Simulation


@dataclass(frozen=True)
class Identifier:
    """A code under which somebody publishes the unit: `SQA`, `H128 04`."""

    scheme: str
    value: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of the overview, with its heading if it has one."""

    text: str
    heading: str | None = None


@dataclass(frozen=True)
class CriterionDocument:
    """One statement, in document order; `parent` is the position of the statement it is nested in."""

    position: int
    kind: CriterionKind
    label: str
    label_origin: LabelOrigin
    heading: str | None
    parent: int | None
    text: str
    assessable: bool
    points: tuple[str, ...] = ()
    """Unlabelled sub-points: part of this statement, not criteria."""
    selection: str | None = None
    simulation_allowed: bool | None = None
    note: str | None = None


@dataclass(frozen=True)
class RequirementDocument:
    """One of the unit's evidence requirements, with its sub-points."""

    position: int
    label: str
    text: str
    points: tuple[str, ...] = ()


@dataclass(frozen=True)
class Provenance:
    source: str
    read: str


@dataclass(frozen=True)
class UnitDocument:
    """One published version of a unit, with everything it holds."""

    code: str
    slug: str
    title: str
    document_type: DocumentType
    version: str
    revision: int
    identifiers: tuple[Identifier, ...]
    simulation: Simulation
    metadata: dict[str, str]
    overview: tuple[Paragraph, ...]
    criteria: tuple[CriterionDocument, ...]
    evidence_requirements: tuple[RequirementDocument, ...]
    evidence_requirements_introduction: str | None
    assessor_rules: tuple[str, ...]
    skills: tuple[str, ...]
    values: tuple[str, ...]
    behaviours: tuple[str, ...]
    glossary: tuple[str, ...]
    links: tuple[str, ...]
    empty_headings: tuple[str, ...]
    """Printed in the source with nothing under them; not the same as absent."""
    provenance: Provenance
    notes: tuple[str, ...]
    file_name: str = field(default="", compare=False)

    def as_json(self) -> dict[str, Any]:
        """What `standards show --json` prints; its keys are documented and stable."""
        document = asdict(self)
        del document["file_name"]
        return {key: _listed(value) for key, value in document.items()}

    @property
    def content_hash(self) -> str:
        return sha256("tracker.unit.v1", canonical_json(self.as_json()))

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.code, self.version, self.revision)

    @property
    def full_code(self) -> str:
        """The code as forms print it: `H128 04 (CFACC15)` where an awarding body has its own."""
        own = next((each.value for each in self.identifiers if each.scheme == "SQA"), None)
        return f"{own} ({self.code})" if own else self.code

    @property
    def version_order(self) -> tuple[tuple[int, str], ...]:
        """1.10 comes after 1.9: versions are compared part by part."""
        parts = self.version.split(".")
        order = tuple((int(part), "") if part.isdecimal() else (0, part) for part in parts)
        return (*order, (self.revision, ""))

    @property
    def assessable(self) -> tuple[CriterionDocument, ...]:
        return tuple(each for each in self.criteria if each.assessable)


@dataclass(frozen=True)
class AttachedUnit:
    """A unit that guidance is shown with, and what in it contradicts that unit's own rules."""

    code: str
    warning: str | None = None


@dataclass(frozen=True)
class GuidanceDocument:
    """Tips, misconceptions and marking prompts; never criteria."""

    slug: str
    title: str
    synopsis: str
    key_concepts: tuple[str, ...]
    tips: tuple[str, ...]
    misconceptions: tuple[str, ...]
    marking_points: tuple[str, ...]
    units: tuple[AttachedUnit, ...]
    provenance: Provenance
    file_name: str = field(default="", compare=False)

    def as_json(self) -> dict[str, Any]:
        document = asdict(self)
        del document["file_name"]
        return {key: _listed(value) for key, value in document.items()}

    @property
    def content_hash(self) -> str:
        return sha256("tracker.guidance.v1", canonical_json(self.as_json()))


def _listed(value: Any) -> Any:
    """Tuples as lists, words as text, so that the JSON and its hash never depend on our types."""
    if isinstance(value, dict):
        return {key: _listed(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_listed(each) for each in value]
    return str(value) if isinstance(value, str) else value
