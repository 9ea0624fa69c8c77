"""Links between criteria: proposed by similarity, decided by an administrator, shown on units, kept with words."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.library.unit_versions import UNITS, make_revision, publish_version, reword_criteria
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.library.queries import links as queries
from tracker.library.services import links as services
from tracker.library.services.loading import load_unit
from tracker.models import CriterionLink, Person, Unit
from tracker.units.comparison import Link
from tracker.vocabulary import LinkKind

Browser = Callable[[Person], FlaskClient]


SUPERVISE = replace(UNITS["CFACC15"], code="SUPERVISE", slug="supervise")
DELIVER = replace(UNITS["DELIVERCC"], code="DELIVER", slug="deliver")
"""The same words under codes of which the installation's own links know nothing."""


@pytest.fixture
def unit_pair(app: Flask) -> tuple[Unit, Unit]:
    return publish_version(SUPERVISE), publish_version(DELIVER)


def confirm(world: World, unit_pair: tuple[Unit, Unit], link: Link) -> CriterionLink:
    with transaction():
        return services.confirm_link(*unit_pair, link, world.northgate, factories.make_actor(world.dan))


def links() -> list[tuple[int, int, bool]]:
    db.session.rollback()
    query = select(CriterionLink).where(CriterionLink.centre_id.is_not(None))
    rows = db.session.scalars(query.order_by(CriterionLink.position, CriterionLink.other_position))
    return [(each.position, each.other_position, each.is_confirmed) for each in rows]


class TestProposing:
    def test_criterion_1_of_cfacc15_and_12_of_delivercc_come_first(self, unit_pair: tuple[Unit, Unit]) -> None:
        proposals = queries.propose_links(*unit_pair, {})
        assert (proposals[0].first.label, proposals[0].second.label, proposals[0].similarity) == ("1", "12", 100)
        assert [each.similarity for each in proposals] == sorted(
            (each.similarity for each in proposals), reverse=True
        )
        assert all(each.first.kind is each.second.kind for each in proposals)

    def test_order_of_the_units_does_not_matter(self, unit_pair: tuple[Unit, Unit]) -> None:
        first, second = unit_pair
        assert queries.propose_links(first, second, {}) == queries.propose_links(second, first, {})

    def test_decided_pair_is_not_proposed_again(self, world: World, unit_pair: tuple[Unit, Unit]) -> None:
        confirm(world, unit_pair, (1, 12))
        with transaction():
            services.refuse_link(*unit_pair, (2, 13), world.northgate, factories.make_actor(world.dan))
        decisions = queries.list_link_decisions(*unit_pair, world.northgate.id)
        proposed = {
            (each.first.position, each.second.position) for each in queries.propose_links(*unit_pair, decisions)
        }
        assert not proposed & {(1, 12), (2, 13)}
        decided_proposals = queries.list_decided_proposals(*unit_pair, decisions)
        assert [(each.first.label, each.second.label, each.is_confirmed) for each in decided_proposals] == [
            ("1", "12", True),
            ("2", "13", False),
        ]


