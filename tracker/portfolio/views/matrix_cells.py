"""Markup of the cells of a matrix. In a template the cells, often thousands, took most of the page's time."""

from collections.abc import Iterable
from typing import Any

from flask import url_for
from markupsafe import Markup, escape

from tracker.matrix import HeadingGroup, Matrix, MatrixCell, MatrixRow
from tracker.models import UnitAttempt
from tracker.vocabulary import ClaimMark, Outcome
from tracker.web.formatting import day
from tracker.web.text_direction import isolate

ANY_ITEM = 2**31 - 1
"""A placeholder for the id in an address that is built once for all rows: the largest id that a route accepts."""
MARK_WORDS: dict[ClaimMark | None, str] = {
    ClaimMark.MET: "met",
    ClaimMark.CONTRIBUTES: "contributes, more was needed",
    ClaimMark.CLAIMED: "claimed",
    None: "not counted",
}
"""What a mark says to a screen reader; None stands for a claim that does not count."""
MARK_CLASSES: dict[ClaimMark | None, str] = {ClaimMark.MET: "met", ClaimMark.CLAIMED: "claimed"}
"""The class of a mark; the others have `more`."""


class MatrixCells:
    """Cells of the rows of a matrix and of its short form; a candidate who can claim has checkboxes and links.

    A record that somebody else wrote has none: its author stamps criteria.
    """

    def __init__(self, attempt: UnitAttempt, matrix: Matrix, *, can_claim: bool) -> None:
        self.can_claim = can_claim
        first_knowledge = next((column.id for column in matrix.knowledge), None)
        self.columns = [
            (column.id, _escape(column.label), " first" if column.id == first_knowledge else "")
            for column in matrix.columns
        ]
        groups = matrix.groups
        kinds = [None, *(group.kind for group in groups)]
        self.groups = [
            (group, _escape(group.labels), ' class="first"' if group.kind is not before else "")
            for group, before in zip(groups, kinds, strict=False)
        ]
        self.criteria_address = str(
            escape(url_for("portfolio.choose_criteria", evidence_id=ANY_ITEM, unit=attempt.id, show="all"))
            + f"#criterion-{attempt.id}-"
        )

    def render_row(self, row: MatrixRow, address: str) -> Markup:
        """Return the cells of a row, one for each criterion; `address` is that of the item."""
        name, value = str(row.number or "draft"), f'name="t" value="{row.evidence_id}-'
        cells, address = [], str(escape(address))
        for id_, label, first in self.columns:
            cell = row.cells.get(id_)
            if cell and cell.mark is not ClaimMark.CLAIMED:
                cells.append(_render_decision(cell, f"{name}, {label}", first, address))
            elif self.can_claim and not row.author:
                opening = '<td class="first">' if first else "<td>"
                checked = " checked" if cell else ""
                cells.append(
                    f'{opening}<input type="checkbox" {value}{id_}" aria-label="{name}, {label}"{checked}></td>'
                )
            elif cell:
                cells.append(
                    f'<td class="claimed{first}">'
                    f'<span role="img" tabindex="-1" aria-label="{name}, {label}: claimed">○</span></td>'
                )
            else:
                cells.append('<td class="first"></td>' if first else "<td></td>")
        return Markup("\n".join(cells))  # noqa: S704 - each text in it is escaped

    def render_short_row(self, row: MatrixRow) -> Markup:
        """Return the cells of a row of the short matrix, one for each heading."""
        address = self.criteria_address.replace(str(ANY_ITEM), str(row.evidence_id), 1)
        can_claim = self.can_claim and not row.author
        cells = (self._render_counts(row, address, *group, can_claim=can_claim) for group in self.groups)
        return Markup("\n".join(cells))  # noqa: S704 - each text in it is escaped

    def _render_counts(
        self, row: MatrixRow, address: str, group: HeadingGroup, labels: str, first: str, *, can_claim: bool
    ) -> str:
        counts = group.count_marks(row)
        words = ", ".join(f"{count} {MARK_WORDS[mark]}" for mark, count in counts)
        text = "".join(
            f'<span class="{MARK_CLASSES.get(mark, "more")}">{count} {mark.sign if mark else "–"}</span>'
            for mark, count in counts
        )
        if can_claim:
            href, label = f"{address}{group.statuses[0].column.id}", f"{row.ref}, {labels}: {words or 'none'}"
            text = f'<a href="{href}" aria-label="{label}">{text or "+"}</a>'
        elif counts:
            text = f'<span role="img" aria-label="{words}">{text}</span>'
        return f"<td{first}>{text}</td>"


def build_evidence_urls(endpoint: str, rows: Iterable[MatrixRow], **values: Any) -> dict[int, str]:
    """Return the addresses of items by their ids. One address is built for all, since `url_for` is slow."""
    address = url_for(endpoint, evidence_id=ANY_ITEM, **values)
    return {row.evidence_id: address.replace(str(ANY_ITEM), str(row.evidence_id)) for row in rows}


def describe_decision(cell: MatrixCell) -> str:
    """Return what the cell of a decided claim says to a screen reader."""
    if cell.mark:
        return MARK_WORDS[cell.mark]
    outcome = cell.outcome
    if outcome is None or outcome is Outcome.NOT_MET:
        return "not met"
    return f"{outcome.label.lower()}, on a returned version"


def _render_decision(cell: MatrixCell, name: str, first: str, address: str) -> str:
    """Return the cell of a decided claim: a link to the item, with who decided it and when."""
    kind = "met" if cell.is_met else "more"
    note = f"{_escape(cell.decided_by or '')}, {day(cell.decided_at)}"
    earlier = ", before this version" if cell.awaits_affirmation else ""
    return (
        f'<td class="{kind}{first}"><a href="{address}" aria-label="{name}: {describe_decision(cell)}" '
        f'data-note="{note}{earlier}">{cell.mark.sign if cell.mark else "–"}</a></td>'
    )


def _escape(text: str) -> str:
    return str(escape(isolate(text)))
