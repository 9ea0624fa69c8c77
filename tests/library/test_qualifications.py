"""Qualifications on screen: readable for everyone, published by administrators, never changed afterwards."""

import html
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests import factories
from tests.factories import PASSWORD, World
from tests.units.documents_strategy import LISTS, SLUGS, texts
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.library.queries.qualifications import list_qualifications, make_next_revision, read_qualification
from tracker.library.services.qualifications import publish_qualification, read_qualification_text
from tracker.models import Person, Qualification
from tracker.units.documents import Identifier, Provenance
from tracker.units.formats.qualification_yaml import format_qualification_yaml
from tracker.units.qualification_documents import (
    QualificationDocument,
    QualificationGroup,
    QualificationUnit,
    qualification_from_json,
)
from tracker.units.standards_folder import read_standards

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


def list_versions(code: str) -> list[Qualification]:
    query = select(Qualification).where(Qualification.code == code).order_by(Qualification.revision)
    return list(db.session.scalars(query))


def test_document_is_the_same_from_its_json() -> None:
    for document in read_standards().qualifications:
        assert qualification_from_json(document.as_json()) == document


class TestLookingUp:
    def test_everyone_signed_in_finds_it_by_title(self, world: World, client: Browser) -> None:
        alice = client(world.alice)
        assert "EX-SVQ3-CC" in alice.get("/qualifications").text
        assert "EX-SVQ3-CC" not in alice.get("/qualifications?q=diploma").text
        assert "No qualification matches “%”." in alice.get("/qualifications?q=%25").text

    def test_every_qualification_is_listed_however_many_there_are(self, world: World, client: Browser) -> None:
        """The list was cut at 200 without a word, and so were the choices for a registration."""
        (first, *_) = list_versions("EX-SVQ3-CC")
        columns = {
            each.name: getattr(first, each.name) for each in Qualification.__table__.columns if each.name != "id"
        }
        with transaction():
            db.session.add_all(
                Qualification(
                    **{**columns, "code": f"NG-{n}", "slug": f"ng-{n}", "owner_centre_id": world.northgate.id}
                )
                for n in range(201)
            )
        assert sum(each.code.startswith("NG-") for each in list_qualifications([world.northgate.id])) == 201
        assert "1–50 of 201" in client(world.dan).get("/qualifications?owner=own").text

    def test_page_shows_the_rules_in_words(self, world: World, client: Browser) -> None:
        page = client(world.alice).get("/qualifications/ex-dip4-cs").text
        for words in (
            "Choose at least 20 credits.",
            "Choose at most 16 credits.",
            "At least 38 credits of them at level 4 or above.",
            "EX-DIG4 and EX-PHONE5 do not count together.",
            "not in the library yet",
        ):
            assert words in page

    def test_newest_version_of_a_code_is_listed(self, world: World) -> None:
        with transaction():
            for revision in (1, 2):
                text = OWN.replace("revision: 1", f"revision: {revision}").replace("ng-award", f"ng-award-{revision}")
                publish_qualification(read_qualification_text(text), world.northgate, factories.make_actor(world.dan))
        versions = [each for each in list_qualifications([world.northgate.id]) if each.code == "NG-AWARD"]
        assert [each.revision for each in versions] == [2]

    def test_other_centre_does_not_see_it(self, world: World, client: Browser) -> None:
        with transaction():
            publish_qualification(read_qualification_text(OWN), world.northgate, factories.make_actor(world.dan))
        assert client(world.bob).get("/qualifications/ng-award").status_code == 200
        assert client(world.grace).get("/qualifications/ng-award").status_code == 404
        assert "NG-AWARD" not in client(world.grace).get("/qualifications").text


