"""Text of a PPTX file: each slide with its notes."""

import zipfile

from tracker.portfolio.document_text.xml_parts import (
    Element,
    get_attribute,
    get_name,
    list_elements,
    parse_part,
    read_relationships,
)

PRESENTATION = "ppt/presentation.xml"


def read_pptx(archive: zipfile.ZipFile) -> str:
    """Return the text of the slides in their order."""
    targets = read_relationships(archive, PRESENTATION)
    parts = []
    for number, slide in enumerate(list_elements(parse_part(archive, PRESENTATION), "sldId"), 1):
        _, target = targets.get(_get_relationship_id(slide), ("", ""))
        lines = [f"Slide {number}", *_read_lines(parse_part(archive, target))]
        for kind, notes in read_relationships(archive, target).values():
            if kind == "notesSlide" and (texts := _read_lines(parse_part(archive, notes))):
                lines += ["Notes", *texts]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _get_relationship_id(slide: Element) -> str:
    """Return the id of the relationship; the element has an `id` of its own too, without a namespace."""
    return next(
        (str(value) for key, value in slide.attrib.items() if key.startswith("{") and key.endswith("}id")), ""
    )


def _read_lines(root: Element | None) -> list[str]:
    lines = []
    for paragraph in list_elements(root, "p"):
        pieces = (
            "\n" if get_name(each) == "br" else each.text or ""
            for each in paragraph.iter()
            if get_name(each) == "br" or (get_name(each) == "t" and not _is_slide_number(each))
        )
        if text := "".join(pieces).strip():
            lines.append(text)
    return lines


def _is_slide_number(text: Element) -> bool:
    parent = text.getparent()
    return get_name(parent) == "fld" and get_attribute(parent, "type") == "slidenum"
