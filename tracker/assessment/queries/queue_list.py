"""The list of an assessor's queue: an item of evidence in each row, oldest first unless sorted."""

from collections.abc import Iterable, Sequence

from tracker.assessment.queries.queue import EvidenceToAssess, QueueItem, group_by_age
from tracker.clock import day_of
from tracker.web.list_pages import cut_page
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery

QUEUE = ListDefinition[QueueItem](
    "queue",
    (
        Column("Candidate", lambda row: row.first.candidate, can_sort=True),
        Column("Number", lambda row: row.first.number, only_in_csv=True),
        Column("Version", lambda row: row.first.version_number, only_in_csv=True),
        Column("Evidence", lambda row: row.first.title, can_sort=True, order_words="Title"),
        Column("Units", lambda row: ", ".join(row.codes)),
        Column("Criteria", lambda row: row.claim_count, can_sort=True, largest_first=True, is_number=True),
        Column("In the queue", lambda row: day_of(row.queued_at), can_sort=True, order_words="Waiting longest"),
    ),
    default_sort="in-the-queue",
)


def list_queue(rows: Sequence[QueueItem], query: ListQuery) -> ListPage[QueueItem]:
    """List a page of the queue, given the items that the search and the filters leave."""
    return cut_page(
        QUEUE,
        query,
        rows,
        {
            "candidate": lambda row: row.first.candidate.lower(),
            "evidence": lambda row: row.first.title.lower(),
            "criteria": lambda row: row.claim_count,
            "in-the-queue": lambda row: row.queued_at,
        },
        key=lambda row: row.first.evidence_id,
    )


def list_queue_filters(queue: Iterable[EvidenceToAssess]) -> list[Filter]:
    """List the choices that narrow the queue: its candidates and its units."""
    entries = list(queue)
    candidates = sorted({(entry.candidate, entry.candidate_id) for entry in entries})
    codes = sorted({entry.code for entry in entries})
    return [
        Filter("candidate", "Candidate", "All candidates", {str(id_): name for name, id_ in candidates}),
        Filter("unit", "Unit", "All units", {code: code for code in codes}),
    ]


def group_rows(listed: ListPage[QueueItem]) -> dict[str, Sequence[QueueItem]]:
    """Return the rows of a page by their age, under one head if they are sorted otherwise."""
    if listed.query.sort == QUEUE.default_sort and not listed.query.is_descending:
        return dict(group_by_age(listed.rows))
    return {"Evidence to assess": listed.rows} if listed.rows else {}
