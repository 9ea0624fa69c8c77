"""Small valid files of each kind, and parts from which invalid ones are made."""

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

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
    return (
        b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
        b"2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n"
        b"3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] >>\nendobj\n"
        b"trailer << /Root 1 0 R /Size 4 >>\nstartxref\n9\n%%EOF\n"
    )


def zipped(members: Mapping[str, bytes | str], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", compression) as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(
                name, (2026, 1, 1, 0, 0, 0)
            )  # a fixed date, so that the bytes are always the same
            member.compress_type = compression
            archive.writestr(member, content)
    return sink.getvalue()


def office(kind: str, main: str, **parts: bytes) -> bytes:
    types = f'<Types><Override ContentType="{OPEN_XML}{kind}.main+xml"/></Types>'
    return zipped(
        {
            "[Content_Types].xml": types,
            main: "<x/>",
            **{name.replace("__", "/"): each for name, each in parts.items()},
        }
    )


def docx(**parts: bytes) -> bytes:
    return office("wordprocessingml.document", "word/document.xml", **parts)


def odt(mimetype: str = "application/vnd.oasis.opendocument.text") -> bytes:
    return zipped({"mimetype": mimetype, "content.xml": "<x/>"}, zipfile.ZIP_STORED)


def mp3(tag: bytes = b"") -> bytes:
    frame = b"\xff\xfb\x90\x00" + bytes(413)  # layer III, 128 kbit/s, 44.1 kHz: 417 bytes
    return tag + frame * 3


def case(name: str) -> bytes:
    """Return a file of a kind that such systems are reported to refuse or show wrongly."""
    return (Path(__file__).with_name("cases") / name).read_bytes()


def compound(*names: str, content: bytes = b"") -> bytes:
    """Return an OLE compound file of three sectors: the allocation table, the directory, and the content of a stream."""
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
    header = header.ljust(44, b"\0") + struct.pack("<II", 1, 1) + bytes(24) + struct.pack("<I", 0) + b"\xff" * 432
    entries = b"".join(
        name.encode("utf-16-le").ljust(64, b"\0") + struct.pack("<H", 2 * len(name) + 2) + bytes(62)
        for name in ("Root Entry", *names)
    )
    table = struct.pack("<III", 0xFFFFFFFD, 0xFFFFFFFE, 0xFFFFFFFE).ljust(512, b"\xff")
    return header + table + entries.ljust(512, b"\0") + content.ljust(512, b"\0")


def wav(code: int = 1) -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, code, 1, 8000, 16000, 2, 16)
    chunks = form + struct.pack("<4sI", b"data", 32) + bytes(32)
    return struct.pack("<4sI4s", b"RIFF", 4 + len(chunks), b"WAVE") + chunks


def huge_webp(width: int, height: int) -> bytes:
    """Return a few bytes of lossless WEBP of one colour in a size that its header gives."""
    chunk = struct.pack("<4sIBI", b"VP8L", 14, 0x2F, (width - 1) | (height - 1) << 14)
    chunk += b"\x07\x10\x11\xfd\x0fDD\xff\x03"
    return struct.pack("<4sI4s", b"RIFF", 4 + len(chunk), b"WEBP") + chunk


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def movie(brand: bytes = b"isom", handler: bytes = b"vide") -> bytes:
    handler_box = box(b"hdlr", bytes(8) + handler + bytes(12))
    return box(b"ftyp", brand + bytes(4)) + box(b"moov", box(b"trak", handler_box)) + box(b"mdat", b"sound")
