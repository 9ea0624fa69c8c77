"""Extraction of PDFs: printed lines in reading order, as publishers lay their units out."""

import pytest

from tests.unit_reader.extraction.print import (
    LONG,
    build_blank_pdf,
    build_list,
    build_scan,
    encrypt_pdf,
    page_of,
    print_pdf,
    stream,
    write_pdf_by_hand,
)
from tests.unit_reader.extraction.reading import find, headings, read, refusal, rows, texts
from tracker.unit_reader.document_model import SourceText

HELVETICA = "/Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"


def words(source: SourceText) -> list[str]:
    """Return the lines that are not blank, with single spaces."""
    return [" ".join(text.split()) for text in texts(source) if text]


def outcome(number: int, tag: str = "p") -> str:
    return (
        f"<tr><td><{tag}>{number}. Know how to greet{LONG}</{tag}></td><td><{tag}>{number}.1 Describe it{LONG}</{tag}>"
        f"<{tag}>{number}.2 Explain why</{tag}><{tag}>{number}.3 Outline how{LONG}</{tag}></td></tr>"
    )


def test_a_single_column_is_read_line_by_line_with_page_numbers() -> None:
    source = read(
        print_pdf(f"<h1>Greet customers</h1><p>You must:</p>{build_list(60)}<h2>Knowledge</h2>{build_list(9)}")
    )
    lines = words(source)
    assert source.file_format == "pdf"
    assert headings(source) == ["Greet customers", "Knowledge"]
    assert lines[:4] == ["Greet customers", "You must:", "1. greet customer 1", "2. greet customer 2"]
    assert sum(text.startswith(tuple("123456789")) for text in lines) == 69
    assert {line.page for line in source.lines} == {1, 2, 3}
    assert not source.doubts


def test_wrapped_lines_stay_lines_and_keep_their_indent() -> None:
    source = read(print_pdf(f"<p>You must:</p>{build_list(4)}"))
    first = find(source, "3. greet")
    second = source.lines[first.number]
    assert len(second.text) - len(second.text.lstrip()) > len(first.text) - len(first.text.lstrip()) > 0
    assert " ".join(f"{first.text} {second.text}".split()) == f"3. greet customer 3{LONG}"


def test_a_hanging_indent_is_one_line_with_its_label() -> None:
    body = "".join(f"<p class=hang><span>P{each}</span>greet customer {each}{LONG}</p>" for each in range(1, 9))
    source = read(print_pdf(body))
    assert words(source)[:2] == [
        "P1 greet customer 1 and do so in a way that keeps to the procedures of your",
        "organisation and to the needs of all who asked",
    ]
    assert not rows(source)


def test_page_headers_footers_and_page_numbers_are_removed() -> None:
    source = read(
        print_pdf(
            build_list(90), "ABC12 Greet customers", "ABC12 / Page " + '" counter(page) " of " counter(pages) "'
        )
    )
    assert words(source)[0] == "ABC12 Greet customers"
    assert [text for text in words(source) if "ABC12" in text] == ["ABC12 Greet customers"]
    assert source.title == "ABC12 Greet customers"
    assert sum("greet customer" in text for text in words(source)) == 90


def test_bare_page_numbers_are_removed_and_item_numbers_kept() -> None:
    source = read(print_pdf(build_list(90), foot='" counter(page) "'))
    assert not [text for text in words(source) if text.isdigit()]
    assert sum("greet customer" in text for text in words(source)) == 90


def test_items_at_the_top_of_each_page_are_not_page_headers() -> None:
    pages = "".join(
        f"<p style='break-before:page'>{each}. greet</p><p>then listen {each} times</p>" for each in (1, 5, 9)
    )
    assert words(read(print_pdf(pages)))[::2] == ["1. greet", "5. greet", "9. greet"]


def test_a_footer_with_a_page_count_is_removed_from_a_single_page() -> None:
    source = read(print_pdf("<p>1. greet</p>", foot='Version 2 Page " counter(page) " of " counter(pages) "'))
    assert words(source) == ["1. greet"]


