"""Units and guidance as documents: what a YAML file holds, as frozen dataclasses. No Flask, no database."""

from dataclasses import asdict, dataclass, field
from typing import Any

from tracker.ledger.canonical_json import canonical_json, sha256
from tracker.units.printed_dates import PrintedDate, read_date
from tracker.vocabulary import CriterionKind, DocumentType, LabelOrigin, Simulation


@dataclass(frozen=True)
class Identifier:
    """A code under which somebody publishes the unit: `SQA`, `H128 04`."""

    scheme: str
    value: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of the overview or the scope, with its heading and its list if it has them."""

    text: str
    heading: str | None = None
    points: tuple[str, ...] = ()


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
    overview: tuple[Paragraph, ...]
    metadata: dict[str, str | None]
    """As printed; every key of the format, with None where the source prints nothing."""
    simulation: Simulation
    scope: tuple[Paragraph, ...]
    criteria: tuple[CriterionDocument, ...]
    evidence_requirements_introduction: str | None
    evidence_requirements: tuple[RequirementDocument, ...]
    assessor_rules: tuple[str, ...]
    skills: tuple[str, ...]
    values: tuple[str, ...]
    behaviours: tuple[str, ...]
    glossary: tuple[str, ...]
    links: tuple[str, ...]
    """To other units."""
    external_links: tuple[str, ...]
    empty_headings: tuple[str, ...]
    """Printed in the source with nothing under them; not the same as absent."""
    provenance: Provenance
    notes: tuple[str, ...]
    file_name: str = field(default="", compare=False)

    def as_json(self) -> dict[str, Any]:
        """What `standards show --json` prints; its keys are documented and stable."""
        document = _as_json(self)
        return {**document, "dates": {key: each and _listed(asdict(each)) for key, each in self.dates.items()}}

    @property
    def content_hash(self) -> str:
        return hash_unit(self.as_json())

    @property
    def dates(self) -> dict[str, PrintedDate | None]:
        """The dates printed, `approved` and `review`, as far as they can be read."""
        printed = {"approved": self.metadata["approved_on"], "review": self.metadata["review_on"]}
        return {key: read_date(text) if text else None for key, text in printed.items()}

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.code, self.version, self.revision)

    @property
    def full_code(self) -> str:
        """The code as forms print it: `H128 04 (CFACC15)` where an awarding body has its own."""
        own = next((each.value for each in self.identifiers if each.scheme == "SQA"), None)
        return f"{own} ({self.code})" if own else self.code

    @property
    def version_order(self) -> tuple[tuple[tuple[int, str], ...], int]:
        """Later versions are larger, and of one version the later revision."""
        return (order_of(self.version), self.revision)

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
        return _as_json(self)

    @property
    def content_hash(self) -> str:
        return sha256("tracker.guidance.v1", canonical_json(without_empty(self.as_json())))


@dataclass(frozen=True)
class LinkedLabels:
    """Two statements that are the same in substance, each by its label; or by its position: `#14`."""

    kind: CriterionKind
    first: str
    second: str


@dataclass(frozen=True)
class LinksDocument:
    """What is the same in substance in two units, each named by the slug of the very version."""

    units: tuple[str, str]
    same: tuple[LinkedLabels, ...]
    positions: tuple[tuple[int, int], ...] = field(default=(), compare=False)
    """What the labels stand for, once the units are at hand."""
    file_name: str = field(default="", compare=False)


def hash_unit(document: dict[str, Any]) -> str:
    """The hash of a unit from its JSON, as it is printed or as it was stored.

    Only what its file states counts. A key that the format gains later, and what is worked out from the rest, must
    not look like a change of every unit that candidates are working to.
    """
    stated = {key: value for key, value in document.items() if key != "dates"}
    return sha256("tracker.unit.v1", canonical_json(without_empty(stated)))


def unit_from_json(found: dict[str, Any]) -> UnitDocument:
    """A unit from its JSON, as it is printed or as it was stored."""
    plain: dict[str, Any] = {key: tuple(each) if isinstance(each, list) else each for key, each in found.items()}
    plain.pop("dates", None)
    return UnitDocument(
        **plain
        | {
            "document_type": DocumentType(found["document_type"]),
            "simulation": Simulation(found["simulation"]),
            "identifiers": tuple(Identifier(**each) for each in found["identifiers"]),
            "overview": _paragraphs(found["overview"]),
            "scope": _paragraphs(found["scope"]),
            "criteria": tuple(_criterion(each) for each in found["criteria"]),
            "evidence_requirements": tuple(
                RequirementDocument(**{**each, "points": tuple(each["points"])})
                for each in found["evidence_requirements"]
            ),
            "provenance": Provenance(**found["provenance"]),
        }
    )


def guidance_from_json(found: dict[str, Any]) -> GuidanceDocument:
    """Guidance from its JSON."""
    plain: dict[str, Any] = {key: tuple(each) if isinstance(each, list) else each for key, each in found.items()}
    units = tuple(AttachedUnit(**each) for each in found["units"])
    return GuidanceDocument(**plain | {"units": units, "provenance": Provenance(**found["provenance"])})


def _paragraphs(found: list[dict[str, Any]]) -> tuple[Paragraph, ...]:
    return tuple(Paragraph(**{**each, "points": tuple(each["points"])}) for each in found)


def _criterion(found: dict[str, Any]) -> CriterionDocument:
    return CriterionDocument(
        **{
            **found,
            "kind": CriterionKind(found["kind"]),
            "label_origin": LabelOrigin(found["label_origin"]),
            "points": tuple(found["points"]),
        }
    )


def slug_of(code: str) -> str:
    """An address from a code: small letters, digits and hyphens; `CFAM&LFD3` gives `cfamlfd3`."""
    kept = "".join(each if each.isascii() and each.isalnum() else " " * (each in " -/._") for each in code.casefold())
    return "-".join(kept.split())[:90].strip("-") or "unit"


def order_of(version: str) -> tuple[tuple[int, str], ...]:
    """1.10 comes after 1.9: versions are compared part by part."""
    return tuple((int(part), "") if part.isdecimal() else (0, part) for part in version.split("."))


def without_empty(value: Any) -> Any:
    """Without what is empty, at every depth."""
    if isinstance(value, dict):
        found = {key: without_empty(each) for key, each in value.items()}
        return {key: each for key, each in found.items() if each not in (None, "", [], {})}
    return [without_empty(each) for each in value] if isinstance(value, list) else value


def _as_json(document: Any) -> dict[str, Any]:
    found: dict[str, Any] = _listed(asdict(document))
    del found["file_name"]
    return found


def _listed(value: Any) -> Any:
    """Tuples as lists, words as text, so that the JSON and its hash never depend on our types."""
    if isinstance(value, dict):
        return {key: _listed(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_listed(each) for each in value]
    return str(value) if isinstance(value, str) else value
