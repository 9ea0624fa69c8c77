"""What the checks of qualifications and guidance find in their texts and in the events of publishing them."""

from dataclasses import replace
from typing import Any

import pytest

from tests.integrity.given_records import ALICE, DAN, build_event, build_snapshot
from tracker.integrity.ledger_events import LedgerEvent
from tracker.integrity.library import (
    find_changed_documents,
    find_republished_documents,
    find_wrongly_attached_guidance,
)
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.events import hash_text
from tracker.units.documents import AttachedUnit, GuidanceDocument, Provenance
from tracker.units.qualification_documents import QualificationDocument

Values = dict[str, Any]
SOURCE = Provenance("a PDF", "by hand")
QUALIFICATION = QualificationDocument(
    code="Q1", slug="q1", title="Contact Centre", version="1", revision=0, awarding_body=None, level=None,
    identifiers=(), units=(), mandatory=(), groups=(), minimum_units=1, minimum_credits=0, credits_at_level=0,
    at_level=None, barred=(), provenance=SOURCE, notes=(),
)  # fmt: skip
GUIDANCE = GuidanceDocument(
    slug="calls", title="Calls", synopsis="", key_concepts=(), tips=("Listen.",), misconceptions=(), marking_points=(),
    units=(AttachedUnit("U1"), AttachedUnit("U2", "Out of date.")), provenance=SOURCE,
)  # fmt: skip


def store(published: Any, **changes: Any) -> Values:
    """Return the row of a document, with other values in some columns."""
    names = ("slug", "title") if published is GUIDANCE else ("code", "version", "revision", "slug", "title")
    text = canonical_json(published.as_json()).decode()
    columns = {name: getattr(published, name) for name in names}
    return columns | {"document": text, "content_hash": published.content_hash} | changes


class TestTexts:
    @pytest.mark.parametrize(("table", "document"), [("qualification", QUALIFICATION), ("guidance", GUIDANCE)])
    def test_each_matches_its_hash_and_columns(self, table: str, document: Any) -> None:
        def find_faults(**changes: Any) -> list[str]:
            return list(find_changed_documents(build_snapshot(**{table: [store(document, **changes)]})))

        slug = document.slug
        assert find_faults() == []
        assert find_faults(content_hash="0a") == [f"{table} 1 ({slug}) does not match its stored hash"]
        assert find_faults(title="Another") == [f"{table} 1 ({slug}) differs from its text in title"]
        for text in ("no JSON", "[]", "{}", "null"):
            assert find_faults(document=text) == [f"{table} 1 cannot be read"]

    def test_those_after_one_that_cannot_be_read_are_compared(self) -> None:
        rows = [store(GUIDANCE, document="{}"), store(GUIDANCE, title="Another")]
        assert len(list(find_changed_documents(build_snapshot(guidance=rows)))) == 2


def publish(act: str, seq: int = 1, content: str | None = None, **others: Any) -> LedgerEvent:
    table = act.partition("_")[0]
    facts = {"centre": 1, "content": content or QUALIFICATION.content_hash} | others
    return build_event(act, (table, 1), seq=seq, **facts)


class TestPublished:
    def find_faults(self, *events: LedgerEvent, table: str = "qualification", **changes: Any) -> list[str]:
        row = {"slug": "q1", "content_hash": QUALIFICATION.content_hash, "owner_centre_id": 1} | changes
        return list(find_republished_documents(build_snapshot(*events, **{table: [row]})))

    @pytest.mark.parametrize(
        ("table", "act"),
        [("unit", "unit_published"), ("qualification", "qualification_published"), ("guidance", "guidance_added")],
    )
    def test_each_belongs_to_the_centre_that_published_it(self, table: str, act: str) -> None:
        fault = [f"{table} 1 (q1) belongs to another centre than the one that published it"]
        assert self.find_faults(publish(act), table=table) == []
        assert self.find_faults(publish(act), table=table, owner_centre_id=2) == fault
        assert self.find_faults(publish(act), table=table, owner_centre_id=None) == fault
        assert self.find_faults(table=table, owner_centre_id=None) == []
        assert self.find_faults(table=table) == fault

    def test_each_is_as_it_was_published(self) -> None:
        assert self.find_faults(publish("qualification_published"), content_hash="0a") == [
            "qualification 1 (q1) is not as event 1 (qualification_published) published it"
        ]

    def test_the_last_change_of_guidance_counts(self) -> None:
        added, changed = publish("guidance_added"), publish("guidance_changed", 2, "0b", centre=2)
        assert self.find_faults(added, changed, table="guidance", content_hash="0b") == []
        assert self.find_faults(added, changed, table="guidance") == [
            "guidance 1 (q1) is not as event 2 (guidance_changed) published it"
        ]

    def test_one_that_is_missing_is_named(self) -> None:
        record = build_snapshot(publish("guidance_added"))
        assert list(find_republished_documents(record)) == ["guidance 1 is missing, but an event records it"]
        record.others = {("guidance", 1)}
        assert list(find_republished_documents(record)) == []


