"""Text of a DOCX file, with tracked changes, comments and notes."""

import zipfile

from lxml import etree

from tracker.portfolio.document_text.xml_parts import Element, get_attribute, get_name, list_elements, parse_part

CHANGES = {"ins": "inserted", "moveTo": "inserted", "del": "deleted", "moveFrom": "deleted"}
SKIPPED = {"Fallback", "pPr", "rPr", "sectPr", "instrText", "tblPr"}
BREAKS = {"tab": "\t", "br": "\n", "cr": "\n"}
NOTES = (("word/footnotes.xml", "Footnotes"), ("word/endnotes.xml", "Endnotes"))


def read_docx(archive: zipfile.ZipFile) -> str:
    """Return the text of the document, then its notes and comments."""
    document = parse_part(archive, "word/document.xml")
    parts = [] if document is None else [read_paragraphs(document)]
    for name, heading in NOTES:
        root = parse_part(archive, name)
        if root is not None and (text := read_paragraphs(root).strip()):
            parts.append(f"{heading}\n{text}")
    comments = [
        f"{get_attribute(each, 'author') or 'Somebody'}: {read_paragraphs(each).strip()}"
        for each in list_elements(parse_part(archive, "word/comments.xml"), "comment")
    ]
    if comments:
        parts.append("\n".join(("Comments", *comments)))
    return "\n\n".join(parts)


def read_paragraphs(root: Element) -> str:
    """Return the paragraphs below an element, one a line, the cells of a table row joined by bars."""
    reader = _ParagraphReader()
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        name = get_name(element)
        if event == "end":
            reader.end(name)
        elif name in SKIPPED:
            walk.skip_subtree()
        else:
            reader.start(name, element)
    return "".join(reader.pieces)


class _ParagraphReader:
    """The text of paragraphs and table rows, collected element by element."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.change_starts: list[int] = []
        self.cell_depth = 0

    def start(self, name: str, element: Element) -> None:
        if name in CHANGES:
            self.change_starts.append(len(self.pieces))
            self.pieces.append(f"[{CHANGES[name]} by {get_attribute(element, 'author') or 'somebody'}: ")
        elif name in {"t", "delText"}:
            self.pieces.append(element.text or "")
        elif name in BREAKS:
            self.pieces.append(BREAKS[name])
        elif name == "tc":
            self.cell_depth += 1

    def end(self, name: str) -> None:
        if name in CHANGES:
            if len(self.pieces) == self.change_starts.pop() + 1:
                self.pieces.pop()  # nothing was changed but the formatting
            else:
                self.pieces.append("]")
        elif name == "tc":
            self.cell_depth -= 1
            self.pieces.append("| ")
        elif name == "tr" or (name == "p" and not self.cell_depth):
            self.pieces.append("\n")
        elif name == "p":
            self.pieces.append(" ")
