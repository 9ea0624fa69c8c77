"""Identity of a unit: its title, its code and its other identifiers, as far as the document prints them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tracker.unit_reader import phrases
from tracker.unit_reader.document_model import CleanLine, Doubt
from tracker.unit_reader.line_wrapping import merge_texts
from tracker.unit_reader.metadata import IDENTIFIERS, MetadataEntry
from tracker.units.documents import Identifier

SQA = re.compile(r"[A-Z]{1,2}\d?[A-Z0-9]{2,3} \d{2}")
OFQUAL = re.compile(r"[A-Z]/\d{3}/\d{4}")
LOOSE_CODE = re.compile(r"(?:[A-Z&]{1,6}|[A-Z][a-z]{1,2})[ /-]?[A-Z]{0,3}\d[A-Za-z0-9./-]{0,10}")
"""A line that is nothing but a code may be written more freely: `RDM 114`, `Bk7/2`."""
UNIT_WORD = re.compile(r"(?:unit|level|version|page)\b", re.IGNORECASE)
LONE_NUMBER = re.compile(r"unit\s+(?:no\.?\s*|number\s*)?([A-Z]{0,3}\d{1,4}[A-Z]?)\s*[:.–—-]*", re.IGNORECASE)
UNIT_NUMBER = re.compile(
    r"unit\s+(?:no\.?\s*|number\s*)?([A-Z]{0,3}\d{1,4}[A-Z]?)\s*[:.–—-]*\s+(\S.*)", re.IGNORECASE
)
SHORT_CODE = re.compile(r"[A-Z]{1,3}\d{1,3}\s+(?=[A-Z])")
"""In `UNIT D7   Receive visitors` the code is shorter than codes are elsewhere."""
BRACKETED = re.compile(r"[(\[]([^()\[\]]{2,40})[)\]]")
TITLE_PREFIX = re.compile(r"(?:unit|standard)?\s*title\s*[:–-]\s*", re.IGNORECASE)
BOILERPLATE = re.compile(
    r"(?:higher )?national unit specification|unit (?:specification|descriptor|handbook)\b"
    r"|national occupational standards?\b"
    r"|(?:.{0,40}\blevel \d\b)?.{0,20}\b(?:n?vq|svq|diploma|certificate|award|qualification)\b.{0,20}\b(?:in|for)\b"
    r"|standard code\b|candidate'?s? (?:copy|guide)|assessor'?s? (?:copy|guide)",
    re.IGNORECASE,
)
"""Lines above many titles that are no titles."""
BREADCRUMB = re.compile(r"\s[>»›]\s")
MAX_LENGTH = 200


@dataclass(frozen=True)
class Identity:
    """Title, code and identifiers of a unit, with the doubts about them."""

    code: str
    title: str
    identifiers: tuple[Identifier, ...]
    doubts: tuple[Doubt, ...]
    is_sqa: bool


def merge_wrapped_title(head: Sequence[CleanLine]) -> list[CleanLine]:
    """Merge a title that was wrapped onto the next line. `head` is the lines above the first heading."""
    merged: list[CleanLine] = []
    for line in head:
        if merged and _continues_title(merged[-1], line):
            last = merged[-1]
            merged[-1] = replace(
                last, text=merge_texts(last.text, line.text), line_numbers=last.line_numbers + line.line_numbers
            )
        else:
            merged.append(line)
    return merged


def _continues_title(above: CleanLine, line: CleanLine) -> bool:
    """Return whether a line in lower case continues the title in the line above."""
    adjacent = (
        above.line_numbers[-1] + 1 == line.line_number
        and not line.after_blank
        and above.is_heading == line.is_heading
    )
    return (
        adjacent and line.text[0].islower() and above.text[0].isupper() and _can_be_title(f"{above.text} {line.text}")
    )


def detect_identity(
    head: Sequence[CleanLine], entries: Sequence[MetadataEntry], page_headers: Sequence[str], name: str
) -> Identity:
    """Return the title and codes found in the metadata, the head and the page headers."""
    codes = {
        _detect_entry_scheme(entry): entry.value.strip() for entry in reversed(entries) if entry.key in IDENTIFIERS
    }
    titles = [entry.value for entry in entries if entry.key == "title"]
    for value in titles:
        if phrases.CODE.fullmatch(value) or value.isdigit():
            codes.setdefault("local", value)
    title = next((value for value in titles if value not in codes.values()), None)
    if title:
        new_codes, title = _extract_codes(f"Unit {title}" if SHORT_CODE.match(title) else title)
        codes = {**new_codes, **codes}
    head_texts = [line.text for line in sorted(head, key=_title_sort_key) if len(line.text) <= MAX_LENGTH]
    for text in (*head_texts[:4], *page_headers):
        new_codes, rest = _extract_codes(text)
        for scheme, value in new_codes.items():
            codes.setdefault(scheme, value)
        if title is None and rest and _can_be_title(rest):
            title = rest
    doubts: list[Doubt] = []
    code = _choose_code(codes)
    if title is None:
        title = f"Untitled unit {code}".strip() if code else _build_title_from_name(name)
        doubts.append(Doubt((), "the document prints no title", f"“{title}” is used instead"))
    if code is None:
        code = _build_local_code(title)
        doubts.append(Doubt((), "the document prints no code", f"the local code {code} was made from its title"))
    elif not any(code in text for text in head_texts) and codes.get("Original URN") == code:
        doubts.append(Doubt((), "no code is printed in the heading", f"the original URN {code} is used"))
    identifiers = tuple(Identifier(scheme, codes[scheme][:50]) for scheme in IDENTIFIERS if scheme in codes)
    return Identity(code[:60], title[:MAX_LENGTH], identifiers, tuple(doubts), "SQA" in codes)


def _title_sort_key(line: CleanLine) -> tuple[bool, bool]:
    """Return a key that sorts `Unit 7: Patrol a building` first, then what the source marks as a heading."""
    return not UNIT_NUMBER.fullmatch(line.text), not line.is_heading


def _extract_codes(text: str) -> tuple[dict[str, str], str]:
    """Return the codes in a title's line, by scheme, and the title without them."""
    codes: dict[str, str] = {}
    text = TITLE_PREFIX.sub("", text)
    if match := LONE_NUMBER.fullmatch(text):
        return {"local": match[1]}, ""
    if LOOSE_CODE.fullmatch(text) and not UNIT_WORD.match(text):
        return {_detect_scheme(text): text}, ""
    text = re.sub(rf"unit\s+(?=(?:{phrases.CODE.pattern})\s*[:–—-])", "", text, count=1, flags=re.IGNORECASE)
    if match := UNIT_NUMBER.fullmatch(text):
        codes["local"], text = match[1], match[2]
    for bracketed in BRACKETED.findall(text):
        if phrases.CODE.fullmatch(bracketed):
            codes.setdefault(_detect_scheme(bracketed), bracketed)
            text = re.sub(rf"\s*[(\[]{re.escape(bracketed)}[)\]]\s*", " ", text)
    while match := re.match(rf"\s*({phrases.CODE.pattern})\s*[:.–—|-]*\s*", text):
        codes.setdefault(_detect_scheme(match[1]), match[1])
        text = text[match.end() :]
    if match := re.search(rf"\s+[–—|-]?\s*({phrases.CODE.pattern})\s*$", text):
        codes.setdefault(_detect_scheme(match[1]), match[1])
        text = text[: match.start()]
    return codes, text.strip(" \t:–—-|")