class TestDeciding:
    def test_link_stores_similarity_and_decider(
        self, world: World, unit_pair: tuple[Unit, Unit], recorded_acts: Callable[[], list[str]]
    ) -> None:
        link = confirm(world, unit_pair, (1, 12))
        assert (link.kind, link.similarity, link.decided_by_id, link.centre_id) == (
            LinkKind.SAME,
            100,
            world.dan.id,
            world.northgate.id,
        )
        confirm(world, unit_pair, (1, 12))
        assert links() == [(1, 12, True)]
        assert recorded_acts() == ["link_confirmed"]

    def test_new_decision_replaces_the_old_and_can_be_withdrawn(
        self, world: World, unit_pair: tuple[Unit, Unit], recorded_acts: Callable[[], list[str]]
    ) -> None:
        confirm(world, unit_pair, (1, 12))
        actor = factories.make_actor(world.dan)
        with transaction():
            services.refuse_link(*unit_pair, (1, 12), world.northgate, actor)
        assert links() == [(1, 12, False)]
        for _ in range(2):
            with transaction():
                services.withdraw_link_decision(*unit_pair, (1, 12), world.northgate, actor)
        assert links() == []
        assert recorded_acts() == ["link_confirmed", "link_refused", "link_decision_withdrawn"]

    def test_statement_can_be_linked_to_two(self, world: World, unit_pair: tuple[Unit, Unit]) -> None:
        confirm(world, unit_pair, (1, 12))
        confirm(world, unit_pair, (1, 13))
        assert links() == [(1, 12, True), (1, 13, True)]

    def test_missing_statement_cannot_be_linked(self, world: World, unit_pair: tuple[Unit, Unit]) -> None:
        with pytest.raises(NotFound):
            confirm(world, unit_pair, (1, 999))

    def test_decision_applies_at_its_centre_only(self, world: World, unit_pair: tuple[Unit, Unit]) -> None:
        confirm(world, unit_pair, (1, 12))
        assert queries.list_link_decisions(*unit_pair, world.southbank.id) == {}
        assert queries.list_linked_criteria(unit_pair[0], [world.southbank.id]) == {}

    def test_centre_can_override_an_installation_link_and_withdraw(
        self, world: World, unit_pair: tuple[Unit, Unit]
    ) -> None:
        with transaction():
            link = confirm(world, unit_pair, (1, 12))
            link.centre_id, link.decided_by_id = None, None
        ids = [unit.id for unit in unit_pair]
        actor = factories.make_actor(world.dan)
        with pytest.raises(Refused, match="part of the installation’s standards"), transaction():
            services.withdraw_link_decision(*unit_pair, (1, 12), world.northgate, actor)
        with transaction():
            services.refuse_link(*unit_pair, (1, 12), world.northgate, actor)
        assert queries.list_same_criteria(ids, world.northgate.id) == {}
        assert queries.list_linked_criteria(unit_pair[0], [world.northgate.id]) == {}
        assert queries.list_same_criteria(ids, world.southbank.id) == {
            (ids[0], 1): ((ids[1], 12),),
            (ids[1], 12): ((ids[0], 1),),
        }
        with transaction():
            services.withdraw_link_decision(*unit_pair, (1, 12), world.northgate, actor)
        assert queries.list_same_criteria(ids, world.northgate.id)


class TestTwoVersions:
    def test_identical_statements_are_confirmed_together(
        self, world: World, recorded_acts: Callable[[], list[str]]
    ) -> None:
        older = factories.unit("CFACC15")
        newer = publish_version(
            make_revision(
                reword_criteria(
                    UNITS["CFACC15"], {"p:2": "Deal with complex contacts that colleagues refer.", "p:3": ""}
                )
            )
        )
        with transaction():
            assert services.confirm_same_wording(older, newer, world.northgate, factories.make_actor(world.dan)) == 22
        with transaction():
            assert services.confirm_same_wording(newer, older, world.northgate, factories.make_actor(world.dan)) == 0
        assert (1, 1, True) in links()
        assert (4, 3, True) in links()
        assert not [link for link in links() if link[0] in {2, 3}]
        assert recorded_acts() == ["links_confirmed"]

    def test_links_to_other_units_are_copied_to_the_newer_version(
        self, world: World, unit_pair: tuple[Unit, Unit]
    ) -> None:
        older, linked_unit = unit_pair
        actor = factories.make_actor(world.dan)
        for link in ((1, 12), (2, 13), (3, 4)):
            confirm(world, unit_pair, link)
        with transaction():
            services.refuse_link(*unit_pair, (3, 4), world.northgate, actor)
        newer = publish_version(
            make_revision(reword_criteria(SUPERVISE, {"p:2": "Something else."}), slug="supervise-2")
        )
        with transaction():
            services.confirm_same_wording(older, newer, world.northgate, actor)
        assert queries.list_same_criteria([newer.id, linked_unit.id], world.northgate.id) == {
            (linked_unit.id, 12): ((newer.id, 1),), (newer.id, 1): ((linked_unit.id, 12),),
        }  # fmt: skip
        decisions = queries.list_link_decisions(newer, linked_unit, world.northgate.id)
        assert {link[::-1]: each.is_confirmed for link, each in decisions.items()} == {(1, 12): True, (3, 4): False}
        assert queries.list_same_criteria([newer.id, linked_unit.id], world.southbank.id) == {}

    def test_installation_links_are_copied_to_the_newer_version(self, world: World) -> None:
        older, linked_unit = factories.unit("CFACC15"), factories.unit("DELIVERCC")
        newer = publish_version(make_revision(UNITS["CFACC15"]))
        with transaction():
            services.confirm_same_wording(older, newer, world.northgate, factories.make_actor(world.dan))
        assert (newer.id, 1) in queries.list_same_criteria([newer.id, linked_unit.id], world.northgate.id)

    def test_different_units_cannot_be_confirmed_together(self, world: World, unit_pair: tuple[Unit, Unit]) -> None:
        with pytest.raises(Invalid), transaction():
            services.confirm_same_wording(*unit_pair, world.northgate, factories.make_actor(world.dan))

    @pytest.mark.usefixtures("app")
    def test_older_version_comes_first(self) -> None:
        older = factories.unit("CFACC15")
        newer = publish_version(make_revision(UNITS["CFACC15"], version="1.10"))
        middle = publish_version(make_revision(UNITS["CFACC15"], version="1.9"))
        assert queries.order_units(newer, middle) == (LinkKind.REPLACED_BY, middle, newer)
        assert [unit.id for unit in queries.list_other_versions(older, [])] == [newer.id, middle.id]


