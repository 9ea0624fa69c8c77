"""PDFs made for the tests: printed as programs print them, and written by hand with faults."""

import io
from functools import cache

from PIL import Image
from pypdf import PdfWriter

STYLE = """
@page { size: A4; margin: 22mm; @top-left { content: "%s"; font-size: 9pt } @bottom-right { content: "%s"; font-size: 9pt } }
body { font: 11pt/1.35 "DejaVu Sans" } h1 { font-size: 18pt } h2 { font-size: 13pt }
table { border-collapse: collapse; width: 100%% } td, th { padding: 4pt; vertical-align: top; text-align: left }
.ruled td, .ruled th { border: 1px solid #000 } .half td, .half th { width: 50%% }
.hang { padding-left: 36pt; text-indent: -36pt; margin: 4pt 0 } .hang span { display: inline-block; width: 36pt; text-indent: 0 }
"""
LONG = " and do so in a way that keeps to the procedures of your organisation and to the needs of all who asked"


@cache
def print_pdf(body: str, head: str = "", foot: str = "", style: str = "") -> bytes:
    """Return a PDF as a publisher's program makes it; its page header and footer may contain CSS counters."""
    from weasyprint import HTML

    document = f"<html lang=en><style>{STYLE % (head, foot)}{style}</style><body>{body}"
    return bytes(HTML(string=document).write_pdf())


@cache
def build_list(last: int) -> str:
    """Return a list with items up to `last`, each third one longer than a line."""
    items = "".join(f"<li>greet customer {each}{LONG if each % 3 == 0 else ''}</li>" for each in range(1, last + 1))
    return f"<ol>{items}</ol>"


def build_scan(pages: int = 1) -> bytes:
    target = io.BytesIO()
    sheets = [Image.new("RGB", (600, 800), "white") for _ in range(pages)]
    sheets[0].save(target, "PDF", save_all=True, append_images=sheets[1:])
    return target.getvalue()


def encrypt_pdf(body: bytes, password: str) -> bytes:
    writer = PdfWriter(io.BytesIO(body))
    writer.encrypt(user_password=password, owner_password="owner")
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def build_blank_pdf(pages: int) -> bytes:
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(595, 842)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def write_pdf_by_hand(*objects: str, root: str = "1 0 R", trailer_entries: str = "") -> bytes:
    """Return a PDF of these objects, numbered from 1, with their cross-reference table."""
    body = b"%PDF-1.7\n"
    places = []
    for number, each in enumerate(objects, start=1):
        places.append(len(body))
        body += f"{number} 0 obj\n{each}\nendobj\n".encode("latin-1")
    start = len(body)
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    body += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode()
    return (
        body
        + f"trailer\n<</Size {len(objects) + 1}/Root {root}{trailer_entries}>>\nstartxref\n{start}\n%%EOF".encode()
    )


def stream(content: str, entries: str = "") -> str:
    return f"<</Length {len(content)}{entries}>>\nstream\n{content}\nendstream"


def page_of(content: str, resources: str, *objects: str) -> bytes:
    """Return a PDF of one page that draws `content`; further objects are numbered from 5."""
    return write_pdf_by_hand(
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<<{resources}>>>>",
        stream(content),
        *objects,
    )
