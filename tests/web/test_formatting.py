"""How days, moments, ages, sizes and typed text read on screen."""

from datetime import UTC, date, datetime, timedelta

import pytest
from markupsafe import Markup

from tracker import clock
from tracker.web import formatting

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "frozen", NOON)


class TestAttributes:
    def test_true_is_a_bare_name_and_none_and_false_are_left_out(self) -> None:
        pairs = {"id": "a", "data_grow": True, "rows": 2, "checked": False, "class": None, "alt": ""}
        assert formatting.attributes(pairs) == ' id="a" data-grow rows="2" alt=""'

    def test_typed_text_is_no_markup(self) -> None:
        assert formatting.attributes({"title": '"><b>'}) == ' title="&#34;&gt;&lt;b&gt;"'
        assert formatting.attributes({"title": Markup("A &amp; B")}) == ' title="A &amp; B"'

    def test_text_keeps_its_direction_but_a_value_comes_back_as_it_was_typed(self) -> None:
        name = "\u05e9\u05dc\u05d5\u05dd"
        assert formatting.attributes({"aria_label": name}) == f' aria-label="\u2068{name}\u2069"'
        assert formatting.attributes({"value": name}) == f' value="{name}"'


class TestDays:
    def test_a_day_reads_without_a_leading_zero(self) -> None:
        assert formatting.day(date(2026, 11, 2)) == "2 November 2026"

    def test_a_moment_falls_on_its_london_day(self) -> None:
        assert formatting.day(datetime(2026, 6, 30, 23, 30, tzinfo=UTC)) == "1 July 2026"

    def test_words_of_a_list_have_commas_and_one_and(self) -> None:
        lists = [[], ["A"], ["A", "B"], ["A", "B", "C"]]
        assert [formatting.join_words(words) for words in lists] == ["", "A", "A and B", "A, B and C"]

    def test_nothing_reads_as_nothing(self) -> None:
        assert (
            formatting.day(None) == formatting.moment(None) == formatting.age(None) == formatting.period(None) == ""
        )


class TestMoments:
    def test_winter_is_utc(self) -> None:
        assert formatting.moment(datetime(2026, 11, 22, 10, 42, tzinfo=UTC)) == "22 November 2026, 10:42"

    def test_summer_is_an_hour_on(self) -> None:
        assert formatting.moment(datetime(2026, 7, 1, 10, 42, tzinfo=UTC)) == "1 July 2026, 11:42"

    def test_a_moment_without_a_zone_is_utc(self) -> None:
        assert formatting.clock(datetime(2026, 7, 1, 10, 42)) == "11:42"  # noqa: DTZ001 - what is tested


class TestPeriods:
    @pytest.mark.parametrize(
        ("start", "end", "words"),
        [
            (date(2026, 11, 3), None, "3 November 2026"),
            (date(2026, 11, 3), date(2026, 11, 3), "3 November 2026"),
            (date(2026, 11, 3), date(2026, 11, 22), "3–22 November 2026"),
            (date(2026, 10, 3), date(2026, 11, 22), "3 October – 22 November 2026"),
            (date(2025, 12, 30), date(2026, 1, 2), "30 December 2025 – 2 January 2026"),
            (None, date(2026, 11, 22), "22 November 2026"),
        ],
    )
    def test_month_and_year_shared_by_both_days_are_written_once(
        self, start: date | None, end: date | None, words: str
    ) -> None:
        assert formatting.period(start, end) == words


class TestAges:
    @pytest.mark.parametrize(
        ("ago", "words"),
        [
            (timedelta(seconds=59), "just now"),
            (timedelta(seconds=60), "1 minute"),
            (timedelta(minutes=59), "59 minutes"),
            (timedelta(hours=1), "1 hour"),
            (timedelta(hours=23, minutes=59), "23 hours"),
            (timedelta(days=1), "1 day"),
            (timedelta(days=3, hours=5), "3 days"),
            (timedelta(seconds=-5), "just now"),
        ],
    )
    def test_of_a_moment(self, ago: timedelta, words: str) -> None:
        assert formatting.age(NOON - ago) == words

    @pytest.mark.parametrize(
        ("value", "words"),
        [(date(2026, 11, 22), "today"), (date(2026, 11, 21), "1 day"), (date(2026, 11, 1), "21 days")],
    )
    def test_of_a_day(self, value: date, words: str) -> None:
        assert formatting.age(value) == words


class TestSizes:
    @pytest.mark.parametrize(
        ("count", "words"),
        [
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1 KB"),
            (999_499, "999 KB"),
            (999_500, "1.0 MB"),
            (2_300_000, "2.3 MB"),
            (104_857_600, "105 MB"),
        ],
    )
    def test_bytes_as_people_read_them(self, count: int, words: str) -> None:
        assert formatting.size(count) == words


class TestCounts:
    def test_only_one_is_singular(self) -> None:
        assert [formatting.counted(n, "item") for n in (0, 1, 2)] == ["0 items", "1 item", "2 items"]

    def test_an_odd_plural_is_given(self) -> None:
        assert formatting.counted(1200, "criterion", "criteria") == "1,200 criteria"


class TestParagraphs:
    def test_a_blank_line_parts_and_a_single_break_stays(self) -> None:
        assert formatting.paragraphs("One\r\ntwo\r\n\r\nthree") == Markup("<p>One<br>two</p>\n<p>three</p>")

    def test_markup_is_escaped(self) -> None:
        assert formatting.paragraphs("<b>=1+1</b> & more") == "<p>&lt;b&gt;=1+1&lt;/b&gt; &amp; more</p>"

    def test_many_blank_lines_make_no_empty_paragraphs(self) -> None:
        assert formatting.paragraphs("\n\nOne\n\n\n\ntwo\n") == "<p>One</p>\n<p>two</p>"

    def test_nothing_typed_is_nothing_shown(self) -> None:
        assert formatting.paragraphs(None) == formatting.paragraphs("  ") == ""


class TestAddressNote:
    MOMENT = datetime(2026, 12, 3, 12, 0, tzinfo=UTC)

    def test_an_address_that_was_confirmed_needs_no_words(self) -> None:
        assert formatting.address_note(address_confirmed=True, confirmed_at=self.MOMENT) == ""

    def test_where_it_was_not_recorded_nothing_is_said(self) -> None:
        assert formatting.address_note(address_confirmed=None, confirmed_at=None) == ""

    def test_one_that_was_not_confirmed_is_said_with_the_day_of_its_confirmation(self) -> None:
        note = formatting.address_note(address_confirmed=False, confirmed_at=None)
        assert note == "email address not confirmed when signed"
        later = "email address not confirmed when submitted; confirmed on 3 December 2026"
        note = formatting.address_note(address_confirmed=False, confirmed_at=self.MOMENT, act="submitted")
        assert note == later
