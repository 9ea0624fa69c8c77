"""Printed forms that are kept for some minutes, to be sent again without being rendered."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tracker.ledger.transactions import transaction
from tracker.models import Person, UnitAttempt
from tracker.recording_forms import form_cache
from tracker.recording_forms.form_cache import FormCache

pytestmark = pytest.mark.one_database

Client = Callable[[Person], FlaskClient]


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> FormCache:
    return FormCache(600, max_bytes=10, clock=clock)


class TestCache:
    def test_a_pdf_is_found_until_it_is_as_old_as_any_may_be(self, cache: FormCache, clock: Clock) -> None:
        cache.keep(b"a", b"1234")
        clock.seconds = 599
        assert cache.find(b"a") == b"1234"
        clock.seconds = 600
        assert cache.find(b"a") is None
        assert cache.size == 0

    def test_use_does_not_let_a_pdf_become_older(self, cache: FormCache, clock: Clock) -> None:
        cache.keep(b"a", b"1234")
        for clock.seconds in (200, 400, 599):
            assert cache.find(b"a")
        clock.seconds = 600
        assert cache.find(b"a") is None

    def test_the_pdfs_that_were_not_used_for_longest_are_dropped_for_new_ones(self, cache: FormCache) -> None:
        for key in (b"a", b"b"):
            cache.keep(key, b"12345")
        cache.find(b"a")
        cache.keep(b"c", b"12345")
        assert [key for key in (b"a", b"b", b"c") if cache.find(key)] == [b"a", b"c"]
        assert cache.size == 10

    def test_a_pdf_larger_than_all_may_be_together_is_not_kept(self, cache: FormCache) -> None:
        cache.keep(b"a", b"x" * 11)
        assert cache.find(b"a") is None
        assert cache.size == 0

    def test_a_pdf_kept_twice_counts_once(self, cache: FormCache) -> None:
        cache.keep(b"a", b"1234")
        cache.keep(b"a", b"12345")
        assert (cache.find(b"a"), cache.size) == (b"12345", 5)

    def test_old_pdfs_are_dropped_also_while_nobody_prints(self, cache: FormCache, clock: Clock) -> None:
        cache.keep(b"a", b"1234")
        timer = cache._timer
        assert timer
        assert timer.daemon, "it must not keep the server from stopping"
        assert timer.interval == 600
        clock.seconds = 100
        cache.keep(b"b", b"1234")
        clock.seconds = 600
        timer.function()
        assert cache.size == 4
        assert cache._timer
        assert cache._timer.interval == 100
        clock.seconds = 700
        cache._timer.function()
        assert cache.size == 0
        assert cache._timer is None

    def test_nothing_is_kept_where_the_time_is_zero(self) -> None:
        cache = FormCache(0)
        cache.keep(b"a", b"1234")
        assert cache.find(b"a") is None
        assert cache.size == 0


@pytest.fixture
def rendered(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """What was rendered, instead of taken from the cache, which is empty before and after the test."""
    rendered: list[object] = []

    def render(content: object, _person_id: int, _seconds: float, keep: Callable[[bytes], None]) -> bytes:
        rendered.append(content)
        pdf = b"%%PDF %d" % len(rendered)
        keep(pdf)
        return pdf

    monkeypatch.setattr(form_cache, "render_pdf", render)
    app.extensions.pop("form_cache", None)
    yield rendered
    app.extensions.pop("form_cache", None)


class TestPages:
    def test_the_same_content_is_rendered_once(
        self, client: Client, assessed: UnitAttempt, world: World, rendered: list[object]
    ) -> None:
        for path in (
            f"/attempts/{assessed.id}/form.pdf",
            "/evidence/index.pdf",
            f"/units/{assessed.unit.slug}/form.pdf",
        ):
            answers = [client(world.alice).get(path).data for _ in range(3)]
            assert len(set(answers)) == 1
        assert len(rendered) == 3

    def test_another_person_who_may_read_the_unit_gets_the_same_form(
        self, client: Client, assessed: UnitAttempt, world: World, rendered: list[object]
    ) -> None:
        path = f"/attempts/{assessed.id}/form.pdf"
        assert client(world.alice).get(path).data == client(world.bob).get(path).data
        assert len(rendered) == 1

    def test_who_may_not_read_the_unit_does_not_get_a_form_that_is_kept(
        self, client: Client, assessed: UnitAttempt, world: World, rendered: list[object]
    ) -> None:
        path = f"/attempts/{assessed.id}/form.pdf"
        assert client(world.alice).get(path).status_code == 200
        for person in (world.frank, world.grace, world.heidi):
            assert client(person).get(path).status_code == 404
        assert len(rendered) == 1

    def test_changed_content_is_rendered(
        self, client: Client, assessed: UnitAttempt, world: World, rendered: list[object]
    ) -> None:
        path = f"/attempts/{assessed.id}/form.pdf"
        first = client(world.alice).get(path).data
        with transaction():
            call = factories.make_evidence(assessed, "Another call")
            factories.claim(assessed, call, "4")
            factories.submit(call)
        assert client(world.alice).get(path).data != first
        assert len(rendered) == 2

    def test_an_operator_can_switch_the_cache_off(
        self,
        app: Flask,
        client: Client,
        assessed: UnitAttempt,
        world: World,
        rendered: list[object],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], form_cache_seconds=0))
        for _ in range(2):
            client(world.alice).get(f"/attempts/{assessed.id}/form.pdf")
        assert len(rendered) == 2
