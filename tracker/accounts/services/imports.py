"""Import of people from CSV: a preview that names each invalid row, then all rows or none."""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import or_, select

from tracker.accounts.person_names import clean_name, is_name
from tracker.accounts.services.people import invite_person, is_address
from tracker.clock import end_of_day, now, start_of_day
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.models import Centre, Grant, Person
from tracker.vocabulary import CentreTerms, Role, use_terms

COLUMNS = ("name", "email", "role", "from", "until")
REQUIRED_COLUMNS = COLUMNS[:3]
DELIMITERS = ",;\t"
MAX_ROWS = 2_000
MAX_SIZE = 1024 * 1024
WORKBOOK_SIGNATURES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""The first bytes of XLSX and ODS files, which are ZIP files, and of XLS files."""
SEPARATOR_LINE = re.compile(r'"?sep=([,;|\t])"?,*', re.IGNORECASE)
"""The first line with which Excel names the delimiter of a file."""
FORMULA_PREFIXES = ("=", "+", "-", "@")
"""A spreadsheet would run a cell that begins with one of these."""


@dataclass(frozen=True)
class ImportRow:
    """One row of the file: its number as a spreadsheet shows it, its cells, and its error if it has one."""

    number: int
    name: str
    email: str
    role: Role | None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    error: str | None = None
    is_new: bool = True
    """Whether the role is new to this person at this centre."""


@dataclass(frozen=True)
class ImportPreview:
    """The rows of a file, and what importing them would do."""

    rows: tuple[ImportRow, ...]

    @property
    def new(self) -> tuple[ImportRow, ...]:
        """The rows that give somebody a role."""
        return tuple(row for row in self.rows if not row.error and row.is_new)

    @property
    def unchanged(self) -> tuple[ImportRow, ...]:
        """The rows whose person has the role already."""
        return tuple(row for row in self.rows if not row.error and not row.is_new)

    @property
    def invalid(self) -> tuple[ImportRow, ...]:
        """The rows with an error."""
        return tuple(row for row in self.rows if row.error)


@dataclass(frozen=True)
class ImportContext:
    """The accounts and roles of the addresses in a file, and the names and roles given in its earlier rows."""

    own_email: str | None
    closed: frozenset[str]
    granted: frozenset[tuple[str, Role]]
    seen: set[tuple[str, Role]] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)


def decode_csv(content: bytes) -> str:
    """Return the text of a file saved by a spreadsheet: UTF-16 or UTF-8, or else Windows-1252.

    Raises:
        Invalid: the file is larger than `MAX_SIZE`, or it is a workbook or another kind of file and not text.
    """
    if content.startswith(WORKBOOK_SIGNATURES):
        raise Invalid(
            "This file is a workbook, not CSV. Open it in the spreadsheet, choose Save as, then CSV, and upload that "
            "file. Nothing was imported.",
            "file",
        )
    if len(content) > MAX_SIZE:
        raise Invalid("The file is larger than 1 MB. Nothing was imported. Split it into smaller files.", "file")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    if b"\x00" in content or content.startswith(b"%PDF"):
        raise Invalid(
            "This file is not CSV. Save the list as CSV and upload that file. Nothing was imported.", "file"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def preview_people(text: str, centre: Centre, actor: Actor) -> ImportPreview:
    """Return what importing this text would do; raise `Invalid` if it is not a table of people."""
    table = read_table(text)
    context = _load_context((cells.get("email", "").lower() for _, cells, _ in table), centre, actor)
    return ImportPreview(tuple(_check_row(number, cells, extra, context) for number, cells, extra in table))


def import_people(text: str, centre: Centre, actor: Actor) -> ImportPreview:
    """Import every row, or none if one is invalid."""
    preview = preview_people(text, centre, actor)
    if preview.invalid:
        raise Invalid("Some rows have errors, so nobody was imported. Correct them and try again.", "text")
    for row in preview.new:
        if row.role:
            invite_person(row.email, row.name, centre, row.role, actor, starts_at=row.starts_at, ends_at=row.ends_at)
    return preview


def read_table(text: str) -> list[tuple[int, dict[str, str], bool]]:
    """Return for each row its number, its cells by column, and whether it has more cells than there are columns."""
    if len(text) > MAX_SIZE:
        raise Invalid("The text is larger than 1 MB. Nothing was imported. Split it into smaller parts.", "text")
    delimiter, text = _split_separator_line(text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n"))
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text), delimiter=delimiter)]
    except csv.Error as error:
        raise Invalid("This is not a table in CSV. Nothing was imported.", "text") from error
    numbered = [(number, row) for number, row in enumerate(rows, start=1) if any(row)]
    if not numbered:
        raise Invalid("Choose a file, or paste its rows. Nothing was imported.", "text")
    if len(numbered) - 1 > MAX_ROWS:
        raise Invalid(f"There are more than {MAX_ROWS:,} rows. Nothing was imported. Split the file.", "text")
    header = _read_header(numbered[0][1])
    return [(number, dict(zip(header, row, strict=False)), any(row[len(header) :])) for number, row in numbered[1:]]


def _split_separator_line(text: str) -> tuple[str, str]:
    """Return the delimiter of a table and the text without a first line such as `sep=;`, which spreadsheets hide."""
    first, _, rest = text.partition("\n")
    if named := SEPARATOR_LINE.fullmatch(first.strip(" ")):
        return named[1], rest
    first = next((line for line in text.split("\n") if line.strip()), "")
    return max(DELIMITERS, key=first.count), text


def _read_header(row: list[str]) -> list[str]:
    header = [cell.lower() for cell in row]
    while header and not header[-1]:
        header.pop()  # empty columns at the right of a spreadsheet
    is_complete = set(REQUIRED_COLUMNS) <= set(header)
    if not is_complete or not set(header) <= set(COLUMNS) or len(set(header)) < len(header):
        raise Invalid(
            f"Name the columns in the first row: {', '.join(COLUMNS)}. You can leave out the last two. "
            "Nothing was imported.",
            "text",
        )
    return header


def _load_context(emails: Iterable[str], centre: Centre, actor: Actor) -> ImportContext:
    addresses = set(emails)
    people = db.session.execute(
        select(Person.id, Person.email, Person.deactivated_at).where(Person.email.in_(addresses))
    ).all()
    granted = db.session.execute(
        select(Person.email, Grant.role)
        .join(Grant, Grant.person_id == Person.id)
        .where(Grant.centre_id == centre.id, or_(Grant.ends_at.is_(None), Grant.ends_at > now()))
        .where(Person.email.in_(addresses))
    ).all()
    return ImportContext(
        own_email=next((each.email for each in people if each.id == actor.person_id), None),
        closed=frozenset(each.email for each in people if each.deactivated_at),
        granted=frozenset((email, role) for email, role in granted),
    )


def _check_row(number: int, cells: dict[str, str], extra: bool, context: ImportContext) -> ImportRow:
    name, email = clean_name(cells.get("name", "")), cells.get("email", "").lower()
    role = _find_role(cells.get("role", ""))
    try:
        _check_person(name, email, extra, context)
        is_new = _check_role(email, role, cells.get("role", ""), context)
        starts_at, ends_at = _read_dates(cells, is_new)
    except Invalid as error:
        return ImportRow(number, name[:200], email[:254], role, error=str(error))
    return ImportRow(number, name, email, role, starts_at, ends_at, is_new=is_new)


def _check_person(name: str, email: str, extra: bool, context: ImportContext) -> None:
    if extra:
        raise Invalid("there are more cells than columns; put a name that contains a comma in quotes")
    if not is_name(name):
        raise Invalid("the name is missing, has no letter, or is longer than 200 characters")
    if name.startswith(FORMULA_PREFIXES):
        raise Invalid(f"a name cannot begin with {name[0]}")
    if len(email) > 254 or not is_address(email):
        raise Invalid(f"“{email[:60]}” is not an email address that emails can be sent to")
    if email in context.closed:
        raise Invalid("the account with this address is closed; ask your system operator")
    if context.names.setdefault(email, name.casefold()) != name.casefold():
        raise Invalid("an earlier row gives this address another name")


def _check_role(email: str, role: Role | None, text: str, context: ImportContext) -> bool:
    """Return whether the role is new to this person at this centre; raise `Invalid` if it cannot be given."""
    if role is None:
        raise Invalid(f"“{text[:40]}” is not a role; the roles are {', '.join(r.label.lower() for r in Role)}")
    if (email, role) in context.seen:
        raise Invalid("an earlier row gives this address the same role")
    context.seen.add((email, role))
    is_new = (email, role) not in context.granted
    if is_new and email == context.own_email:
        raise Invalid("you cannot give yourself a role; ask another administrator")
    return is_new


def _find_role(text: str) -> Role | None:
    plain = " ".join(text.lower().replace("_", " ").split())
    names = {use_terms(role.label, terms).lower(): role for role in Role for terms in CentreTerms}
    return (names | {role.value.replace("_", " "): role for role in Role}).get(plain)


def _read_dates(cells: dict[str, str], is_new: bool) -> tuple[datetime | None, datetime | None]:
    first_day, last_day = _read_date(cells.get("from", "")), _read_date(cells.get("until", ""))
    starts_at = start_of_day(first_day) if first_day else None
    ends_at = end_of_day(last_day) if last_day else None
    if is_new and ends_at and ends_at <= max(starts_at or now(), now()):
        raise Invalid("the last day is before the first day, or in the past")
    return starts_at, ends_at


def _read_date(text: str) -> date | None:
    """Return a date written as 22/11/2026 or 2026-11-22, or None for an empty cell."""
    if not text:
        return None
    try:
        if "/" in text:
            day, month, year = (int(part) for part in text.split("/"))
            result = date(year, month, day)
        else:
            result = date.fromisoformat(text)
    except (ValueError, OverflowError):
        result = date.min
    if not 2000 <= result.year <= 2100:
        raise Invalid(f"“{text[:20]}” is not a date such as 22/11/2026 or 2026-11-22")
    return result
