"""Small files that become very large when they are decoded, one of each kind that is accepted."""

import io
import struct
import zlib

from PIL import Image

from tests.portfolio import files

MEGABYTE = 1024 * 1024


def zeros(count: int) -> bytes:
    """Return so many zero bytes compressed by zlib, without compressing them all."""
    block = bytes(MEGABYTE)
    compressor = zlib.compressobj(9)
    first = compressor.compress(block) + compressor.flush(zlib.Z_FULL_FLUSH)
    again = compressor.compress(block) + compressor.flush(zlib.Z_FULL_FLUSH)
    whole, rest = divmod(count, MEGABYTE)
    last = compressor.compress(bytes(rest)) + compressor.flush()
    checksum = struct.pack(">I", (count % 65_521) << 16 | 1)
    return first + again * (whole - 1) + last[:-4] + checksum


def png(width: int, height: int, *, bits: int = 8, channels: int = 4) -> bytes:
    """Return a black PNG: with four channels transparent, with one grey."""
    colour = {1: 0, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    pixels = zeros(height * (1 + width * channels * bits // 8))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def jpeg(width: int, height: int, **options: object) -> bytes:
    """Return a JPEG whose header gives another size than it has."""
    content = bytearray(files.picture("JPEG", **options))
    frame = content.index(b"\xff\xc2" if options.get("progressive") else b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def jpeg_in_several_scans(width: int, height: int, **options: object) -> bytes:
    """Return a JPEG, not progressive, whose first scan has one of its three colours: the decoder keeps the others."""
    content = jpeg(width, height, **options)
    scan = content.index(b"\xff\xda")
    return content[:scan] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + content[scan + 14 :]


def heic(width: int, height: int) -> bytes:
    """Return a HEIC image whose index gives another size than it has."""
    content = files.heic()
    stated = b"ispe" + bytes(4) + struct.pack(">II", 64, 64)
    assert stated in content
    return content.replace(stated, b"ispe" + bytes(4) + struct.pack(">II", width, height))


def pdf(width: int, height: int) -> bytes:
    """Return a PDF with one page that shows a picture of this size in colour."""
    pixels = zeros(width * height * 3)
    picture = (
        f"<< /Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceRGB "
        f"/BitsPerComponent 8 /Filter /FlateDecode /Length {len(pixels)} >>\nstream\n"
    ).encode()
    drawing = b"q 100 0 0 100 0 0 cm /P Do Q"
    return (
        files.pdf().partition(b"3 0 obj")[0]
        + b"3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] /Contents 5 0 R "
        b"/Resources << /XObject << /P 4 0 R >> >> >>\nendobj\n4 0 obj\n"
        + picture
        + pixels
        + b"\nendstream\nendobj\n"
        b"5 0 obj\n<< /Length %d >>\nstream\n%s\nendstream\nendobj\n"
        % (len(drawing), drawing)
        + b"trailer << /Root 1 0 R /Size 6 >>\nstartxref\n9\n%%EOF\n"
    )


def docx(size: int) -> bytes:
    """Return a DOCX whose text has so many bytes."""
    text = b"<w:document><w:body><w:p><w:r><w:t>" + b"a" * size
    return files.docx(word__document2=text)


def photo() -> bytes:
    """Return a picture as a phone takes it: 12 million pixels of noise."""
    sink = io.BytesIO()
    Image.effect_noise((4032, 3024), 40).convert("RGB").save(sink, "JPEG", quality=60)
    return sink.getvalue()
