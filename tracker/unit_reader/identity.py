"""Identity of a unit: its title, its code and its other identifiers, as far as the document prints them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tracker.unit_reader import phrases
from tracker.unit_reader.document_model import CleanLine, Doubt
from tracker.unit_reader.line_wrapping import run_on
from tracker.unit_reader.metadata import IDENTIFIERS, Fact
from tracker.units.documents import Identifier

SQA = re.compile(r"[A-Z]{1,2}\d?[A-Z0-9]{2,3} \d{2}")
OFQUAL = re.compile(r"[A-Z]/\d{3}/\d{4}")
LOOSE_CODE = re.compile(r"(?:[A-Z&]{1,6}|[A-Z][a-z]{1,2})[ /-]?[A-Z]{0,3}\d[A-Za-z0-9./-]{0,10}")
"""A line that is a code and nothing else may be written more freely: `RDM 114`, `Bk7/2`."""
UNIT_WORD = re.compile(r"(?:unit|level|version|page)\b", re.IGNORECASE)
LONE_NUMBER = re.compile(r"unit\s+(?:no\.?\s*|number\s*)?([A-Z]{0,3}\d{1,4}[A-Z]?)\s*[:.–—-]*", re.IGNORECASE)
UNIT_NUMBER = re.compile(
    r"unit\s+(?:no\.?\s*|number\s*)?([A-Z]{0,3}\d{1,4}[A-Z]?)\s*[:.–—-]*\s+(\S.*)", re.IGNORECASE
)
SHORT_CODE = re.compile(r"[A-Z]{1,3}\d{1,3}\s+(?=[A-Z])")
"""`UNIT D7   Receive visitors`: shorter than codes are elsewhere."""
BRACKETED = re.compile(r"[(\[]([^()\[\]]{2,40})[)\]]")
TITLE_WORDS = re.compile(r"(?:unit|standard)?\s*title\s*[:–-]\s*", re.IGNORECASE)
BOILERPLATE = re.compile(
    r"(?:higher )?national unit specification|unit (?:specification|descriptor|handbook)\b"
    r"|national occupational standards?\b"
    r"|(?:.{0,40}\blevel \d\b)?.{0,20}\b(?:n?vq|svq|diploma|certificate|award|qualification)\b.{0,20}\b(?:in|for)\b"
    r"|standard code\b|candidate'?s? (?:copy|guide)|assessor'?s? (?:copy|guide)",
    re.IGNORECASE,
)
"""What stands above many a title and is none."""
CRUMBS = re.compile(r"\s[>»›]\s")
MAX_LENGTH = 200


@dataclass(frozen=True)
class Identity:
    code: str
    title: str
    identifiers: tuple[Identifier, ...]
    doubts: tuple[Doubt, ...]
    is_sqa: bool


def join_wrapped_title(head: Sequence[CleanLine]) -> list[CleanLine]:
    """The lines above the first heading, a title that went on in the next line as one of them."""
    found: list[CleanLine] = []
    for row in head:
        if found and _goes_on(found[-1], row):
            last = found[-1]
            found[-1] = replace(last, text=run_on(last.text, row.text), numbers=last.numbers + row.numbers)
        else:
            found.append(row)
    return found


def _goes_on(above: CleanLine, row: CleanLine) -> bool:
    """In the very next line, in small letters, below a line that could be a title."""
    adjacent = above.numbers[-1] + 1 == row.number and not row.after_blank and above.heading == row.heading
    return (
        adjacent and row.text[0].islower() and above.text[0].isupper() and _may_be_title(f"{above.text} {row.text}")
    )


def read_identity(head: Sequence[CleanLine], facts: Sequence[Fact], running: Sequence[str], name: str) -> Identity:
    """What the unit is called, from its facts, its head, and the title that runs through its pages."""
    codes = {_scheme_of(fact): fact.value.strip() for fact in reversed(facts) if fact.key in IDENTIFIERS}
    titles = [fact.value for fact in facts if fact.key == "title"]
    for value in titles:
        if phrases.CODE.fullmatch(value) or value.isdigit():
            codes.setdefault("local", value)
    title = next((value for value in titles if value not in codes.values()), None)
    if title:
        found, title = _codes_in(f"Unit {title}" if SHORT_CODE.match(title) else title)
        codes = {**found, **codes}
    lines = [row.text for row in sorted(head, key=_least_like_title) if len(row.text) <= MAX_LENGTH]
    for text in (*lines[:4], *running):
        found, rest = _codes_in(text)
        for scheme, value in found.items():
            codes.setdefault(scheme, value)
        if title is None and rest and _may_be_title(rest):
            title = rest
    doubts: list[Doubt] = []
    code = _chosen_code(codes)
    if title is None:
        title = f"Untitled unit {code}".strip() if code else _from_name(name)
        doubts.append(Doubt((), "the document prints no title", f"“{title}” stands for it"))
    if code is None:
        code = _local_code(title)
        doubts.append(Doubt((), "the document prints no code", f"the local code {code} was made from its title"))
    elif not any(code in text for text in lines) and codes.get("Original URN") == code:
        doubts.append(Doubt((), "the code is not read from the heading", f"the original URN, {code}, is taken"))
    identifiers = tuple(Identifier(scheme, codes[scheme][:50]) for scheme in IDENTIFIERS if scheme in codes)
    return Identity(code[:60], title[:MAX_LENGTH], identifiers, tuple(doubts), "SQA" in codes)


def _least_like_title(row: CleanLine) -> tuple[bool, bool]:
    """`Unit 7: Patrol a building` is surely the title; then what the source marks as a heading."""
    return not UNIT_NUMBER.fullmatch(row.text), not row.heading


def _codes_in(text: str) -> tuple[dict[str, str], str]:
    """The codes in a title's line, by scheme, and the title without them."""
    found: dict[str, str] = {}
    text = TITLE_WORDS.sub("", text)
    if match := LONE_NUMBER.fullmatch(text):
        return {"local": match[1]}, ""
    if LOOSE_CODE.fullmatch(text) and not UNIT_WORD.match(text):
        return {_scheme(text): text}, ""
    text = re.sub(rf"unit\s+(?=(?:{phrases.CODE.pattern})\s*[:–—-])", "", text, count=1, flags=re.IGNORECASE)
    if match := UNIT_NUMBER.fullmatch(text):
        found["local"], text = match[1], match[2]
    for bracketed in BRACKETED.findall(text):
        if phrases.CODE.fullmatch(bracketed):
            found.setdefault(_scheme(bracketed), bracketed)
            text = re.sub(rf"\s*[(\[]{re.escape(bracketed)}[)\]]\s*", " ", text)
    while match := re.match(rf"\s*({phrases.CODE.pattern})\s*[:.–—|-]*\s*", text):
        found.setdefault(_scheme(match[1]), match[1])
        text = text[match.end() :]
    if match := re.search(rf"\s+[–—|-]?\s*({phrases.CODE.pattern})\s*$", text):
        found.setdefault(_scheme(match[1]), match[1])
        text = text[: match.start()]
    return found, text.strip(" \t:–—-|")


