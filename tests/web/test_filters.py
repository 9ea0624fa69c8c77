"""The template filters that group neighbours, and that put fixed texts into the terms of each reader."""

import pytest
from flask import Flask
from jinja2 import Environment

from tracker.web import current_user, filters


def test_consecutive_items_with_one_value_are_grouped_in_order() -> None:
    items = [{"kind": "b", "n": 1}, {"kind": "b", "n": 2}, {"kind": "a", "n": 3}, {"kind": "b", "n": 4}]
    groups = filters.group_consecutive(Environment(autoescape=True), items, "kind")
    assert [(kind, [item["n"] for item in run]) for kind, run in groups] == [("b", [1, 2]), ("a", [3]), ("b", [4])]


def test_the_attribute_may_be_an_index() -> None:
    pairs = [("a", 1), ("a", 2)]
    assert filters.group_consecutive(Environment(autoescape=True), pairs, "0") == [("a", pairs)]


def test_a_fixed_text_is_put_into_the_terms_of_each_reader(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    template = app.jinja_env.from_string('{{ "internal verifier"|in_terms }}')
    assert template.render() == "internal verifier"
    monkeypatch.setattr(current_user, "in_terms", lambda text, _terms: text.replace("ver", "VER"))
    assert template.render() == "internal VERifier"
