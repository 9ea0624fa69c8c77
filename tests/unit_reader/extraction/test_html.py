"""Extraction of web pages: the text that a reader of the page sees."""

import pytest

from tests.unit_reader.extraction.reading import find, headings, read, refusal, rows, texts


def page(body: str, head: str = "") -> str:
    return f"<!doctype html><html><head><title>Unit</title>{head}</head><body>{body}</body></html>"


def test_blocks_become_lines_and_headings_are_marked() -> None:
    source = read(
        page("<h1>Greet\n customers</h1><p>URN:&nbsp;ABC1<br>Level&#32;2 &amp; up<div>one<p>two</div>three")
    )
    assert texts(source) == ["Greet customers", "URN:\u00a0ABC1", "Level 2 & up", "one", "two", "three"]
    assert headings(source) == ["Greet customers"]
    assert (source.file_format, source.title) == ("html", "Unit")


def test_a_paragraph_all_in_bold_is_a_heading() -> None:
    source = read(page("<p><b>Knowledge</b> </p><p>you <b>know</b></p><p><strong>1. greet them</strong></p><p>x<p>y"))
    assert headings(source) == ["Knowledge"]


def test_bold_marks_no_heading_if_most_of_the_page_is_bold() -> None:
    assert headings(read(page("<b>" + "".join(f"<p>Greet {each}</p>" for each in "abcde") + "</b>"))) == []


@pytest.mark.parametrize(
    ("opening", "markers"),
    [
        ("<ol>", ["1.", "2.", "3."]),
        ("<ol start=4>", ["4.", "5.", "6."]),
        ("<ol reversed>", ["3.", "2.", "1."]),
        ("<ol reversed start=9>", ["9.", "8.", "7."]),
        ("<ol type=a>", ["a.", "b.", "c."]),
        ("<ol type=A start=26>", ["Z.", "AA.", "AB."]),
        ("<ol type=i>", ["i.", "ii.", "iii."]),
        ("<ol type=I start=9>", ["IX.", "X.", "XI."]),
        ("<ol start=x>", ["1.", "2.", "3."]),
        ("<ol start=-1>", ["-1.", "0.", "1."]),
        ("<ol style='list-style-type: lower-alpha'>", ["a.", "b.", "c."]),
        ("<ol style='list-style: none'>", ["", "", ""]),
        ("<ol type=a start=0>", ["0.", "a.", "b."]),
        ("<ul>", ["•", "•", "•"]),
        ("<ul style='list-style-type:decimal'>", ["1.", "2.", "3."]),
    ],
)
def test_an_item_has_the_marker_that_a_browser_shows(opening: str, markers: list[str]) -> None:
    source = read(page(f"{opening}<li>one<li>two<li>three</ol>"))
    assert [line.item for line in source.lines] == markers
    assert texts(source) == [
        f"{marker} {text}".strip() for marker, text in zip(markers, ["one", "two", "three"], strict=True)
    ]


def test_an_item_may_set_its_own_number() -> None:
    assert texts(read(page("<ol><li>one<li value=6>six<li>seven</ol>"))) == ["1. one", "6. six", "7. seven"]


def test_nested_lists_are_indented_and_paragraphs_stay_in_their_item() -> None:
    source = read(page("<ol><li><p>one</p><p>more</p><ul><li>sub<ol type=i><li>deep</ol></ul>after<li>two</ol>"))
    assert texts(source) == ["1. one", "    more", "    • sub", "        i. deep", "    after", "2. two"]


def test_items_with_labels_of_their_own_get_no_second_one() -> None:
    assert texts(read(page("<ul><li>P1 greet<li>P2 listen</ul><ol><li>1.1 say<li>1.2 do</ol>"))) == [
        "P1 greet",
        "P2 listen",
        "1.1 say",
        "1.2 do",
    ]


def test_definitions_are_indented_below_their_terms() -> None:
    assert texts(read(page("<dl><dt>Level<dd>2<dt>Credit<dd>5</dl>"))) == ["Level", "    2", "Credit", "    5"]


def test_a_tables_rows_have_cells() -> None:
    source = read(
        page(
            "<table><caption>Criteria</caption><thead><tr><th>Outcome<th>Criteria<tbody>"
            "<tr><td rowspan=2>1. Know <i>how</i><td><p>1.1 Say</p><p>1.2 Show</p><tr><td>1.3 Do<br>it"
            "<tr><td colspan=2>2. Greet<tr><td><td></table>"
        )
    )
    assert rows(source) == [
        ("Outcome", "Criteria"),
        ("1. Know how", "1.1 Say\n1.2 Show"),
        ("", "1.3 Do\nit"),
        ("2. Greet", ""),
    ]
    assert texts(source)[0] == "Criteria"
    assert find(source, "1.1").text == "1. Know how | 1.1 Say 1.2 Show"


def test_a_list_in_a_cell_keeps_its_numbers() -> None:
    assert rows(read(page("<table><tr><td>Know<td><ol><li>say<li>do<ul><li>sub</ul></ol></table>"))) == [
        ("Know", "1. say\n2. do\n    • sub")
    ]


