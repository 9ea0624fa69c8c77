"""Recordings for tests: a real sound of a few milliseconds, as WAV and as the beginning of a WebM file."""

import io
import math
import struct
import wave


def make_wav(milliseconds: int = 200, hertz: int = 440) -> bytes:
    """Return a tone as mono PCM of 8,000 samples a second."""
    sink = io.BytesIO()
    with wave.open(sink, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8_000)
        count = 8 * milliseconds
        samples = (int(9_000 * math.sin(2 * math.pi * hertz * each / 8_000)) for each in range(count))
        sound.writeframes(struct.pack(f"<{count}h", *samples))
    return sink.getvalue()


def element(kind: int, content: bytes, *, is_open: bool = False) -> bytes:
    """Return an element of EBML; an open one has no size, as browsers write while they record."""
    size = b"\x01" + b"\xff" * 7 if is_open else (len(content) | 1 << 56).to_bytes(8, "big")
    return kind.to_bytes((kind.bit_length() + 7) // 8, "big") + size + content


def make_webm(*tracks: tuple[int, bytes], doc_type: bytes = b"webm", has_cluster: bool = True) -> bytes:
    """Return a WebM file with tracks, each its type (1 video, 2 sound) and codec, and an empty cluster."""
    described = b"".join(element(0xAE, element(0x83, bytes([kind])) + element(0x86, codec)) for kind, codec in tracks)
    body = element(0x1549A966, b"") + element(0x1654AE6B, described)
    if has_cluster:
        body += element(0x1F43B675, element(0xE7, b"\0"), is_open=True)
    return element(0x1A45DFA3, element(0x4282, doc_type)) + element(0x18538067, body, is_open=True)
