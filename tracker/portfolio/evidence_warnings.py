"""Warnings about evidence, which block no submission (docs/rules.md, Warnings)."""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from tracker.matrix import MatrixRow
from tracker.matrix.counted_evidence import normalise_customer
from tracker.models.portfolio import EvidenceFields
from tracker.vocabulary import Method, Simulation
from tracker.web.text_direction import isolate

TESTIMONIES = {Method.WITNESS_TESTIMONY, Method.EXPERT_WITNESS}


@dataclass(frozen=True, slots=True)
class EvidenceWarning:
    """One warning: the number of its rule in docs/rules.md, Warnings, a sentence, and advice."""

    rule: int
    text: str
    advice: str


@dataclass(frozen=True, slots=True)
class ClaimedUnit:
    """A unit in which an item claims criteria."""

    code: str
    simulation: Simulation
    registered_on: date
    """The day of registration with the awarding body."""
    criterion_count: int
    """Of the unit's assessable criteria."""
    claim_count: int
    """Of those that the item claims."""


@dataclass(frozen=True, slots=True)
class FileElsewhere:
    """A file of the item that is also in another item, by its hash."""

    name: str
    evidence_number: int | None
    """The number of the candidate's other item; None for a draft and for another candidate's item."""
    is_of_another_candidate: bool = False


@dataclass(frozen=True, slots=True)
class EvidenceContext:
    """The facts beside an item that its warnings depend on."""

    submitted_on: date
    """The day of submission; today for a draft."""
    age_limit: int
    """The centre's limit in months."""
    units: tuple[ClaimedUnit, ...]
    files_elsewhere: tuple[FileElsewhere, ...] = ()
    names_no_expert: bool = False
    """Whether it names an expert witness who was none by the centre's witness list on its last day."""


def list_evidence_warnings(item: EvidenceFields, context: EvidenceContext) -> list[EvidenceWarning]:
    """List the warnings about one item, a draft or a sealed version, in the order of docs/rules.md, Warnings."""
    warnings = [
        _check_age(item, context),
        _check_registration(item, context),
        _check_witness(item),
        _check_expert(context),
        *(_check_whole_unit(unit) for unit in context.units),
        *(_check_simulation(item, unit) for unit in context.units),
        *(_check_file(file) for file in context.files_elsewhere),
    ]
    return [warning for warning in warnings if warning]


def list_sign_off_warnings(rows: Iterable[MatrixRow]) -> list[EvidenceWarning]:
    """List the warnings about a unit whose evidence is all of one method, day or customer, or all testimony.

    docs/rules.md, Warnings, rule 8.

    Args:
        rows: the items that claim a criterion of the unit. Drafts and items that meet no criterion are ignored.
    """
    met_rows = [row for row in rows if row.is_submitted and any(cell.is_met for cell in row.cells.values())]
    sentences = []
    methods = {row.method for row in met_rows}
    if len(methods) == 1 and (method := met_rows[0].method):
        sentences.append(f"All evidence is of one method: {method.label.lower()}.")
    elif methods and methods <= TESTIMONIES:
        sentences.append("All evidence is testimony of witnesses.")
    days = {(row.happened_from, row.happened_until or row.happened_from) for row in met_rows}
    if len(days) == 1 and len(set(days.pop())) == 1:
        sentences.append("All evidence is of one day.")
    if len({normalise_customer(row.customers) for row in met_rows}) == 1 and (
        customer := met_rows[0].customers.strip()
    ):
        sentences.append(f"All evidence is of one customer: {customer}.")
    return [EvidenceWarning(8, sentence, "Say why it is sufficient.") for sentence in sentences]


def subtract_months(day: date, months: int) -> date:
    """Return the same day of the month a number of months earlier, or the last day of a shorter month."""
    month = day.year * 12 + day.month - 1 - months
    year, month = month // 12, month % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def _check_age(item: EvidenceFields, context: EvidenceContext) -> EvidenceWarning | None:
    """Warn of evidence older at submission than the centre's limit (docs/rules.md, Warnings, rule 2)."""
    produced_on = item.happened_until or item.happened_from
    if produced_on is None or produced_on >= subtract_months(context.submitted_on, context.age_limit):
        return None
    months = "1 month" if context.age_limit == 1 else f"{context.age_limit} months"
    return EvidenceWarning(
        2, f"It is more than {months} old.", "Say what shows that the skill is current, or add newer evidence."
    )


def _check_registration(item: EvidenceFields, context: EvidenceContext) -> EvidenceWarning | None:
    """Warn of evidence produced before registration for a unit it claims (docs/rules.md, Warnings, rule 3)."""
    produced_on = item.happened_until or item.happened_from
    if produced_on is None or item.method is Method.PRIOR_LEARNING:
        return None
    codes = [unit.code for unit in context.units if produced_on < unit.registered_on]
    if not codes:
        return None
    return EvidenceWarning(
        3, f"It was produced before registration for {join_words(codes)}.", "Consider recognition of prior learning."
    )


def _check_witness(item: EvidenceFields) -> EvidenceWarning | None:
    """Warn of testimony without a witness, or an expert witness without status (docs/rules.md, Warnings, rule 4)."""
    if item.method is Method.WITNESS_TESTIMONY and not item.witness_name:
        return EvidenceWarning(4, "No witness is named.", "Enter the name of the witness.")
    if item.method is Method.EXPERT_WITNESS and not (item.witness_name and item.witness_status):
        return EvidenceWarning(
            4,
            "No expert witness is named with their status.",
            "Enter the name of the witness and their occupational expertise.",
        )
    return None


def _check_expert(context: EvidenceContext) -> EvidenceWarning | None:
    """Warn of an expert witness who is none by the centre's list (docs/rules.md, Warnings, rule 9)."""
    if not context.names_no_expert:
        return None
    return EvidenceWarning(
        9,
        "The centre’s witness list has no expert witness of this name on that day.",
        "Ask an administrator of the centre to list them, or use the method witness testimony.",
    )


def _check_whole_unit(unit: ClaimedUnit) -> EvidenceWarning | None:
    """Warn of one item claimed for every criterion of a unit (docs/rules.md, Warnings, rule 5)."""
    if unit.criterion_count < 2 or unit.claim_count < unit.criterion_count:
        return None
    return EvidenceWarning(
        5,
        f"This one item is claimed for all {unit.criterion_count} criteria of {unit.code}.",
        "Check that it shows each of them.",
    )


def _check_simulation(item: EvidenceFields, unit: ClaimedUnit) -> EvidenceWarning | None:
    """Warn of simulation where the unit does not say if it is allowed (docs/rules.md, Warnings, rule 6)."""
    if item.method is not Method.SIMULATION or unit.simulation is not Simulation.UNSTATED:
        return None
    return EvidenceWarning(
        6,
        f"{unit.code} does not say whether simulation is allowed.",
        "Check what the assessment strategy says about simulation.",
    )


def _check_file(file: FileElsewhere) -> EvidenceWarning:
    """Warn of a file that is in another item too (docs/rules.md, Warnings, rule 7)."""
    if file.is_of_another_candidate:
        other_item = "evidence of another candidate of this centre"
    else:
        other_item = f"evidence {file.evidence_number}" if file.evidence_number else "another draft"
    return EvidenceWarning(
        7, f"The file “{isolate(file.name)}” is also in {other_item}.", "Check whose work it is and why it is reused."
    )


def join_words(words: Iterable[str]) -> str:
    """Return words as a list in a sentence: `A, B and C`."""
    *head, last = words
    return f"{', '.join(head)} and {last}" if head else last
