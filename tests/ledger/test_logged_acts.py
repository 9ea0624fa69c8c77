"""The acts in the security log, and the table of its events in docs/operations.md."""

import json
import re
from pathlib import Path

import pytest

from tests.factories import World, make_actor
from tracker.ledger.events import record
from tracker.ledger.transactions import transaction
from tracker.security_log import LOGGED_ACTS

ROOT = Path(__file__).parents[2]


def list_documented_events() -> set[str]:
    """Return the names in the table of events of docs/operations.md, Security log."""
    _, _, section = (ROOT / "docs/operations.md").read_text().partition("\n## Security log\n")
    table = section.partition("| event |")[2].partition("\n\n")[0]
    return {name for row in table.splitlines()[2:] for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])}


def test_the_documents_name_every_event() -> None:
    written = set(LOGGED_ACTS)
    for path in (ROOT / "tracker").rglob("*.py"):
        written |= set(re.findall(r'security_log\.write\(\s*"(\w+)"', path.read_text()))
    assert list_documented_events() == written


@pytest.mark.parametrize("act", sorted(LOGGED_ACTS))
def test_an_act_has_a_line_once_it_is_committed(world: World, capsys: pytest.CaptureFixture[str], act: str) -> None:
    with transaction():
        record(act, world.alice, make_actor(world.dan))
        assert capsys.readouterr().err == ""
    (line,) = [json.loads(each) for each in capsys.readouterr().err.splitlines()]
    assert (line["log"], line["event"]) == ("security", act)
    assert (line["number"], line["by"], line["about"]) == (1, world.dan.id, f"person {world.alice.id}")
