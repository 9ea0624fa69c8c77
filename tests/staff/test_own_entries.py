"""CPD and declarations of interest: written by the person alone; an administrator answers a declaration."""

from collections.abc import Callable
from datetime import date

import pytest

from tests import factories
from tests.factories import World
from tests.staff.entries import declare, log_cpd
from tracker.errors import Invalid, Refused
from tracker.ledger.transactions import transaction
from tracker.staff.services import own_entries

TEXTS = ("Course", "What I learned", "")


def test_an_assessor_logs_cpd_and_removes_an_entry_with_a_reason(
    world: World, recorded_acts: Callable[[], list[str]]
) -> None:
    bob = factories.make_actor(world.bob)
    with transaction():
        entry = log_cpd(world.bob, world.northgate, minutes=90)
    assert entry.hours == 1.5
    with pytest.raises(Invalid, match="Enter the reason"), transaction():
        own_entries.remove_cpd(entry, world.bob, "", bob)
    with transaction():
        own_entries.remove_cpd(entry, world.bob, "Entered twice.", bob)
    with pytest.raises(Refused, match="removed already"), transaction():
        own_entries.remove_cpd(entry, world.bob, "Again", bob)
    assert recorded_acts() == ["cpd_recorded", "cpd_removed"]


@pytest.mark.parametrize(
    ("day", "minutes", "texts", "field"),
    [
        (None, 60, TEXTS, "happened_on"),
        (date(2999, 1, 1), 60, TEXTS, "happened_on"),
        (date(2026, 1, 1), 0, TEXTS, "hours"),
        (date(2026, 1, 1), 60_001, TEXTS, "hours"),
        (date(2026, 1, 1), 60, ("", "x", ""), "title"),
        (date(2026, 1, 1), 60, ("x" * 201, "x", ""), "title"),
        (date(2026, 1, 1), 60, ("x", " ", ""), "learning"),
    ],
)
def test_cpd_needs_a_day_hours_and_what_was_learned(
    world: World, day: date | None, minutes: int, texts: tuple[str, str, str], field: str
) -> None:
    with pytest.raises(Invalid) as refusal, transaction():
        own_entries.record_cpd(world.bob, world.northgate, day, minutes, texts, factories.make_actor(world.bob))
    assert refusal.value.field == field


def test_the_word_for_an_erased_text_is_no_declaration(world: World) -> None:
    bob = factories.make_actor(world.bob)
    with pytest.raises(Invalid, match="stands for a declaration that was erased"), transaction():
        own_entries.declare_interest(world.bob, world.northgate, " Erased ", bob)
    with transaction():
        declaration = own_entries.declare_interest(world.bob, world.northgate, "Erased my cousin’s file.", bob)
    assert declaration.is_open


def test_nobody_writes_in_the_cpd_log_or_the_declarations_of_somebody_else(world: World) -> None:
    dan = factories.make_actor(world.dan)
    with transaction():
        entry, declaration = log_cpd(world.bob, world.northgate), declare(world.bob, world.northgate, "My cousin")
    for act in (
        lambda: own_entries.record_cpd(world.bob, world.northgate, date(2026, 1, 1), 60, TEXTS, dan),
        lambda: own_entries.remove_cpd(entry, world.bob, "Wrong", dan),
        lambda: own_entries.declare_interest(world.bob, world.northgate, "", dan),
        lambda: own_entries.end_interest(declaration, world.bob, "Over", dan),
    ):
        with pytest.raises(Refused, match="Only the person themselves"), transaction():
            act()


def test_an_administrator_answers_a_declared_interest_once(
    world: World, recorded_acts: Callable[[], list[str]]
) -> None:
    dan = factories.make_actor(world.dan)
    with transaction():
        declaration = declare(world.bob, world.northgate, "Candidate C-1042 is my cousin.")
    with pytest.raises(Invalid), transaction():
        own_entries.answer_interest(declaration, world.bob, " ", dan)
    with transaction():
        own_entries.answer_interest(declaration, world.bob, "Allocated to Gwen.", dan)
    with pytest.raises(Refused, match="answered already"), transaction():
        own_entries.answer_interest(declaration, world.bob, "Again", dan)
    assert recorded_acts() == ["interest_declared", "interest_answered"]


def test_nobody_answers_their_own_declaration(world: World) -> None:
    with transaction():
        declaration = declare(world.bob, world.northgate, "My cousin")
    with pytest.raises(Refused, match="your own staff record"), transaction():
        own_entries.answer_interest(declaration, world.bob, "Nothing", factories.make_actor(world.bob))


def test_no_interest_is_declared_only_once_the_declared_one_has_ended(
    world: World, recorded_acts: Callable[[], list[str]]
) -> None:
    bob = factories.make_actor(world.bob)
    with transaction():
        declaration = declare(world.bob, world.northgate, "My cousin")
    with pytest.raises(Refused, match="has not ended"), transaction():
        declare(world.bob, world.northgate)
    with transaction():
        own_entries.end_interest(declaration, world.bob, "She has left.", bob)
    with transaction():
        nothing = declare(world.bob, world.northgate)
    assert not declaration.is_open
    assert not nothing.is_open
    for closed in (declaration, nothing):
        with pytest.raises(Refused, match="has ended"), transaction():
            own_entries.end_interest(closed, world.bob, "Again", bob)
        with pytest.raises(Refused, match="has ended"), transaction():
            own_entries.answer_interest(closed, world.bob, "Too late", factories.make_actor(world.dan))
    assert recorded_acts() == ["interest_declared", "interest_ended", "interest_declared"]
