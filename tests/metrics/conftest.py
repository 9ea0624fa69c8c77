"""A reader of metrics with the right token."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

TOKEN = "t" * 40
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
Scrape = Callable[[], Samples]


@pytest.fixture
def scrape(app: Flask, anonymous: FlaskClient) -> Iterator[Scrape]:
    """`scrape()` returns the value of each sample by its name and labels."""
    from prometheus_client.parser import text_string_to_metric_families  # reads its settings when it is imported

    before = app.config["SETTINGS"]
    app.config["SETTINGS"] = replace(before, metrics_token=TOKEN)

    def read() -> Samples:
        answer = anonymous.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert (answer.status_code, answer.mimetype) == (200, "text/plain")
        families = text_string_to_metric_families(answer.text)
        return {
            (each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples
        }

    yield read
    app.config["SETTINGS"] = before


def find(samples: Samples, sample: str, /, **labels: str) -> float:
    """Return the value of a sample; 0 if there is none."""
    return samples.get((sample, frozenset(labels.items())), 0)
