"""Hypothesis strategies for units: every key of the format, nested statements and hostile text."""

from itertools import count

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tracker.units.documents import (
    CriterionDocument,
    Identifier,
    Paragraph,
    Provenance,
    RequirementDocument,
    UnitDocument,
)
from tracker.units.schema import MetadataSchema
from tracker.vocabulary import CriterionKind, DocumentType, LabelOrigin, Simulation

SLOW = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
"""Units take long to generate, and each run generates others."""
HOSTILE = (
    "=1+1", "+44 20", "-2", "@SUM(A1)", "'=1+1", "''", '"', "'", "a,b;c\td", "one\ntwo", "one\r\ntwo", "a\n---\nb", "---", "- a",
    "key: value", "# remark", "1.10", "no", "null", "true", "{}", "[1]", "%2C", "a%2Cb", "&amp;", "<b>bold</b>", "\\n", "\\u0041", "C:\\x",
    "Ünïcödé", "日本語", "😀", "a\u200bb", "e\u0301", "\u202eabc", "a\u00a0b", "a\u2028b", "a\x85b", "a\x7fb", "\ufeffa", "a\x0bb", "|", "||", "1. ", "→",
)  # fmt: skip
"""Texts that spreadsheets, YAML, JSON and people get wrong."""

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")


def texts(max_length: int = 40) -> st.SearchStrategy[str]:
    """Generate text as a file contains it: not empty, without white space around it, at most `max_length` characters."""
    plain = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), min_size=1, max_size=max_length)
    wild = st.text(CHARACTERS, min_size=1, max_size=max_length)
    return (
        st.one_of(plain, wild, st.sampled_from(HOSTILE))
        .map(lambda text: text[:max_length].strip())
        .filter(lambda text: text)
    )


LONG = st.builds(lambda text, filler: (text + filler * 10_000)[:10_000], texts(), st.sampled_from('xé日=,"'))
STATEMENTS = st.one_of(texts(), texts(), texts(), LONG)
LISTS = st.lists(texts(), max_size=3).map(tuple)
LABELS = st.one_of(st.sampled_from(["1", "2", "3", "1.1", "1.10", "a", "b", "P1", "K1", "6a", "="]), texts(20))
SLUGS = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,5}){0,2}", fullmatch=True)
PARAGRAPHS = st.lists(st.builds(Paragraph, texts(), st.none() | texts(), LISTS), max_size=3).map(tuple)


@st.composite
def unit_documents(draw: st.DrawFn, slug: str | None = None) -> UnitDocument:
    """Generate a unit as `schema.UnitSchema` returns it, with any of the optional keys."""
    criteria = draw(criteria_of())
    requirements = draw(st.lists(st.tuples(LABELS, texts(), LISTS), max_size=3, unique_by=lambda each: each[0]))
    return UnitDocument(
        code=draw(texts(60)),
        slug=slug or draw(SLUGS),
        title=draw(texts(200)),
        document_type=draw(st.sampled_from(DocumentType)),
        version=draw(st.sampled_from(["1", "1.10", "2"]) | texts(20)),
        revision=draw(st.integers(1, 9999)),
        identifiers=draw(st.lists(st.builds(Identifier, texts(50), texts(50)), max_size=3).map(tuple)),
        overview=draw(PARAGRAPHS),
        metadata={key: draw(st.none() | texts()) for key in MetadataSchema().fields},
        simulation=draw(st.sampled_from(Simulation)),
        scope=draw(PARAGRAPHS),
        criteria=criteria,
        evidence_requirements_introduction=draw(st.none() | texts()),
        evidence_requirements=tuple(
            RequirementDocument(position, *each) for position, each in enumerate(requirements, start=1)
        ),
        assessor_rules=draw(LISTS),
        skills=draw(LISTS),
        values=draw(LISTS),
        behaviours=draw(LISTS),
        glossary=draw(LISTS),
        links=draw(LISTS),
        external_links=draw(LISTS),
        empty_headings=draw(LISTS),
        provenance=Provenance(draw(texts()), draw(texts())),
        notes=draw(LISTS),
    )


@st.composite
def criteria_of(draw: st.DrawFn) -> tuple[CriterionDocument, ...]:
    """Generate at least one statement, in document order, performance first, in groups and nested."""
    shape = st.lists(st.integers(1, 3), max_size=2)
    groups = {kind: draw(shape) for kind in CriterionKind}
    if not any(groups.values()):
        groups[draw(st.sampled_from(CriterionKind))] = [1]
    criteria: list[CriterionDocument] = []
    positions = count(1)
    for kind, sizes in groups.items():
        headings = draw(st.lists(st.none() | texts(), min_size=len(sizes), max_size=len(sizes), unique=True))
        for heading, size in zip(headings, sizes, strict=True):
            _add(draw, criteria, positions, size, (kind, heading, None), depth=1)
    return tuple(criteria)


def _add(
    draw: st.DrawFn,
    criteria: list[CriterionDocument],
    positions: "count[int]",
    size: int,
    place: tuple[CriterionKind, str | None, int | None],
    depth: int,
) -> None:
    """Add the statements of one parent, each followed by its own items."""
    kind, heading, parent = place
    for label in draw(st.lists(LABELS, min_size=size, max_size=size, unique=True)):
        position = next(positions)
        criteria.append(
            CriterionDocument(
                position=position,
                kind=kind,
                label=label,
                label_origin=draw(st.sampled_from(LabelOrigin)),
                heading=heading,
                parent=parent,
                text=draw(STATEMENTS),
                assessable=draw(st.booleans()),
                points=draw(LISTS),
                selection=draw(st.none() | texts()),
                simulation_allowed=draw(st.none() | st.booleans()),
                note=draw(st.none() | texts()),
            )
        )
        inner = draw(st.sampled_from([0, 0, 0, 1, 2])) if depth < 3 else 0
        _add(draw, criteria, positions, inner, (kind, heading, position), depth + 1)


@st.composite
def several_units(draw: st.DrawFn, max_units: int = 3) -> list[UnitDocument]:
    """Generate units for one folder: each slug once, and each code once in a version."""
    slugs = draw(st.lists(SLUGS, min_size=1, max_size=max_units, unique=True))
    units = [draw(unit_documents(slug)) for slug in slugs]
    return list({unit.key: unit for unit in units}.values())
