"""Entries of a staff record, made by the services."""

from datetime import date, timedelta

from tests import factories
from tracker import clock
from tracker.models import Centre, CpdEntry, InterestDeclaration, Person, StaffAward, StaffCompetence
from tracker.staff.services import awards, own_entries
from tracker.staff.services.awards import Certificate
from tracker.vocabulary import AwardKind


def make_certificate(
    *, awarded_on: date | None = date(2020, 5, 4), ends_on: date | None = None, **changes: object
) -> Certificate:
    """Return a certificate that the administrator has seen."""
    values = {"awarding_body": "SQA", "number": "C-77", "is_seen": True} | changes
    return Certificate(awarded_on=awarded_on, ends_on=ends_on, **values)


def hold(
    person: Person, centre: Centre, administrator: Person, kind: AwardKind = AwardKind.LD9DI, **certificate: object
) -> StaffAward:
    """Record an award that a person holds."""
    actor = factories.make_actor(administrator)
    return awards.record_held_award(person, centre, kind, "", make_certificate(**certificate), actor)


def work_towards(
    person: Person, centre: Centre, administrator: Person, kind: AwardKind = AwardKind.LD9DI, *, days: int = 90
) -> StaffAward:
    """Record an award that a person is to achieve in so many days."""
    target_on = clock.today() + timedelta(days=days)
    return awards.record_planned_award(person, centre, kind, "", target_on, factories.make_actor(administrator))


def make_competent(person: Person, centre: Centre, administrator: Person, code: str = "CFACC15") -> StaffCompetence:
    """Record competence in a unit."""
    actor = factories.make_actor(administrator)
    return awards.record_competence(person, centre, code, "", "Eight years on a help desk", actor)


def log_cpd(person: Person, centre: Centre, title: str = "Standardisation meeting", *, minutes: int = 90) -> CpdEntry:
    """Add an entry to a person's CPD log, of today."""
    texts = (title, "How to ask shorter questions", "Minutes in the team folder")
    return own_entries.record_cpd(person, centre, clock.today(), minutes, texts, factories.make_actor(person))


def declare(person: Person, centre: Centre, interest: str = "") -> InterestDeclaration:
    """Declare an interest, or, without one, that there is none."""
    return own_entries.declare_interest(person, centre, interest, factories.make_actor(person))
