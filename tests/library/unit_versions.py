"""Later versions of loaded units, published for tests."""

from dataclasses import replace

from tests import factories
from tracker.ledger.transactions import transaction
from tracker.library.services.loading import load_unit
from tracker.models import Unit
from tracker.units.documents import CriterionDocument, UnitDocument
from tracker.units.standards_folder import read_standards

UNITS = {unit.code: unit for unit in read_standards().units}


def reword_criteria(document: UnitDocument, texts: dict[str, str]) -> UnitDocument:
    """Return the unit with new texts of criteria, by `p:2` or `k:a`; an empty text removes the criterion."""

    def get_key(each: CriterionDocument) -> str:
        return f"{each.kind[0]}:{each.label}"

    remaining = [each for each in document.criteria if texts.get(get_key(each)) != ""]
    reworded = (replace(each, text=texts.get(get_key(each), each.text)) for each in remaining)
    numbered = (replace(each, position=at) for at, each in enumerate(reworded, start=1))
    return replace(document, criteria=tuple(numbered))


def make_revision(document: UnitDocument, revision: int = 2, version: str = "1", slug: str = "") -> UnitDocument:
    slug = slug or f"{UNITS[document.code].slug}-{version.replace('.', '-')}-{revision}"
    return replace(document, version=version, revision=revision, slug=slug)


def publish_version(document: UnitDocument) -> Unit:
    """Load a unit beside its earlier versions, and return it."""
    with transaction():
        load_unit(document)
    return factories.unit(document.code)
