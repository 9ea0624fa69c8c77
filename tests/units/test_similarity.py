"""Similarity of statements: 100 for the same words, and higher for the same substance than for similar words."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.units.documents import CriterionDocument, UnitDocument
from tracker.units.similarity import SimilarityMeasure, stem_word
from tracker.units.standards_folder import read_standards
from tracker.vocabulary import CriterionKind

UNITS = {unit.code: unit for unit in read_standards().units}
KINDS = {"p": CriterionKind.PERFORMANCE, "k": CriterionKind.KNOWLEDGE}
SAME_IN_SUBSTANCE = {
    ("CFACC15", "DELIVERCC"): "p1-p12 p2-p13 p8-p22 p9-p23 p10-p24 p11-p25 p13-p26 ka-k4 ke-k10 kf-k9 kg-k6",
    ("CFACC15", "INSCC004"): "p2-p3 p12-p11 kb-k10",
    ("DELIVERCC", "INSCC004"): "p13-p3 p27-p18 k26-k19",
}
"""Pairs compared by a person: evidence for one is evidence for the other."""
TRUE = {(*units, *pair.split("-")) for units, pairs in SAME_IN_SUBSTANCE.items() for pair in pairs.split()}
SENTENCES = st.lists(st.sampled_from(["deal", "with", "customers", "complaints", "and", "monitoring"]), max_size=9)


def scale_of(*units: UnitDocument) -> SimilarityMeasure:
    return SimilarityMeasure(each.text for unit in units for each in unit.assessable)


def name(criterion: CriterionDocument) -> str:
    return criterion.kind[0] + criterion.label


def best_of_both(code: str, other_code: str) -> list[tuple[int, tuple[str, ...]]]:
    """Return the pairs that are each other's most similar, which an administrator sees first."""
    first, second = UNITS[code], UNITS[other_code]
    scale = scale_of(first, second)
    similarities = {
        (a, b): scale.similarity(a.text, b.text)
        for a in first.assessable
        for b in second.assessable
        if a.kind is b.kind
    }
    return [
        (similarity, (code, other_code, name(a), name(b)))
        for (a, b), similarity in similarities.items()
        if similarity == max(value for (x, _), value in similarities.items() if x is a)
        and similarity == max(value for (_, y), value in similarities.items() if y is b)
    ]


def test_most_similar_pairs_of_the_seeds_are_the_same_in_substance() -> None:
    pairs = sorted((each for pair in combinations(sorted(UNITS), 2) for each in best_of_both(*pair)), reverse=True)
    proposed = [pair for similarity, pair in pairs if similarity >= 60]
    expected_pairs = TRUE & set(proposed)
    assert expected_pairs == TRUE, "every pair found by hand is proposed"
    assert len(expected_pairs) / len(proposed) >= 0.8, sorted(set(proposed) - TRUE)
    assert pairs[0][1] in TRUE
    assert {pair: similarity for similarity, pair in pairs}["CFACC15", "DELIVERCC", "p1", "p12"] == 100


@pytest.mark.parametrize("code", sorted(UNITS))
def test_no_text_is_more_similar_than_the_same_text(code: str) -> None:
    unit = UNITS[code]
    scale = scale_of(unit)
    for each in unit.assessable:
        alike = [criterion for criterion in unit.assessable if scale.similarity(each.text, criterion.text) == 100]
        assert each in alike
        assert {criterion.text.casefold() for criterion in alike} == {each.text.casefold()}


def test_case_and_punctuation_are_ignored_and_words_count() -> None:
    scale = SimilarityMeasure(["Deal with complaints.", "report complaints"])
    assert scale.similarity("Deal with complaints.", "deal with complaints;") == 100
    assert 50 < scale.similarity("deal with complaints", "deal with serious complaints") < 100
    assert scale.similarity("deal with complaints", "answer letters") == 0
    assert scale.similarity("", "answer letters") == 0


def test_rare_words_weigh_more_than_common_ones() -> None:
    scale = SimilarityMeasure(["greet customers", "call customers", "thank customers", "validate customers' data"])
    rare_word = scale.similarity("validate the records", "validate the files")
    common_word = scale.similarity("customers wait", "customers laugh")
    assert rare_word > common_word


def test_word_order_counts() -> None:
    scale = SimilarityMeasure([])
    same_order = scale.similarity("report issues before colleagues ask", "report issues before colleagues know")
    other_order = scale.similarity("report issues before colleagues ask", "colleagues know before issues report")
    assert same_order > other_order


def test_not_is_no_stop_word() -> None:
    scale = SimilarityMeasure([])
    assert scale.similarity("share it with customers", "do not share it with customers") < 85


def test_forms_of_a_word_have_one_stem() -> None:
    for forms in ("identify identifies identified identifying identification", "validate validates validating validation",
                  "policy policies", "improve improving improvement improvements", "colleague colleagues colleague's"):  # fmt: skip
        assert len({stem_word(form) for form in forms.split()}) == 1, forms
    assert stem_word("staff") == "staff"
    assert stem_word("process") == stem_word("processes")


@given(SENTENCES, SENTENCES)
def test_similarity_is_symmetric_and_between_0_and_100(first: list[str], second: list[str]) -> None:
    scale = SimilarityMeasure(["deal with complaints", "customers and complaints"])
    similarity, reverse_similarity = (
        scale.similarity(" ".join(a), " ".join(b)) for a, b in ((first, second), (second, first))
    )
    assert similarity == reverse_similarity
    assert 0 <= similarity <= 100
    assert (similarity == 100) == (first == second)