class TestPublishing:
    def address(self, world: World) -> str:
        return f"/centres/{world.northgate.id}/qualifications"

    def test_preview_comes_before_publishing(self, world: World, client: Browser) -> None:
        page = client(world.dan).post(f"{self.address(world)}/new", data={"text": OWN})
        assert page.status_code == 200
        assert "preview. Nothing is published yet." in page.text
        assert "Northgate&#39;s &lt;b&gt;award&lt;/b&gt;" in page.text
        assert list_versions("NG-AWARD") == []

    def test_password_publishes_it(
        self, world: World, client: Browser, recorded_acts: Callable[[], list[str]]
    ) -> None:
        dan = client(world.dan)
        refusal = dan.post(self.address(world), data={"text": OWN, "password": "wrong"})
        assert refusal.status_code == 422
        assert "NG-AWARD" in refusal.text
        assert list_versions("NG-AWARD") == []
        assert dan.post(self.address(world), data={"text": OWN, "password": PASSWORD}).status_code == 303
        assert [each.owner_centre_id for each in list_versions("NG-AWARD")] == [world.northgate.id]
        assert recorded_acts()[-1] == "qualification_published"

    @pytest.mark.parametrize(
        ("old", "new", "fault"),
        [
            ("mandatory: [CFACC15]", "mandatory: [CFACC16]", "CFACC16"),
            ('    title: "Deliver"\n', "", "title"),
            ("units:\n", "units:\n  - [1\n", "line"),
            ('minimum: "1"', 'minimum: "one"', "minimum"),
            ("code: NG-AWARD", "code: &a NG-AWARD\nx: *a", "references are not supported"),
        ],
    )
    def test_fault_is_named_and_typed_text_is_kept(
        self, world: World, client: Browser, old: str, new: str, fault: str
    ) -> None:
        text = OWN.replace(old, new, 1)
        assert text != OWN
        page = client(world.dan).post(f"{self.address(world)}/new", data={"text": text})
        assert page.status_code == 422
        assert fault in page.text
        assert "Not yet published" in page.text

    def test_published_qualification_never_changes(self, world: World) -> None:
        with transaction():
            publish_qualification(read_qualification_text(OWN), world.northgate, factories.make_actor(world.dan))
        with pytest.raises(Refused, match="Raise the revision to 2"), transaction():
            publish_qualification(
                read_qualification_text(OWN.replace("Deliver", "Delivers")),
                world.northgate,
                factories.make_actor(world.dan),
            )
        assert "Delivers" not in list_versions("NG-AWARD")[0].document

    def test_taken_address_is_refused(self, world: World) -> None:
        text = OWN.replace("slug: ng-award", "slug: ex-svq3-cc")
        with pytest.raises(Refused, match="Change the slug"), transaction():
            publish_qualification(read_qualification_text(text), world.northgate, factories.make_actor(world.dan))

    def test_too_long_text_is_refused(self) -> None:
        with pytest.raises(Invalid, match="at most 200,000 characters"):
            read_qualification_text("#" * 200_001)

    @pytest.mark.parametrize("text", ["", "[" * 5_000, "a: b: c", "\x00", "- 1", "null", "code: " + "9" * 100_000])
    def test_hostile_text_is_refused_with_a_message(self, text: str) -> None:
        with pytest.raises(Invalid):
            read_qualification_text(text)


