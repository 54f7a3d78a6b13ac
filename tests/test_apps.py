"""Processes without the desk have the same tables, signals and permissions, and none of its screens."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Prints what a process with the settings of argv[1] has registered after django.setup().
PROGRAM = """
import json, os, sys, weakref
os.environ["DJANGO_SETTINGS_MODULE"] = sys.argv[1]
import django
django.setup()
from django.db.models import signals
from wagtail import hooks
from wagtail.log_actions import registry
from wagtail.models import ReferenceIndex
from wagtail.permissions import policy_registry
from wagtail.rich_text import features
from wagtail.snippets.models import get_snippet_models
loaded = sorted(sys.modules)

def name(receiver):
    found = receiver() if isinstance(receiver, weakref.ReferenceType) else receiver
    return f"{found.__module__}.{found.__qualname__}"

names = ("pre_save", "post_save", "pre_delete", "post_delete", "m2m_changed", "pre_migrate", "post_migrate")
print(json.dumps({
    "loaded": loaded,
    "snippets": sorted(model.__name__ for model in get_snippet_models()),
    "receivers": sorted(
        {f"{one}: {name(entry[1])}" for one in names for entry in getattr(signals, one).receivers}
    ),
    "references": sorted(model.__name__ for model in ReferenceIndex.tracked_models),
    "log actions": sorted(action for action, _ in registry.get_choices()),
    "links": sorted(features.get_link_types()),
    "embeds": sorted(features.get_embed_types()),
    "image operations": sorted(
        (key, kind.__name__) for list_operations in hooks.get_hooks("register_image_operations")
        for key, kind in list_operations()
    ),
}))
"""


@pytest.fixture(scope="module")
def registered() -> dict[str, Any]:
    """By settings module."""
    return {name: _run(name) for name in ("mailer.settings", "mailer.settings_without_web")}


def _run(settings: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, settings], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(
    "what", ["snippets", "receivers", "references", "log actions", "links", "embeds", "image operations"]
)
def test_both_kinds_of_process_register_the_same_for_data(registered: dict[str, Any], what: str) -> None:
    desk, headless = registered["mailer.settings"], registered["mailer.settings_without_web"]
    assert headless[what] == desk[what] != []


def test_a_process_without_the_desk_loads_no_screens(registered: dict[str, Any]) -> None:
    loaded = set(registered["mailer.settings_without_web"]["loaded"])
    screens = {"mailer.wagtail_hooks", "mailer.urls", "wagtail.admin.urls", "wagtail.admin.panels"}
    slow = {"openpyxl", "requests", "feedparser", "anymail", "boto3", "psycopg", "rest_framework", "ninja"}
    assert loaded & (screens | slow) == set()


def test_the_desk_is_loaded_with_its_first_request(registered: dict[str, Any]) -> None:
    assert not {"mailer.wagtail_hooks", "ninja"} & set(registered["mailer.settings"]["loaded"])