def _detect_entry_scheme(entry: MetadataEntry) -> str:
    """Return the scheme of a code. `Unit code` names none, so the shape of the code decides."""
    shaped = _detect_scheme(entry.value.strip())
    return shaped if entry.key in {"local", "Ofqual"} and shaped != "NOS" else entry.key


def _detect_scheme(code: str) -> str:
    """Return `Ofqual`, `SQA` or `NOS` by the shape of a code."""
    if OFQUAL.fullmatch(code):
        return "Ofqual"
    return "SQA" if SQA.fullmatch(code) else "NOS"


def _can_be_title(text: str) -> bool:
    if (
        phrases.match_heading(text)
        or phrases.is_introduction(text)
        or phrases.starts_item(text)
        or BOILERPLATE.match(text)
    ):
        return False
    return (
        3 <= len(text) <= MAX_LENGTH
        and not BREADCRUMB.search(text)
        and not text.endswith((".", ";", ":"))
        and any(each.isalpha() for each in text)
    )


def _choose_code(codes: dict[str, str]) -> str | None:
    """Return the code that identifies the unit, one with letters before one of digits only."""
    order = ("URN", "NOS", "local", "SQA", "Ofqual", "Original URN")
    known_codes = [codes[scheme] for scheme in order if codes.get(scheme)]
    return next((code for code in known_codes if not code.isdigit()), known_codes[0] if known_codes else None)


def _build_local_code(title: str) -> str:
    """Return a code made of the title, for a document that prints none."""
    kept = "".join(each if each.isascii() and each.isalnum() else " " for each in title.upper())
    return "-".join(kept.split())[:60].strip("-") or "UNIT"


def _build_title_from_name(name: str) -> str:
    """Return a title made of the file's name, for a document that prints none."""
    stem = name.rsplit("/", 1)[-1].rsplit(".", 1)[0].replace("-", " ").replace("_", " ").strip()
    return (stem[:1].upper() + stem[1:]) or "Untitled unit"
