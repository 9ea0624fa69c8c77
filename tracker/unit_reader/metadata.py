"""Metadata of a unit: `URN: INSCC004`, `Version Number` above `1`, or a table of names and values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tracker.unit_reader import phrases
from tracker.unit_reader.document_model import CleanLine

NUMBER = r"(?:\s*(?:number|no\.?))?"
KEYS = {
    "suites": r"(?:business sectors?(?: \(suites?\))?|(?:nos )?suites?(?: metadata)?|sector/suite|sector)",
    "developed_by": r"(?:developed by|standards? setting (?:body|organisation)|ssb|sso)",
    "originating_organisation": r"originating organi[sz]ation",
    "approved_on": r"(?:approved on|date approved|approval date|publication date|date of approval|start date)",
    "review_on": r"(?:indicative review date|review(?: by)?(?: date)?|unit review date)",
    "last_registration_on": r"(?:last registration date|registration end date|last date for registration|lapse date)",
    "validity": "validity",
    "status": "status",
    "occupations": r"(?:relevant )?occupations?",
    "soc_codes": r"soc(?:2010|2020)?(?: code)?s?",
    "keywords": r"key ?words",
    "level": r"(?:(?:unit|nvq|svq|scqf|rqf|qcf) )?level",
    "credit": r"(?:(?:unit|scqf|qcf) )?credits?(?: value| points?)?",
    "guided_learning_hours": r"(?:glh|guided learning hours?(?: \(glh\))?)",
    "version": rf"version{NUMBER}",
    "URN": r"(?:urn|unique reference number)",
    "Original URN": r"original urn",
    "SQA": r"sqa (?:unit )?code",
    "NOS": rf"nos (?:code|reference|ref)(?:{NUMBER})",
    "Ofqual": (
        rf"(?:(?:ofqual|unit accreditation|national|qcf|rqf|accreditation) (?:unit )?(?:reference|ref|number|code)"
        rf"{NUMBER}|unit reference{NUMBER}|urn/uan|uan)"
    ),
    "local": (
        rf"(?:unit (?:code|ref|id)|unit(?: number| no\.?)|reference(?: code)?|code|standard (?:code|reference))"
        rf"{NUMBER}"
    ),
    "title": r"(?:(?:unit|standard) )?title|unit|standard",
    "other": (
        r"(?:tqt|total qualification time|qualification number|qan|unit type|structure|assessment type|unit grid"
        r"|awarding (?:body|organisation)|unit owner|superclass|expiry date|accreditation (?:start|end) date"
        r"|mandatory/optional|country|language|relationship to nos|endorsed by|entry requirements)"
    ),
}
IDENTIFIERS = ("URN", "Original URN", "SQA", "NOS", "Ofqual", "local")
DISTINCTIVE_KEYS = frozenset(
    [
        "suites",
        "developed_by",
        "originating_organisation",
        "approved_on",
        "review_on",
        "last_registration_on",
        "validity",
        "occupations",
        "soc_codes",
        "keywords",
        "version",
        "URN",
        "SQA",
        "NOS",
        "Ofqual",
        "guided_learning_hours",
        "status",
    ]
) | {"Original URN"}
"""Keys whose names no statement of a unit starts with."""
CAPITAL_KEYS = frozenset({"UNIT", "CODE", "TITLE", "LEVEL"})
_KEY_NAMES = list(KEYS)
_KEY_PATTERN = re.compile(
    "|".join(f"(?P<k{index}>{pattern})" for index, pattern in enumerate(KEYS.values())), re.IGNORECASE
)
_ENTRY_PATTERN = re.compile(r"([A-Za-z][A-Za-z0-9/ ().]{1,45}?)\s*(?::|\t| [–-] |\s\|\s)\s*(\S.*)")
MAX_NAME_LENGTH = 60
MAX_VALUE_LENGTH = 600


@dataclass(frozen=True)
class MetadataEntry:
    """One name and value that the unit prints about itself. The key `other` is known and not kept."""

    key: str
    value: str
    line_numbers: tuple[int, ...]


def parse_key(text: str) -> str | None:
    """Return the key that a line names, if the line is nothing but the name."""
    match = _KEY_PATTERN.fullmatch(text.rstrip(" :")) if len(text) <= MAX_NAME_LENGTH else None
    return _KEY_NAMES[int(match.lastgroup[1:])] if match and match.lastgroup else None


def parse_entry(line: CleanLine) -> MetadataEntry | None:
    """Return the entry on one line, such as `Level: 3`, or in two cells."""
    if len(line.cells) == 2:
        key = parse_key(line.cells[0].strip())
        value = " ".join(line.cells[1].split())
        return MetadataEntry(key, value, line.line_numbers) if key and value else None
    match = _ENTRY_PATTERN.fullmatch(line.text)
    key = parse_key(match[1]) if match else None
    if key and match:
        return MetadataEntry(key, match[2], line.line_numbers)
    return parse_unpunctuated_entry(line)


def parse_unpunctuated_entry(line: CleanLine, *, among_entries: bool = False) -> MetadataEntry | None:
    """Return the entry whose name and value only a space separates: `Version number 2`, `CODE F1AB 11`.

    Names of one word count only among other entries.
    """
    if len(line.text) > 120 or not line.text[0].isupper() or parse_key(line.text):
        return None
    words = line.text.split(" ", 3)
    for count in range(min(3, len(words) - 1), 0, -1):
        name, value = " ".join(words[:count]), " ".join(words[count:])
        key = parse_key(name)
        if key is None:
            continue
        is_certain = (count > 1 and key in DISTINCTIVE_KEYS) or (name in CAPITAL_KEYS and value[:1].isupper())
        if is_certain or (among_entries and _can_be_value(key, value)):
            return MetadataEntry(key, value, line.line_numbers)
    return None


def _can_be_value(key: str, value: str) -> bool:
    """Return whether the text after a name of one word can be its value."""
    if key in {"level", "credit", "guided_learning_hours"}:
        return value[0].isdigit()
    return key in DISTINCTIVE_KEYS and (key == "keywords" or not value[0].islower())


def split_metadata(lines: Sequence[CleanLine]) -> tuple[list[MetadataEntry], list[CleanLine]]:
    """Return the entries among the lines, and the lines that hold none."""
    entries: list[MetadataEntry] = []
    rest: list[CleanLine] = []
    lines = list(lines)
    index = 0
    while index < len(lines):
        entry = parse_entry(lines[index]) or (
            parse_unpunctuated_entry(lines[index], among_entries=True) if entries else None
        )
        if entry:
            entries.append(entry)
        elif (key := parse_key(lines[index].text)) and index + 1 < len(lines) and is_metadata_value(lines[index + 1]):
            entries.append(
                MetadataEntry(key, lines[index + 1].text, lines[index].line_numbers + lines[index + 1].line_numbers)
            )
            index += 1
        else:
            rest.append(lines[index])
        index += 1
    return entries, rest


def starts_metadata(lines: Sequence[CleanLine], index: int) -> bool:
    """Return whether metadata starts here: a name with its value beside it or on the next line."""
    line = lines[index]
    if line.is_heading and phrases.match_heading(line.text):
        return False
    if parse_key(line.text):
        return index + 1 < len(lines) and is_metadata_value(lines[index + 1])
    return parse_entry(line) is not None


def is_metadata_value(line: CleanLine) -> bool:
    """Return whether the line can be the value of the name above it."""
    return (
        len(line.text) <= MAX_VALUE_LENGTH and not phrases.match_heading(line.text) and parse_key(line.text) is None
    )