class TestLoadingAnew:
    """Nobody attempts the unit, so that its text may still change."""

    def test_link_follows_a_statement_with_unchanged_words(self, world: World, unit_pair: tuple[Unit, Unit]) -> None:
        for link in ((1, 12), (2, 13), (8, 22)):
            confirm(world, unit_pair, link)
        with transaction():
            load_unit(reword_criteria(DELIVER, {"p:1": "", "p:13": "deal with whatever colleagues refer"}))
        assert links() == [(1, 11, True), (8, 21, True)], "one further up is gone; 13 says something else now"

    def test_swapped_statements_keep_their_links(self, world: World, unit_pair: tuple[Unit, Unit]) -> None:
        confirm(world, unit_pair, (1, 12))
        confirm(world, unit_pair, (1, 13))
        document = DELIVER
        twelve, thirteen = document.criteria[11], document.criteria[12]
        swapped_criteria = (replace(thirteen, position=12, label="12"), replace(twelve, position=13, label="13"))
        with transaction():
            load_unit(
                replace(document, criteria=(*document.criteria[:11], *swapped_criteria, *document.criteria[13:]))
            )
        assert links() == [(1, 12, True), (1, 13, True)]
        assert {
            each.second.label: each.second.text
            for each in queries.list_decided_proposals(
                *unit_pair, queries.list_link_decisions(*unit_pair, world.northgate.id)
            )
        }["13"] == twelve.text

    def test_unchanged_unit_keeps_all_links(self, world: World, unit_pair: tuple[Unit, Unit]) -> None:
        confirm(world, unit_pair, (1, 12))
        with transaction():
            load_unit(DELIVER)
        assert links() == [(1, 12, True)]


@pytest.mark.usefixtures("unit_pair")
class TestTheScreen:
    def address(self, world: World) -> str:
        return f"/centres/{world.northgate.id}/links/supervise/deliver"

    def test_administrator_sees_proposed_links_of_two_units(self, world: World, client: Browser) -> None:
        dan = client(world.dan)
        assert "SUPERVISE Supervise" in dan.get(f"/centres/{world.northgate.id}/links").text
        page = dan.get(f"/centres/{world.northgate.id}/links?one=deliver&other=supervise").text
        assert "Performance 1 and 12" in page
        assert "100% similar" in page
        assert "There are no confirmed links yet." in page

    def test_administrator_confirms_refuses_and_adds_links(self, world: World, client: Browser) -> None:
        dan = client(world.dan)
        for act, position, other_position in (("confirm", 1, 12), ("refuse", 2, 13), ("confirm", 5, 6)):
            answer = dan.post(
                self.address(world), data={"act": act, "position": position, "other_position": other_position}
            )
            assert answer.location == f"/centres/{world.northgate.id}/links?one=supervise&other=deliver"
        assert links() == [(1, 12, True), (2, 13, False), (5, 6, True)]
        page = dan.get(answer.location).text
        assert (
            page.index("Confirmed links</h2>")
            < page.index("Performance 1 and 12")
            < page.index("Not the same</h2>")
            < page.index("Performance 2 and 13")
        )
        dan.post(self.address(world), data={"act": "undo", "position": 1, "other_position": 12})
        assert links() == [(2, 13, False), (5, 6, True)]

    @pytest.mark.parametrize(
        "form", [{}, {"act": "confirm"}, {"act": "confirm", "position": "x", "other_position": "1"}]
    )
    def test_incomplete_form_changes_nothing(self, world: World, client: Browser, form: dict[str, str]) -> None:
        assert client(world.dan).post(self.address(world), data=form).status_code == 422
        assert links() == []

    def test_unit_of_another_centre_is_not_found(
        self, world: World, client: Browser, unit_pair: tuple[Unit, Unit]
    ) -> None:
        with transaction():
            unit_pair[1].owner_centre_id = world.southbank.id
        form = {"act": "confirm", "position": 1, "other_position": 12}
        assert client(world.dan).post(self.address(world), data=form).status_code == 404
        assert client(world.heidi).post(self.address(world), data=form).status_code == 404

    def test_chosen_older_version_stays_selected(self, world: World, client: Browser) -> None:
        publish_version(make_revision(UNITS["CFACC15"], slug="cfacc15-1-2"))
        page = client(world.dan).get(f"/centres/{world.northgate.id}/links?one=cfacc15&other=delivercc").text
        options = re.findall(r'<option value="(\S+)" selected>([^<]*)', page)
        assert [slug for slug, _ in options] == ["cfacc15", "delivercc"]
        assert options[0][1].endswith(", version 1, revision 1")

    def test_both_statements_of_a_pair_can_be_read(
        self, world: World, client: Browser, unit_pair: tuple[Unit, Unit]
    ) -> None:
        confirm(world, unit_pair, (1, 12))
        page = client(world.dan).get(f"/centres/{world.northgate.id}/links?one=supervise&other=deliver").text
        assert "Confirmed links" in page
        assert "No statement." not in page

    def test_unit_cannot_be_linked_with_itself(self, world: World, client: Browser) -> None:
        dan = client(world.dan)
        assert dan.get(f"/centres/{world.northgate.id}/links?one=supervise&other=supervise").status_code == 422
        form = {"act": "confirm", "position": 1, "other_position": 1}
        assert dan.post(f"/centres/{world.northgate.id}/links/supervise/supervise", data=form).status_code == 404

    def test_unit_page_names_linked_statements(
        self, world: World, client: Browser, unit_pair: tuple[Unit, Unit]
    ) -> None:
        confirm(world, unit_pair, (1, 12))
        assert ">DELIVER 12</a>" in client(world.alice).get("/units/supervise").text
        assert ">SUPERVISE 1</a>" in client(world.alice).get("/units/deliver").text
        assert "DELIVER 12" not in client(world.frank).get("/units/supervise").text

    def test_linked_statements_need_one_query(
        self,
        world: World,
        unit_pair: tuple[Unit, Unit],
        count_statements: Callable[[], AbstractContextManager[list[str]]],
    ) -> None:
        confirm(world, unit_pair, (1, 12))
        with count_statements() as statements:
            queries.list_linked_criteria(unit_pair[0], [world.northgate.id])
        assert len([each for each in statements if "criterion_link" in each]) == 1


