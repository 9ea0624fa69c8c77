"""Text of an ODT file, with tracked changes and comments."""

import zipfile
from collections.abc import Iterator

from lxml import etree

from tracker.portfolio.document_text.xml_parts import Element, get_attribute, get_name, list_elements, parse_part

MAX_SPACES = 1_000


def read_odt(archive: zipfile.ZipFile) -> str:
    """Return the text of the document."""
    root = parse_part(archive, "content.xml")
    body = next(iter(list_elements(root, "body")), None)
    if body is None:
        return ""
    changes = {get_attribute(each, "id"): _read_change(each) for each in list_elements(body, "changed-region")}
    return "".join(_read_pieces(body, changes))


def _read_change(region: Element) -> tuple[str, str]:
    """Return the author of a change, and the text of a deletion."""
    author = next((each.text or "" for each in list_elements(region, "creator")), "") or "somebody"
    deleted = list_elements(region, "deletion")
    text = "".join("".join(_read_pieces(each, {})) for each in deleted)
    return author, text.strip()


def _read_pieces(root: Element, changes: dict[str, tuple[str, str]]) -> Iterator[str]:
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        name = get_name(element)
        if event == "end":
            if name in {"p", "h"}:
                yield "\n"
            elif name == "table-cell":
                yield "| "
        elif name in {"tracked-changes", "change-info", "annotation"}:
            walk.skip_subtree()
            if name == "annotation":
                yield f"[comment by {_read_comment(element)}]"
        else:
            yield _read_mark(name, element, changes)
            yield element.text or "" if name in {"p", "h", "span", "a"} else ""
        if event == "end" and element is not root:
            yield _read_tail(element)


def _read_mark(name: str, element: Element, changes: dict[str, tuple[str, str]]) -> str:
    """Return the text of an element that stands for white space or marks a tracked change; else an empty text."""
    author, deleted = changes.get(get_attribute(element, "change-id"), ("somebody", ""))
    if name == "s":
        count = get_attribute(element, "c")
        return " " * min(int(count) if count.isdigit() else 1, MAX_SPACES)
    return {
        "tab": "\t",
        "line-break": "\n",
        "change": f"[deleted by {author}: {deleted}]",
        "change-start": f"[inserted by {author}: ",
        "change-end": "]",
    }.get(name, "")


def _read_tail(element: Element) -> str:
    """Return the text after an element, which belongs to the paragraph around it."""
    parent = element.getparent()
    return element.tail or "" if get_name(parent) in {"p", "h", "span", "a"} else ""


def _read_comment(annotation: Element) -> str:
    author = next((each.text or "" for each in list_elements(annotation, "creator")), "") or "somebody"
    lines = ("".join(each.itertext()) for each in list_elements(annotation, "p"))
    return f"{author}: {' '.join(lines)}"
