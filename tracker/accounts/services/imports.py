"""People from a CSV: a preview, then all or nothing, each bad row named."""

import csv
import io
from dataclasses import dataclass
from datetime import date, datetime, time

from email_validator import EmailNotValidError, validate_email

from tracker.accounts.services.people import find_live_grant, find_person, invite_person
from tracker.clock import LONDON
from tracker.errors import Invalid
from tracker.ledger import Actor
from tracker.models import Centre
from tracker.vocabulary import Role

COLUMNS = ("name", "email", "role", "from", "until")
MOST_ROWS = 2_000
LARGEST = 1024 * 1024


@dataclass(frozen=True)
class ImportRow:
    """One row of the file: its line, what it says, and what is wrong with it, if anything."""

    line: int
    name: str
    email: str
    role: Role | None
    from_at: datetime | None
    until_at: datetime | None
    fault: str | None = None
    is_new: bool = True


@dataclass(frozen=True)
class ImportPreview:
    rows: tuple[ImportRow, ...]

    @property
    def new(self) -> tuple[ImportRow, ...]:
        return tuple(row for row in self.rows if not row.fault and row.is_new)

    @property
    def unchanged(self) -> tuple[ImportRow, ...]:
        return tuple(row for row in self.rows if not row.fault and not row.is_new)

    @property
    def wrong(self) -> tuple[ImportRow, ...]:
        return tuple(row for row in self.rows if row.fault)


def decode_csv(content: bytes) -> str:
    """The text of a file as spreadsheets save it: UTF-8 with or without a mark, else Windows-1252."""
    if len(content) > LARGEST:
        raise Invalid("The file is larger than 1 MB. Nothing was read. Split it.", "text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def preview_people(text: str, centre: Centre) -> ImportPreview:
    """What importing this text would do. Raises `Invalid` when it is no table of people at all."""
    if len(text) > LARGEST:
        raise Invalid("That is larger than 1 MB. Nothing was read. Split it.", "text")
    lines = text.lstrip("\ufeff").strip()
    delimiter = ";" if ";" in lines.partition("\n")[0] else ","
    table = [row for row in csv.reader(io.StringIO(lines), delimiter=delimiter) if any(cell.strip() for cell in row)]
    if not table or [cell.strip().lower() for cell in table[0][:3]] != list(COLUMNS[:3]):
        raise Invalid(f"The first row must name the columns: {', '.join(COLUMNS)}. Nothing was read.", "text")
    if len(table) - 1 > MOST_ROWS:
        raise Invalid(f"There are more than {MOST_ROWS:,} rows. Nothing was read. Split the file.", "text")
    seen: set[tuple[str, str]] = set()
    return ImportPreview(tuple(_row(number, row, centre, seen) for number, row in enumerate(table[1:], start=2)))


def import_people(text: str, centre: Centre, actor: Actor) -> ImportPreview:
    """Import them all, or none: a single wrong row refuses the whole file."""
    preview = preview_people(text, centre)
    if preview.wrong:
        raise Invalid("Some rows are wrong, so nobody was imported. Mend them and try again.", "text")
    for row in preview.new:
        if row.role:
            invite_person(row.email, row.name, centre, row.role, actor, from_at=row.from_at, until_at=row.until_at)
    return preview


def _row(line: int, cells: list[str], centre: Centre, seen: set[tuple[str, str]]) -> ImportRow:
    name, email, role_word, start, end = ([cell.strip() for cell in cells] + [""] * 5)[:5]
    role = _role(role_word)
    try:
        from_at, until_at = _moment(start), _moment(end, end_of_day=True)
        fault = _fault(name, email, role, role_word, seen)
    except ValueError:
        from_at = until_at = None
        fault = "a date must read like 2026-11-22 or 22/11/2026"
    seen.add((email.lower(), role_word.lower()))
    person = None if fault else find_person(email)
    known = bool(person and role and find_live_grant(person.id, centre.id, role))
    return ImportRow(line, name[:200], email[:254], role, from_at, until_at, fault, is_new=not known)


def _fault(name: str, email: str, role: Role | None, role_word: str, seen: set[tuple[str, str]]) -> str | None:
    if not name or len(name) > 200:
        return "the name is missing or longer than 200 characters"
    try:
        validate_email(email, check_deliverability=False)
    except EmailNotValidError:
        return f"“{email[:60]}” is not an email address"
    if role is None:
        return f"“{role_word[:40]}” is not a role; the roles are {', '.join(each.label.lower() for each in Role)}"
    if (email.lower(), role_word.lower()) in seen:
        return "the same address and role stand in an earlier row"
    return None


def _role(written: str) -> Role | None:
    plain = " ".join(written.lower().replace("_", " ").split())
    return next((role for role in Role if plain in {role.value.replace("_", " "), role.label.lower()}), None)


def _moment(written: str, *, end_of_day: bool = False) -> datetime | None:
    if not written:
        return None
    day = date.fromisoformat(written) if "-" in written else datetime.strptime(written, "%d/%m/%Y").date()  # noqa: DTZ007 - a plain day
    return datetime.combine(day, time.max if end_of_day else time.min, LONDON)
