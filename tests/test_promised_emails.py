"""A sentence that promises an email is shown only where emails are sent (docs/rules.md, Emails, rule 1)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

import tracker

PACKAGE = Path(tracker.__file__).parent
TEMPLATES = PACKAGE.parent / "templates"
PROMISE = re.compile(
    r"\b(gets? an? (email|invitation|link)|by email|emailed|(is|are) on (its|their) way|new one goes to|"
    r"(has|have) been sent|have sent you|emails that failed)\b"
)
CONDITIONS = {"delivers", "can_be_warned"}
TRUE_TEMPLATES = {
    "accounts/reset_two_step_verification.html": "the view refuses where nobody can be warned",
    "accounts/change_email.html": "the view refuses where somebody with a password cannot be warned",
    "accounts/confirm_own_address.html": "shown for a link that was emailed",
    "accounts/confirm_new_browser.html": "likewise",
    "accounts/_addresses.html": "what confirms an address",
    "recording_forms/verify_form.html": "what confirms an address",
    "accounts/forgotten_password.html": "accounts/request_link.html shows the sentence only where emails are sent",
    "accounts/request_browser_link.html": "likewise",
}
"""Templates whose sentences are true without a condition of their own, and why."""
TRUE_FUNCTIONS = {
    "ask_by_email": "ask_witness refuses where no emails are sent",
    "describe_request": "check_can_be_warned comes first",
    "reset_password": "start_password_reset refuses where no emails are sent",
    "send_confirmation_link": "request_confirmation refuses where no emails are sent",
}
"""Functions whose sentences are true without asking `can_deliver` themselves, and why."""


def list_promises(node: nodes.Node, *, is_checked: bool = False) -> Iterator[str]:
    """Yield each text of a template that promises an email outside a condition on whether emails are sent."""
    for child in node.iter_child_nodes():
        text = child.data if isinstance(child, nodes.TemplateData) else getattr(child, "value", "")
        if isinstance(text, str) and PROMISE.search(text) and not is_checked:
            yield " ".join(text.split())
        names = set()
        if isinstance(child, nodes.If | nodes.CondExpr):
            names = {
                name.name for name in (child.test, *child.test.find_all(nodes.Name)) if isinstance(name, nodes.Name)
            }
        yield from list_promises(child, is_checked=is_checked or bool(names & CONDITIONS))


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_a_page_promises_an_email_only_where_emails_are_sent(path: Path) -> None:
    promises = list(list_promises(Environment(autoescape=True).parse(path.read_text())))
    assert bool(promises) == (str(path.relative_to(TEMPLATES)) in TRUE_TEMPLATES), promises


def list_functions(path: Path) -> Iterator[ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def list_sentences(function: ast.FunctionDef) -> list[str]:
    """List the texts in a function but its docstring."""
    docstring = ast.get_docstring(function, clean=False)
    constants = (node.value for node in ast.walk(function) if isinstance(node, ast.Constant))
    return [each for each in constants if isinstance(each, str) and each != docstring]


def test_a_message_promises_an_email_only_where_emails_are_sent() -> None:
    promising, unchecked = set(), set()
    for path in PACKAGE.rglob("views/*.py"):
        for function in list_functions(path):
            if any(PROMISE.search(sentence) for sentence in list_sentences(function)):
                promising.add(function.name)
                if "can_deliver" not in ast.dump(function):
                    unchecked.add(function.name)
    assert {"describe_role_email", "forgotten_password", "describe_invitations"} <= promising
    assert unchecked == set(TRUE_FUNCTIONS)
