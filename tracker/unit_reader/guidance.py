"""Learning guidance, which looks like a unit and is not one: concepts, tips, misconceptions, marking points."""

from collections.abc import Sequence

from tracker.unit_reader.document_model import Section
from tracker.unit_reader.phrases import GUIDANCE, Part
from tracker.unit_reader.text_sections import parse_list
from tracker.units.documents import GuidanceDocument, Provenance


def build_guidance(sections: Sequence[Section], name: str, width: int) -> GuidanceDocument | None:
    """Return the learning guidance in a document, or None if fewer than two of its lists are there."""
    lists = {part: _list_entries(sections, part, width) for part in GUIDANCE}
    if sum(bool(entries) for part, entries in lists.items() if part is not Part.SYNOPSIS) < 2:
        return None
    title = _build_title(name)
    return GuidanceDocument(
        slug=_build_slug(title),
        title=title,
        synopsis=" ".join(lists[Part.SYNOPSIS]) or title,
        key_concepts=lists[Part.CONCEPTS],
        tips=lists[Part.TIPS],
        misconceptions=lists[Part.MISCONCEPTIONS],
        marking_points=lists[Part.MARKING],
        units=(),
        provenance=Provenance(name, "Read from the published document; the title is taken from the file’s name."),
    )


def _list_entries(sections: Sequence[Section], part: Part, width: int) -> tuple[str, ...]:
    return tuple(entry for section in sections if section.part is part for entry in parse_list(section, width))


def _build_title(name: str) -> str:
    title = name.rsplit("/", 1)[-1].rsplit(".", 1)[0].replace("-", " ").replace("_", " ").strip()
    return (title[:1].upper() + title[1:])[:200] or "Guidance"


def _build_slug(title: str) -> str:
    kept = "".join(each if each.isascii() and each.isalnum() else " " for each in title.casefold())
    return "-".join(kept.split())[:100].strip("-") or "guidance"
