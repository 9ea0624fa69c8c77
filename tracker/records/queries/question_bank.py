"""The questions that a centre reads: those of its own bank and the shared ones."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import joinedload

from tracker.clock import LONDON
from tracker.errors import NotFound
from tracker.extensions import db
from tracker.library.queries.units import is_unit_visible_at
from tracker.matrix import list_columns
from tracker.models import BankQuestion, Centre, Unit
from tracker.records.stamps import MarkedCriterion, StampableUnit, mark_criteria
from tracker.web.list_pages import load_page
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery, contains_words

SHARED, OWN = "shared", "own"
RETIRED = "retired"
MAX_VERSIONS = 100
MAX_TO_SET = 100
"""Questions of a bank that are offered on one page."""


@dataclass(frozen=True)
class QuestionRow:
    """A question as lists show it, with the code and the title of its unit."""

    question: BankQuestion
    code: str
    title: str
    version: str

    @property
    def unit(self) -> str:
        """Return the code and version of the unit, as the list names it."""
        return f"{self.code} version {self.version}"

    @property
    def marks(self) -> str:
        """Return the criteria that it covers in one line."""
        return ", ".join(self.question.marks)

    @property
    def bank(self) -> str:
        """Return whose question it is."""
        return "Shared" if self.question.is_shared else "Centre’s own"

    @property
    def written_at(self) -> datetime:
        """Return when these words were written, in London time."""
        return self.question.written_at.astimezone(LONDON)


QUESTIONS = ListDefinition[QuestionRow](
    "question-bank",
    (
        Column("Unit", lambda row: row.unit, can_sort=True),
        Column("Criteria", lambda row: row.marks),
        Column("Question", lambda row: row.question.text),
        Column("A good answer has", lambda row: row.question.guidance, only_in_csv=True),
        Column("Bank", lambda row: row.bank),
        Column("Written", lambda row: row.written_at.date(), can_sort=True, largest_first=True),
    ),
    default_sort="unit",
)
CHOICES = ListDefinition[QuestionRow]("questions-to-ask", QUESTIONS.columns, default_sort="unit")
ORDER_BY: dict[str, Sequence[Any]] = {
    "unit": [Unit.code, Unit.version],
    "written": [BankQuestion.written_at],
}
BANK = Filter("bank", "Bank", "All questions", {OWN: "The centre’s own", SHARED: "Shared by all centres"})
STATE = Filter("state", "Show", "In use", {RETIRED: "Retired"})


def list_filters(centre: Centre) -> list[Filter]:
    """List the choices that narrow a centre's questions. One statement."""
    query = (
        select(Unit.slug, Unit.code, Unit.version)
        .where(
            Unit.id.in_(select(BankQuestion.unit_id).where(_is_read_at(centre.id))), is_unit_visible_at([centre.id])
        )
        .order_by(Unit.code, Unit.version)
    )
    units = {slug: f"{code} version {version}" for slug, code, version in db.session.execute(query)}
    return [Filter("unit", "Unit", "All units", units), BANK, STATE]


def list_bank_questions(centre: Centre, query: ListQuery) -> ListPage[QuestionRow]:
    """List a page of the questions that a centre reads. Two statements."""
    statement = _select(centre.id, query).where(_is_shown(query.get("state")))
    if query.get("unit"):
        statement = statement.where(Unit.slug == query.get("unit"))
    if query.get("bank"):
        statement = statement.where(
            BankQuestion.centre_id.is_(None) if query.get("bank") == SHARED else BankQuestion.centre_id == centre.id
        )
    return _load(QUESTIONS, query, statement)


def list_questions_to_ask(centre_id: int, unit_ids: Collection[int], query: ListQuery) -> ListPage[QuestionRow]:
    """List a page of the questions in use of some units that a centre reads. Two statements."""
    statement = _select(centre_id, query).where(BankQuestion.ended_at.is_(None), BankQuestion.unit_id.in_(unit_ids))
    return _load(CHOICES, query, statement)


def list_all_to_set(centre_id: int, unit_id: int) -> list[BankQuestion]:
    """List the questions in use about a unit that a centre reads, the first hundred of them. One statement."""
    query = (
        select(BankQuestion)
        .where(BankQuestion.unit_id == unit_id, BankQuestion.ended_at.is_(None), _is_read_at(centre_id))
        .order_by(BankQuestion.id)
        .limit(MAX_TO_SET)
    )
    return list(db.session.scalars(query))


def load_questions(centre_id: int, unit_ids: Collection[int], question_ids: Collection[int]) -> list[BankQuestion]:
    """Return those of the questions named that are in use, of these units, and read by a centre. One statement."""
    query = select(BankQuestion).where(
        BankQuestion.id.in_(question_ids),
        BankQuestion.unit_id.in_(unit_ids),
        BankQuestion.ended_at.is_(None),
        _is_read_at(centre_id),
    )
    return list(db.session.scalars(query.order_by(BankQuestion.id)))


