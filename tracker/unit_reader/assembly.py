"""Assembly of the unit: runs the steps from a document's lines to a unit, and collects their doubts."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

from tracker.unit_reader import phrases
from tracker.unit_reader.cleaning import CleanedDocument, clean_document
from tracker.unit_reader.criteria import NumberedCriteria, build_criteria
from tracker.unit_reader.criteria_ranges import extract_ranges
from tracker.unit_reader.document_model import (
    CleanLine,
    Doubt,
    NoUnit,
    Section,
    SectionStatements,
    SourceText,
    UnitReading,
    UnusedText,
)
from tracker.unit_reader.guidance import build_guidance
from tracker.unit_reader.headings import split_before_codes
from tracker.unit_reader.identity import Identity, detect_identity, merge_wrapped_title
from tracker.unit_reader.learning_outcomes import LearningOutcome, split_outcomes
from tracker.unit_reader.line_wrapping import UNFINISHED_END
from tracker.unit_reader.metadata import MetadataEntry, split_metadata
from tracker.unit_reader.page_headers import is_noise, strip_page_footers
from tracker.unit_reader.phrases import CRITERIA, Part
from tracker.unit_reader.sections import filter_sections, split_sections, split_sections_by_markers
from tracker.unit_reader.statements import split_statements
from tracker.unit_reader.tables import flatten_tables
from tracker.unit_reader.text_sections import (
    find_simulation_labels,
    forbids_simulation,
    parse_list,
    parse_paragraphs,
    parse_requirements,
    parse_rules,
)
from tracker.units.documents import (
    CriterionDocument,
    Paragraph,
    Provenance,
    RequirementDocument,
    UnitDocument,
    make_slug,
)
from tracker.units.schema import MetadataSchema
from tracker.vocabulary import CriterionKind, DocumentType, Simulation

LIST_PARTS = {
    "skills": Part.SKILLS,
    "values": Part.VALUES,
    "behaviours": Part.BEHAVIOURS,
    "glossary": Part.GLOSSARY,
    "links": Part.LINKS,
    "external_links": Part.EXTERNAL_LINKS,
    "assessor_rules": Part.RULES,
}
NO_UNIT = (
    "No unit was made, because this document has no criteria. "
    "Check that it is the whole unit, with its performance criteria or learning outcomes."
)
IS_GUIDANCE = (
    "This document is learning guidance: it has tips and marking points, and no criteria. No unit was made. "
    "It can be kept as guidance and attached to units."
)


def read_unit(source: SourceText) -> UnitReading:
    """Return the unit in a document.

    Raises:
        NoUnit: The document holds no criteria. If it is learning guidance, the error carries the guidance.
    """
    cleaned = clean_document(source)
    lines = list(split_before_codes(strip_page_footers(flatten_tables(cleaned.lines))))
    sections = split_sections(lines)
    numbered, section_statements = _split_criteria(sections, cleaned.width)
    if not numbered.criteria and (guidance := build_guidance(sections, source.name, cleaned.width)):
        raise NoUnit(IS_GUIDANCE, guidance)
    if not numbered.criteria:
        sections = split_sections_by_markers(lines) or sections
        numbered, section_statements = _split_criteria(sections, cleaned.width)
    if not numbered.criteria:
        raise NoUnit(NO_UNIT)
    return _UnitAssembler(source, cleaned, sections, numbered, section_statements).assemble()


def _split_criteria(sections: Sequence[Section], width: int) -> tuple[NumberedCriteria, list[SectionStatements]]:
    """Split the sections of criteria into statements, and number them."""
    splits: dict[CriterionKind, list[SectionStatements]] = {
        CriterionKind.PERFORMANCE: [],
        CriterionKind.KNOWLEDGE: [],
    }
    kinds_by_part = {Part.PERFORMANCE: CriterionKind.PERFORMANCE, Part.KNOWLEDGE: CriterionKind.KNOWLEDGE}
    for section in filter_sections(sections, *kinds_by_part):
        split = split_statements(section.lines, width)
        for statement in split.statements:
            statement.heading = statement.heading or section.outcome
        splits[kinds_by_part[section.part or Part.PERFORMANCE]].append(split)
    splits[CriterionKind.PERFORMANCE].append(SectionStatements(ranges=_find_overview_ranges(sections)))
    outcomes, doubts = split_outcomes(sections, width)
    _remove_list_of_outcomes(splits[CriterionKind.PERFORMANCE], outcomes)
    for outcome in outcomes:
        splits[outcome.kind].append(outcome.section_statements)
    numbered = build_criteria(list(splits.items()))
    numbered.doubts[:0] = doubts
    return numbered, [split for listed in splits.values() for split in listed]


def _remove_list_of_outcomes(splits: Iterable[SectionStatements], outcomes: Iterable[LearningOutcome]) -> None:
    """Remove a list of outcomes from the criteria, if it only announces the outcomes below.

    `On completion of this unit you will:` introduces such a list in many units of learning outcomes.
    """
    names = {_normalize(each.text) for each in outcomes if each.text}
    for split in splits:
        if len(split.statements) > 1 and all(_normalize(each.text) in names for each in split.statements):
            split.statements = []


def _normalize(text: str) -> str:
    """Return a text in lower case, without the punctuation at its end."""
    return text.casefold().rstrip(" .;:,")


def _find_overview_ranges(sections: Sequence[Section]) -> list[tuple[str, str, str]]:
    """Return the headings that the overview gives for ranges of criteria."""
    _, ranges = extract_ranges(
        [line for section in filter_sections(sections, Part.OVERVIEW) for line in section.lines]
    )
    return [(each.first, each.last, each.description) for each in ranges if not each.is_rule]


def _choose_simulation(statements: Sequence[str], allowed: Collection[str] | None) -> Simulation:
    if allowed:
        return Simulation.PER_CRITERION
    return Simulation.FORBIDDEN if forbids_simulation(statements) else Simulation.UNSTATED


def _set_simulation(criteria: Iterable[CriterionDocument], allowed: Collection[str]) -> Iterable[CriterionDocument]:
    return (replace(each, simulation_allowed=each.label in allowed) for each in criteria)


class _UnitAssembler:
    """Assembly of one document's sections, statements and metadata into a unit."""

    def __init__(
        self,
        source: SourceText,
        cleaned: CleanedDocument,
        sections: Sequence[Section],
        numbered: NumberedCriteria,
        section_statements: Sequence[SectionStatements],
    ) -> None:
        self.source = source
        self.cleaned = cleaned
        self.sections = sections
        self.numbered = numbered
        self.section_statements = section_statements
        self.width = cleaned.width
        self.entries, self.head = self._split_entries_and_head()
        self.notes: list[str] = []

    def assemble(self) -> UnitReading:
        """Return the reading of the document."""
        page_headers = list(dict.fromkeys(line.text for line in self.cleaned.page_headers if not is_noise(line.text)))
        identity = detect_identity(self.head, self.entries, page_headers, self.source.title or self.source.name)
        document = self._build_document(identity)
        return UnitReading(
            document,
            tuple(self._list_doubts(identity, document)),
            tuple(self._list_unused(document)),
            self.numbered.places,
        )

    def _split_entries_and_head(self) -> tuple[list[MetadataEntry], list[CleanLine]]:
        """Split the sections without a part into metadata and the lines above the first part."""
        entries: list[MetadataEntry] = []
        head: list[CleanLine] = []
        first = self._find_first_part()
        for index, section in enumerate(self.sections):
            if section.part is None:
                section_entries, rest = split_metadata(section.lines)
                entries.extend(section_entries)
                if index <= first:
                    head.extend(rest)
        return entries, merge_wrapped_title(head)

    def _find_first_part(self) -> int:
        """Return the index of the first section with a part; above it is the unit's head."""
        return next((index for index, section in enumerate(self.sections) if section.part), len(self.sections))

    def _build_document(self, identity: Identity) -> UnitDocument:
        introduction, requirements = self._parse_requirements()
        lists = {key: self._parse_list(part) for key, part in LIST_PARTS.items()}
        rules = [rule for split in self.section_statements for rule in split.assessor_rules]
        statements = [introduction or "", *(each.text for each in requirements), *lists["assessor_rules"]]
        allowed = find_simulation_labels(statements, [each.label for each in self.numbered.criteria])
        return UnitDocument(
            code=identity.code,
            slug=make_slug(identity.code),
            title=identity.title,
            document_type=self._choose_document_type(identity),
            version=self._choose_version(),
            revision=1,
            identifiers=identity.identifiers,
            overview=tuple(self._parse_paragraphs(Part.OVERVIEW)),
            metadata=self._build_metadata(),
            simulation=_choose_simulation(statements, allowed),
            scope=tuple(self._parse_paragraphs(Part.SCOPE)),
            criteria=tuple(
                self.numbered.criteria if allowed is None else _set_simulation(self.numbered.criteria, allowed)
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
            empty_headings=tuple(self._list_empty_headings()),
            provenance=Provenance(self.source.name or "a document", "Read from the published document."),
            notes=tuple(self.notes),
        )

    def _choose_document_type(self, identity: Identity) -> DocumentType:
        if any(section.lines for section in filter_sections(self.sections, Part.OUTCOMES)):
            return DocumentType.LEARNING_OUTCOMES
        return DocumentType.SQA_UNIT if identity.is_sqa else DocumentType.NOS

    def _choose_version(self) -> str:
        printed = next((entry.value for entry in self.entries if entry.key == "version"), None)
        if printed and len(printed) <= 20:
            return printed
        self.notes.append("The source prints no version number; 1 is assumed.")
        return "1"

    def _build_metadata(self) -> dict[str, str | None]:
        metadata: dict[str, str | None] = dict(MetadataSchema().load({}))
        for entry in self.entries:
            if entry.key in metadata and metadata[entry.key] is None:
                metadata[entry.key] = entry.value
        return metadata

    def _parse_paragraphs(self, part: Part) -> Iterable[Paragraph]:
        for section in filter_sections(self.sections, part):
            yield from parse_paragraphs(section, self.width)

    def _parse_list(self, part: Part) -> tuple[str, ...]:
        parse = parse_rules if part is Part.RULES else parse_list
        return tuple(
            entry for section in filter_sections(self.sections, part) for entry in parse(section, self.width)
        )

    def _parse_requirements(self) -> tuple[str | None, list[RequirementDocument]]:
        lines = [line for section in filter_sections(self.sections, Part.REQUIREMENTS) for line in section.lines]
        return parse_requirements(Section(Part.REQUIREMENTS, None, lines), self.width) if lines else (None, [])

    def _list_empty_headings(self) -> Iterable[str]:
        """List the headings with nothing under them, except those of criteria and forms."""
        for number, section in enumerate(self.sections, start=1):
            if section.lines or not section.heading or section.part in CRITERIA or section.part is Part.FORM:
                continue
            same_part = self._list_following_of_same_part(number)
            is_general = section.heading.text.casefold() in {"scope/range", "scope", "overview"}
            subsections = same_part if is_general else same_part[:1]
            if section.part not in {Part.SCOPE, Part.OVERVIEW} or not any(each.lines for each in subsections):
                yield section.heading.text.rstrip(" :")

    def _list_following_of_same_part(self, number: int) -> list[Section]:
        """List the sections directly after the one with this number that belong to the same part."""
        part = self.sections[number - 1].part
        return list(takewhile(lambda section: section.part is part, self.sections[number:]))

    # --- what is doubtful ----------------------------------------------------------------------------------

    def _list_doubts(self, identity: Identity, document: UnitDocument) -> Iterable[Doubt]:
        yield from self.source.doubts
        yield from identity.doubts
        for split in self.section_statements:
            yield from split.doubts
        yield from self.numbered.doubts
        yield from self._doubt_cut_off(document)
        yield from self._doubt_repeated_labels(document)

    def _doubt_cut_off(self, document: UnitDocument) -> Iterable[Doubt]:
        """Report a document that ends inside a statement or below a heading, or lacks a kind of criteria."""
        lines = [line for section in self.sections for line in section.lines]
        last = self.sections[-1]
        if not lines:
            return
        final = lines[-1]
        if last.part in CRITERIA and not last.lines and last.heading:
            yield Doubt(
                last.heading.line_numbers, f"the document ends below “{last.heading.text}”", "what follows is missing"
            )
        elif last.part in CRITERIA and self._ends_mid_statement(final, document):
            yield Doubt(
                final.line_numbers,
                "the document seems to end in the middle of a statement",
                "its text is kept as printed",
            )
        kinds = {each.kind for each in document.criteria}
        for kind in CriterionKind:
            if kind not in kinds and document.document_type is not DocumentType.LEARNING_OUTCOMES:
                ends_here = final.line_numbers if last.part in CRITERIA else ()
                yield Doubt(
                    ends_here, f"the document has no {kind.label.lower()}", "the unit was read without this part"
                )

    def _ends_mid_statement(self, final: CleanLine, document: UnitDocument) -> bool:
        """Return whether the last line is unfinished, or lacks the full stop that all others have."""
        texts = [each.text for each in document.criteria[:-1]]
        end_in_stops = sum(text.endswith((".", ";")) for text in texts)
        if UNFINISHED_END.search(final.text):
            return True
        return (
            bool(texts) and end_in_stops == len(texts) and len(texts) > 2 and not final.text.endswith((".", ";", ")"))
        )

    def _doubt_repeated_labels(self, document: UnitDocument) -> Iterable[Doubt]:
        """Report labels that are printed twice below one heading."""
        seen: dict[tuple[Any, ...], int] = {}
        for each in document.criteria:
            key = (each.kind, each.heading, each.parent, each.label)
            if key in seen:
                lines = self.numbered.places[seen[key]] + self.numbered.places[each.position]
                yield Doubt(
                    lines, f"the label {each.label} is printed twice below one heading", "both statements keep it"
                )
            seen.setdefault(key, each.position)

    def _list_unused(self, document: UnitDocument) -> Iterable[UnusedText]:
        """List the text that is in no part of the unit."""
        printed = {document.title, document.code, *(each.value for each in document.identifiers)}
        for line in self.head:
            if not any(each in line.text and len(line.text) < len(each) + 80 for each in printed):
                yield UnusedText(line.line_numbers, line.text)
        for split in self.section_statements:
            yield from (UnusedText(numbers, text) for numbers, text in split.unparsed)
        for section in filter_sections(self.sections, Part.NOTES, Part.FORM, *phrases.GUIDANCE):
            numbers = (
                *(section.heading.line_numbers if section.heading else ()),
                *(n for line in section.lines for n in line.line_numbers),
            )
            if section.lines:
                yield UnusedText(numbers, "\n".join(line.text for line in section.lines))
        for section in self.sections[self._find_first_part() :]:
            if section.part is None:
                yield from (UnusedText(line.line_numbers, line.text) for line in split_metadata(section.lines)[1])
