"""What can be changed about a unit as a whole: its identity, its metadata, its texts, its evidence requirements."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tracker.errors import Invalid
from tracker.units.documents import Paragraph
from tracker.units.drafting.working import Working, changed, check_no_worse, get_requirement, new_key, next_number

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


def change_unit(working: Working, fields: Mapping[str, Any]) -> Working:
    """Title, code, version, document type, simulation, identifiers, texts and lists, whichever are named."""
    after = changed(working) | dict(fields)
    if after["code"] != working["code"]:
        after["slug"] = slug_for(after["code"], after["version"], after["revision"], set())
    return check_no_worse(working, after)


def change_metadata(working: Working, fields: Mapping[str, str | None]) -> Working:
    """As printed; what is left empty is not printed in the source."""
    stated = {key: (value or "").strip() or None for key, value in fields.items()}
    return check_no_worse(working, {**changed(working), "metadata": {**working["metadata"], **stated}})


def change_requirement(working: Working, key: str, label: str, text: str, points: Sequence[str]) -> Working:
    after = changed(working)
    get_requirement(after, key).update(label=label, text=text, points=list(points))
    return check_no_worse(working, after)


def drop_requirement(working: Working, key: str) -> Working:
    """Out of the unit for good; the reading still has it, and the source."""
    after = changed(working)
    after["evidence_requirements"].remove(get_requirement(after, key))
    return after


def add_requirement(working: Working, label: str, text: str) -> Working:
    if not text.strip():
        raise Invalid("Write what the requirement says. Nothing was added.", "text")
    after = changed(working)
    label = label.strip() or next_number({each["label"] for each in after["evidence_requirements"]})
    after["evidence_requirements"].append({"key": new_key(after), "label": label, "text": text.strip(), "points": []})
    return check_no_worse(working, after)


# --- doubts, and text that was placed nowhere ------------------------------------------------------------


def settle_doubt(working: Working, number: int, *, settled: bool = True) -> Working:
    """A doubt, from 0, as looked at and found right or mended; or open again."""
    after = changed(working)
    if not 0 <= number < len(after["warnings"]):
        raise Invalid("That doubt is no longer there. Look at the page again.")
    after["warnings"][number]["settled"] = settled
    return after


def doubt_sentence(doubt: Mapping[str, Any]) -> str:
    """What is doubtful and what was assumed, as one sentence or two."""
    what, assumed = doubt["what"].strip(), doubt["assumed"].strip()
    said = f"{what} {assumed}" if what.endswith((".", "?")) else f"{what}: {assumed}"
    return f"{said[:1].upper()}{said[1:]}" + ("" if said.endswith(".") else ".")


def open_doubts(working: Working) -> list[int]:
    return [number for number, each in enumerate(working["warnings"]) if not each["settled"]]


def set_aside(working: Working, number: int, *, placed: bool = True) -> Working:
    """A passage of the source that was placed nowhere, as looked at; or to be looked at again."""
    after = changed(working)
    _passage(after, number)["placed"] = placed
    return after


def unparsed_text(working: Working, number: int) -> tuple[str, list[int]]:
    """What a passage says, and its lines."""
    passage = _passage(working, number)
    return passage["text"], list(passage["lines"])


def add_to_overview(working: Working, number: int) -> Working:
    """A passage that was placed nowhere, as the last paragraph of the overview."""
    after = set_aside(working, number)
    paragraph = {"text": _passage(working, number)["text"], "heading": None, "points": []}
    return check_no_worse(working, {**after, "overview": [*after["overview"], paragraph]})


# --- texts as a person types them ------------------------------------------------------------------------


def paragraphs_as_text(paragraphs: Sequence[Mapping[str, Any]]) -> str:
    """A blank line between paragraphs; `# ` before a heading, `- ` before a point."""
    blocks = []
    for each in paragraphs:
        heading = [f"# {each['heading']}"] if each["heading"] else []
        blocks.append("\n".join([*heading, each["text"], *(f"- {point}" for point in each["points"])]))
    return "\n\n".join(blocks)


def text_as_paragraphs(text: str) -> list[dict[str, Any]]:
    """The other way round. Lines of one paragraph are joined; points without words before them join the last one."""
    found: list[dict[str, Any]] = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n").strip()):
        lines = [line.strip() for line in block.split("\n") if line.strip()]
        heading = next((line[2:].strip() for line in lines if line.startswith("# ")), None)
        words = " ".join(line for line in lines if not line.startswith(("# ", "- ")))
        points = [line[2:].strip() for line in lines if line.startswith("- ")]
        if words:
            found.append(vars(Paragraph(words, heading)) | {"points": points})
        elif points and found:
            found[-1]["points"] += points
        elif heading or points:
            found.append({"text": heading or "", "heading": None, "points": points})
    return found


def identifiers_as_text(identifiers: Sequence[Mapping[str, str]]) -> str:
    return "\n".join(f"{each['scheme']}: {each['value']}" for each in identifiers)


def text_as_identifiers(text: str) -> list[dict[str, str]]:
    """A line each, `SQA: H128 04`. Raises `Invalid` for a line without its scheme."""
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        scheme, colon, value = line.partition(":")
        if not colon or not scheme.strip() or not value.strip():
            raise Invalid(f"Write “{line}” as a scheme, a colon and the value, such as SQA: H128 04.", "identifiers")
        found.append({"scheme": scheme.strip(), "value": value.strip()})
    return found


def lines_of(text: str) -> list[str]:
    """A list as it is typed: an entry a line."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def slug_for(code: str, version: str, revision: int, taken: set[str]) -> str:
    """The address of a unit: its code; if that is taken with the version, then with a number."""
    stem = _slugged(code) or "unit"
    long = "-".join(filter(None, (stem, _slugged(version), f"r{revision}" if revision > 1 else "")))
    tries = [stem, long, *(f"{long}-{number}" for number in range(2, len(taken) + 3))]
    return next(each for each in tries if each not in taken)


def _slugged(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.casefold().replace("&", "")).strip("-")[:MAX_SLUG_LENGTH].strip("-")


def _passage(working: Working, number: int) -> dict[str, Any]:
    if not 0 <= number < len(working["unparsed"]):
        raise Invalid("That text is no longer there. Look at the page again.")
    passage: dict[str, Any] = working["unparsed"][number]
    return passage
