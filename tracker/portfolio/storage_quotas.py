"""Storage quotas: how many bytes of files a candidate and a centre may store, counted from the database.

The files of removed and of earlier attachments count, since they are kept; the same file counts once for each, and an
erased one no more (docs/rules.md, Evidence).
"""

from dataclasses import dataclass

from flask import current_app
from sqlalchemy import ColumnElement, Select, and_, bindparam, func, select

from tracker.errors import Invalid
from tracker.extensions import db
from tracker.models import Attachment, Centre, Evidence, Person
from tracker.statements import fetch_rows
from tracker.storage.file_references import ERASED_TEXT
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


def _select_size(is_included: ColumnElement[bool]) -> Select[int]:
    """Select the bytes of the files of the evidence that meets a condition, each file once, all but one of a hash."""
    files = (
        select(Attachment.sha256, Attachment.size)
        .join(Evidence, Evidence.id == Attachment.evidence_id)
        .where(is_included, Attachment.name != ERASED_TEXT, Attachment.sha256 != bindparam("besides"))
        .distinct()
        .subquery()
    )
    return select(func.coalesce(func.sum(files.c.size), 0))


SIZE_OF_CENTRE = _select_size(Evidence.centre_id == bindparam("centre_id"))
SIZE_OF_CANDIDATE = _select_size(
    and_(Evidence.candidate_id == bindparam("candidate_id"), Evidence.centre_id == bindparam("centre_id"))
)


def measure_candidate(candidate_id: int, centre_id: int, besides: str | None = None) -> Usage:
    """Return what a candidate stores at a centre, the file with the hash `besides` left out."""
    quota: int = current_app.config["SETTINGS"].candidate_quota
    rows = fetch_rows(SIZE_OF_CANDIDATE, candidate_id=candidate_id, centre_id=centre_id, besides=besides or "")
    return Usage(int(rows[0][0]), quota)


def measure_centre(centre_id: int, besides: str | None = None) -> Usage:
    """Return what all candidates of a centre store, the file with the hash `besides` left out."""
    quota: int = current_app.config["SETTINGS"].centre_quota
    rows = fetch_rows(SIZE_OF_CENTRE, centre_id=centre_id, besides=besides or "")
    return Usage(int(rows[0][0]), quota)


def list_warned_candidates(centre_id: int) -> list[CandidateUsage]:
    """Return the candidates of a centre who are warned, at most `MAX_LISTED`, those with the most first."""
    quota: int = current_app.config["SETTINGS"].candidate_quota
    if not quota:
        return []
    files = (
        select(Evidence.candidate_id, Attachment.sha256, Attachment.size)
        .join(Evidence, Evidence.id == Attachment.evidence_id)
        .where(Evidence.centre_id == centre_id, Attachment.name != ERASED_TEXT)
        .distinct()
        .subquery()
    )
    used = func.sum(files.c.size)
    query = (
        select(Person.id, Person.name, used)
        .join(files, files.c.candidate_id == Person.id)
        .group_by(Person.id, Person.name)
        .having(used >= WARNED_SHARE * quota)
        .order_by(used.desc(), Person.id)
        .limit(MAX_LISTED)
    )
    return [CandidateUsage(row[0], row[1], Usage(int(row[2]), quota)) for row in db.session.execute(query)]


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
            f"“{name}” was not added: with it your files would take more than {format_size(usage.quota)}, which is "
            "the most for a candidate. Everything else was kept. Ask your centre’s administrator for more space, or "
            "keep long recordings at work and enter where.",
            "files",
        )
    usage = measure_centre(centre_id, sha256)
    if not usage.has_room_for(size):
        raise Invalid(
            f"“{name}” was not added: the space for files of your centre, {format_size(usage.quota)}, is used up. "
            "Everything else was kept. Tell your centre’s administrator, who can ask the system operator for more.",
            "files",
        )


def lock_and_check_room(evidence: Evidence, name: str, size: int, sha256: str) -> None:
    """Lock the centre's row, so that files added at the same time are counted, then check as `check_room` does."""
    db.session.execute(select(Centre.id).where(Centre.id == evidence.centre_id).with_for_update(key_share=True))
    check_room(evidence.candidate_id, evidence.centre_id, name, size, sha256)