def test_spans_are_limited_to_the_table() -> None:
    source = read(page("<table><tr><td rowspan=0>a<td>b<tr><td>c<tr><td colspan=99999999 rowspan=-1>d</table>"))
    assert [row[:3] for row in rows(source)] == [("a", "b"), ("", "c"), ("", "d", "")]
    assert max(map(len, rows(source))) <= 100


@pytest.mark.parametrize(
    "table",
    [
        "<table><tr><td><h2>Know</h2><ol><li>say</ol></table>",
        "<table><tr><td>&#32;<td><h2>Know</h2><ol><li>say</ol></table>",
        "<table><tr><td>side<td><h2>Know</h2><ol><li>say</ol></table>",
        "<table role=presentation><tr><td><h2>Know</h2><td><ol><li>say</ol></table>",
    ],
)
def test_a_layout_table_is_read_as_text(table: str) -> None:
    source = read(page(table))
    assert rows(source) == []
    assert texts(source)[-2:] == ["Know", "1. say"]
    assert headings(source) == ["Know"]


def test_a_table_of_data_within_a_layout_keeps_its_rows() -> None:
    table = "<table><tr><td>Level<td>2<tr><td>Credit<td>5</table>"
    assert rows(read(page(f"<table><tr><td>menu<td>{table}</table>"))) == [("Level", "2"), ("Credit", "5")]


def test_navigation_headers_and_footers_of_a_site_are_removed() -> None:
    source = read(
        page(
            "<header><p>Acme Skills</p></header><nav><a href=/>Home</a></nav><div class='breadcrumb'><a href=/>Up</a></div>"
            "<form><label>Search<input></label><button>Go</button></form><div style='display:none'>hidden</div>"
            "<main><header><h1>Greet customers</h1></header><script>x()</script><p>1. greet them as they come in</p>"
            "<p>2. listen to what they want, and say it again</p><p>3. thank them, and mean it</p></main>"
            "<aside>Related</aside><footer>© Acme</footer>",
            "<style>p{}</style>",
        )
    )
    assert texts(source) == [
        "Greet customers",
        "1. greet them as they come in",
        "2. listen to what they want, and say it again",
        "3. thank them, and mean it",
    ]


@pytest.mark.parametrize("tag", ["form", "aside", "nav", "footer", "header", "div hidden", "dialog"])
def test_an_element_that_holds_the_whole_page_is_kept(tag: str) -> None:
    assert texts(read(page(f"<{tag}><h2>Know</h2><p>1. greet them</p></{tag.split(maxsplit=1)[0]}>"))) == [
        "Know",
        "1. greet them",
    ]


def test_a_hidden_tab_that_holds_much_of_the_unit_is_kept() -> None:
    assert "2. know" in texts(read(page("<div><p>1. greet</div><div style='display:none'><p>2. know</div>")))


def test_the_heading_of_an_accordion_is_kept_in_its_button() -> None:
    assert headings(read(page("<h2><button>Knowledge</button></h2><p>1. greet <button>Copy</button>"))) == [
        "Knowledge"
    ]


def test_superscripts_stay_in_their_word_and_footnote_links_are_removed() -> None:
    assert texts(
        read(page("<p>H<sub>2</sub>O, 1<sup>st</sup> aid<sup><a href='#n1'>3</a></sup><p>Q <q>yes</q>"))
    ) == [
        "H2O, 1st aid",
        "Q “yes”",
    ]


def test_preformatted_text_keeps_its_lines_and_their_indent() -> None:
    assert texts(read(page("<pre>1. greet\n   a) all\n</pre>"))) == ["1. greet", "\u00a0\u00a0\u00a0a) all"]


def test_the_encoding_declared_by_the_page_is_used() -> None:
    body = page("<p>Грамота</p>", "<meta charset='windows-1251'>").encode("cp1251")
    assert texts(read(body)) == ["Грамота"]
    assert texts(read(page("<p>“café”</p>").encode("cp1252"))) == ["“café”"]
    assert texts(read("<?xml version='1.0' encoding='UTF-8'?>" + page("<p>café</p>"))) == ["café"]
    assert texts(read(page("<p>café</p>", "<meta charset=no-such>").encode("cp1252"))) == ["café"]
    assert texts(read(page("<p>café</p>").encode("utf-16"))) == ["café"]


def test_five_megabytes_are_read() -> None:
    assert len(read(page("<p>greet each customer kindly</p>\n" * 140_000)).lines) == 140_000


@pytest.mark.parametrize("tag", ["<div>", "<table><tr><td>", "<ul><li>", "<b>"])
def test_too_deep_nesting_is_refused(tag: str) -> None:
    assert "nests its elements" in refusal(page("<p>1. greet</p>" + tag * 100_000).encode())


def test_a_page_that_takes_too_long_is_stopped(one_second_limit: None) -> None:
    attributes = " ".join(f"a{each}=1" for each in range(250_000))
    assert "reading was stopped" in refusal(page(f"<p {attributes}>1. greet</p>").encode())


def test_a_page_without_words_is_refused() -> None:
    assert "has no text" in refusal(page("<img src=unit.png><script>x</script>").encode())


def test_nothing_is_fetched_and_no_entity_is_expanded() -> None:
    body = "<!DOCTYPE html [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><p>1. greet &x; them</p><img src='http://a.test/x.png'>"
    assert "root" not in " ".join(texts(read(body)))
