"""Every small document of the corpus, read as the paper beside it says. No exceptions are granted here."""

from pathlib import Path

import pytest

from tests.unit_reader.expectation import CORPUS, differences, read_expectation
from tests.unit_reader.reader import NoUnit, read_document

DOCUMENTS = sorted(each for each in CORPUS.iterdir() if each.suffix in {".txt", ".html"})


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda each: each.name)
def test_reads_as_expected(path: Path) -> None:
    expected = read_expectation(path.with_suffix(".yaml"))
    if expected.no_unit:
        with pytest.raises(NoUnit) as caught:
            read_document(path.name, path.read_bytes())
        assert str(caught.value)
        assert (caught.value.guidance is not None) == ("guidance" in expected.found)
        return
    try:
        reading, lines = read_document(path.name, path.read_bytes())
    except NoUnit as refused:
        pytest.fail(f"no unit was found: {refused}", pytrace=False)
    found = differences(expected, reading, lines)
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def test_each_document_has_its_expectation_and_each_expectation_its_document() -> None:
    assert len(DOCUMENTS) >= 36
    assert sorted(each.stem for each in DOCUMENTS) == sorted(each.stem for each in CORPUS.glob("*.yaml"))
