"""Storage quotas: how many bytes of files a candidate and a centre may store.

The files of removed and of earlier attachments count, since they are kept; the same file counts once for each, and an
erased one no more (docs/rules.md, Evidence). The database counts them (`storage_counters.py`). What was received of
recordings that are being uploaded counts too.
"""

from dataclasses import dataclass
from typing import Any

from flask import current_app
from sqlalchemy import Select, Table, bindparam, func, select

from tracker.errors import Invalid
from tracker.extensions import db
from tracker.models import Attachment, CandidateStorage, Centre, Evidence, PartialUpload, Person
from tracker.portfolio.storage_counters import COUNTERS
from tracker.statements import fetch_rows
from tracker.vocabulary import ERASED_TEXT
from tracker.web.formatting import size as format_size

WARNED_SHARE = 0.8
"""The share of a quota from which on people are warned."""
MAX_LISTED = 10


@dataclass(frozen=True)
class Usage:
    """How much of a quota is used, in bytes; a quota of 0 is no limit."""

    used: int
    quota: int

    @property
    def percent(self) -> int:
        """The used share in per cent, rounded down; 0 without a limit."""
        return 100 * self.used // self.quota if self.quota else 0

    @property
    def is_warned(self) -> bool:
        """Whether people are warned."""
        return bool(self.quota) and self.used >= WARNED_SHARE * self.quota

    @property
    def is_full(self) -> bool:
        """Whether no file can be added: also where a quota was lowered below what is stored."""
        return bool(self.quota) and self.used >= self.quota

    def has_room_for(self, size: int) -> bool:
        """Return whether so many bytes more are within the quota."""
        return not self.quota or self.used + size <= self.quota


@dataclass(frozen=True)
class CandidateUsage:
    """A candidate who is warned, for their administrator."""

    person_id: int
    name: str
    usage: Usage


def _select_size(counter: Table) -> Select[*tuple[Any, ...]]:
    """Select the bytes of an owner: those counted, of the file `besides` if it is among them, and of open uploads."""
    evidence, names = db.metadata.tables["evidence"], [column.name for column in counter.primary_key]
    counted = select(counter.c.size).where(*(counter.c[name] == bindparam(name) for name in names))
    besides = (
        select(Attachment.size)
        .join(Evidence, Evidence.id == Attachment.evidence_id)
        .where(
            Attachment.sha256 == bindparam("besides"),
            Attachment.name != ERASED_TEXT,
            *(evidence.c[name] == bindparam(name) for name in names),
        )
        .limit(1)
    )
    received = (
        select(func.sum(PartialUpload.size))
        .join(Evidence, Evidence.id == PartialUpload.evidence_id)
        .where(PartialUpload.ended_at.is_(None), *(evidence.c[name] == bindparam(name) for name in names))
    )
    return select(*(func.coalesce(each.scalar_subquery(), 0) for each in (counted, besides, received)))


SIZE_OF_CENTRE, SIZE_OF_CANDIDATE = map(_select_size, COUNTERS)
WARNED_CANDIDATES = (
    select(Person.id, Person.name, CandidateStorage.size)
    .join(Person, Person.id == CandidateStorage.candidate_id)
    .where(CandidateStorage.centre_id == bindparam("centre_id"), CandidateStorage.size >= bindparam("warned_from"))
    .order_by(CandidateStorage.size.desc(), Person.id)
    .limit(MAX_LISTED)
)


def measure_candidate(candidate_id: int, centre_id: int, besides: str | None = None) -> Usage:
    """Return what a candidate stores at a centre, the file with the hash `besides` left out."""
    quota: int = current_app.config["SETTINGS"].candidate_quota
    rows = fetch_rows(SIZE_OF_CANDIDATE, candidate_id=candidate_id, centre_id=centre_id, besides=besides or "")
    return Usage(rows[0][0] - rows[0][1] + int(rows[0][2]), quota)


def measure_centre(centre_id: int, besides: str | None = None) -> Usage:
    """Return what all candidates of a centre store, the file with the hash `besides` left out."""
    quota: int = current_app.config["SETTINGS"].centre_quota
    rows = fetch_rows(SIZE_OF_CENTRE, centre_id=centre_id, besides=besides or "")
    return Usage(rows[0][0] - rows[0][1] + int(rows[0][2]), quota)


def list_warned_candidates(centre_id: int) -> list[CandidateUsage]:
    """Return the candidates of a centre who are warned, at most `MAX_LISTED`, those with the most first."""
    quota: int = current_app.config["SETTINGS"].candidate_quota
    if not quota:
        return []
    rows = fetch_rows(WARNED_CANDIDATES, centre_id=centre_id, warned_from=WARNED_SHARE * quota)
    return [CandidateUsage(row[0], row[1], Usage(row[2], quota)) for row in rows]


def check_room(candidate_id: int, centre_id: int, name: str, size: int, sha256: str | None = None) -> None:
    """Raise `Invalid` where a file would exceed the quota of its candidate or centre.

    Args:
        candidate_id: whose file it is.
        centre_id: at which centre.
        name: the file's name, as sentences show it.
        size: its bytes.
        sha256: its hash, if it is known: a file that is stored already needs no more room.
    """
    usage = measure_candidate(candidate_id, centre_id, sha256)
    if not usage.has_room_for(size):
        raise Invalid(
            f"“{name}” was not added: with it there would be more than {format_size(usage.quota)} of files, which is "
            "the most for a candidate. Everything else was kept. Ask your centre’s administrator for more space, or "
            "keep long recordings at work and say where.",
            "files",
        )
    usage = measure_centre(centre_id, sha256)
    if not usage.has_room_for(size):
        raise Invalid(
            f"“{name}” was not added: the space for files of your centre, {format_size(usage.quota)}, is used up. "
            "Everything else was kept. Tell your centre’s administrator, who can ask the system operator for more.",
            "files",
        )


def lock_files(centre_id: int) -> None:
    """Lock the centre's row, so that files added at the same time are found and counted by `check_room`."""
    db.session.execute(select(Centre.id).where(Centre.id == centre_id).with_for_update(key_share=True))
