"""The list of a centre's imports of files of units."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from tracker.clock import day_of
from tracker.models import ImportRun, Person
from tracker.units import formats
from tracker.vocabulary import ImportState
from tracker.web.list_pages import load_page
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery, contains_words


@dataclass(frozen=True, slots=True)
class ImportRow:
    """An import in the list of a centre's imports."""

    run_id: int
    file_name: str
    state: ImportState
    units: int
    """How many units the file has."""
    format: str
    started_by: str
    started_at: datetime

    @property
    def format_label(self) -> str:
        """Return the words of the file's format; its stored name if that format is no longer read."""
        known = formats.FORMATS.get(self.format)
        return known.label if known else self.format


IMPORTS = ListDefinition[ImportRow](
    "imports",
    (
        Column("File", lambda row: row.file_name, can_sort=True),
        Column("State", lambda row: row.state.label),
        Column("Units", lambda row: row.units, can_sort=True, largest_first=True, is_number=True),
        Column("Format", lambda row: row.format_label),
        Column("Started by", lambda row: row.started_by, can_sort=True),
        Column("Started", lambda row: day_of(row.started_at), can_sort=True, largest_first=True),
    ),
    default_sort="-started",
)
STATES = Filter("state", "State", "All states", {state.value: state.label for state in ImportState})


def list_imports(centre_id: int, query: ListQuery) -> ListPage[ImportRow]:
    """List a page of a centre's imports, the newest first unless sorted. Runs two SQL statements."""
    units = func.json_array_length(ImportRun.outcome)
    statement = (
        select(
            ImportRun.id,
            ImportRun.file_name,
            ImportRun.state,
            units,
            ImportRun.format,
            Person.name,
            ImportRun.started_at,
        )
        .join(ImportRun.started_by)
        .where(ImportRun.centre_id == centre_id, contains_words(query, ImportRun.file_name, Person.name))
    )
    if state := query.get("state"):
        statement = statement.where(ImportRun.state == ImportState(state))
    return load_page(
        IMPORTS,
        query,
        statement,
        lambda row: ImportRow(*row),
        key=ImportRun.id,
        order_by={
            "file": [func.lower(ImportRun.file_name)],
            "units": [units],
            "started-by": [func.lower(Person.name)],
            "started": [ImportRun.started_at],
        },
    )
