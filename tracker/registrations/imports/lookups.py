"""Lookups of an import: people, units, qualifications and registrations at a centre that its rows name."""

from collections.abc import Iterable

from sqlalchemy import or_, select
from sqlalchemy.orm import selectinload

from tracker.clock import now
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger.transactions import lock_rows
from tracker.library.queries.qualifications import find_newest_qualification
from tracker.library.queries.units import find_newest_units
from tracker.models import Allocation, Centre, Grant, Person, Qualification, Registration, Unit, UnitAttempt
from tracker.registrations.imports.rows import STAFF_COLUMNS, ImportRow, RowError
from tracker.vocabulary import Role, use_terms
from tracker.web.text_direction import isolate

MAX_UNITS = 500
"""The units that all rows of one file may name together."""


class Lookups:
    """The records that the rows of a file name, loaded before the import, with those that rows have created since."""

    def __init__(self, centre: Centre) -> None:
        self.centre = centre
        self.people: dict[str, Person] = {}
        """Everybody with an account, also at other centres, by address."""
        self.known: set[str] = set()
        """The addresses of those who have or had a role at the centre."""
        self.roles: set[tuple[str, Role]] = set()
        """The addresses and roles at the centre that have not ended."""
        self.registrations: dict[str, Registration] = {}
        """The registrations by candidate number."""
        self.allocated: dict[tuple[int, Role], Person] = {}
        """To whom the attempts of these registrations are allocated now."""
        self.units: dict[str, Unit] = {}
        self.qualifications: dict[str, Qualification | None] = {}

    def load(self, rows: Iterable[ImportRow]) -> None:
        """Load what the rows name with a fixed number of statements, and lock the attempts that exist.

        Raises:
            Invalid: the rows name more than `MAX_UNITS` units.
        """
        requests = [row.registration for row in rows if row.registration]
        codes = [code for request in requests for code in request.units]
        if len(codes) > MAX_UNITS:
            sentence = f"The rows name more than {MAX_UNITS} units. Nothing was imported. Split the file."
            raise Invalid(sentence, "text")
        self._load_people(
            {row.email for row in rows} | {email for request in requests for email in request.staff.values()}
        )
        if requests:
            self.units = find_newest_units(set(codes), [self.centre.id])
            self._load_registrations({request.numbers.candidate_number for request in requests})

    def get_unit(self, code: str) -> Unit:
        """Return the unit with this code or identifier; raise `RowError` if there is none."""
        if unit := self.units.get(code):
            return unit
        raise RowError("units", f"“{isolate(code[:40])}” is not the code of a unit in your library.")

    def find_qualification(self, code: str) -> Qualification | None:
        """Return the qualification with this code, None for an empty cell; raise `RowError` if there is none."""
        if not code:
            return None
        if code not in self.qualifications:
            self.qualifications[code] = find_newest_qualification(code, [self.centre.id])
        if qualification := self.qualifications[code]:
            return qualification
        raise RowError("qualification", f"“{isolate(code[:40])}” is not the code of a qualification in your library.")

    def get_staff(self, role: Role, email: str) -> Person:
        """Return the person with this address and role at the centre; raise `RowError` if there is none.

        The error does not say whether somebody without the role has an account: they may belong to another centre.
        """
        if (email, role) in self.roles:
            return self.people[email]
        label = use_terms(role.label, self.centre.terms).lower()
        sentence = f"Nobody with the address “{isolate(email[:60])}” has the role of {label} here."
        raise RowError(STAFF_COLUMNS[role], sentence)

    def _load_people(self, emails: set[str]) -> None:
        self.people = {
            each.email: each for each in db.session.scalars(select(Person).where(Person.email.in_(emails)))
        }
        query = (
            select(Person.email, Grant.role, or_(Grant.ends_at.is_(None), Grant.ends_at > now()))
            .join(Grant, Grant.person_id == Person.id)
            .where(Grant.centre_id == self.centre.id, Person.email.in_(emails))
        )
        for email, role, has_not_ended in db.session.execute(query):
            self.known.add(email)
            if has_not_ended:
                self.roles.add((email, role))

    def _load_registrations(self, candidate_numbers: set[str]) -> None:
        query = select(Registration).where(
            Registration.centre_id == self.centre.id, Registration.candidate_number.in_(candidate_numbers)
        )
        attempts = selectinload(Registration.attempts).joinedload(UnitAttempt.unit)
        self.registrations = {each.candidate_number: each for each in db.session.scalars(query.options(attempts))}
        ids = [attempt.id for each in self.registrations.values() for attempt in each.attempts]
        lock_rows(UnitAttempt, ids)
        allocations = (
            select(Allocation.attempt_id, Allocation.role, Person)
            .join(Person, Person.id == Allocation.person_id)
            .where(Allocation.attempt_id.in_(ids), Allocation.ends_at.is_(None))
        )
        self.allocated = {(row[0], row[1]): row[2] for row in db.session.execute(allocations)}
