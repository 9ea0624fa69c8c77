"""The cells of a matrix: what they say, and that typed text in them cannot be markup."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from flask import Flask

from tracker.matrix import Matrix, MatrixCell, MatrixColumn, MatrixRow
from tracker.matrix.grid import compute_criterion_status
from tracker.models import UnitAttempt
from tracker.portfolio.views.matrix_cells import MatrixCells, build_evidence_urls, describe_decision
from tracker.vocabulary import CriterionKind, Outcome
from tracker.web.text_direction import FIRST_STRONG_ISOLATE, POP_DIRECTIONAL_ISOLATE

pytestmark = pytest.mark.one_database

KINDS = {1: CriterionKind.PERFORMANCE, 2: CriterionKind.PERFORMANCE, 3: CriterionKind.KNOWLEDGE}
CLAIMED = MatrixCell(1, 1, "", None)
MET = replace(
    CLAIMED,
    outcome=Outcome.MET,
    decided_version_id=8,
    decided_at=datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
    decided_by="Bob Archer",
    is_decided=True,
    is_accepted=True,
)


def make_row(cells: dict[int, MatrixCell], *, number: int | None = 12) -> MatrixRow:
    return MatrixRow(7, number, 8, 1, "Complaint", None, None, None, "", "", None, None, cells)


def make_matrix(*rows: MatrixRow, label: str = "1") -> Matrix:
    columns = tuple(MatrixColumn(id_, id_, kind, label, None, "Text") for id_, kind in KINDS.items())
    return Matrix(5, columns, rows, tuple(compute_criterion_status(column, rows) for column in columns))


def render(app: Flask, row: MatrixRow, *, can_claim: bool = False, label: str = "1") -> list[str]:
    with app.test_request_context("/"):
        cells = MatrixCells(UnitAttempt(id=5), make_matrix(row, label=label), can_claim=can_claim)
        return str(cells.render_row(row, "/evidence/7")).split("\n")


def render_short(app: Flask, row: MatrixRow, *, can_claim: bool = False) -> list[str]:
    with app.test_request_context("/"):
        cells = MatrixCells(UnitAttempt(id=5), make_matrix(row), can_claim=can_claim)
        return str(cells.render_short_row(row)).split("\n")


def test_a_candidate_ticks_what_is_not_decided(app: Flask) -> None:
    assert render(app, make_row({1: CLAIMED}), can_claim=True) == [
        '<td><input type="checkbox" name="t" value="7-1" aria-label="12, 1" checked></td>',
        '<td><input type="checkbox" name="t" value="7-2" aria-label="12, 1"></td>',
        '<td class="first"><input type="checkbox" name="t" value="7-3" aria-label="12, 1"></td>',
    ]


def test_other_readers_see_signs(app: Flask) -> None:
    assert render(app, make_row({1: CLAIMED}, number=None)) == [
        '<td class="claimed"><span role="img" tabindex="-1" aria-label="draft, 1: claimed">○</span></td>',
        "<td></td>",
        '<td class="first"></td>',
    ]


@pytest.mark.parametrize("can_claim", [True, False])
def test_a_decided_claim_leads_to_the_item_and_says_who_decided_it(app: Flask, can_claim: bool) -> None:
    assert render(app, make_row({3: MET}), can_claim=can_claim)[2] == (
        '<td class="met first"><a href="/evidence/7" aria-label="12, 1: met" '
        'data-note="Bob Archer, 23 November 2026">✓</a></td>'
    )
    earlier = replace(MET, is_decided=False)
    assert 'data-note="Bob Archer, 23 November 2026, before this version"' in render(app, make_row({3: earlier}))[2]


@pytest.mark.parametrize(
    ("cell", "words", "sign"),
    [
        (MET, "met", "✓"),
        (replace(MET, outcome=Outcome.NEEDS_MORE), "contributes, more was needed", "◐"),
        (replace(MET, outcome=Outcome.NOT_MET), "not met", "–"),
        (replace(MET, is_accepted=False), "met, on a returned version", "–"),
        (replace(MET, outcome=Outcome.NEEDS_MORE, is_accepted=False), "needs more, on a returned version", "–"),
    ],
)
def test_every_decision_has_its_words_and_its_sign(app: Flask, cell: MatrixCell, words: str, sign: str) -> None:
    assert describe_decision(cell) == words
    rendered = render(app, make_row({1: cell}))[0]
    assert f'aria-label="12, 1: {words}"' in rendered
    assert f">{sign}</a>" in rendered
    assert ('class="met"' in rendered) is (cell is MET)


def test_the_short_matrix_counts_the_marks_under_each_heading(app: Flask) -> None:
    row = make_row({1: MET, 2: CLAIMED})
    counted, empty = render_short(app, row)
    assert counted == (
        '<td class="first"><span role="img" aria-label="1 met, 1 claimed"><span class="met">1 ✓</span>'
        '<span class="claimed">1 ○</span></span></td>'
    )
    assert empty == '<td class="first"></td>'
    link = '<td class="first"><a href="/evidence/7/criteria?unit=5&amp;show=all#criterion-5-'
    first, second = render_short(app, row, can_claim=True)
    assert first.startswith(f'{link}1" aria-label="12, 1–1: 1 met, 1 claimed"><span class="met">1 ✓</span>')
    assert second == f'{link}3" aria-label="12, 1: none">+</a></td>'


def test_typed_text_is_no_markup_and_keeps_its_direction(app: Flask) -> None:
    name = '<b>"Bob" שלום'
    cell = render(app, make_row({1: replace(MET, decided_by=name)}), label='<i>"')[0]
    assert "<b>" not in cell
    assert "<i>" not in cell
    assert f"{FIRST_STRONG_ISOLATE}&lt;b&gt;&#34;Bob&#34; שלום{POP_DIRECTIONAL_ISOLATE}, 23" in cell
    ticked = render(app, make_row({}), can_claim=True, label='<i>"')[0]
    assert 'aria-label="12, &lt;i&gt;&#34;"' in ticked


def test_each_item_has_its_own_address(app: Flask) -> None:
    rows = [make_row({}), replace(make_row({}), evidence_id=2**31 - 2)]
    with app.test_request_context("/"):
        assert build_evidence_urls("portfolio.show_evidence", rows) == {
            7: "/evidence/7",
            2**31 - 2: "/evidence/2147483646",
        }
        addresses = build_evidence_urls("portfolio.show_attempt_evidence", rows, attempt_id=5)
        assert addresses[7] == "/attempts/5/evidence/7"
