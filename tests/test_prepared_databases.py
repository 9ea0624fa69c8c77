"""Databases that tests share are told apart by their names."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.factories import World


@pytest.mark.one_database
def test_a_second_function_cannot_prepare_a_database_of_the_same_name(
    world: World, prepare: Callable[[str, Callable[[], Any]], Any]
) -> None:
    """Otherwise a test got the rows of whichever function its worker called first."""

    def say_first() -> str:
        return "first"

    assert prepare("a name that is used twice", say_first) == "first"
    assert prepare("a name that is used twice", say_first) == "first"
    with pytest.raises(ValueError, match=r"say_first.*name them apart"):
        prepare("a name that is used twice", lambda: "second")