def _scheme_of(fact: Fact) -> str:
    """`Unit code` and the like say little: the shape of the code says whose it is."""
    shaped = _scheme(fact.value.strip())
    return shaped if fact.key in {"local", "Ofqual"} and shaped != "NOS" else fact.key


def _scheme(code: str) -> str:
    if OFQUAL.fullmatch(code):
        return "Ofqual"
    return "SQA" if SQA.fullmatch(code) else "NOS"


def _may_be_title(text: str) -> bool:
    if (
        phrases.section_of(text)
        or phrases.is_introduction(text)
        or phrases.starts_item(text)
        or BOILERPLATE.match(text)
    ):
        return False
    return (
        3 <= len(text) <= MAX_LENGTH
        and not CRUMBS.search(text)
        and not text.endswith((".", ";", ":"))
        and any(each.isalpha() for each in text)
    )


def _chosen_code(codes: dict[str, str]) -> str | None:
    order = ("URN", "NOS", "local", "SQA", "Ofqual", "Original URN")
    known = [codes[scheme] for scheme in order if codes.get(scheme)]
    return next((code for code in known if not code.isdigit()), known[0] if known else None)


def _local_code(title: str) -> str:
    kept = "".join(each if each.isascii() and each.isalnum() else " " for each in title.upper())
    return "-".join(kept.split())[:60].strip("-") or "UNIT"


def _from_name(name: str) -> str:
    stem = name.rsplit("/", 1)[-1].rsplit(".", 1)[0].replace("-", " ").replace("_", " ").strip()
    return (stem[:1].upper() + stem[1:]) or "Untitled unit"
