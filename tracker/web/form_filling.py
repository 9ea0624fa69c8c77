"""Filling of a form in a finished page with values that were typed before, whatever template made the page.

Only the attributes and contents of the form's own controls change. Hidden fields stay as the page has them, except
the key of a new item, and passwords and files are never filled.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

TEXT_TYPES = {"text", "search", "email", "url", "tel", "number", "date", "datetime-local", "month", "time", "week"}
TICKED_TYPES = {"checkbox", "radio"}
KEPT_HIDDEN = "key"
"""The hidden field that is filled: the idempotency key of a new item, which stays the same item."""

Attributes = dict[str, str | None]


@dataclass
class Control:
    """An input, textarea or option in the page's source."""

    kind: str
    """`text`, `ticked`, `textarea`, `option` or `hidden`."""
    name: str
    start: int
    """Where its start tag begins."""
    tag: str
    attributes: Attributes
    details: tuple[tuple[int, str], ...]
    """The start and the start tag of each `details` around it that is not open."""
    content: tuple[int, int] = (0, 0)
    """Where its text begins and ends, for a textarea."""


@dataclass
class Form:
    """A form in the page's source, with its controls."""

    action: str
    method: str
    tag: tuple[int, str]
    """Where its start tag begins, and the tag."""
    controls: list[Control] = field(default_factory=list)


def fill_form(
    html: str, path: str, action: str, values: Sequence[tuple[str, str]], *, notice: str, extra: str
) -> str | None:
    """Return the page with the form of this action filled; None if the page has no such form with such a field.

    Args:
        html: the page.
        path: the page's own path, to which a form without an action is sent.
        action: the path that the form is sent to.
        values: names and values that were typed.
        notice: HTML to put at the beginning of the form.
        extra: attributes to add to the form's tag, with `{}` for the names.
    """
    parser = _FormParser(html)
    names = {name for name, _ in values}
    candidates = [
        each
        for each in parser.forms
        if each.method == "post" and urlsplit(urljoin(path, each.action)).path == action and _list_names(each, names)
    ]
    if not candidates:
        return None
    form = max(candidates, key=lambda each: len(_list_names(each, names)))
    found = _list_names(form, names)
    start, tag = form.tag
    edits = {start: (len(tag), f"{tag[:-1]}{extra.format(escape(' '.join(found)))}>{notice}")}
    edits |= _fill_controls(form, values)
    return _apply(html, edits)


def _list_names(form: Form, names: set[str]) -> tuple[str, ...]:
    """List the names of the form's visible fields that are among these."""
    return tuple(dict.fromkeys(each.name for each in form.controls if each.kind != "hidden" and each.name in names))


def _fill_controls(form: Form, values: Sequence[tuple[str, str]]) -> dict[int, tuple[int, str]]:
    """Return what changes: the length to replace at each place in the source, and the new text."""
    waiting: dict[str, list[str]] = {}
    for name, value in values:
        waiting.setdefault(name, []).append(value)
    chosen = {name: set(several) for name, several in waiting.items()}
    edits: dict[int, tuple[int, str]] = {}
    for each in form.controls:
        if each.kind in {"ticked", "option"}:
            attribute = "checked" if each.kind == "ticked" else "selected"
            on = each.attributes.get("value") in chosen.get(each.name, set())
            edits[each.start] = (len(each.tag), _rewrite(each.tag, each.attributes, attribute, "" if on else None))
        elif waiting.get(each.name):
            value = waiting[each.name].pop(0)
            if each.kind == "textarea":
                begin, end = each.content
                edits[begin] = (end - begin, f"\n{escape(value)}")
            else:
                edits[each.start] = (len(each.tag), _rewrite(each.tag, each.attributes, "value", value))
            if value and each.kind != "hidden":
                edits |= {start: (len(tag), f"{tag[:-1]} open>") for start, tag in each.details}
    return edits


def _rewrite(tag: str, attributes: Attributes, name: str, value: str | None) -> str:
    """Return the start tag with an attribute set, or without it if the value is None."""
    changed = {key: text for key, text in attributes.items() if key != name}
    if value is not None:
        changed[name] = value or None if name != "value" else value
    written = "".join(f" {key}" if text is None else f' {key}="{escape(text)}"' for key, text in changed.items())
    return f"<{tag[1:].split(None, 1)[0].rstrip('>/')}{written}>"


def _apply(html: str, edits: dict[int, tuple[int, str]]) -> str:
    parts, at = [], 0
    for start in sorted(edits):
        length, text = edits[start]
        parts += [html[at:start], text]
        at = start + length
    return "".join([*parts, html[at:]])


class _FormParser(HTMLParser):
    """Collects the forms of a page with the places of their controls in its source."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self._lines = [0, *(at + 1 for at, character in enumerate(html) if character == "\n")]
        self._form: Form | None = None
        self._select = ""
        self._textarea: Control | None = None
        self._details: list[tuple[int, str]] = []
        self.feed(html)
        self.close()

    def _offset(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes, start, text = dict(attrs), self._offset(), self.get_starttag_text() or ""
        if tag == "form":
            method = (attributes.get("method") or "get").lower()
            self._form = Form(attributes.get("action") or "", method, (start, text))
            self.forms.append(self._form)
        elif tag == "details":
            self._details.append((start, "" if "open" in attributes else text))
        elif tag == "select":
            self._select = attributes.get("name") or ""
        elif self._form:
            self._add_control(tag, attributes, start, text)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "details" and self._details:
            self._details.pop()
        elif tag == "select":
            self._select = ""
        elif tag == "textarea" and self._textarea:
            self._textarea.content = (self._textarea.content[0], self._offset())
            self._textarea = None

    def _add_control(self, tag: str, attributes: Attributes, start: int, text: str) -> None:
        assert self._form  # noqa: S101 - the caller has checked it
        kind, name = "", attributes.get("name") or ""
        if tag == "input":
            typed = (attributes.get("type") or "text").lower()
            kind = "text" if typed in TEXT_TYPES else "ticked" if typed in TICKED_TYPES else ""
            kind = "hidden" if typed == "hidden" and name == KEPT_HIDDEN else kind
        elif tag == "textarea":
            kind = "textarea"
        elif tag == "option" and self._select:
            kind, name = "option", self._select
        if kind and name:
            closed = tuple(each for each in self._details if each[1])
            control = Control(kind, name, start, text, attributes, closed, (start + len(text), 0))
            self._form.controls.append(control)
            if kind == "textarea":
                self._textarea = control
