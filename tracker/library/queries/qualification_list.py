"""The list of qualifications that people search, sort and download."""

from collections.abc import Collection

from tracker.library.queries.qualifications import list_qualifications
from tracker.models import Qualification
from tracker.web.list_pages import cut_page
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery

QUALIFICATIONS = ListDefinition[Qualification](
    "qualifications",
    (
        Column("Code", lambda row: row.code, can_sort=True),
        Column("Title", lambda row: row.title, can_sort=True),
        Column("Version", lambda row: row.version),
        Column("Revision", lambda row: row.revision, only_in_csv=True),
        Column("Owner", lambda row: "My centre" if row.owner_centre_id else "Installation", only_in_csv=True),
    ),
    default_sort="title",
)
OWNERS = Filter("owner", "Owner", "All owners", {"installation": "Installation", "own": "My centre"})


def list_qualification_rows(centre_ids: Collection[int], query: ListQuery) -> ListPage[Qualification]:
    """List a page of the qualifications that these centres can see, each code in its newest version, by title."""
    owner = query.get("owner")
    rows = [
        row
        for row in list_qualifications(centre_ids, query.words)
        if not owner or (owner == "own") == (row.owner_centre_id is not None)
    ]
    return cut_page(
        QUALIFICATIONS,
        query,
        rows,
        {"code": lambda row: row.code.casefold(), "title": lambda row: row.title.casefold()},
        key=lambda row: row.id,
    )
