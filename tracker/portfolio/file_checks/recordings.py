"""Checks of audio and video recordings: containers, tracks and codecs, read up to a limit."""

import re
from collections.abc import Callable, Iterator
from io import SEEK_END
from typing import IO

from tracker.portfolio.file_checks.faults import FileFaultError

MEBIBYTE = 1024 * 1024
MAX_INDEX_SIZE = 32 * MEBIBYTE
MAX_BOXES = 100_000
MAX_CHUNKS = 1_000
DAMAGED = "the recording is damaged or incomplete. Save it again."

VIDEO_TRACK = re.compile(rb"hdlr.{8}vide", re.DOTALL)
SOUND_TRACK = re.compile(rb"hdlr.{8}soun", re.DOTALL)
SAMPLE_FORMAT = re.compile(rb"stsd.{12}(.{4})", re.DOTALL)
"""The format of a track's first sample description: after version and flags, the number of entries, and a size."""
HEVC_FORMATS = {b"hvc1", b"hev1", b"dvh1", b"dvhe"}
UNPLAYED_FORMATS = {
    *(b"mp4v", b"s263", b"h263", b"jpeg", b"mjpa", b"mjpb", b"apcn", b"apcs", b"apco", b"apch", b"ap4h", b"ap4x"),
    *(b"SVQ1", b"SVQ3", b"cvid", b"samr", b"sawb", b"sawp", b"sevc", b"sqcp", b"alac", b"ac-3", b"ec-3"),
}
"""Formats that most browsers do not play."""

MPEG1_BITRATES = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
MPEG2_BITRATES = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
"""Layer III bitrates in kbit/s, by the index in the frame header; 0 for a free format or a bad index."""
SAMPLE_RATES = {3: (44100, 48000, 32000, 0), 2: (22050, 24000, 16000, 0), 0: (11025, 12000, 8000, 0)}
"""Samples per second, by the version bits (3 MPEG-1, 2 MPEG-2, 0 MPEG-2.5) and the index in the frame header."""

OGG_AUDIO = (b"OpusHead", b"\x01vorbis", b"Speex   ", b"\x7fFLAC")
EBML = b"\x1a\x45\xdf\xa3"
"""The first bytes of WebM, and of Matroska, which browsers do not play."""
SEGMENT, TRACKS, TRACK, CLUSTER = 0x18538067, 0x1654AE6B, 0xAE, 0x1F43B675
DOC_TYPE, TRACK_TYPE, CODEC = 0x4282, 0x83, 0x86
PLAYED_WEBM_CODECS = {b"A_OPUS", b"A_VORBIS", b"V_VP8", b"V_VP9", b"V_AV1"}
VIDEO_TRACK_TYPE = 1
MAX_WEBM_HEAD = MEBIBYTE
"""The bytes in which a WebM file has to describe its tracks and begin its first cluster."""

PLAYED_WAV_CODES = {1, 3, 0xFFFE}
"""PCM, floating point, and the extensible form of both."""
UNKNOWN_SIZES = {0, 0xFFFFFFFF}
"""Sizes that a recorder writes in the RIFF header when it does not know the length yet."""


def read_tracks(stream: IO[bytes]) -> tuple[str | None, str]:
    """Read the index of an MP4, 3GP or QuickTime file.

    Returns:
        `video`, `audio` or None, by its tracks; and a remark, `hevc`, `unplayed` or empty.

    Raises:
        FileFaultError: the file is cut short or its index is missing.
    """
    index = None
    for kind, start, size in _iterate_boxes(stream):
        if kind == b"moov" and size <= MAX_INDEX_SIZE:
            stream.seek(start)
            index = stream.read(size)
    if index is None:
        raise FileFaultError(DAMAGED)
    formats = set(SAMPLE_FORMAT.findall(index))
    remark = "hevc" if formats & HEVC_FORMATS else "unplayed" if formats & UNPLAYED_FORMATS else ""
    if VIDEO_TRACK.search(index):
        return "video", remark
    return ("audio" if SOUND_TRACK.search(index) else None), remark


