"""Import of people, registrations and allocations: a preview of every row, then all rows or none.

docs/rules.md, Things, rule 20. Each row is run by the services that the pages for one person use. The preview runs
the whole import and rolls it back, so that the import refuses nothing that its preview allowed.
"""

from collections import Counter
from collections.abc import Callable

from sqlalchemy import select

from tracker.accounts.services.people import find_or_create_person, give_role
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.transactions import rehearsal
from tracker.models import Centre, Person, Qualification, Registration, Unit, UnitAttempt
from tracker.registrations.allocations import change_allocations, email_people_concerned
from tracker.registrations.imports.lookups import Lookups
from tracker.registrations.imports.outcomes import ImportPreview, RowOutcome, Step
from tracker.registrations.imports.rows import STAFF_COLUMNS, ImportRow, RegistrationRequest, RowError, read_row
from tracker.registrations.imports.table import TableRow, read_table
from tracker.registrations.services import add_registration, start_attempt
from tracker.vocabulary import AttemptState, Role, use_terms
from tracker.web.formatting import day
from tracker.web.text_direction import isolate

COLUMN_OF_FIELD = {
    "name": "name",
    "email": "email",
    "ends": "until",
    "candidate_number": "candidate number",
    "awarding_body_number": "registration number",
    "awarding_body_date": "registration date",
    "units": "units",
}
"""The column of each form field that a service names in a refusal."""


def preview_import(text: str, centre: Centre, actor: Actor) -> ImportPreview:
    """Return what importing this text would do; raise `Invalid` if it is not a table of people."""
    table = read_table(text)
    with rehearsal():
        return Import(centre, actor).run(table)


def import_rows(text: str, centre: Centre, actor: Actor, *, digest: str) -> ImportPreview:
    """Import every row, or none.

    Raises:
        Invalid: a row has an error.
        Conflict: the import would not do what the preview with this digest showed.
    """
    result = Import(centre, actor).run(read_table(text))
    if result.invalid:
        raise Invalid("Some rows have errors, so nothing was imported. Correct them and try again.", "text")
    if result.digest != digest:
        raise Conflict(
            "The centre’s records have changed since the preview. Nothing was imported. Check the new preview."
        )
    return result


