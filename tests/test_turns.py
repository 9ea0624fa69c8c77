"""Whose turn it is among people who ask for the same kind of work."""

from dataclasses import dataclass

import pytest

from tracker.turns import choose_next

pytestmark = pytest.mark.one_database

ALICE, BOB, CAROL = 1, 2, 3


@dataclass(frozen=True)
class Asked:
    number: int
    person_id: int

    @property
    def asked_at(self) -> int:
        return self.number


def work_off(asked: list[Asked], arriving: dict[int, Asked] | None = None) -> list[int]:
    """Do one piece after the other; return whose they were. `arriving` are requests by the time of their arrival."""
    waiting, last_done, order = list(asked), dict[int, float](), list[int]()
    for time in range(100, 100 + len(asked) + len(arriving or {})):
        chosen = choose_next(waiting, last_done, set())
        waiting.remove(chosen)
        order.append(chosen.person_id)
        if arriving and time in arriving:
            waiting.append(arriving[time])
        last_done[chosen.person_id] = time + 0.5
    return order


def test_requests_of_different_people_keep_their_order() -> None:
    assert work_off([Asked(2, BOB), Asked(1, ALICE), Asked(3, CAROL)]) == [ALICE, BOB, CAROL]


def test_people_with_many_requests_take_turns() -> None:
    asked = [Asked(1, ALICE), Asked(2, ALICE), Asked(3, ALICE), Asked(4, BOB), Asked(5, BOB)]
    assert work_off(asked) == [ALICE, BOB, ALICE, BOB, ALICE]


def test_a_single_request_waits_only_for_the_piece_that_is_being_done() -> None:
    many = [Asked(number, ALICE) for number in range(10)]
    assert work_off(many, {103: Asked(103, BOB)})[3:6] == [ALICE, BOB, ALICE]


def test_a_person_who_asks_again_and_again_waits_behind_who_asked_before() -> None:
    asked = [Asked(1, ALICE), Asked(2, ALICE), Asked(3, BOB), Asked(4, CAROL)]
    assert work_off(asked) == [ALICE, BOB, CAROL, ALICE]


def test_nobody_waits_for_ever_while_others_arrive() -> None:
    arriving = {time: Asked(time, time) for time in range(100, 140)}
    assert work_off([Asked(1, ALICE), Asked(2, ALICE)], arriving)[:3] == [ALICE, 100, ALICE]


def test_a_person_whose_work_is_being_done_comes_after_all_others() -> None:
    waiting = [Asked(1, ALICE), Asked(2, BOB)]
    assert choose_next(waiting, {}, {ALICE}).person_id == BOB
    assert choose_next(waiting[:1], {}, {ALICE}).person_id == ALICE, "no subprocess stays idle"
    assert choose_next(waiting, {}, {ALICE, BOB}).person_id == ALICE
