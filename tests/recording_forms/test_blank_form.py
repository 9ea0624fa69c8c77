"""The blank form of a unit, for everyone who is signed in."""

from collections.abc import Callable
from io import BytesIO

import pytest
from flask.testing import FlaskClient

from tests.factories import World, unit
from tests.recording_forms.example_form import UNITS, build_blank_form
from tests.recording_forms.tagged_pdf import Sheet
from tracker.models import Person
from tracker.recording_forms.rendering import render_form_pdf

pytestmark = pytest.mark.one_database

Client = Callable[[Person], FlaskClient]


@pytest.mark.parametrize("code", UNITS)
def test_every_unit_has_the_blank_form_that_the_command_prints(client: Client, world: World, code: str) -> None:
    answer = client(world.alice).get(f"/units/{unit(code).slug}/form.pdf")
    assert answer.mimetype == "application/pdf"
    assert answer.data == render_form_pdf(build_blank_form(code))


def test_a_unit_that_does_not_exist_is_not_found(client: Client, world: World) -> None:
    assert client(world.alice).get("/units/nope/form.pdf").status_code == 404


def test_a_visitor_is_sent_to_sign_in(anonymous: FlaskClient, world: World) -> None:
    assert anonymous.get(f"/units/{world.cfacc15.unit.slug}/form.pdf").status_code in {302, 303}


def test_the_file_name_says_which_form_it_is(client: Client, world: World) -> None:
    answer = client(world.alice).get(f"/units/{unit('CFAM&LFD3').slug}/form.pdf")
    assert "form.pdf" in answer.headers["Content-Disposition"]
    assert Sheet(BytesIO(answer.data).getvalue()).reader.metadata.title == "Candidate Recording Form – CFAM&LFD3"