def test_rows_of_a_ruled_table_continue_over_a_page_end() -> None:
    head = "<thead><tr><th>Learning outcome<br>The learner will:<th>Assessment criteria</thead>"
    source = read(print_pdf(f"<table class='ruled half'>{head}{''.join(map(outcome, range(1, 10)))}</table><p>After"))
    table_rows = rows(source)
    assert table_rows[0] == ("Learning outcome\nThe learner will:", "Assessment criteria")
    assert [" ".join(row[0].split()) for row in table_rows[1:] if row[0]] == [
        f"{each}. Know how to greet{LONG}" for each in range(1, 10)
    ]
    assert " ".join(" ".join(row[1].split()) for row in table_rows[1:]) == " ".join(
        f"{each}.1 Describe it{LONG} {each}.2 Explain why {each}.3 Outline how{LONG}" for each in range(1, 10)
    )
    assert words(source)[-1] == "After"
    assert max(line.page or 0 for line in source.lines) > 1


def test_a_cell_that_spans_rows_is_read_once() -> None:
    table = (
        "<table class='ruled half'><tr><td rowspan=2>1. Know<td>1.1 say<tr><td>1.2 show<tr><td colspan=2>All</table>"
    )
    assert rows(read(print_pdf(table))) == [("1. Know", "1.1 say"), ("", "1.2 show"), ("All", "")]


def test_touching_tables_are_read_as_separate_tables() -> None:
    columns = "".join(f"<th>{each}" for each in range(1, 14))
    grid = f"<table class=ruled><tr><th>Ref<th>Evidence{columns}</tr>" + f"<tr><td>1<td>Call{'<td>' * 13}</tr>" * 3
    table = "<table class=ruled><tr><th>Criteria<th>Date<tr><td>1. greet<td><tr><td>2. listen<td></table>"
    assert rows(read(print_pdf(f"{grid}</table>{table}"))) == [
        ("Ref", "Evidence", *(str(each) for each in range(1, 14))),
        *[("1", "Call", *[""] * 13)] * 3,
        ("Criteria", "Date"),
        ("1. greet", ""),
        ("2. listen", ""),
    ]


def test_a_frame_round_text_is_not_a_table() -> None:
    assert rows(read(print_pdf("<div style='border:1px solid'><p>1. greet</p><p>2. listen</p></div>"))) == []


def test_outcomes_beside_criteria_without_rules_are_read_across() -> None:
    intro = f"<p>This unit is about greeting{LONG}{LONG}.</p>"
    head = "<tr><td>Learning outcomes<td>Assessment criteria</tr>"
    table = f"<table class=half>{head}{''.join(map(outcome, range(1, 8)))}</table>"
    source = read(print_pdf(f"{intro}{table}{intro}"))
    table_rows = rows(source)
    assert table_rows[0] == ("Learning outcomes", "Assessment criteria")
    assert [" ".join(row[0].split()) for row in table_rows[1:]] == [
        f"{each}. Know how to greet{LONG}" for each in range(1, 8)
    ]
    assert all(
        f"{at}.3 Outline how{LONG}" in " ".join(row[1].split()) for at, row in enumerate(table_rows[1:], start=1)
    )
    assert sum("This unit is about" in text for text in words(source)) == 2


def test_two_columns_are_read_one_after_the_other_and_reported() -> None:
    source = read(print_pdf(f"<h1>Greet customers</h1><div style='columns:2'>{build_list(60)}</div>"))
    labels = [int(text.split(".")[0]) for text in words(source) if text[0].isdigit()]
    assert labels == list(range(1, 61))
    assert words(source)[0] == "Greet customers"
    assert source.doubts[0].what == "page 1 is printed in two columns"
    assert source.doubts[0].assumed == "the left column was read first, then the right one"
    assert not rows(source)


def test_bold_lines_are_headings_and_bold_items_are_not() -> None:
    source = read(
        print_pdf("<p><b>Knowledge</b></p><p>You must:</p><p><b>1. greet</b></p><p>listen <b>well</b></p><p>smile")
    )
    assert headings(source) == ["Knowledge"]


def test_ligatures_are_read_as_letters_and_hyphens_kept() -> None:
    source = read(print_pdf("<p>ﬁnd the oﬃce of the co-<br>operative</p>"))
    assert words(source) == ["find the office of the co-", "operative"]


def test_white_space_between_paragraphs_becomes_a_blank_line() -> None:
    assert texts(read(print_pdf("<p>one<br>two</p><p>three</p>"))) == ["one", "two", "", "three"]


def test_letters_printed_twice_for_weight_are_read_once() -> None:
    twice = "BT /F1 12 Tf 72 700 Td (1. greet them) Tj ET BT /F1 12 Tf 72.3 700 Td (1. greet them) Tj ET"
    assert words(read(page_of(twice, HELVETICA))) == ["1. greet them"]