class TestComparingVersions:
    def publish(self) -> Unit:
        texts = {"p:2": "Deal with complex customer contacts referred by colleagues without authority.", "p:3": ""}
        return publish_version(make_revision(reword_criteria(UNITS["CFACC15"], texts)))

    def test_everyone_can_compare_two_versions(self, world: World, client: Browser) -> None:
        newer = self.publish()
        alice = client(world.alice)
        assert newer.slug in alice.get("/units/cfacc15/compare").text
        page = alice.get(f"/units/{newer.slug}/compare?with=cfacc15").text
        assert "<b>22</b> unchanged" in page
        assert "<b>1</b> reworded" in page
        assert "<b>1</b> removed" in page
        assert "<del>from</del>" in page
        assert "<ins>by</ins>" in page
        assert "Confirm" not in page

    def test_unit_with_one_version_says_so(self, world: World, client: Browser) -> None:
        assert "This unit has one version" in client(world.alice).get("/units/delivercc/compare").text
        assert client(world.alice).get("/units/nothing/compare").status_code == 404

    def test_administrator_confirms_identical_then_reworded_statements(self, world: World, client: Browser) -> None:
        newer = self.publish()
        dan = client(world.dan)
        page = dan.get(f"/units/cfacc15/compare?with={newer.slug}").text
        assert "Confirm 22 identical statements" in page
        address = f"/centres/{world.northgate.id}/links/cfacc15/{newer.slug}"
        answer = dan.post(address, data={"act": "confirm_same"}, follow_redirects=True)
        assert "22 statements confirmed" in answer.text
        dan.post(address, data={"act": "confirm", "position": 2, "other_position": 2})
        assert (2, 2, True) in links()
        dan.post(address, data={"act": "refuse", "position": 2, "other_position": 2})
        page = dan.get(f"/units/cfacc15/compare?with={newer.slug}").text
        assert "<b>2</b> removed" in page
        assert "Not the same" in page

    def test_unchanged_statements_can_be_hidden(self, world: World, client: Browser) -> None:
        newer = self.publish()
        page = client(world.alice).get(f"/units/cfacc15/compare?with={newer.slug}&show=changed").text
        assert "Engage with customers who make complex" in page
        assert "Follow organisational procedures to support" not in page
        unchanged_version = publish_version(make_revision(UNITS["CFACC15"], revision=3))
        page = client(world.alice).get(f"/units/cfacc15/compare?with={unchanged_version.slug}&show=changed").text
        assert "No differences: both versions have the same statements in the same order." in page
