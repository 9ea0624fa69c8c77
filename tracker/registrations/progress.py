"""How a candidate stands towards the qualification they are registered for."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, select

from tracker.extensions import db
from tracker.library.queries.qualifications import is_accepted_version
from tracker.models import Qualification, Registration, Unit, UnitAttempt
from tracker.units.qualification_documents import QualificationDocument, qualification_from_json
from tracker.units.qualification_rules import MANDATORY, QualificationResult, evaluate_qualification
from tracker.vocabulary import AttemptState

ACHIEVED = frozenset({AttemptState.VERIFIED, AttemptState.CERTIFICATE_CLAIMED})
"""What counts towards a qualification: an internal verifier has signed."""


@dataclass(frozen=True)
class QualificationProgress:
    """A registration's qualification, and how its candidate stands towards it."""

    registration_id: int
    document: QualificationDocument
    standing: QualificationResult
    achieved: frozenset[str]
    chosen: frozenset[str]
    """The codes of the units that are not void, achieved ones among them."""

    def place_of(self, code: str) -> str:
        """Where a unit of the qualification counts."""
        group = self.document.group_of(code)
        return group.label if group else MANDATORY

    @property
    def words(self) -> str:
        """One line for the candidate's home."""
        if self.standing.complete:
            return f"{self.document.title}: every rule is fulfilled."
        parts = [
            f"{len(self.standing.counted)} {'unit counts' if len(self.standing.counted) == 1 else 'units count'}"
        ]
        if self.document.minimum_credits:
            parts.append(f"{self.standing.credits} of {self.document.minimum_credits} credits")
        parts.append("something is still to choose" if self.standing.to_choose else "everything is chosen")
        return f"{self.document.title}: {', '.join(parts)}."


def find_progress(registration: Registration) -> QualificationProgress | None:
    """How the candidate of one registration stands; None for single units. Units done at the centre count."""
    return next(iter(_list(Registration.id == registration.id)), None)


def load_progress(registration_ids: Collection[int]) -> dict[int, QualificationProgress]:
    """How the candidates of these registrations stand, by registration; those for single units are left out."""
    return {each.registration_id: each for each in _list(Registration.id.in_(registration_ids))}


def list_own_progress(person_id: int, centre_ids: Collection[int]) -> list[QualificationProgress]:
    """How a candidate of these centres stands towards each qualification they are registered for; one statement."""
    return _list(
        Registration.candidate_id == person_id,
        Registration.centre_id.in_(centre_ids),
        Registration.withdrawn_at.is_(None),
    )


def _list(*which: ColumnElement[bool]) -> list[QualificationProgress]:
    query = (
        select(Registration.id, Qualification.document, Unit.code, Unit.version, UnitAttempt.state)
        .join(Qualification, Qualification.id == Registration.qualification_id)
        .outerjoin(
            UnitAttempt,
            and_(
                UnitAttempt.candidate_id == Registration.candidate_id,
                UnitAttempt.centre_id == Registration.centre_id,
                UnitAttempt.state != AttemptState.VOID,
            ),
        )
        .outerjoin(Unit, Unit.id == UnitAttempt.unit_id)
        .where(*which)
        .order_by(Registration.id)
    )
    documents: dict[int, QualificationDocument] = {}
    attempts: dict[int, list[tuple[str, str, AttemptState]]] = {}
    for registration_id, document, code, version, state in db.session.execute(query):
        documents.setdefault(registration_id, qualification_from_json(json.loads(document)))
        if code is not None:
            attempts.setdefault(registration_id, []).append((code, version, state))
    return [_judged(key, document, attempts.get(key, ())) for key, document in documents.items()]


def _judged(
    registration_id: int, document: QualificationDocument, attempts: Iterable[tuple[str, str, AttemptState]]
) -> QualificationProgress:
    """Another version of a unit than the one that the qualification names is none of its units."""
    taken = [
        (code, state)
        for code, version, state in attempts
        if code not in document.by_code or is_accepted_version(document.by_code[code], version)
    ]
    achieved = frozenset(code for code, state in taken if state in ACHIEVED)
    chosen = frozenset(code for code, _ in taken)
    return QualificationProgress(
        registration_id, document, evaluate_qualification(document, achieved, chosen), achieved, chosen
    )


def find_objection(found: QualificationProgress, code: str) -> str | None:
    """Why a unit, added to what is chosen, would not count or would keep another from counting; None where it may."""
    if code not in found.document.by_code:
        return f"{code} is not part of {found.document.title}: it would be done beside it."
    before = set(found.standing.blocked)
    after = evaluate_qualification(found.document, found.achieved, found.chosen | {code}).blocked
    return next((sentence for sentence in after if sentence not in before), None)
