"""An invented professional discussion, and its recording: sounds like two voices, made here and by nobody."""

import io
import math
import struct
import wave
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Any

CODE = "CFACC15"
FILE_NAME = "discussion-with-alice.wav"
SAMPLE_RATE = 8_000
SECONDS = 40
SPEAKERS = ((112, 0.7), (196, 1.3))
"""The pitch of each voice in hertz, and the length of its turns against the other's."""
SYLLABLE = 0.18
"""Seconds of a syllable, a quarter of which is silent."""


def build_fields(happened_on: date, agreed_on: date) -> dict[str, Any]:
    """Return the fields that the author of the discussion fills in."""
    return {
        "areas": "0:00 Introductions and purpose\n0:06 Escalation and limits of authority\n0:20 Key performance indicators",
        "agreed_on": agreed_on,
        "happened_from": happened_on,
        "place": "Video call",
        "starts": "14:00",
        "ends": "14:38",
        "stamped_times": "0:08 g\n0:14 f\n0:22 8, i\n0:31 10",
        "narrative": (
            "Alice explained when she refers a refund and how she supports an adviser who is outside their authority. She "
            "named three indicators of her team, and described how the targets for two of them are set."
        ),
        "transcript": (
            "Bob: When do you refer a refund to your manager?\n\n"
            "Alice: Above £50. Up to £50 it’s mine to decide, and I note why.\n\n"
            "Bob: Which indicators do you watch?\n\n"
            "Alice: Answered within 30 seconds, resolved first time, and wrap time."
        ),
    }


@lru_cache(maxsize=1)
def make_recording() -> bytes:
    """Return the recording as mono WAV: voices without words, which take turns. The same bytes each time."""
    sink = io.BytesIO()
    with wave.open(sink, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLE_RATE)
        sound.writeframes(b"".join(_list_syllables()))
    return sink.getvalue()


def _list_syllables() -> Iterator[bytes]:
    """Yield the frames of each syllable; a pause ends each turn of a speaker."""
    voices = [[_make_syllable(pitch * bend) for bend in (0.94, 1.0, 1.06, 1.12)] for pitch, _ in SPEAKERS]
    silence = bytes(2 * int(SAMPLE_RATE * SYLLABLE))
    for number in range(int(SECONDS / SYLLABLE)):
        at = number * SYLLABLE
        speaker = 0 if at % 6 < 3 * SPEAKERS[0][1] else 1
        is_pause = number % 11 == 10
        yield silence if is_pause else voices[speaker][(number * 7 + number // 3) % 4]


def _make_syllable(pitch: float) -> bytes:
    """Return a syllable: harmonics of a pitch under the envelope of a vowel."""
    count = int(SAMPLE_RATE * SYLLABLE)
    voiced = int(0.75 * count)
    samples = []
    for each in range(count):
        envelope = math.sin(math.pi * each / voiced) ** 2 if each < voiced else 0.0
        turn = 2 * math.pi * pitch * each / SAMPLE_RATE
        tone = sum(
            weight * math.sin(harmonic * turn) for harmonic, weight in ((1, 1.0), (2, 0.6), (3, 0.7), (5, 0.3))
        )
        samples.append(int(7_000 * envelope * tone))
    return struct.pack(f"<{count}h", *samples)
