"""Small files of each kind, real enough to be taken, and the pieces to make wrong ones from."""

import io
import struct
import zipfile
from collections.abc import Mapping

import pillow_heif
from PIL import Image

OPEN_XML = "application/vnd.openxmlformats-officedocument."


def picture(kind: str = "JPEG", size: tuple[int, int] = (40, 30), **extras: object) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", size, "teal").save(sink, kind, **extras)
    return sink.getvalue()


def heic() -> bytes:
    sink = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 64), "teal")).save(sink)
    return sink.getvalue()


def pdf() -> bytes:
    return b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\nstartxref\n9\n%%EOF\n"


def zipped(members: Mapping[str, bytes | str], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", compression) as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))  # the same bytes whenever, and in every worker
            member.compress_type = compression
            archive.writestr(member, content)
    return sink.getvalue()


def office(kind: str, main: str, **more: bytes) -> bytes:
    types = f'<Types><Override ContentType="{OPEN_XML}{kind}.main+xml"/></Types>'
    return zipped(
        {"[Content_Types].xml": types, main: "<x/>", **{name.replace("__", "/"): each for name, each in more.items()}}
    )


def docx(**more: bytes) -> bytes:
    return office("wordprocessingml.document", "word/document.xml", **more)


def odt(mimetype: str = "application/vnd.oasis.opendocument.text") -> bytes:
    return zipped({"mimetype": mimetype, "content.xml": "<x/>"}, zipfile.ZIP_STORED)


def mp3(tag: bytes = b"") -> bytes:
    frame = b"\xff\xfb\x90\x00" + bytes(413)  # layer III, 128 kbit/s, 44.1 kHz: 417 bytes
    return tag + frame * 3


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def movie(brand: bytes = b"isom", handler: bytes = b"vide") -> bytes:
    handler_box = box(b"hdlr", bytes(8) + handler + bytes(12))
    return box(b"ftyp", brand + bytes(4)) + box(b"moov", box(b"trak", handler_box)) + box(b"mdat", b"sound")
