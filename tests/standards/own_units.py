"""Units and guidance of a centre's own, as publishing on screen makes them."""

from dataclasses import replace

from tests.standards.writing import UNIT
from tracker.models import Centre, Unit
from tracker.standards.documents import UnitDocument
from tracker.standards.files import read_text
from tracker.standards.schema import UnitSchema
from tracker.standards.services.loading import write_unit
from tracker.transactions import transaction


def read_unit(text: str = UNIT, **changes: object) -> UnitDocument:
    document: UnitDocument = replace(read_text(text, UnitSchema()), **changes)
    return document


def make_own_unit(centre: Centre | None, document: UnitDocument | None = None) -> Unit:
    """A published unit of a centre; without one, of the installation."""
    document = document or read_unit()
    with transaction():
        unit = Unit(code=document.code, version=document.version, revision=document.revision)
        unit.owner_centre_id = centre.id if centre else None
        write_unit(unit, document)
    return unit
