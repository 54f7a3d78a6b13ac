"""The files for Grafana and Prometheus name metrics and labels that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.utils import timezone

from mailer.monitoring import metrics, sending_metrics, worker_metrics

FOLDER = Path(__file__).parents[2] / "deploy" / "monitoring"
# Labels that Prometheus adds.
_ADDED = {"instance"}
_NAME = re.compile(r"\bmailer_[a-z_]+")
_MATCHED = re.compile(r"\b(mailer_[a-z_]+)\{([^}]*)\}")
_GROUPED = re.compile(r"\bby \(([^)]*)\)")


def expressions() -> list[str]:
    dashboard = json.loads((FOLDER / "grafana-dashboard.json").read_text("utf-8"))
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    found = [target["expr"] for panel in panels for target in panel["targets"]]
    rules = (FOLDER / "prometheus-rules.yaml").read_text("utf-8")
    assert len(found) > 20 and rules.count("- alert:") >= 10
    return [*found, *re.findall(r"expr: ([^|\n].*|\|\n(?: {10,}.*\n)+)", rules)]


@pytest.fixture
def known(db: None) -> dict[str, set[str]]:
    """The labels of every sample's name."""
    suffixes = {"counter": ("_total",), "summary": ("_count", "_sum"), "gauge": ("",)}
    found = {"mailer_build_info": {"version"}}
    for section in (*worker_metrics.SECTIONS, *sending_metrics.SECTIONS):
        for family in section(timezone.now()):
            for suffix in suffixes[family.type]:
                found[family.name + suffix] = set(family._labelnames)  # type: ignore[attr-defined]
    assert metrics.metrics_page and len(found) > 30
    return found


def test_every_metric_and_label_exists(known: dict[str, set[str]]) -> None:
    for expression in expressions():
        names = set(_NAME.findall(expression))
        assert names and names <= known.keys(), expression
        for name, matchers in _MATCHED.findall(expression):
            labels = set(re.findall(r"([a-z_]+)(?:=~|!~|!=|=)", matchers))
            assert labels <= known[name] | _ADDED, expression
        for group in _GROUPED.findall(expression):
            labels = {label.strip() for label in group.split(",")}
            assert all(labels <= known[name] | _ADDED for name in names), expression


def test_the_documentation_names_every_metric(known: dict[str, set[str]]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text("utf-8")
    shown = set(_NAME.findall(page)) | {
        "mailer_job_duration_seconds_count",
        "mailer_job_duration_seconds_sum",
    }
    short = {name for name in known if any(f"…{name[at:]}`" in page for at in range(len(name)))}
    assert known.keys() - shown - short == set()
    assert {name for name in shown if name not in known and not name.endswith("_")} <= {
        "mailer_cluster_jobs",
        "mailer_job_duration_seconds",
    }
