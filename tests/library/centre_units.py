"""A centre's own units and guidance, as published on screen."""

from dataclasses import replace

from tests.library.sample_standards import UNIT
from tracker.ledger.transactions import transaction
from tracker.library.services.loading import store_unit
from tracker.models import Centre, Unit
from tracker.units.documents import UnitDocument
from tracker.units.schema import UnitSchema
from tracker.units.standards_folder import parse_document


def read_unit(text: str = UNIT, **changes: object) -> UnitDocument:
    document: UnitDocument = replace(parse_document(text, UnitSchema()), **changes)
    return document


def publish_centre_unit(centre: Centre | None, document: UnitDocument | None = None) -> Unit:
    """Publish a unit of a centre, or of the installation where no centre is given."""
    document = document or read_unit()
    with transaction():
        unit = Unit(code=document.code, version=document.version, revision=document.revision)
        unit.owner_centre_id = centre.id if centre else None
        store_unit(unit, document)
    return unit
