"""People from a CSV: a preview, then all or nothing, each bad row named."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time

from sqlalchemy import or_, select

from tracker.accounts.services.people import invite_person, is_address
from tracker.clock import LONDON, now
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.models import Centre, Grant, Person
from tracker.vocabulary import CentreTerms, Role, use_terms

COLUMNS = ("name", "email", "role", "from", "until")
NEEDED = COLUMNS[:3]
DELIMITERS = ",;\t"
MAX_ROWS = 2_000
MAX_SIZE = 1024 * 1024
FORMULA = ("=", "+", "-", "@")


@dataclass(frozen=True)
class ImportRow:
    """One row of the file: its number there, what it says, and what is wrong with it, if anything."""

    number: int
    name: str
    email: str
    role: Role | None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
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


@dataclass(frozen=True)
class Known:
    """What the installation knows of the addresses in a file, and what its earlier rows said."""

    own_email: str | None
    closed: frozenset[str]
    held: frozenset[tuple[str, Role]]
    seen: set[tuple[str, Role]] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)


def decode_csv(content: bytes) -> str:
    """The text of a file as spreadsheets save it: Unicode with its mark, UTF-8 without, else Windows-1252."""
    if len(content) > MAX_SIZE:
        raise Invalid("The file is larger than 1 MB. Nothing was read. Split it.", "file")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def preview_people(text: str, centre: Centre, actor: Actor) -> ImportPreview:
    """What importing this text would do. Raises `Invalid` when it is no table of people at all."""
    table = read_table(text)
    known = _known((cells.get("email", "").lower() for _, cells, _ in table), centre, actor)
    return ImportPreview(tuple(_row(number, cells, extra, known) for number, cells, extra in table))


def import_people(text: str, centre: Centre, actor: Actor) -> ImportPreview:
    """Import them all, or none: a single wrong row refuses the whole file."""
    preview = preview_people(text, centre, actor)
    if preview.wrong:
        raise Invalid("Some rows are wrong, so nobody was imported. Mend them and try again.", "text")
    for row in preview.new:
        if row.role:
            invite_person(row.email, row.name, centre, row.role, actor, starts_at=row.starts_at, ends_at=row.ends_at)
    return preview


def read_table(text: str) -> list[tuple[int, dict[str, str], bool]]:
    """Each row with its number as a spreadsheet shows it, its cells by column, and whether there are too many."""
    if len(text) > MAX_SIZE:
        raise Invalid("That is larger than 1 MB. Nothing was read. Split it.", "text")
    text = text.lstrip("\ufeff")
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(DELIMITERS, key=first.count)
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text), delimiter=delimiter)]
    except csv.Error as error:
        raise Invalid("That is not a table of rows and columns. Nothing was read.", "text") from error
    numbered = [(number, row) for number, row in enumerate(rows, start=1) if any(row)]
    if not numbered:
        raise Invalid("Choose a file, or paste its rows. Nothing was read.", "text")
    if len(numbered) - 1 > MAX_ROWS:
        raise Invalid(f"There are more than {MAX_ROWS:,} rows. Nothing was read. Split the file.", "text")
    heads = _heads(numbered[0][1])
    return [(number, dict(zip(heads, row, strict=False)), any(row[len(heads) :])) for number, row in numbered[1:]]


def _heads(row: list[str]) -> list[str]:
    heads = [cell.lower() for cell in row]
    while heads and not heads[-1]:
        heads.pop()  # empty columns at the right edge of a sheet
    if not set(NEEDED) <= set(heads) or not set(heads) <= set(COLUMNS) or len(set(heads)) < len(heads):
        raise Invalid(
            f"The first row must name the columns: {', '.join(COLUMNS)}; the last two may be left out. "
            "Nothing was read.",
            "text",
        )
    return heads


def _known(emails: Iterable[str], centre: Centre, actor: Actor) -> Known:
    addresses = set(emails)
    people = db.session.execute(
        select(Person.id, Person.email, Person.deactivated_at).where(Person.email.in_(addresses))
    ).all()
    held = db.session.execute(
        select(Person.email, Grant.role)
        .join(Grant, Grant.person_id == Person.id)
        .where(Grant.centre_id == centre.id, or_(Grant.ends_at.is_(None), Grant.ends_at > now()))
        .where(Person.email.in_(addresses))
    ).all()
    return Known(
        own_email=next((each.email for each in people if each.id == actor.person_id), None),
        closed=frozenset(each.email for each in people if each.deactivated_at),
        held=frozenset((email, role) for email, role in held),
    )


def _row(number: int, cells: dict[str, str], extra: bool, known: Known) -> ImportRow:
    name, email = " ".join(cells.get("name", "").split()), cells.get("email", "").lower()
    role = _role(cells.get("role", ""))
    try:
        _check_person(name, email, extra, known)
        is_new = _check_role(email, role, cells.get("role", ""), known)
        starts_at, ends_at = _dates(cells, is_new)
    except Invalid as fault:
        return ImportRow(number, name[:200], email[:254], role, fault=str(fault))
    return ImportRow(number, name, email, role, starts_at, ends_at, is_new=is_new)


def _check_person(name: str, email: str, extra: bool, known: Known) -> None:
    if extra:
        raise Invalid("there are more cells than columns; put a name with a comma in it in quotes")
    if not name or len(name) > 200:
        raise Invalid("the name is missing, or longer than 200 characters")
    if name.startswith(FORMULA):
        raise Invalid(f"a name cannot begin with {name[0]}")
    if len(email) > 254 or not is_address(email):
        raise Invalid(f"“{email[:60]}” is not an email address")
    if email in known.closed:
        raise Invalid("the account of this address was closed; ask the installation’s operator")
    if known.names.setdefault(email, name.casefold()) != name.casefold():
        raise Invalid("an earlier row gives this address another name")


def _check_role(email: str, role: Role | None, written: str, known: Known) -> bool:
    """Whether the role is new to this person here."""
    if role is None:
        raise Invalid(f"“{written[:40]}” is not a role; the roles are {', '.join(r.label.lower() for r in Role)}")
    if (email, role) in known.seen:
        raise Invalid("an earlier row gives this address the same role")
    known.seen.add((email, role))
    is_new = (email, role) not in known.held
    if is_new and email == known.own_email:
        raise Invalid("nobody can give themselves a role; another administrator can")
    return is_new


def _role(written: str) -> Role | None:
    plain = " ".join(written.lower().replace("_", " ").split())
    names = {use_terms(role.label, terms).lower(): role for role in Role for terms in CentreTerms}
    return (names | {role.value.replace("_", " "): role for role in Role}).get(plain)


def _dates(cells: dict[str, str], is_new: bool) -> tuple[datetime | None, datetime | None]:
    start, end = _day(cells.get("from", "")), _day(cells.get("until", ""))
    ends_at = end_of_day(end)
    if is_new and ends_at and ends_at <= max(start_of_day(start) or now(), now()):
        raise Invalid("the last day lies before the first, or is over")
    return start_of_day(start), ends_at


def _day(written: str) -> date | None:
    """A day in the two ways in which spreadsheets here write one."""
    if not written:
        return None
    try:
        if "/" in written:
            day, month, year = (int(part) for part in written.split("/"))
            found = date(year, month, day)
        else:
            found = date.fromisoformat(written)
    except (ValueError, OverflowError):
        found = date.min
    if not 2000 <= found.year <= 2100:
        raise Invalid(f"“{written[:20]}” is not a day such as 22/11/2026 or 2026-11-22")
    return found


def start_of_day(day: date | None) -> datetime | None:
    """The London midnight with which a day begins."""
    return datetime.combine(day, time.min, LONDON) if day else None


def end_of_day(day: date | None) -> datetime | None:
    """The last moment of a last day."""
    return datetime.combine(day, time.max, LONDON) if day else None