def find_guidance(centre_id: int, texts: Collection[str]) -> dict[str, str]:
    """Return what a good answer has for those of the texts that are questions in use with guidance. One statement."""
    query = select(BankQuestion.text, BankQuestion.guidance).where(
        BankQuestion.text.in_(texts),
        BankQuestion.guidance != "",
        BankQuestion.ended_at.is_(None),
        _is_read_at(centre_id),
    )
    return {each.text: each.guidance for each in db.session.execute(query.order_by(BankQuestion.id))}


def get_question(centre: Centre, question_id: int) -> BankQuestion:
    """Return a question that a centre reads, with its unit and writer; raise NotFound for any other."""
    query = (
        select(BankQuestion)
        .join(Unit, Unit.id == BankQuestion.unit_id)
        .where(BankQuestion.id == question_id, _is_read_at(centre.id), is_unit_visible_at([centre.id]))
        .options(
            joinedload(BankQuestion.unit).load_only(Unit.code, Unit.title, Unit.slug, Unit.version),
            joinedload(BankQuestion.written_by),
            joinedload(BankQuestion.ended_by),
        )
    )
    question = db.session.scalars(query).one_or_none()
    if question is None:
        raise NotFound
    return question


def list_question_versions(question: BankQuestion) -> list[BankQuestion]:
    """List the versions of a question, the newest first: those before it, and those after it. One statement."""
    earlier = (
        select(BankQuestion.id, BankQuestion.replaces_id)
        .where(BankQuestion.id == question.id)
        .cte("earlier", recursive=True)
    )
    earlier = earlier.union(
        select(BankQuestion.id, BankQuestion.replaces_id).join(earlier, BankQuestion.id == earlier.c.replaces_id)
    )
    later = select(BankQuestion.id).where(BankQuestion.id == question.id).cte("later", recursive=True)
    later = later.union(select(BankQuestion.id).join(later, BankQuestion.replaces_id == later.c.id))
    query = (
        select(BankQuestion)
        .where(or_(BankQuestion.id.in_(select(earlier.c.id)), BankQuestion.id.in_(select(later.c.id))))
        .options(joinedload(BankQuestion.written_by), joinedload(BankQuestion.ended_by))
        .order_by(BankQuestion.number.desc())
        .limit(MAX_VERSIONS)
    )
    return list(db.session.scalars(query))


def list_marked_criteria(unit: Unit) -> list[MarkedCriterion]:
    """List the criteria of a unit with their marks, in its order. One statement."""
    stampable = StampableUnit(0, unit.code, unit.title, list_columns(unit.id))
    return mark_criteria([stampable], 0)


def list_shared_texts(unit_id: int) -> set[str]:
    """Return the words of the shared questions in use about a unit. One statement."""
    query = select(BankQuestion.text).where(
        BankQuestion.unit_id == unit_id, BankQuestion.centre_id.is_(None), BankQuestion.ended_at.is_(None)
    )
    return set(db.session.scalars(query))


def _select(centre_id: int, query: ListQuery) -> Select[*tuple[Any, ...]]:
    statement: Select[*tuple[Any, ...]] = (
        select(BankQuestion, Unit.code, Unit.title, Unit.version)
        .join(Unit, Unit.id == BankQuestion.unit_id)
        .where(
            _is_read_at(centre_id),
            is_unit_visible_at([centre_id]),
            contains_words(query, BankQuestion.text, BankQuestion.guidance, Unit.code, Unit.title),
        )
    )
    return statement


def _load(
    definition: ListDefinition[QuestionRow], query: ListQuery, statement: Select[*tuple[Any, ...]]
) -> ListPage[QuestionRow]:
    return load_page(
        definition,
        query,
        statement,
        lambda row: QuestionRow(row.BankQuestion, row.code, row.title, row.version),
        key=BankQuestion.id,
        order_by=ORDER_BY,
    )


def _is_read_at(centre_id: int) -> ColumnElement[bool]:
    return or_(BankQuestion.centre_id.is_(None), BankQuestion.centre_id == centre_id)


def _is_shown(state: str) -> ColumnElement[bool]:
    """Return the SQL condition of a choice of the filter `state`: retired is what ended and was not replaced."""
    if state != RETIRED:
        return BankQuestion.ended_at.is_(None)
    replaced = select(BankQuestion.replaces_id).where(BankQuestion.replaces_id.is_not(None))
    return BankQuestion.ended_at.is_not(None) & BankQuestion.id.not_in(replaced)
