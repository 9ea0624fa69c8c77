"""Import of a file of units: preview, confirmation, slices and links."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests import factories
from tests.factories import PASSWORD, World
from tests.job_runs.conftest import by_hand
from tests.library.centre_units import publish_centre_unit, read_unit
from tests.library.unit_imports import (
    CHANGED,
    NEW,
    REFUSED,
    UNCHANGED,
    Browser,
    body_of,
    do_job,
    get_own_unit,
    import_one_slice,
    import_units,
    outcomes,
    own_units,
    parse_files_here,
    preview,
    reload_run,
    reword,
    start,
    units,
)
from tests.stored_files import stored_path
from tracker.background import jobs
from tracker.errors import Conflict, Invalid
from tracker.extensions import db
from tracker.job_runs.running import MAX_ATTEMPTS, resume_job_runs
from tracker.ledger.transactions import reading, transaction
from tracker.library.queries.imports import ImportEntry, classify_unit
from tracker.library.services import import_job, unit_files
from tracker.library.services import imports as services
from tracker.models import Criterion, CriterionLink, Event, ImportRun, Unit, UnitAttempt
from tracker.units.documents import UnitDocument
from tracker.units.formats.files import ExchangedLink
from tracker.vocabulary import AttemptState, ImportState, LinkKind

__all__ = ["by_hand", "parse_files_here"]


class TestPreview:
    def test_each_unit_is_compared_with_the_library(self, world: World) -> None:
        with transaction():
            same_unit, changed_unit = units(2)
        publish_centre_unit(world.northgate, same_unit)
        publish_centre_unit(world.northgate, changed_unit)
        run = preview(world, [same_unit, reword(changed_unit), read_unit(code="FRESH"), same_unit])
        assert outcomes(run) == [UNCHANGED, CHANGED, NEW, REFUSED]
        changed_entry, refused_entry = ImportEntry.from_row(run.outcome[1]), ImportEntry.from_row(run.outcome[3])
        assert (changed_entry.revision, changed_entry.is_selected) == (2, False)
        assert "ask what was promised" in " ".join(changed_entry.differences)
        assert refused_entry.reason == "It appears twice in the file."
        assert own_units("FRESH") == []

    def test_duplicate_unit_is_imported_once(self, world: World) -> None:
        (unit,) = units(1)
        assert outcomes(preview(world, [unit, reword(unit)])) == [NEW, REFUSED]

    def test_unit_of_another_centre_is_unknown(self, world: World) -> None:
        (unit,) = units(1)
        publish_centre_unit(world.southbank, unit)
        assert outcomes(preview(world, [unit])) == [NEW]

    def test_source_is_not_a_difference(self, world: World) -> None:
        (unit,) = units(1)
        publish_centre_unit(world.northgate, unit)
        copy = replace(unit, slug="elsewhere", provenance=replace(unit.provenance, source="another.pdf"))
        assert outcomes(preview(world, [copy])) == [UNCHANGED]

    def test_installation_unit_is_compared_too(self, world: World) -> None:
        publish_centre_unit(None, read_unit())
        assert outcomes(preview(world, [read_unit()])) == [UNCHANGED]
        entry = ImportEntry.from_row(preview(world, [reword(read_unit())]).outcome[0])
        assert (entry.outcome, entry.revision) == (CHANGED, 2)

    def test_file_is_stored(self, world: World) -> None:
        documents = units(1)
        run = preview(world, documents)
        assert stored_path(run.sha256).read_bytes() == body_of(documents)

    def test_fields_that_a_format_cannot_hold_are_kept(self, world: World) -> None:
        publish_centre_unit(world.northgate, read_unit())
        for format_name in ("csv", "case"):
            body = unit_files.write_documents(format_name, [read_unit()]).body
            with reading():
                file_preview = services.preview_file(format_name, "units", body, world.northgate.id)
            assert [each.outcome for each in file_preview.entries] == [UNCHANGED], format_name
        changed_file = unit_files.write_documents("csv", [reword(read_unit())]).body
        with reading():
            file_preview = services.preview_file("csv", "units.csv", changed_file, world.northgate.id)
        (entry,) = file_preview.entries
        assert entry.outcome is CHANGED
        assert len(entry.differences) == 1
        with transaction():
            run = services.start_preview(file_preview, world.northgate.id, factories.make_actor(world.dan))
        start(run, factories.make_actor(world.dan), 0)
        _, revised = own_units("LOCAL7")
        assert "Calls that do not go as planned." in revised.document

    def test_too_many_units_are_refused(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(unit_files, "MAX_UNITS", 2)
        with pytest.raises(Invalid, match="more than 2 units"):
            preview(world, units(3))

    def test_too_large_file_is_refused(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(unit_files, "MAX_SIZE", 100)
        with pytest.raises(Invalid, match="larger than"):
            preview(world, units(1))

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"criteria": ()}, "has no criteria"),
            ({"code": "X" * 61}, "code is longer than 60"),
            ({"title": "A\x00b"}, "NUL"),
        ],
    )
    def test_unit_that_cannot_be_stored_is_refused_with_the_reason(
        self, changes: dict[str, Any], reason: str
    ) -> None:
        entry = classify_unit(replace(read_unit(), **changes), [])
        assert entry.outcome is REFUSED
        assert reason in entry.reason


class TestImporting:
    def test_new_units_belong_to_the_centre(self, world: World, recorded_acts: Callable[[], list[str]]) -> None:
        run = import_units(world, units(3))
        assert (run.state, run.done, run.message) == (ImportState.DONE, 3, "")
        (unit,) = own_units("LOCAL1")
        assert (unit.owner_centre_id, unit.revision) == (world.northgate.id, 1)
        assert db.session.scalar(select(func.count(Criterion.id)).where(Criterion.unit_id == unit.id)) == len(
            read_unit().criteria
        )
        assert "Imported from units.yaml on" in unit.document
        assert recorded_acts()[-5:] == ["import_started", *["unit_published"] * 3, "units_imported"]

    def test_ledger_names_grant_and_file(self, world: World) -> None:
        run = import_units(world, units(2))
        event = db.session.scalars(select(Event).where(Event.act == "units_imported")).one()
        actor = factories.make_actor(world.dan)
        assert (event.actor_id, event.grant_id) == (actor.person_id, actor.grant_id)
        assert f'"file":"{run.sha256}"' in event.body.decode()
        assert '"new":2' in event.body.decode()

    def test_importing_the_same_file_twice_changes_nothing(self, world: World) -> None:
        import_units(world, units(3))
        before = db.session.scalar(select(func.count(Unit.id)))
        run = preview(world, units(3))
        assert outcomes(run) == [UNCHANGED] * 3
        assert run.state is ImportState.DONE, "no confirmation is needed"
        with pytest.raises(Conflict, match="is already done"):
            start(run, factories.make_actor(world.dan))
        assert db.session.scalar(select(func.count(Unit.id))) == before

    def test_ticked_change_becomes_a_revision_and_attempts_keep_theirs(self, world: World) -> None:
        (unit,) = units(1)
        import_units(world, [unit])
        (first,) = own_units("LOCAL0")
        with transaction():
            attempt = UnitAttempt(
                registration_id=world.registration.id, centre_id=world.northgate.id, candidate_id=world.alice.id,
                unit_id=first.id, state=AttemptState.IN_PROGRESS, round=1, started_at=factories.LONG_AGO,
            )  # fmt: skip
            db.session.add(attempt)
        words, document = first.content_hash, first.document
        run = import_units(world, [reword(unit)], 0)
        assert run.state is ImportState.DONE
        original, revision = own_units("LOCAL0")
        assert (original.content_hash, original.document) == (words, document)
        assert (revision.revision, "ask what was promised" in revision.document) == (2, True)
        assert original.slug != revision.slug
        assert db.session.get_one(UnitAttempt, attempt.id).unit_id == original.id
        assert outcomes(preview(world, [reword(unit)])) == [UNCHANGED]
        assert outcomes(preview(world, [unit])) == [UNCHANGED]  # an earlier revision, still here

    def test_unticked_change_is_not_imported(self, world: World) -> None:
        first, second, fresh = units(3)
        import_units(world, [first, second])
        import_units(world, [reword(first), reword(second), fresh], 1)
        assert [len(own_units(f"LOCAL{number}")) for number in range(3)] == [1, 2, 1]

    def test_all_changes_can_be_imported(self, world: World) -> None:
        import_units(world, units(2))
        run = preview(world, [reword(each) for each in units(2)])
        start(run, factories.make_actor(world.dan), all_changes=True)
        assert [len(own_units(f"LOCAL{number}")) for number in range(2)] == [2, 2]

    def test_only_changed_units_can_be_ticked(self, world: World) -> None:
        (unit,) = units(1)
        run = preview(world, [unit, reword(unit)])
        start(run, factories.make_actor(world.dan), 1, 99, -1)
        assert reload_run(run).state is ImportState.DONE
        assert len(own_units("LOCAL0")) == 1

    def test_simultaneous_imports_of_a_file_import_it_once(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        runs = [preview(world, units(4)) for _ in range(2)]
        for run in runs:
            start(run, factories.make_actor(world.dan))
        monkeypatch.setattr(import_job, "MAX_UNITS_IN_SLICE", 1)
        for _ in range(5):
            for run in runs:
                import_one_slice(run)
        assert [reload_run(run).state for run in runs] == [ImportState.DONE] * 2
        assert [len(own_units(f"LOCAL{number}")) for number in range(4)] == [1] * 4

    @pytest.mark.usefixtures("by_hand")
    def test_unit_published_in_the_meantime_is_not_replaced(self, world: World) -> None:
        run = preview(world, units(1))
        start(run, factories.make_actor(world.dan))
        publish_centre_unit(world.northgate, reword(units(1)[0]))
        do_job(run)
        entry = ImportEntry.from_row(reload_run(run).outcome[0])
        assert (run.state, entry.outcome) == (ImportState.DONE, REFUSED)
        assert "in the meantime" in entry.reason
        assert len(own_units("LOCAL0")) == 1

    def test_two_centres_can_have_the_same_unit(self, world: World) -> None:
        import_units(world, units(1))
        import_units(world, units(1), person=world.heidi)
        first, second = own_units("LOCAL0")
        assert {first.owner_centre_id, second.owner_centre_id} == {world.northgate.id, world.southbank.id}
        assert first.slug != second.slug


class TestLinks:
    def body_with_links(self) -> bytes:
        first, second = units(2)
        link = ExchangedLink(LinkKind.SAME, first.slug, 1, second.slug, 3)
        stem = ExchangedLink(LinkKind.SAME, first.slug, 2, second.slug, 1)  # a stem is not assessable
        return unit_files.write_documents("case", [first, second], [link, stem]).body

    def run_of(self, world: World) -> ImportRun:
        with reading():
            file_preview = services.preview_file("case", "units.json", self.body_with_links(), world.northgate.id)
        with transaction():
            run = services.start_preview(file_preview, world.northgate.id, factories.make_actor(world.dan))
        start(run, factories.make_actor(world.dan))
        return reload_run(run)

    def links(self) -> list[tuple[int, int, bool]]:
        query = select(CriterionLink).where(CriterionLink.centre_id.is_not(None))
        return [(each.position, each.other_position, each.is_confirmed) for each in db.session.scalars(query)]

    def test_links_are_confirmed_after_the_units_are_imported(self, world: World) -> None:
        run = self.run_of(world)
        assert (run.state, run.done, run.total) == (ImportState.DONE, 4, 4)
        assert self.links() == [(1, 3, True)]
        again_out = unit_files.export_units(
            "case", [each.id for each in map(get_own_unit, ("LOCAL0", "LOCAL1"))], world.northgate.id
        )
        assert len(unit_files.parse_file("case", again_out.body).links) == 1

    def test_decision_of_the_centre_is_kept(self, world: World) -> None:
        self.run_of(world)
        link = db.session.scalars(select(CriterionLink).where(CriterionLink.centre_id.is_not(None))).one()
        with transaction():
            link.is_confirmed = False
        with reading():
            file_preview = services.preview_file("case", "x.json", self.body_with_links(), world.northgate.id)
        run = ImportRun(total=4)
        assert file_preview.links == 2
        contents = unit_files.parse_file("case", self.body_with_links())
        run.centre_id, run.format = world.northgate.id, "case"
        with transaction():
            import_job.import_link(run, contents, contents.links[0], factories.make_actor(world.dan))
        assert self.links() == [(1, 3, False)]


class TestNewLinksAlone:
    """Both units are in the library already; the links between their criteria in the file are not."""

    def body(self, documents: list[UnitDocument], *places: tuple[int, int]) -> bytes:
        first, second, *_ = documents
        links = [
            ExchangedLink(LinkKind.SAME, first.slug, first_position, second.slug, second_position)
            for first_position, second_position in places
        ]
        return unit_files.write_documents("case", documents, links).body

    def preview(self, world: World, documents: list[UnitDocument], *places: tuple[int, int]) -> ImportRun:
        with reading():
            file_preview = services.preview_file(
                "case", "links.json", self.body(documents, *places), world.northgate.id
            )
        with transaction():
            return services.start_preview(file_preview, world.northgate.id, factories.make_actor(world.dan))

    def list_links(self) -> list[tuple[int, int, bool]]:
        query = select(CriterionLink).where(CriterionLink.centre_id.is_not(None)).order_by(CriterionLink.id)
        return [(each.position, each.other_position, each.is_confirmed) for each in db.session.scalars(query)]

    def test_new_links_are_confirmed_and_a_second_import_is_done_at_once(self, world: World, client: Browser) -> None:
        documents, dan = units(2), client(world.dan)
        import_units(world, documents)
        fields = {"format": "case", "file": (BytesIO(self.body(documents, (1, 3), (2, 1))), "links.json")}
        address = dan.post(f"/centres/{world.northgate.id}/units/import", data=fields).location
        page = dan.get(address).text
        assert "It has 1 new link between criteria, which is confirmed in your name." in page  # 2 is a stem
        assert "Import 1 new link</button>" in page
        assert "published at once" not in page
        assert dan.post(f"{address}/start", data={"password": "wrong"}).status_code == 422
        assert self.list_links() == []
        dan.post(f"{address}/start", data={"password": PASSWORD})
        assert self.list_links() == [(1, 3, True)]
        assert "0 units and 1 link" in dan.get(address).text
        run = self.preview(world, documents, (1, 3), (2, 1))
        assert (run.state, run.message) == (ImportState.DONE, "")
        assert self.list_links() == [(1, 3, True)]

    def test_only_undecided_links_are_counted(self, world: World) -> None:
        documents = units(2)
        import_units(world, documents)
        first = self.preview(world, documents, (1, 3))
        start(first, factories.make_actor(world.dan))
        with transaction():
            db.session.scalars(
                select(CriterionLink).where(CriterionLink.centre_id.is_not(None))
            ).one().is_confirmed = False
        run = self.preview(world, documents, (1, 3), (1, 4))
        assert "It has 1 new link between" in run.message
        start(run, factories.make_actor(world.dan))
        assert self.list_links() == [(1, 3, False), (1, 4, True)]

    def test_links_of_a_changed_unit_are_imported_with_it(self, world: World) -> None:
        first, second = units(2)
        import_units(world, [first, second])
        run = self.preview(world, [first, reword(second)], (1, 3))
        assert "It has 1 new link between criteria" in run.message
        assert "1 of them only with a changed unit that you tick." in run.message
        with pytest.raises(Invalid, match="Nothing was started"):
            start(run, factories.make_actor(world.dan))
        start(reload_run(run), factories.make_actor(world.dan), 1)
        assert self.list_links() == [(1, 3, True)]

    def test_links_between_unchanged_units_need_no_tick(self, world: World) -> None:
        first, second, third = units(3)
        import_units(world, [first, second, third])
        run = self.preview(world, [first, second, reword(third)], (1, 3))
        start(run, factories.make_actor(world.dan))
        assert self.list_links() == [(1, 3, True)]
        assert len(own_units("LOCAL2")) == 1

    def test_installation_links_are_not_new(self, world: World) -> None:
        documents = units(2)
        first, second = (publish_centre_unit(None, each) for each in documents)
        with transaction():
            db.session.add(
                CriterionLink(
                    kind=LinkKind.SAME,
                    unit_id=first.id,
                    position=1,
                    other_unit_id=second.id,
                    other_position=3,
                    similarity=60,
                    is_confirmed=True,
                    decided_at=factories.LONG_AGO,
                )
            )
        assert self.preview(world, documents, (1, 3)).state is ImportState.DONE

    def test_large_file_of_links_needs_few_statements(
        self, world: World, count_statements: Callable[[], AbstractContextManager[list[str]]]
    ) -> None:
        documents = units(40)
        import_units(world, documents)
        links = [ExchangedLink(LinkKind.SAME, first.slug, 1, second.slug, 3) for first, second in pairwise(documents)]
        body = unit_files.write_documents("case", documents, links).body
        with reading(), count_statements() as statements:
            file_preview = services.preview_file("case", "links.json", body, world.northgate.id)
        assert sum(each.links for each in file_preview.entries) == 39
        assert len(statements) < 10


class TestOnScreen:
    def post_file(self, browser: FlaskClient, world: World, documents: list[UnitDocument], **fields: str) -> Any:
        data = {"format": "yaml", **fields, "file": (BytesIO(body_of(documents)), "units/ours.yaml")}
        return browser.post(f"/centres/{world.northgate.id}/units/import", data=data)

    def test_file_is_previewed_confirmed_and_imported(self, world: World, client: Browser) -> None:
        dan = client(world.dan)
        assert b"Preview" in dan.get(f"/centres/{world.northgate.id}/units/import").data
        address = self.post_file(dan, world, units(2)).location
        page = dan.get(address).get_data(as_text=True)
        assert "Preview of ours.yaml" in page
        assert "Import 2 new units" in page
        answer = dan.post(f"{address}/start", data={"password": PASSWORD})
        assert answer.location == address
        page = dan.get(address).get_data(as_text=True)
        assert "2 units imported" in page
        assert "LOCAL1" in dan.get("/units?q=LOCAL1").get_data(as_text=True)
        assert "ours.yaml" in dan.get(f"/centres/{world.northgate.id}/units/import").get_data(as_text=True)

    def test_each_changed_unit_has_a_checkbox(self, world: World, client: Browser) -> None:
        dan, documents = client(world.dan), units(2)
        import_units(world, documents)
        address = self.post_file(dan, world, [reword(each) for each in documents]).location
        page = dan.get(address).get_data(as_text=True)
        assert "ask what was promised last time" in page
        refusal = dan.post(f"{address}/start", data={"password": PASSWORD})
        assert refusal.status_code == 422
        assert "no changed unit is ticked" in refusal.get_data(as_text=True)
        dan.post(f"{address}/start", data={"password": PASSWORD, "changes": ["1"]})
        assert [len(own_units(f"LOCAL{number}")) for number in range(2)] == [1, 2]
        page = dan.get(address).get_data(as_text=True)
        assert "1 unit imported" in page

    def test_wrong_password_starts_nothing_and_keeps_the_ticks(self, world: World, client: Browser) -> None:
        dan, documents = client(world.dan), units(1)
        import_units(world, documents)
        address = self.post_file(dan, world, [reword(documents[0])]).location
        refusal = dan.post(f"{address}/start", data={"password": "no", "changes": ["0"]})
        assert refusal.status_code == 422
        assert "not your password" in refusal.get_data(as_text=True)
        assert 'id="change-0" name="changes" value="0" checked' in refusal.get_data(as_text=True)
        assert len(own_units("LOCAL0")) == 1

    def test_form_sent_twice_starts_once(self, world: World, client: Browser) -> None:
        dan = client(world.dan)
        address = self.post_file(dan, world, units(1)).location
        form = {"password": PASSWORD, "idempotency_key": "one"}
        assert [dan.post(f"{address}/start", data=form).location for _ in range(2)] == [address] * 2
        assert len(own_units("LOCAL0")) == 1

    @pytest.mark.parametrize("format_name", ["yaml", "guessed"])
    def test_unreadable_file_is_refused(self, world: World, client: Browser, format_name: str) -> None:
        data = {"format": format_name, "file": (BytesIO(b"\x00\x01 nothing"), "x.bin")}
        answer = client(world.dan).post(f"/centres/{world.northgate.id}/units/import", data=data)
        assert answer.status_code == 422
        assert 'id="file-error"' in answer.get_data(as_text=True)

    def test_missing_file_is_an_error(self, world: World, client: Browser) -> None:
        answer = client(world.dan).post(f"/centres/{world.northgate.id}/units/import", data={"format": "yaml"})
        assert (answer.status_code, "Choose the file." in answer.get_data(as_text=True)) == (422, True)

    def test_large_file_is_refused_before_it_is_read(
        self, world: World, client: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(unit_files, "MAX_SIZE", 10)
        answer = self.post_file(client(world.dan), world, units(1))
        assert answer.status_code == 422

    def test_running_import_shows_its_progress(
        self, world: World, client: Browser, by_hand: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dan = client(world.dan)
        address = self.post_file(dan, world, units(3)).location
        dan.post(f"{address}/start", data={"password": PASSWORD})
        monkeypatch.setattr(import_job, "MAX_UNITS_IN_SLICE", 1)
        (job_id,) = by_hand
        run = db.session.scalars(select(ImportRun)).one()
        import_one_slice(run)
        page = dan.get(address).get_data(as_text=True)
        assert '<progress id="job-bar" value="1" max="3">' in page
        assert 'http-equiv="refresh"' in page
        assert f'data-job="/jobs/{job_id}/progress"' in page
        assert dan.get(f"/jobs/{job_id}/progress").get_json()["text"] == "1 of 3 units"
        assert dan.get(f"/jobs/{job_id}").location == address
        monkeypatch.setattr(jobs.Jobs, "has_worker", lambda _self: False)
        assert "1 of 3 units, waiting for the background worker" in dan.get(address).get_data(as_text=True)
        assert dan.post(f"{address}/cancel").location == address
        assert "stopped after 1 unit of 3" in dan.get(address).get_data(as_text=True)

    def test_failed_import_can_be_continued(
        self, world: World, client: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store_unit = import_job.store_unit  # type: ignore[attr-defined]  # the name that the job calls
        monkeypatch.setattr(import_job, "store_unit", lambda *_: 1 / 0)
        run, dan = import_units(world, units(1)), client(world.dan)
        for _ in range(MAX_ATTEMPTS - 1):
            resume_job_runs()
        assert "ZeroDivisionError" in dan.get(f"/imports/{run.id}").get_data(as_text=True)
        monkeypatch.setattr(import_job, "store_unit", store_unit)
        dan.post(f"/imports/{run.id}/resume")
        assert "1 unit imported" in dan.get(f"/imports/{run.id}").get_data(as_text=True)

    def test_preview_can_be_cancelled(self, world: World, client: Browser) -> None:
        run, dan = preview(world, units(1)), client(world.dan)
        dan.post(f"/imports/{run.id}/cancel")
        assert reload_run(run).state is ImportState.CANCELLED
        assert own_units("LOCAL0") == []

    def test_other_centre_does_not_see_the_import(self, world: World, client: Browser) -> None:
        run, heidi = preview(world, units(1)), client(world.heidi)
        assert heidi.get(f"/imports/{run.id}").status_code == 404
        for path in ("start", "cancel", "resume"):
            assert heidi.post(f"/imports/{run.id}/{path}", data={"password": PASSWORD}).status_code == 404
        assert reload_run(run).state is ImportState.PREVIEWED
        start(run, factories.make_actor(world.dan))
        assert "No unit matches “LOCAL0”." in heidi.get("/units?q=LOCAL0").text
