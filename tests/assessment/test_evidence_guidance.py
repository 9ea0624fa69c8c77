"""Evidence guidance: what each kind of rule finds, what is missing, and that only what counts is counted."""

from datetime import date

import pytest

from tracker.assessment.services.sign_off_checks import list_signing_warnings
from tracker.matrix import summarise_evidence_spread
from tracker.matrix.grid import Matrix, MatrixCell, MatrixColumn, MatrixRow, compute_criterion_status
from tracker.matrix.rule_findings import ApplicableRule, RuleFinding, evaluate_rules, list_waiting_records
from tracker.portfolio.evidence_warnings import list_sign_off_warnings
from tracker.units.evidence_rule_schema import EvidenceRuleSchema, resolve_rule
from tracker.units.evidence_rules import EvidenceRule, EvidenceRuleKind, label_criteria, rule_as_json, rule_from_json
from tracker.units.standards_folder import read_standards
from tracker.vocabulary import CriterionKind, Method, Outcome, RecordStanding

PERFORMANCE, KNOWLEDGE = CriterionKind.PERFORMANCE, CriterionKind.KNOWLEDGE
COLUMNS = tuple(
    MatrixColumn(100 + position, position, kind, label, heading, f"Statement {label}")
    for position, (kind, label, heading) in enumerate(
        [
            (PERFORMANCE, "P1", "Contacts"), (PERFORMANCE, "P2", "Contacts"), (PERFORMANCE, "P3", "Monitoring"),
            (KNOWLEDGE, "K1", None), (KNOWLEDGE, "K2", None),
        ],
        start=1,
    )
)  # fmt: skip
CALLS = date(2026, 9, 1)


def make_row(
    number: int,
    *labels: str,
    method: Method = Method.WORK_PRODUCT,
    day: date | None = CALLS,
    until: date | None = None,
    customers: str = "",
    standing: RecordStanding | None = None,
    outcome: Outcome | None = None,
    is_draft: bool = False,
    is_accepted: bool = True,
    is_decided: bool = True,
) -> MatrixRow:
    """Return an item that claims criteria by their labels."""
    ids = [column.id for column in COLUMNS if column.label in labels]
    has_decision = outcome is not None
    decided = {
        "outcome": outcome, "is_decided": has_decision and is_decided, "is_accepted": has_decision and is_accepted,
    }  # fmt: skip
    return MatrixRow(
        number, None if is_draft else number, None if is_draft else number, 1, f"Item {number}", method, day, until,
        "", customers, None, None, {id_: MatrixCell(number * 10 + id_, id_, "", None, **decided) for id_ in ids},  # type: ignore[arg-type]
        "Bob Archer" if standing else None, standing,
    )  # fmt: skip


def find(content: dict[str, object], *rows: MatrixRow) -> RuleFinding:
    """Return what a rule, as a unit's file states it, finds in these items."""
    rule = resolve_rule(EvidenceRuleSchema().load(content), COLUMNS, ["1", "3"])
    assert rule_from_json(rule_as_json(rule)) == rule, "a rule is read back as it was stored"
    matrix = Matrix(1, COLUMNS, rows, tuple(compute_criterion_status(column, rows) for column in COLUMNS))
    return evaluate_rules([ApplicableRule(rule)], matrix)[0]


