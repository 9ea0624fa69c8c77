"""Documents are shown as text, with tracked changes and comments, read in the sandbox."""

import sys
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.portfolio import files
from tests.portfolio.test_download import attach, fetch
from tracker.models import Evidence
from tracker.portfolio import text_previews

pytestmark = pytest.mark.one_database

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
S = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
P = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
OPEN_DOCUMENT = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
)


def types(kind: str) -> str:
    return f'<Types><Override ContentType="{files.OPEN_XML}{kind}.main+xml"/></Types>'


def relationships(**targets: str) -> str:
    rows = "".join(f'<Relationship Id="{key}" Type="x/{key[:-1]}" Target="{name}"/>' for key, name in targets.items())
    return f"<Relationships>{rows}</Relationships>"


DOCX = files.zipped(
    {
        "[Content_Types].xml": types("wordprocessingml.document"),
        "word/document.xml": f"""<w:document {W}><w:body>
        <w:p><w:pPr><w:rPr><w:ins w:author="Ann"/></w:rPr></w:pPr><w:r><w:t xml:space="preserve">I saw her </w:t></w:r>
        <w:del w:author="Ann"><w:r><w:delText>do it</w:delText></w:r></w:del>
        <w:ins w:author="Ben"><w:r><w:t>refund it</w:t></w:r></w:ins></w:p>
        <w:tbl><w:tr><w:tc><w:p><w:r><w:t>Day</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>Monday</w:t></w:r></w:p></w:tc>
        </w:tr></w:tbl></w:body></w:document>""",
        "word/comments.xml": f'<w:comments {W}><w:comment w:author="Cy"><w:p><w:r><w:t>When?</w:t></w:r></w:p></w:comment></w:comments>',
    }
)
XLSX = files.zipped(
    {
        "[Content_Types].xml": types("spreadsheetml.sheet"),
        "xl/workbook.xml": f'<workbook {S} {R}><sheets><sheet name="Rota" sheetId="1" r:id="worksheet1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relationships(worksheet1="worksheets/sheet1.xml"),
        "xl/sharedStrings.xml": f"<sst {S}><si><t>Ann</t></si></sst>",
        "xl/styles.xml": f'<styleSheet {S}><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
        "xl/worksheets/sheet1.xml": f"""<worksheet {S}><sheetData><row><c t="s"><v>0</v></c><c s="1"><v>46348</v></c>
        <c><v>7.5</v></c><c t="inlineStr"><is><t>late</t></is></c></row></sheetData></worksheet>""",
    }
)
PPTX = files.zipped(
    {
        "[Content_Types].xml": types("presentationml.presentation"),
        "ppt/presentation.xml": f'<p:presentation {P} {R}><p:sldIdLst><p:sldId id="256" r:id="slide1"/></p:sldIdLst></p:presentation>',
        "ppt/_rels/presentation.xml.rels": relationships(slide1="slides/slide1.xml"),
        "ppt/slides/slide1.xml": f"<p:sld {P} {A}><a:p><a:r><a:t>Handling </a:t></a:r><a:r><a:t>complaints</a:t></a:r></a:p></p:sld>",
        "ppt/slides/_rels/slide1.xml.rels": relationships(notesSlide1="../notesSlides/notesSlide1.xml"),
        "ppt/notesSlides/notesSlide1.xml": f"<p:notes {P} {A}><a:p><a:r><a:t>Say hello</a:t></a:r></a:p></p:notes>",
    }
)
ODT = files.zipped(
    {
        "mimetype": "application/vnd.oasis.opendocument.text",
        "content.xml": f"""<office:document-content {OPEN_DOCUMENT}><office:body><office:text><text:tracked-changes>
        <text:changed-region text:id="c1"><text:deletion><office:change-info><dc:creator>Ann</dc:creator></office:change-info>
        <text:p>do it</text:p></text:deletion></text:changed-region><text:changed-region text:id="c2"><text:insertion>
        <office:change-info><dc:creator>Ben</dc:creator></office:change-info></text:insertion></text:changed-region>
        </text:tracked-changes><text:p>I saw<text:s/>her <text:change text:change-id="c1"/><text:change-start
        text:change-id="c2"/>refund <text:span>it</text:span><text:change-end text:change-id="c2"/>.</text:p>
        </office:text></office:body></office:document-content>""",
    }
)
RTF = (
    b"{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\f0 Arial;}}{\\*\\generator Word;}I saw her "
    b"{\\deleted\\revauthdel1 do it}{\\revised refund it}\\par Caf\\'e9 \\u8364?5\\par{\\pict\\bin3 }}}hidden}end}"
)
EML = b"""From: Ann <ann@example.org>
To: ben@example.org
Subject: =?utf-8?q?Caf=C3=A9?=
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html; charset=utf-8

<html><head><style>p { color: red }</style></head><p>Thanks for sorting</p><p>my complaint</p><script>alert(1)</script></html>
--b
Content-Type: application/pdf
Content-Disposition: attachment; filename="receipt.pdf"

x
--b--
"""


