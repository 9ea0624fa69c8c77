"""The witness list of the demonstration: three invented witnesses, of whom one is an expert."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from tracker import clock
from tracker.vocabulary import ListedStatus, Role
from tracker.witness_list.services.listing import TypedWitness, list_witness

if TYPE_CHECKING:
    from tracker.demo.scenario import Scenario

LISTED_DAYS_AGO = 194
WITNESSES = (
    TypedWitness(
        "Margaret Ellis", "m.ellis@corvell.example", "Operations manager, line manager of the advisers at Leeds",
        ListedStatus.FAMILIAR, None,
    ),
    TypedWitness(
        "Priya Nair", "p.nair@corvell.example", "Head of customer care, does not manage the candidates",
        ListedStatus.EXPERT, None,
        cv="Fourteen years in contact centres, member of the sector’s regional forum. Kept in the quality folder.",
    ),
    TypedWitness(
        "Samuel Okoro", "s.okoro@corvell.example", "Team manager of the late shift", ListedStatus.OTHER, None
    ),
)  # fmt: skip
"""Each witness; the dates come with the day on which Dan lists them."""


def schedule_witness_list(scenario: Scenario) -> None:
    """Schedule the day on which Dan lists the witnesses."""
    scenario.schedule(LISTED_DAYS_AGO, 10, lambda: _list_witnesses(scenario))


def _list_witnesses(scenario: Scenario) -> None:
    today = clock.today()
    for each in WITNESSES:
        is_expert = each.status is ListedStatus.EXPERT
        typed = replace(
            each, starts_on=today, inducted_on=today - timedelta(days=7) if is_expert else None,
            ends_on=today + timedelta(days=730) if is_expert else None,
        )  # fmt: skip
        list_witness(scenario.centre, typed, scenario.actor("Dan", Role.ADMINISTRATOR), is_administrator=True)
