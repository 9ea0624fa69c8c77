"""Export of units on screen: choose, see the omissions, download."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tests.library.centre_units import publish_centre_unit, read_unit
from tracker.library.services import unit_files
from tracker.library.services.unit_files import FORMATS, detect_format, parse_file
from tracker.models import Person

Browser = Callable[[Person], FlaskClient]


def test_omissions_are_shown_before_the_download(world: World, client: Browser) -> None:
    dan, address = client(world.dan), f"/centres/{world.northgate.id}/units/export"
    assert "CFACC15" in dan.get(address).get_data(as_text=True)
    unit = factories.unit("CFACC15")
    page = dan.post(address, data={"format": "mahara", "units": [unit.id]}).get_data(as_text=True)
    assert "1 unit in Mahara" in page
    assert "Not included in the file" in page
    assert "Download cfacc15.matrix" in page


def test_file_contains_the_ticked_units(world: World, client: Browser) -> None:
    centre_unit = publish_centre_unit(world.northgate)
    data = {"format": "yaml", "units": [centre_unit.id, factories.unit("INSCC004").id], "act": "download"}
    answer = client(world.dan).post(f"/centres/{world.northgate.id}/units/export", data=data)
    assert answer.headers["Content-Disposition"] == "attachment; filename=units.yaml"
    assert {each.code for each in parse_file("yaml", answer.data).units} == {"LOCAL7", "INSCC004"}


def test_all_units_can_be_exported(world: World, client: Browser) -> None:
    data = {"format": "case", "everything": "y", "act": "download"}
    answer = client(world.dan).post(f"/centres/{world.northgate.id}/units/export", data=data)
    assert {each.code for each in parse_file("case", answer.data).units} == {
        "CFACC15", "CFAM&LFD3", "DELIVERCC", "INSCC004",
    }  # fmt: skip


@pytest.mark.parametrize("format_name", list(FORMATS))
def test_exported_file_is_detected_on_import(world: World, client: Browser, format_name: str) -> None:
    data = {"format": format_name, "units": [factories.unit("DELIVERCC").id], "act": "download"}
    answer = client(world.dan).post(f"/centres/{world.northgate.id}/units/export", data=data)
    name = answer.headers["Content-Disposition"].rpartition("=")[2]
    assert detect_format(name, answer.data) == format_name
    assert len(parse_file(format_name, answer.data).units) == 1


def test_no_ticked_unit_is_an_error(world: World, client: Browser) -> None:
    answer = client(world.dan).post(f"/centres/{world.northgate.id}/units/export", data={"format": "csv"})
    assert answer.status_code == 422
    assert "Tick the units" in answer.get_data(as_text=True)


def test_unit_of_another_centre_is_not_exported(world: World, client: Browser) -> None:
    other_unit = publish_centre_unit(world.southbank, read_unit(code="THEIRS", slug="theirs"))
    dan, address = client(world.dan), f"/centres/{world.northgate.id}/units/export"
    assert "THEIRS" not in dan.get(address).get_data(as_text=True)
    data = {"format": "yaml", "units": [other_unit.id], "act": "download"}
    assert dan.post(address, data=data).status_code == 422
    assert dan.get(f"/centres/{world.southbank.id}/units/export").status_code == 404


def test_too_many_units_are_refused(world: World, client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit_files, "MAX_UNITS", 1)
    data = {"format": "yaml", "everything": "y", "act": "download"}
    answer = client(world.dan).post(f"/centres/{world.northgate.id}/units/export", data=data)
    assert (answer.status_code, "At most 1 unit" in answer.get_data(as_text=True)) == (422, True)
