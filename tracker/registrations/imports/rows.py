"""The rows of an import: cells read into values, or the column that is wrong and why."""

from dataclasses import dataclass
from datetime import date, datetime

from tracker.accounts.person_names import clean_name, is_name
from tracker.accounts.services.people import is_address
from tracker.clock import end_of_day, start_of_day
from tracker.registrations.imports.table import TableRow
from tracker.registrations.registration_changes import RegistrationNumbers
from tracker.vocabulary import CentreTerms, Role, use_terms
from tracker.web.text_direction import isolate

LIST_SEPARATORS = ";|\n"
"""What separates roles and units within a cell, besides the comma."""
FORMULA_PREFIXES = ("=", "+", "-", "@")
"""A spreadsheet would run a cell that begins with one of these."""
MAX_NUMBER_LENGTH = 40
STAFF_COLUMNS = {Role.ASSESSOR: "assessor email", Role.INTERNAL_VERIFIER: "internal verifier email"}
REGISTRATION_COLUMNS = (
    "candidate number",
    "qualification",
    "registration number",
    "registration date",
    "units",
    *STAFF_COLUMNS.values(),
)


@dataclass(frozen=True)
class RegistrationRequest:
    """The registration that a row asks for, with the codes and addresses as they are in its cells."""

    numbers: RegistrationNumbers
    qualification: str
    units: tuple[str, ...]
    staff: dict[Role, str]
    """The addresses of the assessor and the internal verifier, where they are given."""


@dataclass(frozen=True)
class ImportRow:
    """What one row asks for: a person, their roles and a registration."""

    number: int
    name: str
    email: str
    roles: tuple[Role, ...]
    starts_at: datetime | None
    ends_at: datetime | None
    registration: RegistrationRequest | None


class RowError(Exception):
    """A cell that cannot be imported, with its column and the reason."""

    def __init__(self, column: str, sentence: str) -> None:
        super().__init__(sentence)
        self.column = column


def read_row(row: TableRow) -> ImportRow:
    """Return what a row asks for; raise `RowError` for a cell that cannot be read."""
    name, email = clean_name(row.get("name")), row.get("email").lower()
    if row.has_more_cells:
        raise RowError("", "There are more cells than columns. Put a name that contains a comma in quotes.")
    if not is_name(name):
        raise RowError("name", "The name is missing, has no letter, or is longer than 200 characters.")
    if name.startswith(FORMULA_PREFIXES):
        raise RowError("name", f"A name cannot begin with {name[0]}.")
    _check_address("email", email)
    registration = _read_registration(row)
    roles = _read_roles(row.get("roles"))
    if registration and not roles:
        roles = (Role.CANDIDATE,)
    if registration and Role.CANDIDATE not in roles:
        raise RowError("roles", "A row with a registration needs the role candidate.")
    if not roles:
        raise RowError("roles", f"The role is missing. The roles are {_list_role_names()}.")
    first_day, last_day = _read_date(row, "from"), _read_date(row, "until")
    return ImportRow(
        row.number,
        name,
        email,
        roles,
        start_of_day(first_day) if first_day else None,
        end_of_day(last_day) if last_day else None,
        registration,
    )


def _read_registration(row: TableRow) -> RegistrationRequest | None:
    filled = [column for column in REGISTRATION_COLUMNS if row.get(column)]
    if not filled:
        return None
    if "candidate number" not in filled:
        raise RowError("candidate number", f"The candidate number is missing, and {filled[0]} is filled in.")
    for column in ("candidate number", "registration number"):
        if len(row.get(column)) > MAX_NUMBER_LENGTH:
            raise RowError(column, f"Use at most {MAX_NUMBER_LENGTH} characters.")
    addresses = {role: row.get(column).lower() for role, column in STAFF_COLUMNS.items() if row.get(column)}
    units = tuple(dict.fromkeys(_split(row.get("units"))))
    if addresses and not units:
        raise RowError("units", "Name the units that are allocated.")
    if not units and not row.get("qualification"):
        raise RowError("units", "Name a qualification or at least one unit.")
    numbers = RegistrationNumbers(
        row.get("candidate number"), row.get("registration number") or None, _read_date(row, "registration date")
    )
    return RegistrationRequest(numbers, row.get("qualification"), units, addresses)


def _check_address(column: str, email: str) -> None:
    if len(email) > 254 or not is_address(email):
        raise RowError(column, f"“{isolate(email[:60])}” is not an email address that emails can be sent to.")


def _read_roles(text: str) -> tuple[Role, ...]:
    names = {use_terms(role.label, terms).lower(): role for role in Role for terms in CentreTerms}
    names |= {role.value.replace("_", " "): role for role in Role}
    roles = []
    for name in _split(text):
        role = names.get(" ".join(name.lower().replace("_", " ").split()))
        if role is None:
            raise RowError("roles", f"“{isolate(name[:40])}” is not a role. The roles are {_list_role_names()}.")
        roles.append(role)
    return tuple(dict.fromkeys(roles))


def _list_role_names() -> str:
    return ", ".join(role.label.lower() for role in Role)


def _split(text: str) -> list[str]:
    for separator in LIST_SEPARATORS:
        text = text.replace(separator, ",")
    return [part.strip() for part in text.split(",") if part.strip()]


def _read_date(row: TableRow, column: str) -> date | None:
    """Return a date written as 22/11/2026 or 2026-11-22, or None for an empty cell."""
    text = row.get(column)
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
        raise RowError(column, f"“{isolate(text[:20])}” is not a date such as 22/11/2026 or 2026-11-22.")
    return result