def _iterate_boxes(stream: IO[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, offset and size of each box on the outermost level."""
    end, offset = stream.seek(0, SEEK_END), 0
    for _ in range(MAX_BOXES):
        if offset >= end:
            return
        stream.seek(offset)
        header = stream.read(16)
        size = int.from_bytes(header[:4], "big")
        if size == 1:
            size = int.from_bytes(header[8:16], "big")
        elif size == 0:
            size = end - offset
        if len(header) < 8 or size < 8 or offset + size > end:
            raise FileFaultError(DAMAGED)
        yield header[4:8], offset, size
        offset += size
    raise FileFaultError(DAMAGED)


def is_mp3(stream: IO[bytes]) -> bool:
    """Return whether MPEG audio frames, at least two in a row, follow the tags."""
    return _has_two_frames(stream, _compute_mp3_frame_length)


def is_aac(stream: IO[bytes]) -> bool:
    """Return whether AAC frames with ADTS headers, at least two in a row, follow the tags."""
    return _has_two_frames(stream, _compute_aac_frame_length)


def _has_two_frames(stream: IO[bytes], compute_frame_length: Callable[[bytes], int]) -> bool:
    stream.seek(0)
    head = stream.read(10)
    start = 0
    if head.startswith(b"ID3") and len(head) == 10 and max(head[6:10]) < 0x80:
        start = 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
    elif len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    stream.seek(start)
    padded = stream.read(16 * 1024)
    frames = padded.lstrip(b"\x00")
    length = compute_frame_length(frames[:8])
    return bool(length and compute_frame_length(frames[length : length + 8]))


def _compute_mp3_frame_length(header: bytes) -> int:
    """Return the length of a layer III frame in bytes; 0 for anything but a frame header."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version = header[1] >> 3 & 3
    rate = SAMPLE_RATES.get(version, (0, 0, 0, 0))[header[2] >> 2 & 3]
    bitrate = (MPEG1_BITRATES if version == 3 else MPEG2_BITRATES)[header[2] >> 4]
    if not rate or not bitrate:
        return 0
    return (144 if version == 3 else 72) * bitrate * 1000 // rate + (header[2] >> 1 & 1)


def _compute_aac_frame_length(header: bytes) -> int:
    """Return the length of an ADTS frame in bytes; 0 for anything but a frame header."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0


def check_wav(stream: IO[bytes]) -> str:
    """Return `unplayed` for a compressed WAV, else an empty remark. Raises `FileFaultError` when it is cut short."""
    end, offset, remark, has_format = stream.seek(0, SEEK_END), 12, "", False
    for _ in range(MAX_CHUNKS):
        stream.seek(offset)
        header = stream.read(10)
        kind, size = header[:4], int.from_bytes(header[4:8], "little")
        if kind == b"fmt ":
            has_format = True
            remark = "" if int.from_bytes(header[8:10], "little") in PLAYED_WAV_CODES else "unplayed"
        if kind == b"data" and has_format and (size in UNKNOWN_SIZES or offset + 8 + size <= end):
            return remark
        if len(header) < 8 or kind == b"data":
            break
        offset += 8 + size + size % 2
    raise FileFaultError(DAMAGED)


def is_ogg_audio(head: bytes) -> bool:
    """Return whether the first pages of an Ogg file announce sound (Opus, Vorbis, Speex or FLAC) and no video."""
    return any(mark in head for mark in OGG_AUDIO) and b"\x80theora" not in head


def find_webm_media_type(stream: IO[bytes]) -> str | None:
    """Return `audio/webm` or `video/webm` by the tracks; None for Matroska and for codecs that browsers do not play.

    Raises `FileFaultError` where the file ends before its first cluster.
    """
    stream.seek(0)
    head = stream.read(MAX_WEBM_HEAD)
    outer = {kind: (start, end) for kind, start, end in _iterate_elements(head, 0, len(head))}
    if 0x1A45DFA3 not in outer or SEGMENT not in outer:
        raise FileFaultError(DAMAGED)
    header = {kind: head[start:end] for kind, start, end in _iterate_elements(head, *outer[0x1A45DFA3])}
    if header.get(DOC_TYPE, b"").rstrip(b"\0") != b"webm":
        return None
    inner: dict[int, tuple[int, int]] = {}
    for kind, start, end in _iterate_elements(head, *outer[SEGMENT]):
        inner.setdefault(kind, (start, end))
        if kind == CLUSTER:
            break
    if TRACKS not in inner or CLUSTER not in inner:
        raise FileFaultError(DAMAGED)
    types, codecs = set(), set()
    for kind, start, end in _iterate_elements(head, *inner[TRACKS]):
        if kind == TRACK:
            track = {name: head[first:last] for name, first, last in _iterate_elements(head, start, end)}
            types.add(int.from_bytes(track.get(TRACK_TYPE, b""), "big"))
            codecs.add(track.get(CODEC, b"").rstrip(b"\0"))
    if not codecs or not codecs <= PLAYED_WEBM_CODECS:
        return None
    return "video/webm" if VIDEO_TRACK_TYPE in types else "audio/webm"


def _iterate_elements(content: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield id, start and end of elements of EBML; one of unknown size, or cut off, ends where its parent does."""
    while start < end:
        id_length = 9 - content[start].bit_length()
        size_at = start + id_length
        if id_length > 4 or size_at >= end:
            return
        size_length = 9 - content[size_at].bit_length()
        data = size_at + size_length
        if size_length > 8 or data > end:
            return
        size = int.from_bytes(content[size_at:data], "big") & ((1 << 7 * size_length) - 1)
        is_unknown = size == (1 << 7 * size_length) - 1
        stop = end if is_unknown else min(end, data + size)
        yield int.from_bytes(content[start:size_at], "big"), data, stop
        start = stop
