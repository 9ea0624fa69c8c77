"""Metadata of a unit: `URN: INSCC004`, `Version Number` above `1`, or a table of names and values."""

import re
from collections.abc import Iterator, Sequence
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
UNMISTAKABLE = frozenset(
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
"""What no statement of a unit begins with."""
SHOUTED = frozenset({"UNIT", "CODE", "TITLE", "LEVEL"})
_NAMES = list(KEYS)
_ANY_KEY = re.compile("|".join(f"(?P<k{at}>{pattern})" for at, pattern in enumerate(KEYS.values())), re.IGNORECASE)
_WITH_VALUE = re.compile(r"([A-Za-z][A-Za-z0-9/ ().]{1,45}?)\s*(?::|\t| [–-] |\s\|\s)\s*(\S.*)")
MAX_NAME_LENGTH = 60
_LONGEST = 600


@dataclass(frozen=True)
class Fact:
    """One thing the unit says about itself, as printed, and where; `other` is known and not kept."""

    key: str
    value: str
    numbers: tuple[int, ...]


def key_of(text: str) -> str | None:
    """Which fact a line names, when the line is nothing but its name."""
    match = _ANY_KEY.fullmatch(text.rstrip(" :")) if len(text) <= MAX_NAME_LENGTH else None
    return _NAMES[int(match.lastgroup[1:])] if match and match.lastgroup else None


def fact_of(row: CleanLine) -> Fact | None:
    """The fact that stands on one line: `Level: 3`, or in two cells."""
    if len(row.cells) == 2:
        key = key_of(row.cells[0].strip())
        value = " ".join(row.cells[1].split())
        return Fact(key, value, row.numbers) if key and value else None
    match = _WITH_VALUE.fullmatch(row.text)
    key = key_of(match[1]) if match else None
    if key and match:
        return Fact(key, match[2], row.numbers)
    return unpunctuated_fact_of(row)


def unpunctuated_fact_of(row: CleanLine, *, among_facts: bool = False) -> Fact | None:
    """`Version number 2`, `CODE F1AB 11`: the name and its value with nothing between but a space.

    Names of one word count among other facts only.
    """
    if len(row.text) > 120 or not row.text[0].isupper() or key_of(row.text):
        return None
    pieces = row.text.split(" ", 3)
    for count in range(min(3, len(pieces) - 1), 0, -1):
        name, value = " ".join(pieces[:count]), " ".join(pieces[count:])
        key = key_of(name)
        if key is None:
            continue
        certain = (count > 1 and key in UNMISTAKABLE) or (name in SHOUTED and value[:1].isupper())
        if certain or (among_facts and _fits(key, value)):
            return Fact(key, value, row.numbers)
    return None


def _fits(key: str, value: str) -> bool:
    """Whether the words behind a name of one word can be its value."""
    if key in {"level", "credit", "guided_learning_hours"}:
        return value[0].isdigit()
    return key in UNMISTAKABLE and (key == "keywords" or not value[0].islower())


def read_facts(rows: Sequence[CleanLine]) -> tuple[list[Fact], list[CleanLine]]:
    """The facts among the rows, and the rows that hold none."""
    facts: list[Fact] = []
    rest: list[CleanLine] = []
    rows = list(rows)
    at = 0
    while at < len(rows):
        fact = fact_of(rows[at]) or (unpunctuated_fact_of(rows[at], among_facts=True) if facts else None)
        if fact:
            facts.append(fact)
        elif (key := key_of(rows[at].text)) and at + 1 < len(rows) and is_value(rows[at + 1]):
            facts.append(Fact(key, rows[at + 1].text, rows[at].numbers + rows[at + 1].numbers))
            at += 1
        else:
            rest.append(rows[at])
        at += 1
    return facts, rest


def opens_facts(rows: Sequence[CleanLine], at: int) -> bool:
    """Whether facts begin here: a name alone with its value below it, or a name with its value."""
    row = rows[at]
    if row.heading and phrases.section_of(row.text):
        return False
    if key_of(row.text):
        return at + 1 < len(rows) and is_value(rows[at + 1])
    return fact_of(row) is not None


def is_value(row: CleanLine) -> bool:
    return len(row.text) <= _LONGEST and not phrases.section_of(row.text) and key_of(row.text) is None


def identifiers_in(text: str) -> Iterator[str]:
    """Codes as publishers write them, wherever they stand in a line."""
    for match in phrases.CODE.finditer(text):
        yield match[0]
