"""What was filled in an XFA form is shown as text: its pages may not show it."""

import io

import pytest
from flask.testing import FlaskClient
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, StreamObject, TextStringObject

from tests.portfolio.test_download import attach, fetch
from tracker.models import Evidence
from tracker.portfolio.document_text.xfa_form import NOTHING_FILLED_IN

pytestmark = pytest.mark.one_database

TEMPLATE = """<template xmlns="http://www.xfa.org/schema/xfa-template/3.3/"><subform name="form1">
<field name="Witness"><caption><value><text>Name of the witness:</text></value></caption></field>
<field name="Date"><caption><value><text>Seen on</text></value></caption></field>
<field name="Date"><caption><value><text>Signed on</text></value></caption></field>
</subform></template>"""
FILLED_IN = """<form1><Witness>Ann Lee &amp; Co</Witness><Empty/><Date>2026-11-14</Date>
<Seen><What><body xmlns="http://www.w3.org/1999/xhtml"><p>I saw her <b>refund</b> it</p></body></What></Seen>
<Photo xfa:contentType="image/png">iVBORw0KGgo=</Photo></form1>"""


def datasets(content: str) -> str:
    return (
        '<xfa:datasets xmlns:xfa="http://www.xfa.org/schema/xfa-data/1.0/">'
        f"<xfa:data>{content}</xfa:data></xfa:datasets>"
    )


def xfa_form(*packets: tuple[str, str]) -> bytes:
    """Return a PDF with an XFA form of these packets; of one stream where the only packet has no name."""
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    references = ArrayObject()
    for name, content in packets:
        stream = StreamObject()
        stream.set_data(content.encode())
        reference = writer._add_object(stream)
        references += [TextStringObject(name), reference] if name else [reference]
    xfa = references if len(references) > 1 else references[0]
    writer._root_object[NameObject("/AcroForm")] = DictionaryObject(
        {NameObject("/Fields"): ArrayObject(), NameObject("/XFA"): xfa}
    )
    sink = io.BytesIO()
    writer.write(sink)
    return sink.getvalue()


def test_what_was_filled_in_is_shown_with_its_captions(alice: FlaskClient, complaint: Evidence) -> None:
    content = xfa_form(
        ("preamble", "<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'>"),
        ("template", TEMPLATE),
        ("datasets", datasets(FILLED_IN)),
        ("postamble", "</xdp:xdp>"),
    )
    path = attach(complaint, content, "testimony.pdf")
    page = alice.get(f"/evidence/{complaint.id}").text
    assert "<details open>\n    <summary>Filled-in fields of testimony.pdf</summary>" in page
    assert "This PDF is an XFA form: its pages may not show what was filled in." in page
    assert 'alt="testimony.pdf, page 1 of 1"' in page
    assert fetch(alice, f"{path}?show=1").text == (
        "Name of the witness: Ann Lee & Co\nDate: 2026-11-14\n\nWhat: I saw her refund it\n\n"
        "Photo: a picture, which is not shown here"
    )
    assert fetch(alice, path).data == content, "and the file itself is still the file"


def test_a_form_of_one_stream_is_read(alice: FlaskClient, complaint: Evidence) -> None:
    whole = f"<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'>{TEMPLATE}{datasets(FILLED_IN)}</xdp:xdp>"
    attach(complaint, xfa_form(("", whole)), "testimony.pdf")
    assert "Name of the witness: Ann Lee &amp; Co" in alice.get(f"/evidence/{complaint.id}").text


def test_an_empty_form_says_so(alice: FlaskClient, complaint: Evidence) -> None:
    attach(complaint, xfa_form(("datasets", datasets("<form1><Witness/><Date> </Date></form1>"))), "blank.pdf")
    assert NOTHING_FILLED_IN in alice.get(f"/evidence/{complaint.id}").text


@pytest.mark.parametrize("packet", ["<xdp/>", "<not closed"], ids=["no data", "damaged"])
def test_a_form_whose_data_cannot_be_read_says_only_that_it_is_one(
    alice: FlaskClient, complaint: Evidence, packet: str
) -> None:
    attach(complaint, xfa_form(("datasets", packet)), "form.pdf")
    page = alice.get(f"/evidence/{complaint.id}").text
    assert "This PDF is an XFA form" in page
    assert "Filled-in fields of form.pdf" not in page


def test_entities_of_a_form_are_not_expanded(alice: FlaskClient, complaint: Evidence) -> None:
    evil = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>{datasets("<a>seen</a><b>&e;</b>")}'
    attach(complaint, xfa_form(("datasets", evil)), "form.pdf")
    page = alice.get(f"/evidence/{complaint.id}").text
    assert "a: seen" in page
    assert "root:" not in page
