"""Candidates' progress towards the qualifications they are registered for."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, select

from tracker.library.queries.qualifications import is_accepted_version
from tracker.models import Qualification, Registration, Unit, UnitAttempt
from tracker.statements import fetch_rows, ids
from tracker.units.qualification_documents import QualificationDocument, qualification_from_json
from tracker.units.qualification_rules import MANDATORY, QualificationResult, evaluate_qualification
from tracker.vocabulary import AttemptState
from tracker.web.formatting import counted
from tracker.web.text_direction import isolate

ACHIEVED = frozenset({AttemptState.VERIFIED, AttemptState.CERTIFICATE_CLAIMED})
"""The states that count towards a qualification: an internal verifier has signed."""


@dataclass(frozen=True)
class QualificationProgress:
    """A registration's qualification, and how far its candidate meets the qualification's rules."""

    registration_id: int
    document: QualificationDocument
    result: QualificationResult
    achieved: frozenset[str]
    chosen: frozenset[str]
    """The codes of the units that are not void, including the achieved ones."""

    def get_group_label(self, code: str) -> str:
        """Return the group of the qualification in which a unit counts."""
        group = self.document.find_group(code)
        return group.label if group else MANDATORY

    @property
    def summary(self) -> str:
        """Return the progress in one line: `Retail: 2 units achieved, 12 of 40 credits`."""
        if self.result.complete:
            return f"{isolate(self.document.title)}: all requirements met."
        parts = [f"{counted(len(self.result.counted), 'unit')} achieved"]
        if self.document.minimum_credits:
            parts.append(f"{self.result.credits} of {self.document.minimum_credits} credits")
        parts.append("more units to choose" if self.result.to_choose else "all units chosen")
        return f"{isolate(self.document.title)}: {', '.join(parts)}."


def _select_qualifications(*conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Select the qualifications of the registrations that meet the conditions, with the candidates' units."""
    return (
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
        .where(*conditions)
        .order_by(Registration.id)
    )


QUALIFICATIONS = _select_qualifications(Registration.id.in_(ids("registration_ids")))
OWN_QUALIFICATIONS = _select_qualifications(
    Registration.candidate_id == bindparam("person_id"),
    Registration.centre_id.in_(ids("centre_ids")),
    Registration.withdrawn_at.is_(None),
)


def find_progress(registration: Registration) -> QualificationProgress | None:
    """Return the progress of one registration, or None for single units.

    Units that the candidate did under other registrations at the centre count too.
    """
    return load_progress([registration.id]).get(registration.id)


def load_progress(registration_ids: Collection[int]) -> dict[int, QualificationProgress]:
    """Return the progress of these registrations by their ids; those for single units are left out."""
    rows = fetch_rows(QUALIFICATIONS, registration_ids=list(registration_ids))
    return {each.registration_id: each for each in _list_progress(rows)}


def list_own_progress(person_id: int, centre_ids: Collection[int]) -> list[QualificationProgress]:
    """List a candidate's progress towards each qualification they are registered for at these centres."""
    return _list_progress(fetch_rows(OWN_QUALIFICATIONS, person_id=person_id, centre_ids=list(centre_ids)))


def _list_progress(rows: Iterable[Row[*tuple[Any, ...]]]) -> list[QualificationProgress]:
    documents: dict[int, QualificationDocument] = {}
    attempts: dict[int, list[tuple[str, str, AttemptState]]] = {}
    for registration_id, document, code, version, state in rows:
        if registration_id not in documents:
            documents[registration_id] = qualification_from_json(json.loads(document))
        if code is not None:
            attempts.setdefault(registration_id, []).append((code, version, state))
    return [_compute_progress(key, document, attempts.get(key, ())) for key, document in documents.items()]


def _compute_progress(
    registration_id: int, document: QualificationDocument, attempts: Iterable[tuple[str, str, AttemptState]]
) -> QualificationProgress:
    """Compute the progress of one registration; a unit counts only in the version that the qualification names."""
    counting = [
        (code, state)
        for code, version, state in attempts
        if code not in document.by_code or is_accepted_version(document.by_code[code], version)
    ]
    achieved = frozenset(code for code, state in counting if state in ACHIEVED)
    chosen = frozenset(code for code, _ in counting)
    return QualificationProgress(
        registration_id, document, evaluate_qualification(document, achieved, chosen), achieved, chosen
    )


def find_objection(progress: QualificationProgress, code: str) -> str | None:
    """Return why adding this unit would not count or would keep another from counting, or None if it can be added."""
    if code not in progress.document.by_code:
        return f"{code} is not part of {isolate(progress.document.title)}. It would not count towards it."
    before = set(progress.result.blocked)
    after = evaluate_qualification(progress.document, progress.achieved, progress.chosen | {code}).blocked
    return next((sentence for sentence in after if sentence not in before), None)
