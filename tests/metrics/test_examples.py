"""The example dashboard and alert rules: every metric and label that they name exists."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from flask import Flask

from tests.factories import World, make_actor
from tests.metrics.conftest import Scrape
from tracker.background import jobs
from tracker.background.worker_reports import WorkerReport, write_report
from tracker.counters import count_render
from tracker.integrity.nightly_check import check_nightly
from tracker.ledger import checkpoints, events
from tracker.ledger.transactions import transaction
from tracker.metrics.stored_bytes import measure_stored_bytes

DEPLOY = Path(__file__).parents[2] / "deploy"
METRIC = re.compile(r"\btracker_[a-z_]+")
SELECTED = re.compile(r"(tracker_[a-z_]+)\{([^}]*)\}")
GROUPED = re.compile(r"by \(([^)]*)\) \(.*?(tracker_[a-z_]+)")
OF_PROMETHEUS = {"instance", "job", "le"}

pytestmark = pytest.mark.one_database


def list_rules() -> list[dict]:
    groups = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def list_expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in list_rules())
    for panel in json.loads((DEPLOY / "grafana/dashboard.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


@pytest.fixture
def labels(app_with_signing_key: Flask, world: World, scrape: Scrape) -> dict[str, set[str]]:
    """The labels of each metric, after each thing that is counted has happened once."""
    queue = jobs.get_jobs().queue
    write_report(queue, WorkerReport("one:1"))
    with transaction():
        events.record("evidence_submitted", world.cfacc15, make_actor(world.alice))
    assert checkpoints.write_due(at_once=True)
    measure_stored_bytes()
    check_nightly()
    count_render("failed", 0.1)
    scrape()
    found: dict[str, set[str]] = {}
    for name, pairs in scrape():
        found.setdefault(name, set()).update(label for label, _ in pairs)
    queue.storage.flush_results()
    return found


def test_every_metric_that_is_named_exists(labels: dict[str, set[str]]) -> None:
    named = {name for expression in list_expressions() for name in METRIC.findall(expression)}
    assert len(named) > 15
    assert named - set(labels) == set()


def test_every_label_that_is_named_belongs_to_the_metric(labels: dict[str, set[str]]) -> None:
    wrong = []
    for expression in list_expressions():
        chosen = [
            (metric, re.match(r"\w+", part.strip())[0])
            for metric, text in SELECTED.findall(expression)
            for part in text.split(",")
        ]
        grouped = [
            (metric, label.strip()) for text, metric in GROUPED.findall(expression) for label in text.split(",")
        ]
        wrong += [pair for pair in chosen + grouped if pair[1] not in labels[pair[0]] | OF_PROMETHEUS]
    assert wrong == []


def test_every_alert_has_a_severity_and_a_summary() -> None:
    rules = list_rules()
    assert len({rule["alert"] for rule in rules}) == len(rules)
    assert {rule["labels"]["severity"] for rule in rules} == {"critical", "warning"}
    assert all(rule["annotations"]["summary"] for rule in rules)


def test_every_metric_is_used_or_described(labels: dict[str, set[str]]) -> None:
    """docs/operations.md describes them all."""
    described = (DEPLOY.parent / "docs/operations.md").read_text()
    families = {re.sub(r"_(total|bucket|sum|count|created)$", "", name) for name in labels}
    assert {each for each in families if f"`{each}" not in described} == set()
