"""Samples of decisions that a version move carried over: shown as earlier samples, and not counted."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from flask.testing import FlaskClient

from tests.assessment import workflow
from tests.assessment.second_version import move_to_second_version, publish_second_version
from tests.factories import World
from tests.verification import steps
from tracker.matrix import load_matrix
from tracker.models import Person
from tracker.verification.queries.sampling import ItemToSample, list_items_to_sample, summarise_sampling

Browser = Callable[[Person], FlaskClient]


def list_items(world: World) -> list[ItemToSample]:
    return list_items_to_sample(world.cfacc15, load_matrix(world.cfacc15))


def sample_and_move(world: World) -> None:
    """Sample criteria 1 and 2 of the item, disagree with 5, and move the unit. The wording of 2 has changed."""
    workflow.meet_everything(world, world.cfacc15)
    for label in ("1", "2"):
        steps.agree(world, steps.find_live_decision(world.cfacc15, label))
    steps.disagree(world, steps.find_live_decision(world.cfacc15, "5"))
    move_to_second_version(world, publish_second_version(world))


def test_samples_before_a_version_move_are_shown_as_earlier_ones(world: World, client: Browser) -> None:
    """They vanished from the progress, as if nothing had been sampled."""
    sample_and_move(world)
    (item,) = list_items(world)
    progress = summarise_sampling([item])
    assert (progress.sampled_decisions, progress.sampled_items, progress.earlier_decisions) == (0, 0, 2)
    earlier = {each.column.label: each.earlier_sample_item for each in item.decisions if each.earlier_sample_item}
    assert {label: each.agrees for label, each in earlier.items()} == {"1": True, "5": False}, "2 is decided again"
    page = " ".join(client(world.carol).get(f"/attempts/{world.cfacc15.id}/verify").text.split())
    assert "<b>2</b> sampled in an earlier version of the unit, not counted" in page
    assert "<span>2 in an earlier version</span>" in page
    assert page.count("in an earlier version of the unit </p>") == 2


def test_decision_sampled_again_after_a_move_counts(world: World) -> None:
    sample_and_move(world)
    steps.agree(world, steps.find_live_decision(world.cfacc15, "1"))
    progress = summarise_sampling(list_items(world))
    assert (progress.sampled_decisions, progress.earlier_decisions) == (1, 1)


def test_history_of_samples_names_the_version_of_each_criterion(world: World, client: Browser) -> None:
    sample_and_move(world)
    steps.agree(world, steps.find_live_decision(world.cfacc15, "1"))
    page = " ".join(client(world.carol).get(f"/attempts/{world.cfacc15.id}/verify/history").text.split())
    assert page.count("criterion 1 of version 1: agreed") == 1
    assert page.count("criterion 1: agreed") == 1


def test_earlier_samples_take_one_statement_more_and_none_without_a_move(
    world: World, client: Browser, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    carol, counts = client(world.carol), []
    workflow.meet_everything(world, world.cfacc15)
    steps.agree(world, steps.find_live_decision(world.cfacc15, "1"))
    address = f"/attempts/{world.cfacc15.id}/verify"
    carol.get(address)
    with count_statements() as statements:
        carol.get(address)
    counts.append(len([each for each in statements if "carried_over_claim" in each]))
    move_to_second_version(world, publish_second_version(world))
    with count_statements() as statements:
        carol.get(address)
    counts.append(len([each for each in statements if "FROM carried_over_claim" in each]))
    assert counts == [0, 2], "the page lists the items twice"
