"""The templates as source files: line length, form controls drawn by macros, and macros and imports that are used."""

import re
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

FOLDER = Path(__file__).parent.parent / "templates"
TEMPLATES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.html"))
MAX_LINE_LENGTH = 160
FORM_MACROS = "components/forms.html"
CONTROL = re.compile(r"<(?:input|label|select|textarea|fieldset|legend)\b|field-error|error-summary|has-error")


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_line_is_too_long_to_read(name: str) -> None:
    lines = (FOLDER / name).read_text().splitlines()
    assert not [number for number, line in enumerate(lines, 1) if len(line) > MAX_LINE_LENGTH]


@pytest.mark.parametrize("name", [name for name in TEMPLATES if name != FORM_MACROS])
def test_form_controls_are_drawn_by_macros(name: str) -> None:
    assert not CONTROL.findall((FOLDER / name).read_text())


def test_every_macro_and_every_import_is_used() -> None:
    macros: set[tuple[str, str]] = set()
    used: set[tuple[str, str]] = set()
    unused_imports: list[tuple[str, str]] = []
    for name in TEMPLATES:
        tree = Environment(autoescape=True).parse((FOLDER / name).read_text())
        macros |= {(name, macro.name) for macro in tree.find_all(nodes.Macro)}
        loaded = {each.name for each in tree.find_all(nodes.Name) if each.ctx == "load"}
        used |= {(name, each) for each in loaded}
        for import_node in tree.find_all(nodes.FromImport):
            used |= {
                (import_node.template.as_const(), name_or_pair if isinstance(name_or_pair, str) else name_or_pair[0])
                for name_or_pair in import_node.names
            }
        imported = {each.target: each.template.as_const() for each in tree.find_all(nodes.Import)}
        unused_imports += [(name, target) for target in imported if target not in loaded]
        for each in tree.find_all(nodes.Getattr):
            if isinstance(each.node, nodes.Name) and each.node.name in imported:
                used.add((imported[each.node.name], each.attr))
    assert not sorted(macros - used)
    assert not unused_imports


VERIFIER = re.compile(r"(?<![\w.])(?:verifiers?|IVs?|EVs?)(?!\w)", re.IGNORECASE)
"""A word for which the centres of England have another; not a part of an identifier such as `internal_verifier`."""


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_word_verifier_is_shown_in_the_terms_of_the_centre(name: str) -> None:
    source = re.sub(r"\{#.*?#\}", "", (FOLDER / name).read_text(), flags=re.DOTALL)
    # `tables.table` translates the heads of its columns, and `forms.field` the label of its field.
    lines = [line for line in source.splitlines() if VERIFIER.search(line) and "tables.table(" not in line]
    assert [line for line in lines if "in_terms" not in line] == []