class Import:
    """One import of a file: first the people and roles of all rows, then registrations, units and allocations."""

    def __init__(self, centre: Centre, actor: Actor) -> None:
        self.centre, self.actor = centre, actor
        self.lookups = Lookups(centre)
        self.names: dict[str, tuple[int, str]] = {}
        """The first row that names an address, and the name there."""
        self.requested_roles: set[tuple[str, Role]] = set()
        """The addresses and roles of the rows that were run."""
        self.errors: dict[int, tuple[str, str]] = {}
        """The column and the reason, by row."""
        self.failed_rows: dict[str, int] = {}
        """The first row with an error, by address."""
        self.steps: dict[int, list[Step]] = {}

    def run(self, table: list[TableRow]) -> ImportPreview:
        """Run all rows, each step in a savepoint, and return the outcome of each row."""
        # Two imports at a centre run one after the other, so that neither waits for rows that the other has locked.
        db.session.execute(select(Centre.id).where(Centre.id == self.centre.id).with_for_update(key_share=True))
        rows = [row for each in table if (row := self._read_row(each))]
        self.lookups.load(rows)
        for row in rows:
            self._run_step(row, self._give_roles)
        for row in rows:
            if row.registration and row.number not in self.errors:
                self._run_step(row, self._register)
        done_steps = [step for number, steps in self.steps.items() if number not in self.errors for step in steps]
        email_people_concerned(change for step in done_steps for change in step.changes)
        return ImportPreview(
            tuple(self._build_outcome(each) for each in table), sum((step.totals for step in done_steps), Counter())
        )

    def _read_row(self, row: TableRow) -> ImportRow | None:
        try:
            return read_row(row)
        except RowError as error:
            self._record_error(row.number, row.get("email").lower(), error.column, str(error))
        return None

    def _run_step(self, row: ImportRow, act: Callable[[ImportRow, Step], None]) -> None:
        """Run a step of a row; if it is refused, undo that step and record the column and the reason."""
        step = Step()
        try:
            with db.session.begin_nested():
                act(row, step)
        except RowError as error:
            self._record_error(row.number, row.email, error.column, str(error))
        except (Invalid, Refused) as error:
            column = COLUMN_OF_FIELD.get(getattr(error, "field", None) or "", step.column)
            sentence = str(error).replace(" Nothing was changed.", "").replace(" Nobody was registered.", "")
            self._record_error(row.number, row.email, column, sentence)
        else:
            self.steps.setdefault(row.number, []).append(step)
            self._update_lookups(row, step)

    def _record_error(self, number: int, email: str, column: str, sentence: str) -> None:
        self.errors[number] = column, sentence
        self.failed_rows.setdefault(email, number)

    def _update_lookups(self, row: ImportRow, step: Step) -> None:
        """Add what a step has created to the lookups, for the rows that follow."""
        if step.person:
            self.lookups.people[row.email] = step.person
            self.lookups.known.add(row.email)
            self.lookups.roles |= {(row.email, role) for role in row.roles}
        if step.registration:
            self.lookups.registrations[step.registration.candidate_number] = step.registration
        self.lookups.allocated |= {(each.attempt.id, each.made.role): each.made.person for each in step.changes}

    def _give_roles(self, row: ImportRow, step: Step) -> None:
        """Give the person of a row the roles that they do not have yet, inviting a new person."""
        first_number, first_name = self.names.setdefault(row.email, (row.number, row.name))
        if first_name.casefold() != row.name.casefold():
            raise RowError("name", f"Row {first_number} gives this address another name.")
        if not row.registration and any((row.email, role) in self.requested_roles for role in row.roles):
            raise RowError("roles", "An earlier row gives this address the same role.")
        self.requested_roles |= {(row.email, role) for role in row.roles}
        missing = [role for role in row.roles if (row.email, role) not in self.lookups.roles]
        step.kept += [self._describe_role(role) for role in row.roles if role not in missing]
        step.column = "email"
        person = self.lookups.people.get(row.email)
        if missing or person is None or person.deactivated_at:
            person = step.person = find_or_create_person(row.email, row.name, self.actor)
        if row.email not in self.lookups.known:
            step.add("people", "new here")
        elif person.name != row.name:
            step.kept.append(_describe_ignored(f"the name {isolate(person.name)}", row.name))
        step.column = "roles"
        for role in missing:
            give_role(person, self.centre, role, self.actor, starts_at=row.starts_at, ends_at=row.ends_at)
            first = f" from {day(row.starts_at)}" if row.starts_at else ""
            last = f" until {day(row.ends_at)}" if row.ends_at else ""
            step.add("roles", f"{self._describe_role(role)}{first}{last}")

    def _describe_role(self, role: Role) -> str:
        return f"role {use_terms(role.label, self.centre.terms).lower()}"

    def _register(self, row: ImportRow, step: Step) -> None:
        """Register the candidate of a row, start the units that they do not have yet, and allocate these."""
        request = row.registration
        assert request is not None  # noqa: S101 - the caller passes only rows with a registration
        units = [self.lookups.get_unit(code) for code in request.units]
        qualification = self.lookups.find_qualification(request.qualification)
        candidate = self.lookups.people[row.email]
        number = request.numbers.candidate_number
        registration = self.lookups.registrations.get(number)
        if registration and registration.candidate_id == candidate.id:
            self._keep_registration(registration, request, qualification, step)
            if registration.withdrawn_at:
                return
        else:
            step.column = "candidate number"
            registration = step.registration = add_registration(
                candidate, self.centre, request.numbers, self.actor, qualification=qualification
            )
            code = f" for {qualification.code}" if qualification else ""
            step.add("registrations", f"registration {number}{code}")
        attempts = self._start_units(registration, units, step)
        for role, email in request.staff.items():
            self._allocate(attempts, role, email, step)

    def _keep_registration(
        self,
        registration: Registration,
        request: RegistrationRequest,
        qualification: Qualification | None,
        step: Step,
    ) -> None:
        """List as kept a registration that exists, and each of its values that stays although the row has another."""
        withdrawn = " (withdrawn)" if registration.withdrawn_at else ""
        step.kept.append(f"registration {isolate(registration.candidate_number)}{withdrawn}")
        numbers = request.numbers
        if numbers.awarding_body_number not in {None, registration.awarding_body_number}:
            current = registration.awarding_body_number or "not yet registered"
            step.kept.append(_describe_ignored(f"registration number {current}", numbers.awarding_body_number))
        if numbers.awarding_body_date not in {None, registration.awarding_body_date}:
            current = day(registration.awarding_body_date) or "not yet registered"
            step.kept.append(_describe_ignored(f"registration date {current}", day(numbers.awarding_body_date)))
        if qualification and qualification.id != registration.qualification_id:
            current = registration.qualification.code if registration.qualification else "none"
            step.kept.append(_describe_ignored(f"qualification {current}", qualification.code))

    def _start_units(self, registration: Registration, units: list[Unit], step: Step) -> list[UnitAttempt]:
        """Start the units that the registration does not have; return the attempts at all of them but void ones."""
        step.column = "units"
        attempts: dict[str, UnitAttempt] = {}
        for attempt in registration.attempts:
            if attempt.unit.code not in attempts or attempt.state is not AttemptState.VOID:
                attempts[attempt.unit.code] = attempt
        kept = [unit.code for unit in units if unit.code in attempts]
        new = [unit for unit in units if unit.code not in attempts]
        if kept:
            step.kept.append(_name_units(kept))
        for unit in new:
            attempts[unit.code] = start_attempt(registration, unit, self.actor)
        if new:
            step.add("units", _name_units([unit.code for unit in new]), len(new))
        chosen = [attempts[unit.code] for unit in units]
        return [attempt for attempt in chosen if attempt.state is not AttemptState.VOID]

    def _allocate(self, attempts: list[UnitAttempt], role: Role, email: str, step: Step) -> None:
        """Allocate the attempts that nobody has in this role to the person with this address."""
        step.column = STAFF_COLUMNS[role]
        if email in self.failed_rows:
            raise RowError(step.column, f"Row {self.failed_rows[email]}, with this address, has an error.")
        person = self.lookups.get_staff(role, email)
        label = use_terms(role.label, self.centre.terms).lower()
        current = {each.id: self.lookups.allocated.get((each.id, role)) for each in attempts}
        unallocated = [attempt for attempt in attempts if current[attempt.id] is None]
        by_attempt = change_allocations([(each, {role: person}) for each in unallocated], "", self.actor)
        changes = [change for of_attempt in by_attempt.values() for change in of_attempt]
        step.changes += changes
        if changes:
            step.add(
                "allocations",
                f"{label} {isolate(person.name)} for {_name_chosen(unallocated, attempts)}",
                len(changes),
            )
        kept_attempts: dict[Person, list[UnitAttempt]] = {}
        for attempt in attempts:
            if allocated := current[attempt.id]:
                kept_attempts.setdefault(allocated, []).append(attempt)
        for kept, theirs in kept_attempts.items():
            text = f"{label} {isolate(kept.name)} for {_name_chosen(theirs, attempts)}"
            step.kept.append(text if kept.id == person.id else _describe_ignored(text, person.name))

    def _build_outcome(self, row: TableRow) -> RowOutcome:
        steps = self.steps.get(row.number, [])
        column, error = self.errors.get(row.number, ("", ""))
        return RowOutcome(
            row.number,
            row.get("name")[:200],
            row.get("email")[:254],
            tuple(text for step in steps for text in step.new),
            tuple(text for step in steps for text in step.kept),
            column,
            error,
        )


def _describe_ignored(kept: str, in_file: str | None) -> str:
    """Return what stays, and the file's other value, which changes nothing."""
    return f"{kept} (the file’s {isolate(in_file or '')} is ignored)"


def _name_chosen(chosen: list[UnitAttempt], attempts: list[UnitAttempt]) -> str:
    """Return the codes of the chosen attempts, or `all 8 units` for more than two that are all of the row's."""
    if len(chosen) == len(attempts) > 2:
        return f"all {len(chosen)} units"
    return ", ".join(each.unit.code for each in chosen)


def _name_units(codes: list[str]) -> str:
    return f"{'unit' if len(codes) == 1 else 'units'} {', '.join(codes)}"