OCTOBER, NOVEMBER = date(2026, 10, 5), date(2026, 11, 29)
ROWS = (
    make_row(1, "P1", "K1", customers="Case CH-1"),
    make_row(2, "P1", "P2", method=Method.OBSERVATION, day=OCTOBER, customers="case ch-1 "),
    make_row(3, "P3", method=Method.WITNESS_TESTIMONY, day=OCTOBER),
    make_row(4, "K2", method=Method.QUESTIONING, day=NOVEMBER, customers="Case CH-2"),
)
REAL_RULES = [
    # CFACC15, evidence requirements 1 to 3
    ({"kind": "at_most", "at_most": 0, "methods": ["simulation"], "requirement": "1"}, "0 items", []),
    ({"kind": "occasions", "at_least": 4, "requirement": "3"}, "3 of 4", ["1 more occasion"]),
    ({"kind": "customers", "at_least": 2, "requirement": "3"}, "2", []),
    ({"kind": "months", "at_least": 3, "requirement": "3"}, "2 of 3",
     ["1 more month from the first to the last evidence"]),
    # “P1–P4 by direct observation”
    ({"kind": "methods", "methods": ["observation"], "part": "performance", "criteria": ["P1", "P2", "P3"],
      "each_criterion": True}, "2 of 3 criteria", ["no observation yet for criterion P3"]),
    # “P5 and P6 by observation or witness testimony”
    ({"kind": "methods", "methods": ["observation", "witness_testimony"], "criteria": ["P3"]}, "1", []),
    # “K1–K2 by questioning”
    ({"kind": "methods", "methods": ["questioning"], "part": "knowledge", "each_criterion": True}, "1 of 2 criteria",
     ["no questions and answers yet for criterion K1"]),
    # “P1 – P2 by observation on three occasions”
    ({"kind": "methods", "methods": ["observation"], "at_least": 3, "criteria": ["P1", "P2"]}, "1 of 3",
     ["2 more items by observation, for criteria P1, P2"]),
    # a centre: at least half is direct evidence
    ({"kind": "direct_share", "at_least": 75}, "50% of 4 items",
     ["50% by observation or work product, where 75% is expected"]),
    # a centre: two items for each criterion under a heading
    ({"kind": "items", "at_least": 2, "heading": "Contacts", "each_criterion": True}, "1 of 2 criteria",
     ["1 more item of evidence for criterion P2"]),
    ({"kind": "at_most", "at_most": 0, "methods": ["witness_testimony", "expert_witness"]}, "1 item",
     ["1 item by witness testimony or expert witness, where none is expected"]),
]  # fmt: skip


@pytest.mark.parametrize(("content", "found", "missing"), REAL_RULES)
def test_a_real_rule_says_what_was_found_and_what_is_missing(
    content: dict[str, object], found: str, missing: list[str]
) -> None:
    finding = find(content, *ROWS)
    assert (finding.found, list(finding.missing)) == (found, missing)
    assert finding.is_met == (not missing)


SCOPES: list[tuple[dict[str, object], str]] = [
    ({}, ""),
    ({"part": "performance"}, ", for performance criteria"),
    ({"part": "knowledge"}, ", for knowledge and understanding"),
    ({"heading": "Monitoring"}, ", for the criteria under “Monitoring”"),
    ({"criteria": ["P3"]}, ", for criterion P3"),
    ({"criteria": ["P3", "K1"]}, ", for criteria P3, K1"),
]
COUNTED: list[dict[str, object]] = [
    {"kind": "methods", "methods": ["simulation"], "at_least": 9}, {"kind": "items", "at_least": 9},
    {"kind": "occasions", "at_least": 9}, {"kind": "customers", "at_least": 9}, {"kind": "months", "at_least": 9},
    {"kind": "direct_share", "at_least": 100, "methods": ["simulation"]},
]  # fmt: skip


@pytest.mark.parametrize("counted", COUNTED, ids=lambda counted: str(counted["kind"]))
def test_what_is_missing_says_of_which_criteria(counted: dict[str, object]) -> None:
    findings = [find({**counted, **scope}, *ROWS) for scope, _ in SCOPES]
    for finding, (_, words) in zip(findings, SCOPES, strict=True):
        assert finding.missing[0].endswith(words)
        assert ", for" in finding.missing[0] or not words
    warnings = [each.text for each in list_signing_warnings(Matrix(1, COLUMNS, (), ()), findings)]
    assert len(set(warnings)) == len(SCOPES), "no two rules become one line"


