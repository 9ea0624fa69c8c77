"""Awards and occupational competence: recorded, confirmed and removed by an administrator, never their own."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from tests import factories
from tests.factories import World
from tests.staff.entries import hold, make_certificate, make_competent, work_towards
from tracker import clock
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import StaffAward
from tracker.staff.services import awards
from tracker.vocabulary import AwardKind, Role


def record_held(
    world: World, kind: AwardKind = AwardKind.LD9DI, title: str = "", **certificate: object
) -> StaffAward:
    actor = factories.make_actor(world.dan)
    return awards.record_held_award(world.bob, world.northgate, kind, title, make_certificate(**certificate), actor)


def test_an_administrator_records_an_award_with_its_certificate(
    world: World, recorded_acts: Callable[[], list[str]]
) -> None:
    with transaction():
        award = record_held(world, awarding_body="  SQA ", number=" C-1042 ", ends_on=date(2030, 1, 1))
    assert (award.awarding_body, award.certificate_number, award.awarded_on) == ("SQA", "C-1042", date(2020, 5, 4))
    assert (award.recorded_by_id, award.confirmed_by_id) == (world.dan.id, world.dan.id)
    assert recorded_acts() == ["award_recorded"]


@pytest.mark.parametrize(
    ("certificate", "field"),
    [
        ({"awarding_body": " "}, "awarding_body"),
        ({"number": ""}, "certificate_number"),
        ({"number": "9" * 81}, "certificate_number"),
        ({"awarded_on": None}, "awarded_on"),
        ({"awarded_on": date(1949, 12, 31)}, "awarded_on"),
        ({"awarded_on": date(2999, 1, 1)}, "awarded_on"),
        ({"ends_on": date(2020, 5, 3)}, "ends_on"),
        ({"is_seen": False}, "is_seen"),
    ],
)
def test_a_held_award_needs_its_certificate(world: World, certificate: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refusal, transaction():
        record_held(world, **certificate)
    assert refusal.value.field == field


def test_another_award_needs_its_name_and_a_named_one_has_it(world: World) -> None:
    with pytest.raises(Invalid, match="what the award is called"), transaction():
        record_held(world, AwardKind.OTHER_ASSESSING)
    with pytest.raises(Invalid, match="Leave this empty"), transaction():
        record_held(world, AwardKind.A1, "A1 award")
    with transaction():
        assert record_held(world, AwardKind.OTHER_ASSESSING, " CAVA ").name == "CAVA"


def test_an_award_worked_towards_has_a_target_date_and_is_confirmed_later(
    world: World, recorded_acts: Callable[[], list[str]]
) -> None:
    with transaction():
        award = work_towards(world.bob, world.northgate, world.dan, days=0)
    assert not award.is_held
    with transaction():
        awards.confirm_award(award, world.bob, make_certificate(), factories.make_actor(world.dan))
    assert award.is_held
    assert award.target_on == clock.today()
    assert recorded_acts() == ["award_recorded", "award_confirmed"]


@pytest.mark.parametrize("days", [None, -1])
def test_a_target_date_is_today_or_later(world: World, days: int | None) -> None:
    target_on = None if days is None else clock.today() + timedelta(days=days)
    with pytest.raises(Invalid) as refusal, transaction():
        awards.record_planned_award(
            world.bob, world.northgate, AwardKind.A1, "", target_on, factories.make_actor(world.dan)
        )
    assert refusal.value.field == "target_on"


def test_an_award_is_confirmed_once(world: World) -> None:
    with transaction():
        award = hold(world.bob, world.northgate, world.dan)
    with pytest.raises(Refused, match="confirmed or removed meanwhile"), transaction():
        awards.confirm_award(award, world.bob, make_certificate(), factories.make_actor(world.dan))


def test_an_award_is_removed_once_and_with_a_reason(world: World, recorded_acts: Callable[[], list[str]]) -> None:
    dan = factories.make_actor(world.dan)
    with transaction():
        award = hold(world.bob, world.northgate, world.dan)
    with pytest.raises(Invalid, match="Enter the reason"), transaction():
        awards.remove_award(award, world.bob, " ", dan)
    with transaction():
        awards.remove_award(award, world.bob, "The certificate is of somebody else.", dan)
    with pytest.raises(Refused, match="removed already"), transaction():
        awards.remove_award(award, world.bob, "Again", dan)
    assert recorded_acts() == ["award_recorded", "award_removed"]
    assert award.awarded_on == date(2020, 5, 4)


def test_nobody_records_confirms_or_removes_their_own_award_or_competence(world: World) -> None:
    """Dan assesses too, and Hanna administers the centre beside him."""
    with transaction():
        factories.grant(world.dan, world.northgate, Role.ASSESSOR)
        hanna = factories.make_person("Hanna Ross", world.northgate, Role.ADMINISTRATOR)
        award = work_towards(world.dan, world.northgate, hanna)
        competence = make_competent(world.dan, world.northgate, hanna)
    dan = factories.make_actor(world.dan)
    for act in (
        lambda: hold(world.dan, world.northgate, world.dan),
        lambda: work_towards(world.dan, world.northgate, world.dan),
        lambda: make_competent(world.dan, world.northgate, world.dan),
        lambda: awards.confirm_award(award, world.dan, make_certificate(), dan),
        lambda: awards.remove_award(award, world.dan, "Mine", dan),
        lambda: awards.remove_competence(competence, world.dan, "Mine", dan),
    ):
        with pytest.raises(Refused, match="your own staff record"), transaction():
            act()


def test_the_database_refuses_an_award_that_its_person_recorded(world: World) -> None:
    with transaction():
        award = hold(world.bob, world.northgate, world.dan)
    table = StaffAward.__table__
    for column in ("recorded_by_id", "confirmed_by_id"):
        with pytest.raises(IntegrityError):
            db.session.execute(update(table).where(table.c.id == award.id).values({column: world.bob.id}))
        db.session.rollback()


def test_competence_is_in_a_unit_or_a_sector(world: World, recorded_acts: Callable[[], list[str]]) -> None:
    dan = factories.make_actor(world.dan)
    for code, area in (("", " "), ("CFACC15", "Contact centres")):
        with pytest.raises(Invalid) as refusal, transaction():
            awards.record_competence(world.bob, world.northgate, code, area, "Eight years", dan)
        assert refusal.value.field == "unit_code"
    with pytest.raises(Invalid, match="rests on"), transaction():
        awards.record_competence(world.bob, world.northgate, "CFACC15", "", "", dan)
    with transaction():
        unit = make_competent(world.bob, world.northgate, world.dan)
        sector = awards.record_competence(world.bob, world.northgate, "", " Contact  centres ", "Eight years", dan)
    assert (unit.area, sector.area) == ("CFACC15", "Contact centres")
    with transaction():
        awards.remove_competence(unit, world.bob, "He left the sector ten years ago.", dan)
    assert unit.removed_at
    assert recorded_acts() == ["competence_recorded", "competence_recorded", "competence_removed"]
