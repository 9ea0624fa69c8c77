"""Qualifications on screen: looked up by anyone, published by a centre's administrator, unchanging from then on."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import PASSWORD, World
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.models import Person, Qualification
from tracker.standards.files import read_library
from tracker.standards.qualification_documents import qualification_from_json
from tracker.standards.queries.qualifications import list_qualifications
from tracker.standards.services.qualifications import publish_qualification, read_qualification_text
from tracker.transactions import transaction

Browser = Callable[[Person], FlaskClient]

OWN = """\
code: NG-AWARD
slug: ng-award
title: "Northgate's <b>award</b>"
version: "1"
revision: 1
units:
  - code: CFACC15
    title: "Supervise"
    credit: "9"
    level: "6"
  - code: DELIVERCC
    title: "Deliver"
  - code: NG-LATER
    title: "Not yet published"
mandatory: [CFACC15]
groups:
  - name: A
    minimum: "1"
    maximum: "1"
    units: [DELIVERCC, NG-LATER]
barred:
  - [DELIVERCC, NG-LATER]
provenance:
  source: "our rules"
  read: "Typed."
"""


def held(code: str) -> list[Qualification]:
    return list(db.session.scalars(select(Qualification).where(Qualification.code == code)))


def test_a_document_is_the_same_from_its_json() -> None:
    for document in read_library().qualifications:
        assert qualification_from_json(document.as_json()) == document


class TestLookingUp:
    def test_anybody_signed_in_finds_it_by_its_title(self, world: World, client: Browser) -> None:
        alice = client(world.alice)
        assert "EX-SVQ3-CC" in alice.get("/qualifications").text
        assert "EX-SVQ3-CC" not in alice.get("/qualifications?q=diploma").text
        assert "No qualification was found." in alice.get("/qualifications?q=%25").text

    def test_its_page_says_the_rules_in_words(self, world: World, client: Browser) -> None:
        page = client(world.alice).get("/qualifications/ex-dip4-cs").text
        for words in (
            "Choose at least 20 credits.",
            "Choose at most 16 credits.",
            "At least 38 credits of them at level 4 or above.",
            "EX-DIG4 and EX-PHONE5 do not count together.",
            "not in the library yet",
        ):
            assert words in page

    def test_the_newest_of_a_code_is_listed(self, world: World) -> None:
        with transaction():
            for revision in (1, 2):
                text = OWN.replace("revision: 1", f"revision: {revision}").replace("ng-award", f"ng-award-{revision}")
                publish_qualification(read_qualification_text(text), world.northgate, factories.actor(world.dan))
        found = [each for each in list_qualifications([world.northgate.id]) if each.code == "NG-AWARD"]
        assert [each.revision for each in found] == [2]

    def test_another_centre_does_not_see_it(self, world: World, client: Browser) -> None:
        with transaction():
            publish_qualification(read_qualification_text(OWN), world.northgate, factories.actor(world.dan))
        assert client(world.bob).get("/qualifications/ng-award").status_code == 200
        assert client(world.grace).get("/qualifications/ng-award").status_code == 404
        assert "NG-AWARD" not in client(world.grace).get("/qualifications").text


class TestPublishing:
    def address(self, world: World) -> str:
        return f"/centres/{world.northgate.id}/qualifications"

    def test_it_is_looked_at_first(self, world: World, client: Browser) -> None:
        page = client(world.dan).post(f"{self.address(world)}/new", data={"text": OWN})
        assert page.status_code == 200
        assert "this is what it comes to" in page.text
        assert "Northgate&#39;s &lt;b&gt;award&lt;/b&gt;" in page.text
        assert held("NG-AWARD") == []

    def test_and_published_with_the_password(
        self, world: World, client: Browser, acts: Callable[[], list[str]]
    ) -> None:
        dan = client(world.dan)
        refused = dan.post(self.address(world), data={"text": OWN, "password": "wrong"})
        assert refused.status_code == 422
        assert "NG-AWARD" in refused.text
        assert held("NG-AWARD") == []
        assert dan.post(self.address(world), data={"text": OWN, "password": PASSWORD}).status_code == 303
        assert [each.owner_centre_id for each in held("NG-AWARD")] == [world.northgate.id]
        assert acts()[-1] == "qualification_published"

    @pytest.mark.parametrize(
        ("old", "new", "fault"),
        [
            ("mandatory: [CFACC15]", "mandatory: [CFACC16]", "CFACC16"),
            ('    title: "Deliver"\n', "", "title"),
            ("units:\n", "units:\n  - [1\n", "line"),
            ('minimum: "1"', 'minimum: "one"', "minimum"),
            ("code: NG-AWARD", "code: &a NG-AWARD\nx: *a", "references are not read"),
        ],
    )
    def test_a_fault_is_named_and_what_was_typed_is_kept(
        self, world: World, client: Browser, old: str, new: str, fault: str
    ) -> None:
        typed = OWN.replace(old, new, 1)
        assert typed != OWN
        page = client(world.dan).post(f"{self.address(world)}/new", data={"text": typed})
        assert page.status_code == 422
        assert fault in page.text
        assert "Not yet published" in page.text

    def test_a_published_one_never_changes(self, world: World) -> None:
        with transaction():
            publish_qualification(read_qualification_text(OWN), world.northgate, factories.actor(world.dan))
        with pytest.raises(Refused, match="Raise the revision to 2"), transaction():
            publish_qualification(
                read_qualification_text(OWN.replace("Deliver", "Delivers")),
                world.northgate,
                factories.actor(world.dan),
            )
        assert "Delivers" not in held("NG-AWARD")[0].document

    def test_an_address_that_is_anothers_is_refused(self, world: World) -> None:
        text = OWN.replace("slug: ng-award", "slug: ex-svq3-cc")
        with pytest.raises(Refused, match="Change the slug"), transaction():
            publish_qualification(read_qualification_text(text), world.northgate, factories.actor(world.dan))

    def test_more_than_anybody_types_is_refused(self) -> None:
        with pytest.raises(Invalid, match="at most 200,000 characters"):
            read_qualification_text("#" * 200_001)

    @pytest.mark.parametrize("text", ["", "[" * 5_000, "a: b: c", "\x00", "- 1", "null", "code: " + "9" * 100_000])
    def test_hostile_words_get_a_sentence(self, text: str) -> None:
        with pytest.raises(Invalid):
            read_qualification_text(text)
