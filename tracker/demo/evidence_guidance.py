"""Rules of evidence guidance that the demonstration's centre sets for DELIVERCC, which has none of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.library.queries.units import load_document
from tracker.library.services.centre_rules import WrittenRule, read_rule, write_rule
from tracker.units.documents import unit_from_json
from tracker.vocabulary import Role

if TYPE_CHECKING:
    from tracker.demo.scenario import Scenario

RULES = (
    WrittenRule("methods", "2", ["observation"]),
    WrittenRule("months", "3"),
)


def schedule_evidence_guidance(scenario: Scenario) -> None:
    """Schedule the rules that Dan sets."""
    scenario.schedule(8, 11, lambda: _set_rules(scenario))


def _set_rules(scenario: Scenario) -> None:
    unit, dan = scenario.attempt("Ben", "DELIVERCC").unit, scenario.actor("Dan", Role.ADMINISTRATOR)
    document = unit_from_json(load_document(unit))
    for written in RULES:
        write_rule(unit, scenario.centre, read_rule(written, document), dan)
