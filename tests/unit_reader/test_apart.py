"""The unit made out in a process of its own: the same as without, and stopped where it takes too long."""

from pathlib import Path

import pytest

from tests.unit_reader.reader import text_source
from tracker.unit_reader.apart import read_unit_apart
from tracker.unit_reader.lines import NoUnit, Unreadable
from tracker.unit_reader.sources import read_source
from tracker.unit_reader.unit import read_unit

SEEDS = Path(__file__).parents[1] / "seeds"


@pytest.mark.parametrize("name", ["CFACC15.txt", "CFAMLFD3.txt"])
def test_a_unit_comes_back_as_it_was_read(name: str) -> None:
    source = read_source(name, (SEEDS / name).read_bytes())
    assert read_unit_apart(source) == read_unit(source)


def test_guidance_comes_back_as_guidance() -> None:
    name = "guidance-customer-service-procedures.txt"
    source = read_source(name, (SEEDS / name).read_bytes())
    with pytest.raises(NoUnit) as here:
        read_unit(source)
    with pytest.raises(NoUnit) as apart:
        read_unit_apart(source)
    assert here.value.guidance
    assert (str(apart.value), apart.value.guidance) == (str(here.value), here.value.guidance)


def test_text_that_takes_longer_than_any_unit_is_stopped_with_a_sentence(hurried: None) -> None:
    rows = "\n".join(f"{each} | Answer | call {each}" for each in range(100_000))
    with pytest.raises(Unreadable, match="more time or memory than any unit needs"):
        read_unit_apart(text_source(f"Performance criteria\n{rows}\n"))
