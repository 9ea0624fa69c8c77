"""Later versions of loaded units, published for a test."""

from dataclasses import replace

from tests import factories
from tracker.ledger.transactions import transaction
from tracker.library.services.loading import load_unit
from tracker.models import Unit
from tracker.units.documents import CriterionDocument, UnitDocument
from tracker.units.standards_folder import read_standards

UNITS = {unit.code: unit for unit in read_standards().units}


def reworded(document: UnitDocument, texts: dict[str, str]) -> UnitDocument:
    """The unit with other words: what is written `p:2` or `k:a` and the new text; an empty one takes it out."""

    def named(each: CriterionDocument) -> str:
        return f"{each.kind[0]}:{each.label}"

    left = [each for each in document.criteria if texts.get(named(each)) != ""]
    changed = (replace(each, text=texts.get(named(each), each.text)) for each in left)
    numbered = (replace(each, position=at) for at, each in enumerate(changed, start=1))
    return replace(document, criteria=tuple(numbered))


def as_revision(document: UnitDocument, revision: int = 2, version: str = "1", slug: str = "") -> UnitDocument:
    slug = slug or f"{UNITS[document.code].slug}-{version.replace('.', '-')}-{revision}"
    return replace(document, version=version, revision=revision, slug=slug)


def publish(document: UnitDocument) -> Unit:
    """Loaded beside the versions that are there."""
    with transaction():
        load_unit(document)
    return factories.unit(document.code)