@pytest.mark.parametrize(
    ("name", "content", "lines"),
    [
        (
            "log.docx",
            DOCX,
            ["I saw her [deleted by Ann: do it][inserted by Ben: refund it]", "Day | Monday |", "Cy: When?"],
        ),
        ("rota.xlsx", XLSX, ["Sheet “Rota”", "Ann | 22/11/2026 | 7.5 | late"]),
        ("talk.pptx", PPTX, ["Slide 1", "Handling complaints", "Notes", "Say hello"]),
        ("log.odt", ODT, ["I saw her [deleted by Ann: do it][inserted by Ben: refund it]."]),
        ("note.rtf", RTF, ["I saw her [deleted: do it][inserted: refund it]", "Café €5", "end"]),
        (
            "mail.eml",
            EML,
            [
                "From: Ann &lt;ann@example.org&gt;",
                "Subject: Café",
                "Thanks for sorting",
                "my complaint",
                "receipt.pdf",
            ],
        ),
        ("note.txt", "Rang her back – at 14:05.".encode("cp1252"), ["Rang her back – at 14:05."]),
        ("calls.csv", b"day,calls\nMonday,7\n", ["day,calls", "Monday,7"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_document_is_shown_as_text(
    alice: FlaskClient, complaint: Evidence, name: str, content: bytes, lines: list[str]
) -> None:
    attach(complaint, content, name)
    page = alice.get(f"/evidence/{complaint.id}").text
    preview = page[page.index(f'aria-label="Text of {name}"') :].partition(">")[2].partition("</div>")[0]
    assert [line for line in lines if line not in [each.strip() for each in preview.splitlines()]] == []
    for hidden in ("alert(1)", "color: red", "Arial", "hidden"):
        assert hidden not in preview


def test_a_long_text_is_one_link_away_and_bounded(alice: FlaskClient, complaint: Evidence) -> None:
    path = attach(complaint, b"{\\rtf1 " + b"word " * 60_000 + b"}", "long.rtf")
    page = alice.get(f"/evidence/{complaint.id}").text
    assert f'href="{path}?show=1">Read the whole text' in page
    answer = fetch(alice, f"{path}?show=1")
    assert answer.mimetype == "text/plain"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert 200_000 < len(answer.text) < 200_100
    assert "Download the file to read it." in answer.text


def test_a_document_whose_text_cannot_be_read_is_a_download(
    alice: FlaskClient, complaint: Evidence, monkeypatch: pytest.MonkeyPatch, store: Path, tmp_path: Path
) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text("import time; time.sleep(30)")
    monkeypatch.setattr(text_previews.TEXT_READER, "interpreter", [sys.executable, str(slow)])
    monkeypatch.setattr(text_previews.TEXT_READER, "timeout_seconds", 0.3)
    path = attach(complaint, DOCX, "log.docx")
    page = alice.get(f"/evidence/{complaint.id}").text
    assert "Text of log.docx" not in page
    assert "This file cannot be shown here. Download it to read it." in page
    assert fetch(alice, path).data == DOCX
    assert not list(store.rglob("*.tmp"))


def test_entities_of_a_document_are_not_expanded(alice: FlaskClient, complaint: Evidence) -> None:
    evil = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><w:document {W}><w:p><w:t>&e;</w:t></w:p></w:document>'
    content = files.zipped({"[Content_Types].xml": types("wordprocessingml.document"), "word/document.xml": evil})
    attach(complaint, content, "log.docx")
    assert "root:" not in alice.get(f"/evidence/{complaint.id}").text