SAME_LABELS = tuple(
    MatrixColumn(200 + position, position, kind, label, heading, f"Statement {position}")
    for position, (kind, label, heading) in enumerate(
        [
            (PERFORMANCE, "1", "Plan"), (PERFORMANCE, "2", "Plan"), (PERFORMANCE, "1", "Review"),
            (KNOWLEDGE, "1", None), (KNOWLEDGE, "2", None), (KNOWLEDGE, "3", None),
        ],
        start=1,
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("criteria", "each_criterion", "statement", "missing"),
    [
        ([], True, "At least 1 item of evidence, for each criterion",
         "1 more item of evidence for criteria 1 under “Plan”, 2, 1 under “Review”, 3 and knowledge 1, 2"),
        (["#4"], False, "At least 1 item of evidence, for knowledge 1", "1 more item of evidence, for knowledge 1"),
        (["#2", "#5"], True, "At least 1 item of evidence, for each of criterion 2 and knowledge 2",
         "1 more item of evidence for criterion 2 and knowledge 2"),
        (["#6"], False, "At least 1 item of evidence, for criterion 3", "1 more item of evidence, for criterion 3"),
    ],
)  # fmt: skip
def test_knowledge_is_named_where_a_label_is_not_unique(
    criteria: list[str], each_criterion: bool, statement: str, missing: str
) -> None:
    content = {"kind": "items", "at_least": 1, "criteria": criteria, "each_criterion": each_criterion}
    rule = resolve_rule(EvidenceRuleSchema().load(content), SAME_LABELS, [])
    [finding] = evaluate_rules([ApplicableRule(rule)], Matrix(1, SAME_LABELS, (), ()))
    assert (finding.statement, finding.missing) == (statement, (missing,))


@pytest.mark.parametrize("code", ["INSCC004", "DELIVERCC", "CFAM&LFD3", "CFACC15"])
def test_no_two_criteria_of_a_unit_have_one_name(code: str) -> None:
    unit = read_standards().find_unit(code)
    names = list(label_criteria(unit.assessable).values())
    assert len(set(names)) == len(names)


def test_what_the_record_does_not_hold_is_never_met() -> None:
    finding = find({"kind": "assessor_check", "text": "The period is sufficient", "requirement": "3"}, *ROWS)
    assert (finding.statement, finding.source) == ("The period is sufficient", "evidence requirement 3")
    assert not finding.is_met
    assert not finding.is_unmet


def test_a_rule_that_was_stored_under_the_first_name_of_its_kind_is_read() -> None:
    stored = rule_as_json(EvidenceRule(EvidenceRuleKind.ASSESSOR_CHECK, text="Several teams")) | {"kind": "by_eye"}
    rule = rule_from_json(stored)
    assert rule.is_assessor_check
    assert rule_as_json(rule)["kind"] == "assessor_check"


def test_everything_is_missing_on_the_first_day() -> None:
    assert find({"kind": "methods", "methods": ["observation"]}).missing == ("no observation yet",)
    assert find({"kind": "occasions", "at_least": 2}).missing == ("2 more occasions",)
    assert find({"kind": "direct_share", "at_least": 50}).missing


@pytest.mark.parametrize(
    "row",
    [
        make_row(1, "P1", is_draft=True),
        make_row(1, "P1", outcome=Outcome.NOT_MET),
        make_row(1, "P1", outcome=Outcome.NOT_MET, is_accepted=False),
        make_row(1, "P1", standing=RecordStanding.WAITING),
        make_row(1, "P1", standing=RecordStanding.OBJECTED),
        make_row(1),
    ],
    ids=[
        "a draft",
        "not met",
        "returned as not met",
        "a record not agreed to",
        "a record objected to",
        "without a claim in the unit",
    ],
)
def test_what_does_not_count_is_not_found(row: MatrixRow) -> None:
    assert find({"kind": "items", "at_least": 1}, row).missing == ("1 more item of evidence",)


@pytest.mark.parametrize("is_accepted", [True, False], ids=["accepted", "returned"])
@pytest.mark.parametrize("outcome", [Outcome.MET, Outcome.NEEDS_MORE])
def test_an_item_counts_unless_it_is_not_met(outcome: Outcome, is_accepted: bool) -> None:
    row = make_row(1, "P1", outcome=outcome, is_accepted=is_accepted)
    assert find({"kind": "items", "at_least": 1}, row).is_met
    assert not find({"kind": "at_most", "at_most": 0, "methods": ["work_product"]}, row).is_met


def test_a_new_version_of_what_was_not_met_counts() -> None:
    row = make_row(1, "P1", outcome=Outcome.NOT_MET, is_decided=False)
    assert find({"kind": "items", "at_least": 1}, row).is_met


@pytest.mark.parametrize("standing", [RecordStanding.AGREED, RecordStanding.DISMISSED, RecordStanding.AUTHENTICATED])
def test_a_record_counts_once_it_is_acknowledged(standing: RecordStanding) -> None:
    assert find({"kind": "items", "at_least": 1}, make_row(1, "P1", standing=standing)).is_met


def test_records_that_may_count_later_are_named() -> None:
    rows = (make_row(1, "P1", standing=RecordStanding.WAITING), make_row(2, "P1", standing=RecordStanding.AGREED))
    assert list_waiting_records(Matrix(1, COLUMNS, rows, ())) == [rows[0]]


@pytest.mark.parametrize(
    ("day", "until", "months"),
    [
        (date(2026, 9, 1), None, 0), (date(2026, 9, 29), None, 0), (date(2026, 9, 30), None, 1),
        (date(2026, 10, 30), None, 1), (date(2026, 9, 2), date(2026, 11, 30), 3), (date(2027, 2, 28), None, 6),
    ],
)  # fmt: skip
def test_months_are_whole_months_from_the_first_to_the_last_day(day: date, until: date | None, months: int) -> None:
    later = make_row(2, "P1", day=day, until=until)
    assert find({"kind": "months", "at_least": 12}, make_row(1, "P1"), later).found == f"{months} of 12"


@pytest.mark.parametrize(
    ("first", "last", "months"),
    [
        (date(2026, 3, 1), date(2026, 8, 31), 6), (date(2026, 8, 31), date(2026, 11, 30), 3),
        (date(2026, 11, 30), date(2027, 2, 28), 3), (date(2026, 11, 30), date(2027, 2, 27), 2),
        (date(2026, 3, 15), date(2026, 4, 14), 1), (date(2026, 3, 15), date(2026, 4, 13), 0),
        (date(2027, 12, 1), date(2028, 2, 29), 3), (date(2027, 12, 1), date(2028, 2, 28), 2),
        (date(2026, 1, 31), date(2026, 2, 28), 1), (date(2026, 12, 1), date(2026, 12, 31), 1),
    ],
)  # fmt: skip
def test_the_last_day_of_a_month_is_its_end(first: date, last: date, months: int) -> None:
    rows = make_row(1, "P1", day=first), make_row(2, "P1", day=last)
    assert find({"kind": "months", "at_least": 12}, *rows).found == f"{months} of 12"


def test_customers_are_the_same_whatever_their_case_and_spaces() -> None:
    texts = ("Café North", "  café   NORTH ", "Cafe\u0301\tNorth", "Café North\n", "Café\u00a0North")
    rows = [make_row(number, "P1", customers=text) for number, text in enumerate(texts, start=1)]
    assert find({"kind": "customers", "at_least": 2}, *rows).found == "1 of 2"
    assert summarise_evidence_spread(rows).customers == ("Café North",)
    met = [make_row(number, "P1", customers=text, outcome=Outcome.MET) for number, text in enumerate(texts, start=1)]
    assert any("of one customer: Café North." in each.text for each in list_sign_off_warnings(met))


def test_items_without_a_day_or_customer_add_none() -> None:
    assert find({"kind": "occasions", "at_least": 1}, make_row(1, "P1", day=None)).missing
    assert find({"kind": "customers", "at_least": 1}, make_row(1, "P1", customers="  ")).missing
    assert find({"kind": "months", "at_least": 1}, make_row(1, "P1", day=None)).missing


def test_cfacc15_ships_a_rule_for_each_of_its_evidence_requirements() -> None:
    unit = read_standards().find_unit("CFACC15")
    assert {rule.requirement for rule in unit.evidence_guidance} == {"1", "2", "3", "4", "5"}
