"""Small files for the invented evidence: text, JPEG, PDF, DOCX and XLSX, made while the demonstration is filled."""

import io
import zipfile
from xml.sax.saxutils import escape

from PIL import Image, ImageDraw, ImageFont
from weasyprint import HTML

from tracker.recording_forms.rendering import StaticFetcher

CONTENT_TYPES_START = '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
RELATIONSHIPS = '<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="{target}"/></Relationships>'
OFFICE_CONTENT_TYPE = "application/vnd.openxmlformats-officedocument"
ZIP_TIMESTAMP = (2026, 1, 1, 0, 0, 0)


def make_text(*lines: str) -> bytes:
    """Return a text file of these lines."""
    return "\n".join(lines).encode()


def make_jpeg(title: str, lines: list[str]) -> bytes:
    """Return a JPEG that looks like a photographed sheet of paper."""
    image = Image.new("RGB", (900, 640), "#f4f1ea")
    draw = ImageDraw.Draw(image)
    draw.rectangle((40, 40, 860, 600), fill="white", outline="#333333", width=3)
    draw.text((70, 70), title, fill="#111111", font=ImageFont.load_default(34))
    for row, line in enumerate(lines):
        top = 140 + 44 * row
        draw.text((70, top), line, fill="#222222", font=ImageFont.load_default(24))
        draw.line((70, top + 36, 830, top + 36), fill="#bbbbbb")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def make_pdf(title: str, paragraphs: list[str]) -> bytes:
    """Return a PDF with a title and paragraphs."""
    body = "".join(f"<p>{escape(each)}</p>" for each in paragraphs)
    html = f"<html lang=en><title>{escape(title)}</title><h1>{escape(title)}</h1>{body}</html>"
    return bytes(HTML(string=html, url_fetcher=StaticFetcher()).write_pdf())


def make_docx(title: str, paragraphs: list[str]) -> bytes:
    """Return a DOCX file of plain paragraphs."""
    runs = "".join(f"<w:p><w:r><w:t>{escape(each)}</w:t></w:r></w:p>" for each in [title, *paragraphs])
    body = f'<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>{runs}</w:body></w:document>'
    content_type = f"{OFFICE_CONTENT_TYPE}.wordprocessingml.document.main+xml"
    return _write_office_file("word/document.xml", content_type, {"word/document.xml": body})


def make_xlsx(rows: list[list[str]]) -> bytes:
    """Return an XLSX file of one sheet with text in its cells."""
    cells = "".join(
        "<row>" + "".join(f'<c t="inlineStr"><is><t>{escape(cell)}</t></is></c>' for cell in row) + "</row>"
        for row in rows
    )
    namespace = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    return _write_office_file(
        "xl/workbook.xml",
        f"{OFFICE_CONTENT_TYPE}.spreadsheetml.sheet.main+xml",
        {
            "xl/workbook.xml": f'<?xml version="1.0" encoding="UTF-8"?><workbook {namespace} xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": RELATIONSHIPS.format(target="worksheets/sheet1.xml").replace(
                "relationships/officeDocument", "relationships/worksheet"
            ),
            "xl/worksheets/sheet1.xml": f'<?xml version="1.0" encoding="UTF-8"?><worksheet {namespace}><sheetData>{cells}</sheetData></worksheet>',
        },
    )


def _write_office_file(main: str, content_type: str, parts: dict[str, str]) -> bytes:
    sheet_type = f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{OFFICE_CONTENT_TYPE}.spreadsheetml.worksheet+xml"/>'
    types = f'{CONTENT_TYPES_START}<Override PartName="/{main}" ContentType="{content_type}"/>{sheet_type if main.startswith("xl") else ""}</Types>'
    members = {"[Content_Types].xml": types, "_rels/.rels": RELATIONSHIPS.format(target=main), **parts}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, ZIP_TIMESTAMP), content)
    return buffer.getvalue()
