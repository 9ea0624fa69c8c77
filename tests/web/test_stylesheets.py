"""Every rule of the stylesheets has a page that uses it, and every class of a page has a rule or is known to have none."""

import re
from pathlib import Path

import pytest

from tracker.recording_forms.staff_content import AWARDS, COMPETENCE, CPD, INTERESTS
from tracker.recording_forms.witness_list_content import WITNESSES

ROOT = Path(__file__).parents[2]
STYLESHEETS = sorted((ROOT / "static" / "css").glob("*.css"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static" / "js").glob("*.js"))
JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
LITERAL = re.compile(r"\"([^\"\n]*)\"|'([^'\n]*)'")
MADE_IN_PYTHON = {"qr-code", "qr-code-background", "few", "some", "many", "filled", "shown-wide"}
"""Classes of the QR code that `segno` draws, of the printed grid by its number of columns, of a filled form, and of a
column of a sheet in sections."""
WIDTHS = {
    f"mm-{width}" for table in (AWARDS, COMPETENCE, CPD, INTERESTS, WITNESSES) for _head, width in table.columns
}
"""Classes of the columns of a printed staff record and witness list."""
UNSTYLED = {
    *(
        "add-criterion",
        "add-remark",
        "drafts",
        "export-units",
        "file-name",
        "line-link",
        "offers",
    ),  # found by scripts or tests
    *("comment", "criteria-in-full", "library-actions", "month"),
    *("narrative", "nested", "preview", "product-mark", "qualification", "recording-form", "review-section"),
    *("btn-outline-primary", "outline-primary", "primary"),  # a button without one of these looks like the first
}
"""Classes without a rule, which name what an element is."""


def literals(source: str) -> set[str]:
    """Return the words of the quoted texts in a piece of code."""
    return {word for groups in LITERAL.findall(source) for text in groups for word in text.split()}


def classes_in_rules(path: Path) -> set[str]:
    css = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    selectors = re.sub(r"\{[^{}]*\}", "{}", css)
    return set(re.findall(r"\.([a-zA-Z][\w-]*)", re.sub(r"@[^{;]*[{;]", "", selectors)))


def classes_in_templates() -> tuple[set[str], set[str]]:
    """Return the classes that the templates write, and the beginnings of those that end in an expression's value."""
    complete_names, beginnings = set[str](), set[str]()
    for path in TEMPLATES:
        for value in re.findall(r"\bclass=\"((?:[^\"{]|\{(?![{%#])|\{\{.*?\}\}|\{%.*?%\})*)\"", path.read_text()):
            words = JINJA.sub("\0", value).split()
            beginnings |= {word.partition("\0")[0] for word in words if re.match(r"[\w-]+-\0", word)}
            complete_names |= {
                word for each in words for word in [each.replace("\0", "")] if word and not word.endswith("-")
            }
            conditions = [
                re.sub(r"[=!]=\s*[\"'][^\"']*[\"']", "", tag) for tag in JINJA.findall(value) if " if " in tag
            ]
            complete_names |= {word for tag in conditions for word in literals(tag) if not word.endswith("-")}
    return complete_names, beginnings


def words_in_expressions() -> set[str]:
    """Return the words of every quoted text in the templates' expressions: a class may come as a macro's argument."""
    return {word for path in TEMPLATES for tag in JINJA.findall(path.read_text()) for word in literals(tag)}


@pytest.mark.parametrize("stylesheet", STYLESHEETS, ids=lambda path: path.stem)
def test_every_rule_is_for_a_class_that_is_used(stylesheet: Path) -> None:
    complete_names, beginnings = classes_in_templates()
    in_scripts = {word for path in SCRIPTS for word in literals(path.read_text())}
    in_python = {word for path in (ROOT / "tracker").rglob("*.py") for word in literals(path.read_text())}
    in_expressions = words_in_expressions()
    composed = {
        each + end.replace("_", "-") for each in beginnings for end in in_python | in_expressions | {"1", "2", "3"}
    }
    known = complete_names | in_scripts | in_expressions | composed | MADE_IN_PYTHON | WIDTHS
    assert classes_in_rules(stylesheet) - known == set()


def test_every_class_of_a_template_has_a_rule_or_is_listed_as_unstyled() -> None:
    styled = {each for path in STYLESHEETS for each in classes_in_rules(path)}
    assert classes_in_templates()[0] - styled == UNSTYLED
