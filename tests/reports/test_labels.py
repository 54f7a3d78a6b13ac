"""Labels of reasons, and lists in English."""

from __future__ import annotations

import tomllib
from importlib import resources

import pytest

from mailer.reports.labels import BOUNCE_CLASS_LABELS, join_list, reason_label

pytestmark = pytest.mark.both_databases


def test_every_reason_and_class_of_the_rules_has_a_label() -> None:
    rules = tomllib.loads(
        (resources.files("mailer.feedback.parsing") / "rules.toml").read_text(encoding="utf-8")
    )
    assert set(rules["reasons"].values()) == set(BOUNCE_CLASS_LABELS)
    for reason in rules["reasons"]:
        assert " " in reason_label(reason), reason


def test_lists_are_joined_in_english() -> None:
    assert [join_list(part) for part in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
