"""Small office documents that other programs open too: a DOCX, ODT and RTF with tracked changes, an XLSX and a PPTX."""

import io
import zipfile

import docx
from docx.oxml import parse_xml

from tests.portfolio import files

PACKAGE = "http://schemas.openxmlformats.org/package/2006"
RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
S = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
R = f'xmlns:r="{RELATIONSHIPS}"'
A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
P = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
OPEN_DOCUMENT = "urn:oasis:names:tc:opendocument:xmlns"
ODT_TYPE = "application/vnd.oasis.opendocument.text"
RTF = (
    b"{\\rtf1\\ansi{\\*\\revtbl{Unknown;}{Ann;}}I saw her {\\deleted\\revauthdel1\\revdttmdel1 do it}"
    b"{\\revised\\revauth1\\revdttm1 refund it}.\\par}"
)


def word_document(*, picture_link: str = "") -> bytes:
    """Return a DOCX with a deletion and an insertion; with a picture at an address, if one is given."""
    document = docx.Document()
    paragraph = document.add_paragraph("I saw her ")
    for change in (
        f'<w:del {W} w:id="1" w:author="Ann"><w:r><w:delText>do it</w:delText></w:r></w:del>',
        f'<w:ins {W} w:id="2" w:author="Ben"><w:r><w:t>refund it</w:t></w:r></w:ins>',
    ):
        paragraph._p.append(parse_xml(change))
    if picture_link:
        document.add_picture(io.BytesIO(files.picture("PNG")))
        key = document.part.relate_to(picture_link, f"{RELATIONSHIPS}/image", is_external=True)
        [picture] = document.element.body.iter("{http://schemas.openxmlformats.org/drawingml/2006/main}blip")
        del picture.attrib[f"{{{RELATIONSHIPS}}}embed"]
        picture.set(f"{{{RELATIONSHIPS}}}link", key)
    sink = io.BytesIO()
    document.save(sink)
    return sink.getvalue()


def open_document() -> bytes:
    """Return an ODT with a deletion and an insertion."""
    changes = "".join(
        f'<text:changed-region text:id="{key}"><text:{kind}><office:change-info><dc:creator>Ann</dc:creator>'
        f"<dc:date>2026-11-20T10:00:00</dc:date></office:change-info>{text}</text:{kind}></text:changed-region>"
        for key, kind, text in (("c1", "deletion", "<text:p>do it</text:p>"), ("c2", "insertion", ""))
    )
    content = f"""<office:document-content xmlns:office="{OPEN_DOCUMENT}:office:1.0" office:version="1.3"
        xmlns:text="{OPEN_DOCUMENT}:text:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><office:body><office:text>
        <text:tracked-changes>{changes}</text:tracked-changes><text:p>I saw her <text:change text:change-id="c1"/>
        <text:change-start text:change-id="c2"/>refund it<text:change-end text:change-id="c2"/></text:p>
        </office:text></office:body></office:document-content>"""
    manifest = f"""<manifest:manifest xmlns:manifest="{OPEN_DOCUMENT}:manifest:1.0">
        <manifest:file-entry manifest:full-path="/" manifest:media-type="{ODT_TYPE}"/>
        <manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>"""
    parts = {"mimetype": ODT_TYPE, "content.xml": content, "META-INF/manifest.xml": manifest}
    return files.zipped(parts, zipfile.ZIP_STORED)


def spreadsheet() -> bytes:
    """Return an XLSX with the formulas 2+2, saved with the result 999, and WEBSERVICE, saved with the result 555."""
    cells = (
        '<c r="A1" t="inlineStr"><is><t>Total</t></is></c><c r="B1"><f>2+2</f><v>999</v></c>'
        '<c r="C1"><f>_xlfn.WEBSERVICE("http://127.0.0.1:9/")</f><v>555</v></c>'
    )
    return _package(
        {"xl/workbook.xml": "spreadsheetml.sheet.main", "xl/worksheets/sheet1.xml": "spreadsheetml.worksheet"},
        {
            "xl/workbook.xml": f'<workbook {S} {R}><sheets><sheet name="Rota" sheetId="1" r:id="worksheet1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": _relationships(worksheet1="worksheets/sheet1.xml"),
            "xl/worksheets/sheet1.xml": f'<worksheet {S}><sheetData><row r="1">{cells}</row></sheetData></worksheet>',
        },
    )


def presentation() -> bytes:
    """Return a PPTX of one slide."""
    slide = f"""<p:sld {P} {A} {R}><p:cSld><p:spTree><p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/>
        </p:nvGrpSpPr><p:grpSpPr/><p:sp><p:nvSpPr><p:cNvPr id="2" name="Title"/><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr>
        <a:xfrm><a:off x="100000" y="100000"/><a:ext cx="5000000" cy="900000"/></a:xfrm><a:prstGeom prst="rect"/></p:spPr>
        <p:txBody><a:bodyPr/><a:p><a:r><a:t>Handling complaints</a:t></a:r></a:p></p:txBody></p:sp></p:spTree></p:cSld>
        </p:sld>"""
    return _package(
        {"ppt/presentation.xml": "presentationml.presentation.main", "ppt/slides/slide1.xml": "presentationml.slide"},
        {
            "ppt/presentation.xml": f"""<p:presentation {P} {R}><p:sldIdLst><p:sldId id="256" r:id="slide1"/></p:sldIdLst>
            <p:sldSz cx="9144000" cy="6858000"/><p:notesSz cx="6858000" cy="9144000"/></p:presentation>""",
            "ppt/_rels/presentation.xml.rels": _relationships(slide1="slides/slide1.xml"),
            "ppt/slides/slide1.xml": slide,
        },
    )


def _package(types: dict[str, str], parts: dict[str, str]) -> bytes:
    """Return an Office Open XML file, given the content types of its parts, the main part first, and the parts."""
    overrides = "".join(
        f'<Override PartName="/{name}" ContentType="{files.OPEN_XML}{kind}+xml"/>' for name, kind in types.items()
    )
    content_types = (
        f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f"{overrides}</Types>"
    )
    main = next(iter(types))
    return files.zipped(
        {"[Content_Types].xml": content_types, "_rels/.rels": _relationships(officeDocument1=main), **parts}
    )


def _relationships(**targets: str) -> str:
    """Return a part of relationships; each key is the last word of the type with a number."""
    rows = "".join(
        f'<Relationship Id="{key}" Type="{RELATIONSHIPS}/{key[:-1]}" Target="{target}"/>'
        for key, target in targets.items()
    )
    return f'<Relationships xmlns="{PACKAGE}/relationships">{rows}</Relationships>'
