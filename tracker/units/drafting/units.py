"""Changes to the unit fields of a working copy: identity, metadata, texts, requirements, doubts and text not used."""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace

from tracker.errors import Invalid
from tracker.units.documents import Identifier, Paragraph
from tracker.units.drafting.problems import check_no_worse
from tracker.units.drafting.working_copy import (
    DraftDoubt,
    DraftPassage,
    DraftRequirement,
    UnitFields,
    WorkingCopy,
    get_requirement,
    new_key,
    next_number,
)

TEXTS = ("overview", "scope")
LISTS = (
    "assessor_rules",
    "skills",
    "values",
    "behaviours",
    "glossary",
    "links",
    "external_links",
    "empty_headings",
    "notes",
)
MAX_SLUG_LENGTH = 90


def change_unit(working: WorkingCopy, fields: UnitFields) -> WorkingCopy:
    """Return the copy with the named fields changed; a new code gives a new slug."""
    after = replace(deepcopy(working), **fields)
    if after.code != working.code:
        after.slug = make_free_slug(after.code, after.version, after.revision, set())
    return check_no_worse(working, after)


def change_metadata(working: WorkingCopy, fields: Mapping[str, str | None]) -> WorkingCopy:
    """Return the copy with metadata as printed; an empty value means that the source prints none."""
    stated = {key: (value or "").strip() or None for key, value in fields.items()}
    after = deepcopy(working)
    after.metadata |= stated
    return check_no_worse(working, after)


def change_requirement(working: WorkingCopy, key: str, label: str, text: str, points: Sequence[str]) -> WorkingCopy:
    """Return the copy with an evidence requirement changed."""
    after = deepcopy(working)
    requirement = get_requirement(after, key)
    requirement.label, requirement.text, requirement.points = label, text, list(points)
    return check_no_worse(working, after)


def drop_requirement(working: WorkingCopy, key: str) -> WorkingCopy:
    """Return the copy without an evidence requirement; the reading and the source still hold it."""
    after = deepcopy(working)
    after.evidence_requirements.remove(get_requirement(after, key))
    return after


def add_requirement(working: WorkingCopy, label: str, text: str) -> WorkingCopy:
    """Return the copy with a new evidence requirement; without a label it gets the next free number."""
    if not text.strip():
        raise Invalid("Write what the requirement says. Nothing was added.", "text")
    after = deepcopy(working)
    label = label.strip() or next_number({each.label for each in after.evidence_requirements})
    after.evidence_requirements.append(DraftRequirement(new_key(after), label, text.strip()))
    return check_no_worse(working, after)


# --- doubts and text not used -----------------------------------------------------------------------------


def resolve_doubt(working: WorkingCopy, number: int, *, settled: bool = True) -> WorkingCopy:
    """Return the copy with a doubt (counted from 0) resolved, or open again."""
    after = deepcopy(working)
    if not 0 <= number < len(after.warnings):
        raise Invalid("That point no longer exists. Reload the page.")
    after.warnings[number].settled = settled
    return after


def describe_doubt(doubt: DraftDoubt) -> str:
    """Return what is doubtful and what was assumed, in one or two sentences."""
    what, assumed = doubt.what.strip(), doubt.assumed.strip()
    text = f"{what} {assumed}" if what.endswith((".", "?")) else f"{what}: {assumed}"
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")


def list_open_doubts(working: WorkingCopy) -> list[int]:
    """Return the numbers of the doubts that are not resolved, counted from 0."""
    return [number for number, each in enumerate(working.warnings) if not each.settled]


def mark_passage_handled(working: WorkingCopy, number: int, *, placed: bool = True) -> WorkingCopy:
    """Return the copy with a passage of text not used marked as handled, or as not handled."""
    after = deepcopy(working)
    _find_passage(after, number).placed = placed
    return after


def get_passage(working: WorkingCopy, number: int) -> tuple[str, list[int]]:
    """Return the text and the source lines of a passage of text not used."""
    passage = _find_passage(working, number)
    return passage.text, list(passage.lines)


def add_to_overview(working: WorkingCopy, number: int) -> WorkingCopy:
    """Return the copy with a passage of text not used added as the last paragraph of the overview."""
    after = mark_passage_handled(working, number)
    after.overview.append(Paragraph(_find_passage(working, number).text))
    return check_no_worse(working, after)


# --- typed texts ------------------------------------------------------------------------------------------


def format_paragraphs(paragraphs: Sequence[Paragraph]) -> str:
    """Return paragraphs as typed text: a blank line between them, `# ` before a heading, `- ` before a point."""
    blocks = []
    for each in paragraphs:
        heading = [f"# {each.heading}"] if each.heading else []
        blocks.append("\n".join([*heading, each.text, *(f"- {point}" for point in each.points)]))
    return "\n\n".join(blocks)


def parse_typed_paragraphs(text: str) -> list[Paragraph]:
    """Parse typed text into paragraphs.

    Lines of a paragraph are joined; points without a text join the paragraph before.
    """
    result: list[Paragraph] = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n").strip()):
        lines = [line.strip() for line in block.split("\n") if line.strip()]
        heading = next((line[2:].strip() for line in lines if line.startswith("# ")), None)
        words = " ".join(line for line in lines if not line.startswith(("# ", "- ")))
        points = tuple(line[2:].strip() for line in lines if line.startswith("- "))
        if words:
            result.append(Paragraph(words, heading, points))
        elif points and result:
            result[-1] = replace(result[-1], points=result[-1].points + points)
        elif heading or points:
            result.append(Paragraph(heading or "", None, points))
    return result


def format_identifiers(identifiers: Sequence[Identifier]) -> str:
    """Return identifiers as typed text, one per line."""
    return "\n".join(f"{each.scheme}: {each.value}" for each in identifiers)


def parse_identifiers(text: str) -> list[Identifier]:
    """Parse identifiers, one per line, such as `SQA: H128 04`.

    Raises:
        Invalid: A line has no scheme or no value.
    """
    result = []
    for line in filter(None, map(str.strip, text.splitlines())):
        scheme, colon, value = line.partition(":")
        if not colon or not scheme.strip() or not value.strip():
            raise Invalid(f"Write “{line}” as a scheme, a colon and the value, such as SQA: H128 04.", "identifiers")
        result.append(Identifier(scheme.strip(), value.strip()))
    return result


def split_lines(text: str) -> list[str]:
    """Return the entries of a list that is typed one per line."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def make_free_slug(code: str, version: str, revision: int, taken: set[str]) -> str:
    """Return an address for a unit that is not taken: its code, then with the version, then with a number."""
    stem = _slugify(code) or "unit"
    long = "-".join(filter(None, (stem, _slugify(version), f"r{revision}" if revision > 1 else "")))
    candidates = [stem, long, *(f"{long}-{number}" for number in range(2, len(taken) + 3))]
    return next(each for each in candidates if each not in taken)


def _slugify(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.casefold().replace("&", "")).strip("-")[:MAX_SLUG_LENGTH].strip("-")


def _find_passage(working: WorkingCopy, number: int) -> DraftPassage:
    if not 0 <= number < len(working.unparsed):
        raise Invalid("That text no longer exists. Reload the page.")
    return working.unparsed[number]
