"""What the checks of units, evidence, centres and roles find."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.integrity.given_records import ALICE, BOB, CAROL, NOON, build_event, build_snapshot
from tracker.integrity.units_and_evidence import (
    find_centre_mismatches,
    find_changed_evidence,
    find_changed_units,
    find_incomplete_idempotency_keys,
    find_people_without_role,
)
from tracker.ledger.canonical_json import canonical_json
from tracker.models.portfolio import EVIDENCE_FIELDS
from tracker.portfolio.services.submissions import compute_content_hash
from tracker.units.documents import CriterionDocument, Identifier, Provenance, RequirementDocument, UnitDocument
from tracker.units.search_words import build_search_text
from tracker.vocabulary import CriterionKind, DocumentType, LabelOrigin, Method, Role, Simulation

Values = dict[str, Any]
TICK = timedelta(microseconds=1)


def build_criterion(position: int, label: str) -> CriterionDocument:
    return CriterionDocument(
        position, CriterionKind.PERFORMANCE, label, LabelOrigin.PUBLISHED, None, None, f"Do {label}.", assessable=True
    )


UNIT = UnitDocument(
    code="CFACC15",
    slug="cfacc15-v1",
    title="Solve problems",
    document_type=DocumentType.NOS,
    version="1",
    revision=0,
    identifiers=(Identifier("SQA", "H128 04"),),
    overview=(),
    metadata={"approved_on": None, "review_on": None, "suites": "Contact Centre", "keywords": None},
    simulation=Simulation.UNSTATED,
    scope=(),
    criteria=(build_criterion(1, "a"), build_criterion(2, "b")),
    evidence_requirements_introduction=None,
    evidence_requirements=(RequirementDocument(1, "A", "Three calls."),),
    assessor_rules=(),
    skills=(),
    values=(),
    behaviours=(),
    glossary=(),
    links=(),
    external_links=(),
    empty_headings=(),
    provenance=Provenance("a PDF", "by hand"),
    notes=(),
)


def build_library(unit: UnitDocument = UNIT) -> dict[str, list[Values]]:
    """Return the rows of a unit, by table."""
    document = unit.as_json()
    criterion = {"position", "kind", "label", "label_origin", "heading", "parent", "text", "assessable"}
    codes = [("code", "CFACC15", "cfacc15"), ("slug", "cfacc15-v1", "cfacc15v1"), ("SQA", "H128 04", "h12804")]
    return {
        "unit": [
            {
                "document": canonical_json(document).decode(),
                "content_hash": unit.content_hash,
                "search_text": build_search_text(unit),
                "suites": unit.metadata["suites"] or "",
                "evidence_guidance": [],
                **{
                    name: getattr(unit, name)
                    for name in ("code", "version", "revision", "slug", "title", "full_code")
                },
                "document_type": unit.document_type,
                "simulation": unit.simulation,
            }
        ],
        "criterion": [{"unit_id": 1} | {name: each[name] for name in criterion} for each in document["criteria"]],
        "evidence_requirement": [{"unit_id": 1} | each for each in document["evidence_requirements"]],
        "unit_code": [{"unit_id": 1, "scheme": a, "value": b, "normalised": c} for a, b, c in codes],
    }


def find_unit_faults(change: Callable[[dict[str, list[Values]]], object] = lambda _: None) -> list[str]:
    """Return the faults of a unit after a change of its rows."""
    rows = build_library()
    change(rows)
    return list(find_changed_units(build_snapshot(**rows)))


class TestUnits:
    def test_a_unit_is_as_it_was_stored(self) -> None:
        assert find_unit_faults() == []

    def test_a_unit_without_suites_is(self) -> None:
        rows = build_library(UnitDocument(**{**vars(UNIT), "metadata": {**UNIT.metadata, "suites": None}}))
        assert list(find_changed_units(build_snapshot(**rows))) == []

    @pytest.mark.parametrize("document", ["no JSON", "[]"])
    def test_one_that_cannot_be_read_is_named(self, document: str) -> None:
        assert find_unit_faults(lambda rows: rows["unit"][0].update(document=document)) == ["unit 1 cannot be read"]

    def test_its_text_has_the_stored_hash(self) -> None:
        assert find_unit_faults(lambda rows: rows["unit"][0].update(content_hash="0a", title="Another")) == [
            "unit 1 (CFACC15) does not match its stored hash"
        ]

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("title", "Another"),
            ("full_code", "Another"),
            ("search_text", ""),
            ("evidence_guidance", [{"kind": "items"}]),
            ("suites", ""),
            ("simulation", "another"),
        ],
    )
    def test_each_column_is_as_its_text_says(self, column: str, value: object) -> None:
        assert find_unit_faults(lambda rows: rows["unit"][0].update({column: value})) == [
            f"unit 1 (CFACC15) differs from its text in {column.replace('_', ' ')}"
        ]

    def test_it_is_found_by_the_codes_of_its_text(self) -> None:
        fault = ["unit 1 (CFACC15) has other codes than its text"]
        assert find_unit_faults(lambda rows: rows["unit_code"].pop()) == fault
        assert find_unit_faults(lambda rows: rows["unit_code"][0].update(normalised="x")) == fault
        assert find_unit_faults(lambda rows: rows.pop("unit_code")) == fault

    def test_each_criterion_is_as_its_text_says(self) -> None:
        name = "unit 1 (CFACC15): criterion"
        assert find_unit_faults(lambda rows: rows["criterion"].pop()) == [f"{name} b is gone"]
        assert find_unit_faults(lambda rows: rows["criterion"][0].update(text="Another.")) == [
            f"{name} a is not what the unit says"
        ]
        extra = {"unit_id": 1, "position": 3, "label": "c"}
        assert find_unit_faults(lambda rows: rows["criterion"].append(extra)) == [f"{name} c is not of the unit"]

    def test_each_requirement_is_as_its_text_says(self) -> None:
        assert find_unit_faults(lambda rows: rows["evidence_requirement"][0].update(text="Another.")) == [
            "unit 1 (CFACC15): evidence requirement A is not what the unit says"
        ]
        assert find_unit_faults(lambda rows: rows.pop("evidence_requirement")) == [
            "unit 1 (CFACC15): evidence requirement A is gone"
        ]

    def test_criteria_have_the_numbers_that_they_were_stored_with(self) -> None:
        def exchange(rows: dict[str, list[Values]]) -> None:
            first, second = rows["criterion"]
            rows["criterion"] = [first | {"id": 2}, second | {"id": 1}]

        assert find_unit_faults(exchange) == [
            "unit 1 (CFACC15): criterion b has another number than it was stored with"
        ]


class TestEvidence:
    FIELDS: Values = dict.fromkeys(EVIDENCE_FIELDS, "") | {
        "title": "A call", "method": Method.WORK_PRODUCT, "happened_from": date(2026, 10, 5), "happened_until": None,
    }  # fmt: skip
    FILES = (("a.pdf", 1, "0a"), ("b.pdf", 2, "0b"))

    def build_tables(self) -> dict[str, list[Values]]:
        content_hash = compute_content_hash(self.FIELDS, list(self.FILES))
        return {
            "evidence": [{"candidate_id": ALICE, "centre_id": 1, "number": 4}],
            "evidence_version": [{"evidence_id": 1, "number": 2, "content_hash": content_hash} | self.FIELDS],
            "attachment": [
                {"id": 6, "name": "a.pdf", "size": 1, "sha256": "0a"},
                {"id": 5, "name": "b.pdf", "size": 2, "sha256": "0b"},
            ],
            "version_attachment": [
                {"version_id": 1, "attachment_id": 5, "position": 2},
                {"version_id": 1, "attachment_id": 6, "position": 1},
            ],
        }

    def find_faults(
        self, change: Callable[[dict[str, list[Values]]], object] = lambda _: None, **event: Any
    ) -> list[str]:
        rows = self.build_tables()
        said = {"content": rows["evidence_version"][0]["content_hash"], "version": 2, "number": 4} | event
        change(rows)
        erasure = build_event("portfolio_erased", ("erasure", 1), versions=[9])
        submitted = build_event("evidence_submitted", ("evidence_version", 1), **said)
        return list(find_changed_evidence(build_snapshot(submitted, erasure, **rows)))

    def test_a_version_is_as_it_was_sealed(self) -> None:
        assert self.find_faults() == []

    @pytest.mark.parametrize(
        "change",
        [
            lambda rows: rows["evidence_version"][0].update(title="Another"),
            lambda rows: rows["attachment"][0].update(sha256="0c"),
            lambda rows: rows["version_attachment"][0].update(position=0),
            lambda rows: rows["version_attachment"].pop(),
            lambda rows: rows.pop("version_attachment"),
        ],
    )
    def test_a_version_that_changed_is_named(self, change: Callable[[dict[str, list[Values]]], object]) -> None:
        assert self.find_faults(change) == ["evidence version 1 is not what was sealed"]

    def test_files_without_a_position_come_first(self) -> None:
        def change(rows: dict[str, list[Values]]) -> None:
            rows["version_attachment"][0].update(position=1)
            rows["version_attachment"][1].update(position=None)

        assert self.find_faults(change) == []

    def test_a_missing_file_is_named(self) -> None:
        assert self.find_faults(lambda rows: rows["attachment"].pop()) == [
            "evidence version 1 has a file that is missing"
        ]

    def test_an_erased_version_is_left_to_another_check(self) -> None:
        def erase(rows: dict[str, list[Values]]) -> None:
            rows["evidence_version"][0].update(id=9, title="Erased")

        assert self.find_faults(erase) == []

    def test_its_event_names_the_same_content_and_version(self) -> None:
        fault = ["evidence version 1 is not what event 1 (evidence_submitted) records"]
        assert self.find_faults(content="0a") == fault
        assert self.find_faults(version=3) == fault

    def test_its_event_names_the_number_of_the_evidence(self) -> None:
        assert self.find_faults(number=5) == [
            "evidence 1 has another number than event 1 (evidence_submitted) gave it"
        ]

    def test_a_version_without_an_event_is_named_by_another_check(self) -> None:
        assert self.find_faults(lambda rows: rows["evidence_version"][0].update(id=2)) != []
        assert list(find_changed_evidence(build_snapshot(**self.build_tables()))) == []

    def test_a_submission_is_not_withdrawn_once_an_assessor_began(self) -> None:
        fault = "submission 1 was withdrawn, but an assessor had begun to assess it"
        for withdrawn_at, version, is_named in ((NOON, 1, True), (None, 1, False), (NOON, 2, False)):
            submissions = [{"evidence_version_id": 1, "withdrawn_at": withdrawn_at}]
            record = build_snapshot(submission=submissions, assessment=[{"evidence_version_id": version}])
            assert list(find_changed_evidence(record)) == ([fault] if is_named else [])

    def test_a_number_is_used_once_for_each_candidate_and_centre(self) -> None:
        item = {"candidate_id": ALICE, "centre_id": 1, "number": 4}
        others = [item | change for change in ({"number": 5}, {"centre_id": 2}, {"candidate_id": BOB})]
        drafts = [item | {"number": None}] * 2
        assert list(find_changed_evidence(build_snapshot(evidence=[item, *others, *drafts]))) == []
        assert list(find_changed_evidence(build_snapshot(evidence=[item, item]))) == [
            "evidence number 4 of person 1 is used 2 times"
        ]


@pytest.mark.parametrize(
    ("location", "used_at", "is_complete"),
    [("/units", NOON, True), ("", NOON, False), (None, NOON, False), ("/units", NOON + TICK, False)],
)
def test_an_idempotency_key_led_somewhere(
    freeze_clock: Callable[[datetime], None], location: str | None, used_at: datetime, is_complete: bool
) -> None:
    freeze_clock(NOON)
    row = {"person_id": ALICE, "key": "0123456789", "location": location, "used_at": used_at}
    fault = "key 01234567… of person 1 has no address that it led to, or a time in the future"
    assert list(find_incomplete_idempotency_keys(build_snapshot(idempotency_key=[row]))) == (
        [] if is_complete else [fault]
    )


class TestCentres:
    TABLES: dict[str, list[Values]] = {
        "registration": [{"candidate_id": ALICE, "centre_id": 1, "qualification_id": 1}],
        "unit_attempt": [{"registration_id": 1, "candidate_id": ALICE, "centre_id": 1, "unit_id": 1}],
        "unit": [{}],
        "visit": [{"centre_id": 1}],
        "visit_attempt": [{"visit_id": 1, "attempt_id": 1}],
        "qualification": [{}],
    }

    def find_faults(self, table: str = "unit", **changes: Any) -> list[str]:
        tables = self.TABLES | {table: [self.TABLES[table][0] | changes]}
        return list(find_centre_mismatches(build_snapshot(**tables)))

    def test_a_unit_is_of_the_centre_and_candidate_of_its_registration(self) -> None:
        fault = ["attempt 1 is not of the centre and candidate of its registration"]
        assert self.find_faults() == []
        assert self.find_faults("registration", candidate_id=BOB) == fault
        assert self.find_faults("registration", centre_id=2) == fault

    def test_a_unit_of_another_centre_is_not_attempted(self) -> None:
        assert self.find_faults("unit", owner_centre_id=1) == []
        assert self.find_faults("unit", owner_centre_id=2) == ["attempt 1 is on a unit that belongs to centre 2"]

    def test_a_visit_names_units_of_its_centre(self) -> None:
        assert self.find_faults("visit", centre_id=2) == ["visit 1 names attempt 1 of another centre"]

    def test_a_qualification_of_another_centre_is_not_chosen(self) -> None:
        assert self.find_faults("qualification", owner_centre_id=1) == []
        assert self.find_faults("qualification", owner_centre_id=2) == [
            "registration 1 is for a qualification of centre 2"
        ]
        assert self.find_faults("registration", qualification_id=None) == []


class TestRoles:
    GRANT: Values = {"person_id": BOB, "centre_id": 1, "role": Role.ASSESSOR}

    def find_allocation_faults(self, **changes: Any) -> list[str]:
        record = build_snapshot(
            unit_attempt=[{"centre_id": 1}],
            allocation=[{"attempt_id": 1, "person_id": BOB, "role": Role.ASSESSOR, "starts_at": NOON}],
            grant=[self.GRANT | {"person_id": CAROL}, self.GRANT | changes],
        )
        return list(find_people_without_role(record))

    def test_units_are_allocated_to_people_with_the_role_at_the_centre(self) -> None:
        fault = ["allocation 1 names somebody who did not have the role at that centre"]
        assert self.find_allocation_faults() == []
        assert self.find_allocation_faults(ends_at=NOON + TICK) == []
        assert self.find_allocation_faults(ends_at=NOON) == fault
        assert self.find_allocation_faults(centre_id=2) == fault
        assert self.find_allocation_faults(role=Role.ADMINISTRATOR) == fault
        assert self.find_allocation_faults(person_id=CAROL) == fault

    def test_visits_are_of_external_verifiers(self) -> None:
        visit = {"centre_id": 1, "person_id": BOB, "opened_at": NOON, "starts_at": NOON - TICK}
        grant = self.GRANT | {"role": Role.EXTERNAL_VERIFIER, "ends_at": NOON + TICK}
        fault = ["visit 1 is of somebody who was no external verifier at that centre"]
        assert list(find_people_without_role(build_snapshot(visit=[visit], grant=[grant]))) == []
        ended = grant | {"ends_at": NOON}
        assert list(find_people_without_role(build_snapshot(visit=[visit], grant=[ended]))) == fault
        assert list(find_people_without_role(build_snapshot(visit=[visit], grant=[self.GRANT]))) == fault

    def test_candidates_submit_evidence_where_they_are_registered(self) -> None:
        registration = [{"candidate_id": ALICE, "centre_id": 1}]
        for change, is_named in (({}, False), ({"centre_id": 2}, True), ({"candidate_id": BOB}, True)):
            item = {"candidate_id": ALICE, "centre_id": 1, "number": 1} | change
            fault = "evidence 1 is at a centre at which its candidate is not registered"
            record = build_snapshot(registration=registration, evidence=[item])
            assert list(find_people_without_role(record)) == ([fault] if is_named else [])
            draft = build_snapshot(registration=registration, evidence=[item | {"number": None}])
            assert list(find_people_without_role(draft)) == []