class TestNextRevision:
    @pytest.fixture
    def published(self, world: World) -> Qualification:
        with transaction():
            return publish_qualification(
                read_qualification_text(OWN), world.northgate, factories.make_actor(world.dan)
            )

    def address(self, world: World, slug: str = "ng-award") -> str:
        return f"/centres/{world.northgate.id}/qualifications/new?of={slug}"

    def test_next_revision_opens_the_form_with_its_text(
        self, published: Qualification, world: World, client: Browser
    ) -> None:
        dan = client(world.dan)
        assert "Write the next revision" in dan.get("/qualifications/ng-award").text
        page = dan.get(self.address(world)).text
        text = html.unescape(page.partition("<textarea")[2].partition(">")[2].partition("</textarea>")[0])
        document = read_qualification_text(text)
        assert document == replace(read_qualification(published), revision=2, slug="ng-award-1-r2")

    def test_next_revision_can_be_published_unchanged(self, published: Qualification, world: World) -> None:
        text = format_qualification_yaml(make_next_revision(published))
        with transaction():
            publish_qualification(read_qualification_text(text), world.northgate, factories.make_actor(world.dan))
        assert [each.revision for each in list_versions("NG-AWARD")] == [1, 2]
        after = make_next_revision(published)  # made from the older revision, it is still the third
        assert (after.revision, after.slug) == (3, "ng-award-1-r3")

    @pytest.mark.usefixtures("published")
    def test_fault_keeps_typed_text_and_origin(self, world: World, client: Browser) -> None:
        page = client(world.dan).post(self.address(world), data={"text": OWN.replace("mandatory:", "mandatry:")})
        assert page.status_code == 422
        assert "Write the next revision of NG-AWARD" in page.text

    @pytest.mark.usefixtures("published")
    def test_centre_cannot_revise_other_qualifications(self, world: World, client: Browser) -> None:
        dan = client(world.dan)
        assert "Write the next revision" not in dan.get("/qualifications/ex-svq3-cc").text
        assert "Write the next revision" not in client(world.bob).get("/qualifications/ng-award").text
        assert dan.get(self.address(world, "ex-svq3-cc")).status_code == 404
        path = f"/centres/{world.southbank.id}/qualifications/new?of=ng-award"
        assert client(world.heidi).get(path).status_code == 404


@st.composite
def qualification_documents(draw: st.DrawFn) -> QualificationDocument:
    """One as the schema gives it: each unit in one place, and rules of every kind, there or missing."""
    codes = draw(st.lists(texts(60), min_size=4, max_size=7, unique=True))
    zero_or_one, optional_number = st.integers(0, 1), st.none() | st.integers(1, 9999)
    groups = tuple(
        QualificationGroup(
            name,
            units,
            draw(st.none() | texts()),
            draw(zero_or_one),
            draw(optional_number),
            draw(zero_or_one),
            draw(optional_number),
        )
        for name, units in zip(
            draw(st.lists(texts(20), min_size=2, max_size=2, unique=True)),
            (tuple(codes[1:3]), tuple(codes[3:])),
            strict=True,
        )
    )
    at_level = draw(st.none() | st.integers(0, 9))
    return QualificationDocument(
        code=draw(texts(60)),
        slug=draw(SLUGS),
        title=draw(texts(200)),
        version=draw(texts(20)),
        revision=draw(st.integers(1, 9999)),
        awarding_body=draw(st.none() | texts()),
        level=draw(st.none() | texts(40)),
        identifiers=draw(st.lists(st.builds(Identifier, texts(50), texts(50)), max_size=2).map(tuple)),
        units=tuple(
            QualificationUnit(
                code, draw(texts(200)), draw(optional_number), draw(optional_number), draw(st.none() | texts(20))
            )
            for code in codes
        ),
        mandatory=(codes[0],),
        groups=groups,
        minimum_units=draw(zero_or_one),
        minimum_credits=draw(zero_or_one),
        credits_at_level=0 if at_level is None else draw(zero_or_one),
        at_level=at_level,
        barred=draw(st.sampled_from([(), ((codes[1], codes[3]),)])),
        provenance=Provenance(draw(texts()), draw(texts())),
        notes=draw(LISTS),
    )


class TestWriting:
    def test_qualifications_of_the_folder_round_trip(self) -> None:
        for document in read_standards().qualifications:
            assert read_qualification_text(format_qualification_yaml(document)) == document

    @given(qualification_documents())
    @settings(suppress_health_check=[HealthCheck.too_slow])
    def test_any_qualification_round_trips(self, document: QualificationDocument) -> None:
        assert read_qualification_text(format_qualification_yaml(document)) == document
