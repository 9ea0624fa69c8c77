"""The working copy of a unit: its classes, its JSON as the database stores it, and how its entries are found."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn, TypedDict, TypeVar

from tracker.errors import Invalid
from tracker.units.documents import NOT_HASHED, Identifier, Paragraph, Provenance, paragraphs_from_json, to_plain_json
from tracker.vocabulary import CriterionKind, DocumentType, LabelOrigin, Simulation

KINDS = tuple(CriterionKind)
CRITERION_FIELDS = (
    "label",
    "label_origin",
    "text",
    "assessable",
    "points",
    "selection",
    "simulation_allowed",
    "note",
)
NOT_IN_FORMAT = ("warnings", "unparsed", "dropped", "places", "made", "criteria")
"""What a working copy holds besides the keys of the file format."""
OPTIONAL_KEYS = ("split_from", "joined_into", "dropped_with")
"""Fields of a criterion that its JSON has only where they are set."""


@dataclass
class DraftCriterion:
    """A criterion or stem of a working copy; `parent` is the key of the stem above it."""

    key: str
    kind: CriterionKind
    heading: str | None
    parent: str | None
    label: str
    label_origin: LabelOrigin
    text: str
    assessable: bool = True
    points: list[str] = field(default_factory=list)
    selection: str | None = None
    simulation_allowed: bool | None = None
    note: str | None = None
    split_from: str | None = None
    """The key of the criterion that it was split from."""
    joined_into: str | None = None
    """Of a dropped criterion: the key of the one that its text was joined to."""
    dropped_with: str | None = None
    """Of a dropped criterion: the key of the one that was dropped, which is itself or a stem above it."""


@dataclass
class DraftRequirement:
    """An evidence requirement of a working copy."""

    key: str
    label: str
    text: str
    points: list[str] = field(default_factory=list)


@dataclass
class DraftDoubt:
    """A doubt of the reader; `settled` once somebody has checked it."""

    lines: list[int]
    what: str
    assumed: str
    settled: bool = False


@dataclass
class DraftPassage:
    """A passage of text not used; `placed` once it is part of the unit, or is to be left out."""

    lines: list[int]
    text: str
    placed: bool = False


@dataclass
class WorkingCopy:
    """A unit while it is changed, with the fields of a unit document and with what the reader leaves to decide.

    A field may hold what the file format refuses, such as an empty title, until the unit is published.
    """

    code: str
    slug: str
    title: str
    document_type: DocumentType
    version: str
    revision: int
    identifiers: list[Identifier]
    overview: list[Paragraph]
    metadata: dict[str, str | None]
    simulation: Simulation
    scope: list[Paragraph]
    criteria: list[DraftCriterion]
    evidence_requirements_introduction: str | None
    evidence_requirements: list[DraftRequirement]
    assessor_rules: list[str]
    skills: list[str]
    values: list[str]
    behaviours: list[str]
    glossary: list[str]
    links: list[str]
    external_links: list[str]
    empty_headings: list[str]
    provenance: Provenance
    notes: list[str]
    warnings: list[DraftDoubt]
    unparsed: list[DraftPassage]
    places: dict[str, list[int]]
    """The source lines of each key."""
    dropped: list[DraftCriterion] = field(default_factory=list)
    made: int = 0
    """How many keys were given to entries added on screen."""

    @property
    def entries(self) -> list[DraftCriterion | DraftRequirement]:
        """Return the criteria and the evidence requirements, whose keys are all different."""
        return [*self.criteria, *self.evidence_requirements]

    def as_json(self) -> dict[str, Any]:
        """Return the working copy as the database stores it."""
        document: dict[str, Any] = to_plain_json(asdict(self))
        for each in (*document["criteria"], *document["dropped"]):
            for key in OPTIONAL_KEYS:
                if each[key] is None:
                    del each[key]
        return document


class CriterionFields(TypedDict, total=False):
    """Fields of a criterion that a person changes."""

    kind: CriterionKind
    label: str
    label_origin: LabelOrigin
    heading: str | None
    parent: str | None
    text: str
    points: list[str]
    selection: str | None
    simulation_allowed: bool | None
    note: str | None


class UnitFields(TypedDict, total=False):
    """Fields of the unit itself that a person changes."""

    title: str
    code: str
    version: str
    document_type: DocumentType
    simulation: Simulation
    identifiers: list[Identifier]
    overview: list[Paragraph]
    scope: list[Paragraph]
    evidence_requirements_introduction: str | None
    assessor_rules: list[str]
    skills: list[str]
    values: list[str]
    behaviours: list[str]
    glossary: list[str]
    links: list[str]
    external_links: list[str]
    empty_headings: list[str]
    notes: list[str]


# --- JSON -------------------------------------------------------------------------------------------------


def working_copy_from_json(document: Mapping[str, Any]) -> WorkingCopy:
    """Return the working copy from its JSON, as the database stores it."""
    return WorkingCopy(
        **{
            **document,
            "document_type": DocumentType(document["document_type"]),
            "simulation": Simulation(document["simulation"]),
            "identifiers": [Identifier(**each) for each in document["identifiers"]],
            "overview": list(paragraphs_from_json(document["overview"])),
            "scope": list(paragraphs_from_json(document["scope"])),
            "criteria": [_parse_criterion(each) for each in document["criteria"]],
            "evidence_requirements": [DraftRequirement(**each) for each in document["evidence_requirements"]],
            "provenance": Provenance(**document["provenance"]),
            "warnings": [DraftDoubt(**each) for each in document["warnings"]],
            "unparsed": [DraftPassage(**each) for each in document["unparsed"]],
            "dropped": [_parse_criterion(each) for each in document["dropped"]],
        }
    )


def _parse_criterion(document: Mapping[str, Any]) -> DraftCriterion:
    kinds = {"kind": CriterionKind(document["kind"]), "label_origin": LabelOrigin(document["label_origin"])}
    return DraftCriterion(**{**document, **kinds})


# --- readings ---------------------------------------------------------------------------------------------


def start_working_copy(reading: Mapping[str, Any]) -> WorkingCopy:
    """Return the first working copy of a reading, without its evidence guidance, which names old positions."""
    document = {key: deepcopy(value) for key, value in reading.items() if key not in NOT_HASHED}
    document["criteria"] = [_add_keys(each) for each in document["criteria"]]
    document["evidence_requirements"] = [
        {"key": f"q{number}", "label": each["label"], "text": each["text"], "points": each["points"]}
        for number, each in enumerate(document["evidence_requirements"], start=1)
    ]
    places = {f"r{position}": lines for position, lines in document.get("places", {}).items()}
    return working_copy_from_json({"warnings": [], "unparsed": [], **document, "places": places, "dropped": []})


def _add_keys(criterion: Mapping[str, Any]) -> dict[str, Any]:
    """Return a criterion of a reading with keys instead of positions."""
    position, parent = criterion["position"], criterion["parent"]
    fields = {key: value for key, value in criterion.items() if key != "position"}
    return {**fields, "key": f"r{position}", "parent": f"r{parent}" if parent else None}


def convert_to_reading(working: WorkingCopy) -> dict[str, Any]:
    """Return the copy as a reading without doubts and unused text, so that a new working copy can start from it."""
    position = {each.key: number for number, each in enumerate(working.criteria, start=1)}
    document = working.as_json()
    unit = {key: value for key, value in document.items() if key not in NOT_IN_FORMAT}
    unit["criteria"] = [
        {
            "position": position[each["key"]],
            "parent": position.get(each["parent"]),
            **{key: each[key] for key in ("kind", "heading", *CRITERION_FIELDS)},
        }
        for each in document["criteria"]
    ]
    unit["evidence_requirements"] = [
        {"position": number, **{key: each[key] for key in ("label", "text", "points")}}
        for number, each in enumerate(document["evidence_requirements"], start=1)
    ]
    places = {str(position[key]): lines for key, lines in document["places"].items() if key in position}
    return {**unit, "warnings": [], "unparsed": [], "places": places}


# --- entries ----------------------------------------------------------------------------------------------

Entry = TypeVar("Entry", DraftCriterion, DraftRequirement)


def new_key(working: WorkingCopy) -> str:
    """Return a key for an entry added on screen, and count it."""
    working.made += 1
    return f"n{working.made}"


def next_number(taken: set[str]) -> str:
    """Return the first number that is free as a label."""
    return str(next(number for number in range(1, len(taken) + 2) if str(number) not in taken))


def find_entry(entries: Iterable[Entry], key: str | None) -> Entry | None:
    """Find the entry with this key."""
    return next((each for each in entries if each.key == key), None)


def get_criterion(working: WorkingCopy, key: str) -> DraftCriterion:
    """Return the criterion with this key. Raises `Invalid` if it is gone."""
    return find_entry(working.criteria, key) or _raise_missing()


def get_requirement(working: WorkingCopy, key: str) -> DraftRequirement:
    """Return the evidence requirement with this key. Raises `Invalid` if it is gone."""
    return find_entry(working.evidence_requirements, key) or _raise_missing()


def list_children(working: WorkingCopy, key: str | None) -> list[DraftCriterion]:
    """List the items directly under a criterion; with None, the top criteria."""
    return [each for each in working.criteria if each.parent == key]


def list_with_items(working: WorkingCopy, key: str) -> list[DraftCriterion]:
    """List a criterion and all items under it, in order."""
    result = [get_criterion(working, key)]
    for child in list_children(working, key):
        result += list_with_items(working, child.key)
    return result


def sort_criteria(working: WorkingCopy) -> None:
    """Put performance before knowledge, and each item after its stem with the stem's kind and heading."""
    keys = {each.key for each in working.criteria}
    for each in working.criteria:
        each.parent = each.parent if each.parent in keys else None
    tops = [each for kind in KINDS for each in list_children(working, None) if each.kind == kind]
    ordered: list[DraftCriterion] = []
    for top in tops:
        tree = list_with_items(working, top.key)
        for each in tree:
            each.kind, each.heading = top.kind, top.heading
        ordered += tree
    working.criteria = ordered


def _raise_missing() -> NoReturn:
    raise Invalid("It no longer exists. Reload the page.")
