"""What the web process does before it serves: static files are collected when they changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mailer.config import ConfigError
from mailer.worker import process_startup


@pytest.fixture
def root(settings: Any, tmp_path: Path) -> Path:
    """STATIC_ROOT of an installed wheel."""
    settings.STATIC_FILES_COLLECTED = True
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
    }
    return Path(settings.STATIC_ROOT)


def test_static_files_are_collected_once_and_again_when_one_changed(
    root: Path, settings: Any, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "office.css").write_text("a { color: red }", "ascii")
    settings.STATICFILES_DIRS = [own]
    process_startup.collect_static_files()
    manifest = root / "staticfiles.json"
    before = json.loads(manifest.read_text("utf-8"))["paths"]
    # Those of the libraries too.
    assert "wagtailadmin/css/core.css" in before
    manifest.unlink()
    process_startup.collect_static_files()
    assert not manifest.exists()

    (own / "office.css").write_text("a { color: green }", "ascii")
    process_startup.collect_static_files()
    after = json.loads(manifest.read_text("utf-8"))["paths"]
    assert after["office.css"] != before["office.css"]
    # Pages that are open name the former one.
    assert (root / before["office.css"]).exists()


def test_a_storage_folder_that_cannot_be_written_is_named(root: Path) -> None:
    root.parent.mkdir(exist_ok=True)
    root.write_text("", "ascii")
    with pytest.raises(ConfigError, match=str(root)):
        process_startup.collect_static_files()


def test_a_checkout_collects_nothing(root: Path, settings: Any) -> None:
    settings.STATIC_FILES_COLLECTED = False
    process_startup.collect_static_files()
    assert not root.exists()