def test_a_watermark_across_the_page_is_left_out() -> None:
    content = "BT /F1 12 Tf 72 700 Td (1. greet them) Tj ET BT 0.7 0.7 -0.7 0.7 100 300 Tm /F1 40 Tf (DRAFT) Tj ET"
    assert words(read(page_of(content, HELVETICA))) == ["1. greet them"]


def test_a_scan_is_refused_with_the_remedy() -> None:
    assert "has pictures of pages and no text" in refusal(build_scan(2))
    assert "has pictures of pages and no text" in refusal(build_blank_pdf(1))


def test_a_page_that_is_a_picture_is_reported() -> None:
    from io import BytesIO

    from pypdf import PdfWriter

    writer = PdfWriter(BytesIO(print_pdf("<p>1. greet</p>")))
    writer.append(BytesIO(build_scan()))
    target = BytesIO()
    writer.write(target)
    assert [doubt.what for doubt in read(target.getvalue()).doubts] == ["page 2 is a picture without text"]


def test_fonts_without_known_letters_are_refused() -> None:
    font = (
        "/Font<</F1<</Type/Font/Subtype/Type0/BaseFont/Odd/Encoding/Identity-H/DescendantFonts[<</Type/Font"
        "/Subtype/CIDFontType2/BaseFont/Odd/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
        "/FontDescriptor<</Type/FontDescriptor/FontName/Odd>>>>]>>>>"
    )
    assert "does not say which letters" in refusal(
        page_of("BT /F1 12 Tf 72 700 Td <00410042004300440045> Tj ET", font)
    )


def test_a_password_protected_pdf_is_refused() -> None:
    assert "is password protected" in refusal(encrypt_pdf(print_pdf("<p>1. greet</p>"), "hush"))
    assert words(read(encrypt_pdf(print_pdf("<p>1. greet</p>"), ""))) == ["1. greet"]


def test_five_thousand_pages_are_refused() -> None:
    assert "has more than 200 pages" in refusal(build_blank_pdf(5_000))


def test_circular_pages_do_not_loop() -> None:
    loop = write_pdf_by_hand(
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[2 0 R 3 0 R]/Count 9>>",
        "<</Type/Pages/Parent 2 0 R/Kids[2 0 R]>>",
    )
    assert refusal(loop)


@pytest.mark.parametrize(
    "body",
    [
        write_pdf_by_hand("<</Type/Catalog/Pages 1 0 R>>"),
        write_pdf_by_hand("<</Type/Catalog/Pages 2 0 R>>", "2 0 R"),
        write_pdf_by_hand(
            "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids 2 0 R/Count 1>>", trailer_entries="/Prev 9"
        ),
        write_pdf_by_hand(
            "<</Type/Catalog/Pages 2 0 R>>",
            stream("4 0 5 5 ", "/Type/ObjStm/N 2/First 8/Extends 2 0 R"),
            trailer_entries="/Prev 15/XRefStm 15",
        ),
        b"%PDF-1.7\n" + b"[" * 200_000,
        b"%PDF-1.7\n" + b"<</A " * 200_000,
        b"%PDF-1.7\n1 0 obj\n" + b"9" * 100_000 + b"\nendobj\nstartxref\n" + b"9" * 100_000 + b"\n%%EOF",
        b"%PDF-1.4\nnothing",
    ],
    ids=["root", "itself", "kids", "object stream", "arrays", "dictionaries", "digits", "nothing"],
)
def test_malformed_pdfs_are_refused(one_second_limit: None, body: bytes) -> None:
    assert refusal(body).startswith("unit ")


def test_circular_drawings_do_not_loop() -> None:
    form = stream(
        "/X Do /X Do BT /F1 12 Tf 72 700 Td (1. greet) Tj ET",
        f"/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Resources<<{HELVETICA}/XObject<</X 5 0 R>>>>",
    )
    assert words(read(page_of("/X Do", "/XObject<</X 5 0 R>>", form))) == ["1. greet"]


def test_a_page_that_takes_too_long_is_stopped(one_second_limit: None) -> None:
    body = page_of("0 0 m 9 9 l S " * 300_000, HELVETICA)
    assert refusal(body).startswith("unit ")


@pytest.mark.slow
def test_a_stream_that_unpacks_to_too_much_is_refused() -> None:
    import zlib

    compressed = zlib.compress(b" " * 400_000_000, 1).decode("latin-1")
    body = write_pdf_by_hand(
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>",
        stream(compressed, "/Filter/FlateDecode"),
    )
    assert refusal(body).startswith("unit ")
