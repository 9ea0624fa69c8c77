"""Units, guidance and links as frozen dataclasses: the content of the YAML files, without Flask and the database."""

from dataclasses import asdict, dataclass, field
from typing import Any

from tracker.ledger.canonical_json import canonical_json, sha256
from tracker.units.evidence_rules import EvidenceRule, rule_from_json
from tracker.units.printed_dates import PrintedDate, parse_date
from tracker.vocabulary import CriterionKind, DocumentType, LabelOrigin, Simulation

NOT_HASHED = {"dates", "evidence_guidance"}


@dataclass(frozen=True)
class Identifier:
    """A code under which an organisation publishes the unit, such as scheme `SQA` and value `H128 04`."""

    scheme: str
    value: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of the overview or the scope, with an optional heading and list."""

    text: str
    heading: str | None = None
    points: tuple[str, ...] = ()


@dataclass(frozen=True)
class CriterionDocument:
    """One criterion or stem, in document order; `parent` is the position of the stem above it."""

    position: int
    kind: CriterionKind
    label: str
    label_origin: LabelOrigin
    heading: str | None
    parent: int | None
    text: str
    assessable: bool
    points: tuple[str, ...] = ()
    """Unlabelled sub-points. They are part of this criterion, not criteria."""
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
    """The source of a document and how it was read."""

    source: str
    read: str


@dataclass(frozen=True)
class UnitDocument:
    """One published version of a unit with all its content."""

    code: str
    slug: str
    title: str
    document_type: DocumentType
    version: str
    revision: int
    identifiers: tuple[Identifier, ...]
    overview: tuple[Paragraph, ...]
    metadata: dict[str, str | None]
    """As printed, with every key of the format; None where the source prints nothing."""
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
    """Links to other units."""
    external_links: tuple[str, ...]
    empty_headings: tuple[str, ...]
    """Headings that the source prints without text. A missing heading is not listed."""
    provenance: Provenance
    notes: tuple[str, ...]
    evidence_guidance: tuple[EvidenceRule, ...] = ()
    """Rules of evidence guidance: our reading of the unit, no part of its text and of its hash."""
    file_name: str = field(default="", compare=False)

    def as_json(self) -> dict[str, Any]:
        """Return what `flask standards show --json` prints; the keys are stable, see standards/README.md."""
        document = _as_json(self)
        return {**document, "dates": {key: each and to_plain_json(asdict(each)) for key, each in self.dates.items()}}

    @property
    def content_hash(self) -> str:
        """Return the hash of what the unit's file states."""
        return hash_unit(self.as_json())

    @property
    def dates(self) -> dict[str, PrintedDate | None]:
        """Return the printed dates `approved` and `review`, as far as they can be read."""
        printed = {"approved": self.metadata["approved_on"], "review": self.metadata["review_on"]}
        return {key: parse_date(text) if text else None for key, text in printed.items()}

    @property
    def key(self) -> tuple[str, str, int]:
        """Return code, version and revision, which identify a unit version."""
        return (self.code, self.version, self.revision)

    @property
    def full_code(self) -> str:
        """Return the code as forms print it: `H128 04 (CFACC15)` where SQA has a code of its own."""
        own = next((each.value for each in self.identifiers if each.scheme == "SQA"), None)
        return f"{own} ({self.code})" if own else self.code

    @property
    def version_order(self) -> tuple[tuple[tuple[int, str], ...], int]:
        """Return a sort key: later versions are larger and, within a version, later revisions."""
        return (parse_version(self.version), self.revision)

    @property
    def assessable(self) -> tuple[CriterionDocument, ...]:
        """Return the criteria that are assessed, without stems."""
        return tuple(each for each in self.criteria if each.assessable)


@dataclass(frozen=True)
class AttachedUnit:
    """A unit that guidance is shown with, and a warning where the guidance contradicts that unit's own rules."""

    code: str
    warning: str | None = None


@dataclass(frozen=True)
class GuidanceDocument:
    """Tips, misconceptions and marking prompts. Guidance holds no criteria."""

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
        """Return the guidance as plain JSON values."""
        return _as_json(self)

    @property
    def content_hash(self) -> str:
        """Return the hash of what the guidance states."""
        return sha256("tracker.guidance.v1", canonical_json(drop_empty(self.as_json())))