class TestChosenQualifications:
    FAULT = "registration 1: its qualification is not the one that event {} names"

    def find_faults(self, *events: LedgerEvent, chosen: int | None = 1, rows: int = 1) -> list[str]:
        registration = [{"candidate_id": ALICE, "qualification_id": chosen}] * rows
        record = build_snapshot(*events, registration=registration, qualification=[{"content_hash": "0a"}])
        return list(find_republished_documents(record))

    def choose(self, act: str = "qualification_chosen", seq: int = 1, **names: Any) -> LedgerEvent:
        return build_event(act, ("registration", 1), seq=seq, **names)

    def test_a_candidate_is_registered_for_what_was_chosen_last(self) -> None:
        registered = self.choose("candidate_registered", qualification="0b")
        chosen = self.choose(seq=2, qualification="0a")
        assert self.find_faults(registered, chosen) == []
        assert self.find_faults(registered) == [self.FAULT.format("1 (candidate_registered)")]
        assert self.find_faults(registered, self.choose(seq=2, qualification="0c")) == [
            self.FAULT.format("2 (qualification_chosen)")
        ]

    def test_one_may_be_registered_for_none(self) -> None:
        assert self.find_faults(self.choose(qualification=None), chosen=None) == []
        assert self.find_faults(self.choose(qualification="0a"), chosen=None) != []
        assert self.find_faults(self.choose(qualification="0a"), chosen=9) != []

    def test_earlier_releases_named_none(self) -> None:
        assert self.find_faults(self.choose()) == []
        assert self.find_faults(self.choose(), chosen=None) == []

    def test_a_missing_registration_is_named_by_another_check(self) -> None:
        assert self.find_faults(self.choose(qualification="0b"), rows=0) == []

    def test_registrations_of_others_are_left_to_their_own_check(self) -> None:
        record = build_snapshot(self.choose(qualification="0b"), registration=[{"candidate_id": ALICE}])
        record.others = {("registration", 1)}
        assert list(find_republished_documents(record)) == []


class TestAttachedByText:
    FAULT = ["guidance 1 (calls) is attached to other units than its text says"]

    def find_faults(self, *rows: Values, **changes: Any) -> list[str]:
        units = [{"guidance_id": 1} | row for row in rows]
        record = build_snapshot(guidance=[store(GUIDANCE, **changes)], guidance_unit=units)
        return list(find_wrongly_attached_guidance(record))

    OWN = ({"unit_code": "U2", "warning": "Out of date."}, {"unit_code": "U1"})

    def test_guidance_is_attached_to_the_units_that_its_text_names(self) -> None:
        assert self.find_faults(*self.OWN) == []
        assert self.find_faults() == self.FAULT
        for change in ({"unit_code": "U3"}, {"warning": "Another."}, {"attached_by_id": DAN}, {"guidance_id": 2}):
            assert self.find_faults(self.OWN[0], self.OWN[1] | change) == self.FAULT

    def test_what_a_centre_attached_is_compared_with_its_event(self) -> None:
        assert self.find_faults(*self.OWN, {"unit_code": "U3", "centre_id": 1}) == [
            "guidance unit 3 is in no event that attached it"
        ]

    def test_guidance_of_a_centre_is_attached_by_events_only(self) -> None:
        assert self.find_faults(owner_centre_id=1) == []
        assert self.find_faults(*self.OWN, owner_centre_id=1) == self.FAULT


class TestAttachedByEvent:
    SALT = "0a" * 16
    ROW: Values = {
        "id": 5,
        "guidance_id": 1,
        "unit_code": "U1",
        "centre_id": 1,
        "attached_by_id": DAN,
        "warning": "Old.",
    }

    def attach(self, seq: int = 1, act: str = "guidance_attached", **changes: Any) -> LedgerEvent:
        texts = {"texts": {"warning": hash_text(self.SALT, "Old.")}}
        facts = {"centre": 1, "unit": "U1", "page": 1} | texts | changes
        return build_event(act, ("guidance_unit", 5), seq=seq, actor=DAN, **facts)

    def find_faults(self, *events: LedgerEvent, salted: bool = True, rows: int = 1, **changes: Any) -> list[str]:
        record = build_snapshot(*events, guidance_unit=[self.ROW | changes] * rows)
        record.salts = {1: {"warning": self.SALT}} if salted else {}
        return list(find_wrongly_attached_guidance(record))

    def test_it_is_what_was_attached(self) -> None:
        assert self.find_faults(self.attach()) == []
        named = "guidance unit 5 is not what event 1 (guidance_attached) attached: "
        for column, value, name in (
            ("centre_id", 2, "centre"), ("unit_code", "U2", "unit code"), ("attached_by_id", ALICE, "person"),
            ("guidance_id", 2, "guidance"), ("warning", "New.", "warning"), ("warning", None, "warning"),
        ):  # fmt: skip
            assert self.find_faults(self.attach(), **{column: value}) == [named + name]
        assert self.find_faults(self.attach(), salted=False) == [named + "warning"]

    def test_it_may_have_no_warning(self) -> None:
        without = build_event("guidance_attached", ("guidance_unit", 5), actor=DAN, centre=1, unit="U1", page=1)
        assert self.find_faults(without, warning=None, salted=False) == []
        assert self.find_faults(without, salted=False) != []

    def test_earlier_releases_did_not_name_the_page(self) -> None:
        event = self.attach()
        assert (
            self.find_faults(replace(event, data={key: each for key, each in event.data.items() if key != "page"}))
            == []
        )

    def test_what_was_detached_is_gone(self) -> None:
        detached = self.attach(2, "guidance_detached")
        assert self.find_faults(self.attach(), detached, rows=0) == []
        assert self.find_faults(self.attach(), detached) == ["guidance unit 5 is in no event that attached it"]
        assert self.find_faults(self.attach(), detached, self.attach(3), salted=False) != []

    def test_what_is_missing_was_detached(self) -> None:
        record = build_snapshot(self.attach())
        assert list(find_wrongly_attached_guidance(record)) == ["guidance unit 5 is missing, but an event records it"]
        record.others = {("guidance_unit", 5)}
        assert list(find_wrongly_attached_guidance(record)) == []
