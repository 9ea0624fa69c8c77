"""Assembly of the unit: runs the steps from a document's lines to a unit, and collects their doubts."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tracker.unit_reader import phrases
from tracker.unit_reader.cleaning import Cleaned, clean
from tracker.unit_reader.criteria import Numbered, number_statements
from tracker.unit_reader.criteria_ranges import take_ranges
from tracker.unit_reader.document_model import CleanLine, Doubt, NoUnit, Section, SectionStatements, SourceText
from tracker.unit_reader.guidance import read_guidance
from tracker.unit_reader.headings import cut_before_codes
from tracker.unit_reader.identity import Identity, join_wrapped_title, read_identity
from tracker.unit_reader.learning_outcomes import Outcome, read_outcomes
from tracker.unit_reader.line_wrapping import OPEN_END
from tracker.unit_reader.metadata import Fact, read_facts
from tracker.unit_reader.page_headers import is_stray, without_feet
from tracker.unit_reader.phrases import CRITERIA, Part
from tracker.unit_reader.sections import each_of, find_sections, sections_by_markers
from tracker.unit_reader.statements import split_statements
from tracker.unit_reader.tables import unroll
from tracker.unit_reader.text_sections import (
    forbids_simulation,
    read_lines,
    read_list,
    read_paragraphs,
    read_requirements,
    simulation_allowed_for,
)
from tracker.units.documents import (
    CriterionDocument,
    Paragraph,
    Provenance,
    RequirementDocument,
    UnitDocument,
    make_slug,
    unit_from_json,
)
from tracker.units.schema import MetadataSchema
from tracker.vocabulary import CriterionKind, DocumentType, Simulation

LISTS = {
    "skills": Part.SKILLS,
    "values": Part.VALUES,
    "behaviours": Part.BEHAVIOURS,
    "glossary": Part.GLOSSARY,
    "links": Part.LINKS,
    "external_links": Part.EXTERNAL_LINKS,
    "assessor_rules": Part.RULES,
}
NO_UNIT = (
    "This document holds no criteria that a unit could be made of. Nothing was made. "
    "Look whether it is the whole unit, with its performance criteria or its learning outcomes."
)
GUIDANCE = (
    "This document is learning guidance: it holds tips and marking points, and no criteria. No unit was made of it. "
    "It can be kept as guidance and attached to units."
)


@dataclass(frozen=True)
class Unplaced:
    """Text that was placed nowhere, and its lines."""

    lines: tuple[int, ...]
    text: str


@dataclass(frozen=True)
class Reading:
    """What a document was read as."""

    document: UnitDocument
    doubts: tuple[Doubt, ...]
    unparsed: tuple[Unplaced, ...]
    places: dict[int, tuple[int, ...]]
    """The source's lines behind each criterion, by its position."""

    def as_json(self) -> dict[str, Any]:
        """As `standards show --json`, with `warnings` and `unparsed`."""
        return {
            **self.document.as_json(),
            "warnings": [each.as_json() for each in self.doubts],
            "unparsed": [{"lines": list(each.lines), "text": each.text} for each in self.unparsed],
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> "Reading":
        """From `as_json`, with the pairs of `places` beside it."""
        stated = dict(found)
        doubts, unparsed, places = (stated.pop(name) for name in ("warnings", "unparsed", "places"))
        return cls(
            unit_from_json(stated),
            tuple(Doubt(**{**each, "lines": tuple(each["lines"])}) for each in doubts),
            tuple(Unplaced(tuple(each["lines"]), each["text"]) for each in unparsed),
            {position: tuple(lines) for position, lines in places},
        )


def read_unit(source: SourceText) -> Reading:
    """The unit in a document. Raises `NoUnit` where it holds none, with the guidance if it is that."""
    cleaned = clean(source)
    rows = list(cut_before_codes(without_feet(unroll(cleaned.rows))))
    sections = find_sections(rows)
    numbered, found = _criteria(sections, cleaned.width)
    if not numbered.criteria and (guidance := read_guidance(sections, source.name, cleaned.width)):
        raise NoUnit(GUIDANCE, guidance)
    if not numbered.criteria:
        sections = sections_by_markers(rows) or sections
        numbered, found = _criteria(sections, cleaned.width)
    if not numbered.criteria:
        raise NoUnit(NO_UNIT)
    return _Assembly(source, cleaned, sections, numbered, found).reading()


def _criteria(sections: Sequence[Section], width: int) -> tuple[Numbered, list[SectionStatements]]:
    splits: dict[CriterionKind, list[SectionStatements]] = {
        CriterionKind.PERFORMANCE: [],
        CriterionKind.KNOWLEDGE: [],
    }
    named = {Part.PERFORMANCE: CriterionKind.PERFORMANCE, Part.KNOWLEDGE: CriterionKind.KNOWLEDGE}
    for section in each_of(sections, *named):
        split = split_statements(section.rows, width)
        for statement in split.statements:
            statement.heading = statement.heading or section.outcome
        splits[named[section.part or Part.PERFORMANCE]].append(split)
    splits[CriterionKind.PERFORMANCE].append(SectionStatements(ranges=_ranges_told(sections)))
    outcomes, doubts = read_outcomes(sections, width)
    _drop_list_of_outcomes(splits[CriterionKind.PERFORMANCE], outcomes)
    for outcome in outcomes:
        splits[outcome.kind].append(outcome.found)
    numbered = number_statements(list(splits.items()))
    numbered.doubts[:0] = doubts
    return numbered, [split for listed in splits.values() for split in listed]


def _drop_list_of_outcomes(splits: Iterable[SectionStatements], outcomes: Iterable[Outcome]) -> None:
    """`On completion of this unit you will:` lists the outcomes that follow below, each with its criteria."""
    names = {_bare(each.text) for each in outcomes if each.text}
    for split in splits:
        if len(split.statements) > 1 and all(_bare(each.text) in names for each in split.statements):
            split.statements = []


def _bare(text: str) -> str:
    return text.casefold().rstrip(" .;:,")


def _ranges_told(sections: Sequence[Section]) -> list[tuple[str, str, str]]:
    """Groups that the overview gives as ranges of criteria."""
    _, ranges = take_ranges([row for section in each_of(sections, Part.OVERVIEW) for row in section.rows])
    return [(each.first, each.last, each.said) for each in ranges if not each.is_rule]


def _simulation(told: Sequence[str], allowed: Collection[str] | None) -> Simulation:
    if allowed:
        return Simulation.PER_CRITERION
    return Simulation.FORBIDDEN if forbids_simulation(told) else Simulation.UNSTATED


def _with_simulation(criteria: Iterable[CriterionDocument], allowed: Collection[str]) -> Iterable[CriterionDocument]:
    return (replace(each, simulation_allowed=each.label in allowed) for each in criteria)


class _Assembly:
    """The parts of a document brought together as a unit."""

    def __init__(
        self,
        source: SourceText,
        cleaned: Cleaned,
        sections: Sequence[Section],
        numbered: Numbered,
        found: Sequence[SectionStatements],
    ) -> None:
        self.source = source
        self.cleaned = cleaned
        self.sections = sections
        self.numbered = numbered
        self.found = found
        self.width = cleaned.width
        self.facts, self.head = self._facts_and_head()
        self.notes: list[str] = []

    def reading(self) -> Reading:
        running = list(dict.fromkeys(row.text for row in self.cleaned.furniture if not is_stray(row.text)))
        identity = read_identity(self.head, self.facts, running, self.source.title or self.source.name)
        document = self._document(identity)
        return Reading(
            document, tuple(self._doubts(identity, document)), tuple(self._unparsed(document)), self.numbered.places
        )

    def _facts_and_head(self) -> tuple[list[Fact], list[CleanLine]]:
        facts: list[Fact] = []
        head: list[CleanLine] = []
        first = self._first_part()
        for at, section in enumerate(self.sections):
            if section.part is None:
                found, rest = read_facts(section.rows)
                facts.extend(found)
                if at <= first:
                    head.extend(rest)
        return facts, join_wrapped_title(head)

    def _first_part(self) -> int:
        """Where the first section stands that has a part; what is above it is the unit's head."""
        return next((at for at, section in enumerate(self.sections) if section.part), len(self.sections))

    def _document(self, identity: Identity) -> UnitDocument:
        introduction, requirements = self._requirements()
        lists = {key: self._listed(part) for key, part in LISTS.items()}
        rules = [rule for split in self.found for rule in split.rules]
        told = [introduction or "", *(each.text for each in requirements), *lists["assessor_rules"]]
        allowed = simulation_allowed_for(told, [each.label for each in self.numbered.criteria])
        return UnitDocument(
            code=identity.code,
            slug=make_slug(identity.code),
            title=identity.title,
            document_type=self._document_type(identity),
            version=self._version(),
            revision=1,
            identifiers=identity.identifiers,
            overview=tuple(self._paragraphs(Part.OVERVIEW)),
            metadata=self._metadata(),
            simulation=_simulation(told, allowed),
            scope=tuple(self._paragraphs(Part.SCOPE)),
            criteria=tuple(
                self.numbered.criteria if allowed is None else _with_simulation(self.numbered.criteria, allowed)
            ),
            evidence_requirements_introduction=introduction,
            evidence_requirements=tuple(requirements),
            assessor_rules=(*lists["assessor_rules"], *rules),
            skills=lists["skills"],
            values=lists["values"],
            behaviours=lists["behaviours"],
            glossary=lists["glossary"],
            links=(*lists["links"], *self.numbered.links),
            external_links=lists["external_links"],
            empty_headings=tuple(self._empty_headings()),
            provenance=Provenance(self.source.name or "a document", "Read by the reader of documents."),
            notes=tuple(self.notes),
        )

    def _document_type(self, identity: Identity) -> DocumentType:
        if any(section.rows for section in each_of(self.sections, Part.OUTCOMES)):
            return DocumentType.LEARNING_OUTCOMES
        return DocumentType.SQA_UNIT if identity.is_sqa else DocumentType.NOS

    def _version(self) -> str:
        printed = next((fact.value for fact in self.facts if fact.key == "version"), None)
        if printed and len(printed) <= 20:
            return printed
        self.notes.append("The source prints no version number; 1 is assumed.")
        return "1"

    def _metadata(self) -> dict[str, str | None]:
        metadata: dict[str, str | None] = dict(MetadataSchema().load({}))
        for fact in self.facts:
            if fact.key in metadata and metadata[fact.key] is None:
                metadata[fact.key] = fact.value
        return metadata

    def _paragraphs(self, part: Part) -> Iterable[Paragraph]:
        for section in each_of(self.sections, part):
            yield from read_paragraphs(section, self.width)

    def _listed(self, part: Part) -> tuple[str, ...]:
        read = read_lines if part is Part.RULES else read_list
        return tuple(entry for section in each_of(self.sections, part) for entry in read(section, self.width))

    def _requirements(self) -> tuple[str | None, list[RequirementDocument]]:
        rows = [row for section in each_of(self.sections, Part.REQUIREMENTS) for row in section.rows]
        return read_requirements(Section(Part.REQUIREMENTS, None, rows), self.width) if rows else (None, [])

    def _empty_headings(self) -> Iterable[str]:
        for section, following in zip(self.sections, [*self.sections[1:], None], strict=True):
            if section.rows or not section.heading or section.part in CRITERIA or section.part is Part.FORM:
                continue
            if (
                following is None
                or following.part is not section.part
                or section.part not in {Part.SCOPE, Part.OVERVIEW}
            ) or (
                following
                and not following.rows
                and section.heading.text.casefold() not in {"scope/range", "scope", "overview"}
            ):
                yield section.heading.text.rstrip(" :")

    # --- what is doubtful ----------------------------------------------------------------------------------

    def _doubts(self, identity: Identity, document: UnitDocument) -> Iterable[Doubt]:
        yield from self.source.doubts
        yield from identity.doubts
        for split in self.found:
            yield from split.doubts
        yield from self.numbered.doubts
        yield from self._cut_off(document)
        yield from self._repeated(document)

    def _cut_off(self, document: UnitDocument) -> Iterable[Doubt]:
        """A document that ends in the midst of a statement, or under a heading that promised some."""
        rows = [row for section in self.sections for row in section.rows]
        last = self.sections[-1]
        if not rows:
            return
        final = rows[-1]
        if last.part in CRITERIA and not last.rows and last.heading:
            yield Doubt(
                last.heading.numbers, f"the document ends under “{last.heading.text}”", "what follows is missing"
            )
        elif last.part in CRITERIA and self._breaks_off(final, document):
            yield Doubt(
                final.numbers,
                "the document seems to end in the middle of a statement",
                "it is kept as far as it goes",
            )
        kinds = {each.kind for each in document.criteria}
        for kind in CriterionKind:
            if kind not in kinds and document.document_type is not DocumentType.LEARNING_OUTCOMES:
                ends_here = final.numbers if last.part in CRITERIA else ()
                yield Doubt(ends_here, f"the document holds no {kind.label.lower()}", "the unit is read without")

    def _breaks_off(self, final: CleanLine, document: UnitDocument) -> bool:
        texts = [each.text for each in document.criteria[:-1]]
        stopped = sum(text.endswith((".", ";")) for text in texts)
        if OPEN_END.search(final.text):
            return True
        return bool(texts) and stopped == len(texts) and len(texts) > 2 and not final.text.endswith((".", ";", ")"))

    def _repeated(self, document: UnitDocument) -> Iterable[Doubt]:
        seen: dict[tuple[Any, ...], int] = {}
        for each in document.criteria:
            key = (each.kind, each.heading, each.parent, each.label)
            if key in seen:
                lines = self.numbered.places[seen[key]] + self.numbered.places[each.position]
                yield Doubt(
                    lines, f"the label {each.label} stands twice under one heading", "both are kept as printed"
                )
            seen.setdefault(key, each.position)

    def _unparsed(self, document: UnitDocument) -> Iterable[Unplaced]:
        named = {document.title, document.code, *(each.value for each in document.identifiers)}
        for row in self.head:
            if not any(each in row.text and len(row.text) < len(each) + 80 for each in named):
                yield Unplaced(row.numbers, row.text)
        for split in self.found:
            yield from (Unplaced(numbers, text) for numbers, text in split.unparsed)
        for section in each_of(self.sections, Part.NOTES, Part.FORM, *phrases.GUIDANCE):
            numbers = (
                *(section.heading.numbers if section.heading else ()),
                *(n for row in section.rows for n in row.numbers),
            )
            if section.rows:
                yield Unplaced(numbers, "\n".join(row.text for row in section.rows))
        for section in self.sections[self._first_part() :]:
            if section.part is None:
                yield from (Unplaced(row.numbers, row.text) for row in read_facts(section.rows)[1])