@dataclass(frozen=True)
class LinkedLabels:
    """Two criteria that are the same in substance, each named by its label or by its position (`#14`)."""

    kind: CriterionKind
    first: str
    second: str


@dataclass(frozen=True)
class LinksDocument:
    """Criteria that are the same in substance in two units; the slugs name the exact versions."""

    units: tuple[str, str]
    same: tuple[LinkedLabels, ...]
    positions: tuple[tuple[int, int], ...] = field(default=(), compare=False)
    """The positions that the labels stand for; filled in when the units are known."""
    file_name: str = field(default="", compare=False)


def hash_unit(document: dict[str, Any]) -> str:
    """Return the hash of a unit from its JSON, as printed or as stored.

    Only what the source states counts. A key added to the format later, a value computed from others, or evidence
    guidance, which is our reading and may change at any time, must not look like a change of the text that candidates
    are working to.
    """
    stated = {key: value for key, value in document.items() if key not in NOT_HASHED}
    return sha256("tracker.unit.v1", canonical_json(drop_empty(stated)))


def unit_from_json(document: dict[str, Any]) -> UnitDocument:
    """Return the unit from its JSON, as printed or as stored."""
    plain: dict[str, Any] = {key: tuple(each) if isinstance(each, list) else each for key, each in document.items()}
    plain.pop("dates", None)
    return UnitDocument(
        **plain
        | {
            "document_type": DocumentType(document["document_type"]),
            "simulation": Simulation(document["simulation"]),
            "identifiers": tuple(Identifier(**each) for each in document["identifiers"]),
            "overview": paragraphs_from_json(document["overview"]),
            "scope": paragraphs_from_json(document["scope"]),
            "criteria": tuple(_parse_criterion(each) for each in document["criteria"]),
            "evidence_requirements": tuple(
                RequirementDocument(**{**each, "points": tuple(each["points"])})
                for each in document["evidence_requirements"]
            ),
            "provenance": Provenance(**document["provenance"]),
            "evidence_guidance": tuple(map(rule_from_json, document.get("evidence_guidance", ()))),
        }
    )


def guidance_from_json(document: dict[str, Any]) -> GuidanceDocument:
    """Return the guidance from its JSON."""
    plain: dict[str, Any] = {key: tuple(each) if isinstance(each, list) else each for key, each in document.items()}
    units = tuple(AttachedUnit(**each) for each in document["units"])
    return GuidanceDocument(**plain | {"units": units, "provenance": Provenance(**document["provenance"])})


def paragraphs_from_json(document: list[dict[str, Any]]) -> tuple[Paragraph, ...]:
    """Return the paragraphs of the overview or the scope from their JSON."""
    return tuple(Paragraph(**{**each, "points": tuple(each["points"])}) for each in document)


def _parse_criterion(document: dict[str, Any]) -> CriterionDocument:
    return CriterionDocument(
        **{
            **document,
            "kind": CriterionKind(document["kind"]),
            "label_origin": LabelOrigin(document["label_origin"]),
            "points": tuple(document["points"]),
        }
    )


def make_slug(code: str) -> str:
    """Return an address made from a code, in lower-case letters, digits and hyphens: `CFAM&LFD3` gives `cfamlfd3`."""
    characters = "".join(
        each if each.isascii() and each.isalnum() else " " * (each in " -/._") for each in code.casefold()
    )
    return "-".join(characters.split())[:90].strip("-") or "unit"


def parse_version(version: str) -> tuple[tuple[int, str], ...]:
    """Return a sort key for a version number; 1.10 comes after 1.9, because versions are compared part by part."""
    return tuple((int(part), "") if part.isdecimal() else (0, part) for part in version.split("."))


def drop_empty(value: Any) -> Any:
    """Return the value without empty members, at every depth."""
    if isinstance(value, dict):
        result = {key: drop_empty(each) for key, each in value.items()}
        return {key: each for key, each in result.items() if each not in (None, "", [], {})}
    return [drop_empty(each) for each in value] if isinstance(value, list) else value


def _as_json(document: Any) -> dict[str, Any]:
    result: dict[str, Any] = to_plain_json(asdict(document))
    del result["file_name"]
    return result


def to_plain_json(value: Any) -> Any:
    """Return tuples as lists and enums as text, so that the JSON and its hash do not depend on our types."""
    if isinstance(value, dict):
        return {key: to_plain_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain_json(each) for each in value]
    return str(value) if isinstance(value, str) else value
