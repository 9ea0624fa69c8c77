"""Extraction of Word documents: the text and the automatic numbers as Word prints them."""

import pytest

from tests.unit_reader.extraction.reading import find, headings, read, refusal, rows, texts
from tests.unit_reader.extraction.word import WordDocument, altered, part

DOCUMENT = "word/document.xml"


@pytest.fixture
def word() -> WordDocument:
    return WordDocument()


def test_paragraphs_and_tables_keep_their_order(word: WordDocument) -> None:
    word.document.add_heading("Greet customers", 1)
    word.add("Level\t2")
    table = word.document.add_table(2, 2)
    for at, text in enumerate(["Outcome", "Criteria", "Know", "1.1 say\n1.2 show"]):
        table.cell(at // 2, at % 2).text = text
    word.add("After")
    source = read(word.body())
    assert texts(source) == ["Greet customers", "Level\t2", "Outcome | Criteria", "Know | 1.1 say 1.2 show", "After"]
    assert rows(source) == [("Outcome", "Criteria"), ("Know", "1.1 say\n1.2 show")]
    assert headings(source) == ["Greet customers"]
    assert source.file_format == "docx"


def test_a_title_and_a_paragraph_all_in_bold_are_headings(word: WordDocument) -> None:
    word.add("Greet customers", style="Title")
    word.add("").add_run("Knowledge").bold = True
    word.add("").add_run("1. greet them").bold = True
    word.add("you know")
    assert headings(read(word.body())) == ["Greet customers", "Knowledge"]


def test_automatic_numbers_are_read_as_word_prints_them(word: WordDocument) -> None:
    number = word.add_list(("decimal", "%1."), ("decimal", "%1.%2"), ("lowerLetter", "%3)"), ("lowerRoman", "(%4)"))
    for level, text in [
        (0, "know"),
        (1, "say"),
        (1, "show"),
        (2, "all"),
        (2, "some"),
        (3, "deep"),
        (0, "do"),
        (1, "it"),
    ]:
        word.add(text, number, level)
    source = read(word.body())
    assert texts(source) == [
        "1. know",
        "    1.1 say",
        "    1.2 show",
        "        a) all",
        "        b) some",
        "            (i) deep",
        "2. do",
        "    2.1 it",
    ]
    assert [line.item for line in source.lines][:4] == ["1.", "1.1", "1.2", "a)"]


@pytest.mark.parametrize(
    ("style", "text", "number"),
    [
        ("upperLetter", "%1.", "A."),
        ("upperRoman", "%1.", "I."),
        ("decimalZero", "P%1", "P01"),
        ("decimal", "[%1]", "[1]"),
        ("bullet", "\uf0b7", "•"),
        ("none", "", ""),
        ("chicago", "%1.", "1."),
    ],
)
def test_each_number_format_is_printed(word: WordDocument, style: str, text: str, number: str) -> None:
    word.add("greet", word.add_list((style, text)))
    line = find(read(word.body()), "greet")
    assert (line.item, line.text) == (number, f"{number} greet".strip())


def test_letters_continue_after_z_as_in_word(word: WordDocument) -> None:
    number = word.add_list(("lowerLetter", "%1)"))
    for _ in range(28):
        word.add("greet", number)
    assert [line.item for line in read(word.body()).lines][-3:] == ["z)", "aa)", "bb)"]


def test_a_restarted_list_counts_from_its_start(word: WordDocument) -> None:
    first = word.add_list(("decimal", "%1."), ("decimal", "%1.%2"))
    restarted = word.add_number(first - 1, '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/></w:lvlOverride>')
    shared = word.add_number(first - 1)
    for number in (first, first, restarted, restarted, shared):
        word.add("greet", number)
    assert [line.item for line in read(word.body()).lines] == ["1.", "2.", "5.", "6.", "7."]


def test_a_level_without_restart_keeps_counting(word: WordDocument) -> None:
    number = word.add_list(("decimal", "%1."), ("decimal", "%2"), level_xml='<w:lvlRestart w:val="0"/>')
    for level in (0, 1, 1, 0, 1):
        word.add("greet", number, level)
    assert [line.item for line in read(word.body()).lines] == ["1.", "1", "2", "2.", "3"]


def test_legal_numbering_is_arabic_at_every_level(word: WordDocument) -> None:
    number = word.add_list(("upperRoman", "%1."), ("decimal", "%1.%2"), level_xml="<w:isLgl/>")
    for level in (0, 1):
        word.add("greet", number, level)
    assert [line.item for line in read(word.body()).lines] == ["1.", "1.1"]


def test_a_style_can_number_its_paragraphs(word: WordDocument) -> None:
    word.add("greet", style="List Number")
    word.add("listen", style="List Number")
    word.add("smile", style="List Bullet")
    assert texts(read(word.body())) == ["1. greet", "2. listen", "• smile"]


def test_a_paragraph_can_leave_the_list_of_its_style(word: WordDocument) -> None:
    word.add("greet", 0, style="List Number")
    assert texts(read(word.body())) == ["greet"]


def test_an_empty_paragraph_is_counted_as_in_word(word: WordDocument) -> None:
    number = word.add_list(("decimal", "%1."))
    for text in ("greet", "", "listen"):
        word.add(text, number)
    assert texts(read(word.body())) == ["1. greet", "", "3. listen"]


def test_deletions_are_left_out_and_insertions_kept(word: WordDocument) -> None:
    word.add_xml(
        '<w:p><w:r><w:t xml:space="preserve">greet </w:t></w:r><w:del w:id="1"><w:r><w:delText>no</w:delText></w:r></w:del>'
        '<w:ins w:id="2"><w:r><w:t>them</w:t></w:r></w:ins></w:p>'
        '<w:p><w:pPr><w:rPr><w:del w:id="3"/></w:rPr></w:pPr><w:r><w:t xml:space="preserve">listen </w:t></w:r></w:p>'
        "<w:p><w:r><w:t>closely</w:t></w:r></w:p>"
        '<w:p><w:moveFrom w:id="4"><w:r><w:t>gone</w:t></w:r></w:moveFrom><w:moveTo w:id="5"><w:r><w:t>come</w:t></w:r>'
        "</w:moveTo></w:p>"
        "<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r></w:p>"
    )
    assert texts(read(word.body())) == ["greet them", "listen closely", "come", ""]


def test_a_deleted_end_of_the_document_keeps_the_text(word: WordDocument) -> None:
    word.add_xml('<w:p><w:pPr><w:rPr><w:del w:id="3"/></w:rPr></w:pPr><w:r><w:t>listen</w:t></w:r></w:p>')
    assert texts(read(word.body())) == ["listen"]


def test_content_controls_are_read_without_placeholders(word: WordDocument) -> None:
    word.add_xml(
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>greet</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p>"
        "</w:tc><w:sdt><w:sdtContent><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:sdtContent></w:sdt></w:tr></w:tbl>"
        "</w:sdtContent></w:sdt><w:p><w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent><w:r><w:t>Click here</w:t>"
        "</w:r></w:sdtContent></w:sdt><w:sdt><w:sdtContent><w:r><w:t>them</w:t></w:r></w:sdtContent></w:sdt></w:p>"
    )
    assert texts(read(word.body())) == ["greet", "a | b", "them"]


def test_a_text_box_is_read_once_after_its_paragraph(word: WordDocument) -> None:
    box = "<w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent>"
    word.add_xml(
        '<w:p><w:r><w:t>greet</w:t></w:r><w:r><mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><wps:wsp>'
        f"<wps:txbx>{box}</wps:txbx></wps:wsp></w:drawing></mc:Choice><mc:Fallback><w:pict>{box}</w:pict></mc:Fallback>"
        "</mc:AlternateContent></w:r></w:p>"
    )
    assert texts(read(word.body())) == ["greet", "boxed"]


def test_line_breaks_make_lines_inside_their_item(word: WordDocument) -> None:
    word.add("greet\nthem", word.add_list(("decimal", "%1.")))
    word.add("one\ntwo")
    assert texts(read(word.body())) == ["1. greet", "    them", "one", "two"]


def test_hyphens_links_and_fields_are_read_and_symbols_are_not(word: WordDocument) -> None:
    word.add_xml(
        '<w:p><w:r><w:t>co</w:t><w:noBreakHyphen/><w:t>operate</w:t><w:sym w:font="Wingdings" w:char="F0FC"/></w:r>'
        '<w:hyperlink><w:r><w:t xml:space="preserve"> with</w:t></w:r></w:hyperlink><w:fldSimple w:instr="DATE"><w:r>'
        '<w:t xml:space="preserve"> all</w:t></w:r></w:fldSimple><w:r><w:instrText>PAGE</w:instrText></w:r></w:p>'
    )
    assert texts(read(word.body())) == ["co-operate with all"]


def test_an_indented_paragraph_keeps_its_indent(word: WordDocument) -> None:
    word.add_xml('<w:p><w:pPr><w:ind w:left="1440"/></w:pPr><w:r><w:t>deep</w:t></w:r></w:p>')
    assert texts(read(word.body())) == ["        deep"]


def test_the_text_of_merged_cells_is_read_once(word: WordDocument) -> None:
    table = word.document.add_table(3, 3)
    for at in range(9):
        table.cell(at // 3, at % 3).text = "abcdefghi"[at]
    table.cell(0, 0).merge(table.cell(1, 0)).text = "down"
    table.cell(2, 1).merge(table.cell(2, 2)).text = "across"
    assert rows(read(word.body())) == [("down", "b", "c"), ("", "e", "f"), ("g", "across", "")]


def test_automatic_numbers_are_read_in_cells(word: WordDocument) -> None:
    number = word.add_list(("decimal", "%1."))
    table = word.document.add_table(1, 2)
    table.cell(0, 0).text = "Know"
    for text in ("say", "show"):
        table.cell(0, 1)._tc.append(word.add(text, number)._p)
    assert rows(read(word.body())) == [("Know", "1. say\n2. show")]


def test_a_table_that_frames_text_is_read_as_text(word: WordDocument) -> None:
    cell = word.document.add_table(1, 1).cell(0, 0)
    cell.text = "greet"
    inner = cell.add_table(2, 2)
    for at in range(4):
        inner.cell(at // 2, at % 2).text = "abcd"[at]
    source = read(word.body())
    assert [text for text in texts(source) if text] == ["greet", "a | b", "c | d"]


def test_headers_and_footers_are_left_out(word: WordDocument) -> None:
    word.document.sections[0].header.paragraphs[0].text = "Acme Skills"
    word.add("greet")
    assert texts(read(word.body())) == ["greet"]


def test_a_strict_open_xml_document_is_read(word: WordDocument) -> None:
    word.add("greet")
    body = word.body()
    strict = part(body, DOCUMENT).replace(
        b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        b"http://purl.oclc.org/ooxml/wordprocessingml/main",
    )
    assert texts(read(altered(body, DOCUMENT, strict))) == ["greet"]


def test_a_document_that_unpacks_to_too_much_is_refused(word: WordDocument) -> None:
    padded = part(word.body(), DOCUMENT).replace(b"<w:body>", b"<w:body>" + b" " * 60_000_000)
    assert "unpacks to far more" in refusal(altered(word.body(), DOCUMENT, padded))
    assert "unpacks to far more" in refusal(altered(word.body(), "word/media/image1.png", b"\0" * 450_000_000))


@pytest.mark.parametrize("name", ["word/document.xml", "word/styles.xml", "word/numbering.xml"])
def test_entities_are_refused(word: WordDocument, name: str) -> None:
    word.add("greet")
    bombs = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>'
    content = part(word.body(), name)
    start = content.index(b"?>") + 2
    assert "defines XML entities" in refusal(altered(word.body(), name, content[:start] + bombs + content[start:]))


def test_too_deep_nesting_is_refused(word: WordDocument) -> None:
    nested_tags = b"<w:sdt><w:sdtContent>" * 100_000
    content = part(word.body(), DOCUMENT).replace(b"<w:body>", b"<w:body>" + nested_tags)
    assert "is damaged" in refusal(altered(word.body(), DOCUMENT, content))
    tables = b"<w:tbl><w:tr><w:tc>" * 80 + b"</w:tc></w:tr></w:tbl>" * 80
    content = part(word.body(), DOCUMENT).replace(b"<w:body>", b"<w:body>" + tables)
    assert "has no text" in refusal(altered(word.body(), DOCUMENT, content))


def test_circular_styles_do_not_loop(word: WordDocument) -> None:
    word.add("greet")
    styles = part(word.body(), "word/styles.xml").replace(
        b'w:styleId="Normal">', b'w:styleId="Normal"><w:basedOn w:val="Normal"/>'
    )
    assert texts(read(altered(word.body(), "word/styles.xml", styles))) == ["greet"]


def test_a_column_span_is_limited(word: WordDocument) -> None:
    cell = '<w:tc><w:tcPr><w:gridSpan w:val="1000000"/></w:tcPr><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc>'
    word.add_xml(f"<w:tbl><w:tr>{cell}<w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr></w:tbl>")
    assert max(map(len, rows(read(word.body())))) <= 100


def test_a_damaged_document_is_refused(word: WordDocument) -> None:
    assert "is damaged" in refusal(altered(word.body(), DOCUMENT, b"<w:document"))
