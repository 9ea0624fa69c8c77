"""Text formatting of days, moments, periods, ages, counts, sizes, witnesses and typed paragraphs. Knows no Flask."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from markupsafe import Markup, escape

from tracker.clock import LONDON, now, today
from tracker.web.text_direction import is_right_to_left, isolate, isolate_output, remove_direction_controls

MINUTE, HOUR, DAY = 60, 3600, 86400


def local(moment: datetime) -> datetime:
    """Return the moment in London time; one without a time zone is taken as UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(LONDON)


def day(value: date | datetime | None) -> str:
    """Return a date as `22 November 2026`, or an empty string for None."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = local(value)
    return f"{value.day} {value:%B %Y}"


def attributes(pairs: Mapping[str, Any]) -> Markup:
    """Return the attributes of an element: True is written as a bare name; None and False are left out.

    A page of forms has hundreds; a macro of the template took several times as long.
    """
    written = []
    for key, value in pairs.items():
        if value is None or value is False:
            continue
        name = key.replace("_", "-")
        shown = value if name == "value" else isolate_output(value)  # a value must come back as it was typed
        written.append(f" {name}" if value is True else f' {name}="{escape(shown)}"')
    return Markup("".join(written))  # noqa: S704 - each value is escaped


def join_words(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: `A`, `A and B`, `A, B and C`."""
    return " and ".join(each for each in (", ".join(words[:-1]), words[-1]) if each) if words else ""


def clock(value: datetime) -> str:
    """Return the London time of a moment as `10:42`."""
    return f"{local(value):%H:%M}"


def moment(value: datetime | None) -> str:
    """Return a moment as `22 November 2026, 10:42` in London time, or an empty string for None."""
    return f"{day(value)}, {clock(value)}" if value else ""


def period(start: date | None, end: date | None = None) -> str:
    """Return a date, or two dates with what they share written once: `3–22 November 2026`."""
    if start is None or end is None or start == end:
        return day(start or end)
    if start.year != end.year:
        return f"{day(start)} – {day(end)}"
    if start.month != end.month:
        return f"{start.day} {start:%B} – {day(end)}"
    return f"{start.day}–{day(end)}"


def age(value: date | datetime | None) -> str:
    """Return how long ago a moment was: `12 minutes`, `2 hours`, `3 days`; for a date, `today` or `3 days`."""
    if value is None:
        return ""
    if not isinstance(value, datetime):
        days = (today() - value).days
        return counted(days, "day") if days > 0 else "today"
    seconds = int((now() - local(value)).total_seconds())
    if seconds < MINUTE:
        return "just now"
    if seconds < HOUR:
        return counted(seconds // MINUTE, "minute")
    if seconds < DAY:
        return counted(seconds // HOUR, "hour")
    return counted(seconds // DAY, "day")


def ago(value: date | datetime | None) -> str:
    """Return how long ago something was, in words: `3 days ago`, `just now`, `today`."""
    words = age(value)
    return words if words in {"", "just now", "today"} else f"{words} ago"


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number with its noun: `1 criterion`, `7 criteria`. The plural is the singular with an s by default."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def size(count: int) -> str:
    """Return a number of bytes as `840 bytes`, `12 KB`, `2.3 MB` or `1.5 GB`."""
    if count < 1000:
        return counted(count, "byte")
    if count < 999_500:
        return f"{count / 1000:.0f} KB"
    megabytes = count / 1_000_000
    if megabytes >= 999.5:
        return f"{megabytes / 1000:.1f}".removesuffix(".0") + " GB"
    return f"{megabytes:.1f} MB" if megabytes < 100 else f"{megabytes:.0f} MB"


def witness(fields: Any) -> str:
    """Return a witness as one line, empty for none: `D. Shaw, team manager (12 years in contact centres)`.

    Args:
        fields: an item of evidence, a version or a line of the index, with the three fields of a witness.
    """
    parts = ", ".join(isolate(part) for part in (fields.witness_name, fields.witness_relationship) if part)
    status = f"({isolate(fields.witness_status)})" if fields.witness_status else ""
    return " ".join(part for part in (parts, status) if part)


def address_note(address_confirmed: bool | None, confirmed_at: datetime | None, act: str = "signed") -> str:
    """Return what is said of the signer's address beside a signature (docs/rules.md, Signing, rule 15).

    Args:
        address_confirmed: whether it was confirmed when they signed; None if they signed before that was recorded.
        confirmed_at: when they confirmed the address that they have now; None if they have not.
        act: `signed` or `submitted`.

    Returns:
        `email address not confirmed when signed; confirmed on 3 December 2026`; empty where it was confirmed and
        where that was not recorded.
    """
    if address_confirmed is not False:
        return ""
    later = f"; confirmed on {day(confirmed_at)}" if confirmed_at else ""
    return f"email address not confirmed when {act}{later}"


def paragraphs(text: str | None) -> Markup:
    """Return typed text as escaped HTML: a blank line starts a paragraph, a single line break stays one.

    A paragraph with letters that are written from right to left gets the direction of its first letter.
    """
    return Markup("\n").join(list_paragraphs(text))


def list_paragraphs(text: str | None) -> list[Markup]:
    """Return the paragraphs of typed text, each as `paragraphs` writes it."""
    return [_paragraph(block) for block in split_paragraphs(text)]


def split_paragraphs(text: str | None) -> list[str]:
    """Return the paragraphs of typed text."""
    lines = remove_direction_controls(text or "").replace("\r\n", "\n").replace("\r", "\n")
    return [block.strip("\n") for block in lines.strip().split("\n\n") if block.strip()]


def _paragraph(block: str) -> Markup:
    lines = Markup("<br>").join(escape(line) for line in block.split("\n"))
    direction = Markup(' dir="auto"') if is_right_to_left(block) else ""
    return Markup("<p{}>{}</p>").format(direction, lines)
