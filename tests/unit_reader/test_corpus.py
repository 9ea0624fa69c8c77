"""Every document of the corpus is read as the YAML file beside it states, without exceptions."""

from pathlib import Path

import pytest

from tests.unit_reader.expectation import CORPUS, differences, read_expectation
from tests.unit_reader.reader import NoUnit, read_document

DOCUMENTS = sorted(each for each in CORPUS.iterdir() if each.suffix in {".txt", ".html"})


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda each: each.name)
def test_a_corpus_document_reads_as_expected(path: Path) -> None:
    expected = read_expectation(path.with_suffix(".yaml"))
    if expected.no_unit:
        with pytest.raises(NoUnit) as raised:
            read_document(path.name, path.read_bytes())
        assert str(raised.value)
        assert (raised.value.guidance is not None) == ("guidance" in expected.stated)
        return
    try:
        reading, lines = read_document(path.name, path.read_bytes())
    except NoUnit as refused:
        pytest.fail(f"no unit was found: {refused}", pytrace=False)
    problems = differences(expected, reading, lines)
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def test_every_document_has_an_expectation_and_every_expectation_a_document() -> None:
    assert len(DOCUMENTS) >= 36
    assert sorted(each.stem for each in DOCUMENTS) == sorted(each.stem for each in CORPUS.glob("*.yaml"))
