from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.backup import office


@pytest.fixture(scope="session")
def office_folder(
    tmp_path_factory: pytest.TempPathFactory,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    sqlite_template: Path,
) -> Path:
    """An installation with rows of every kind; tests do not change it."""
    folder = tmp_path_factory.mktemp("office") / "office"
    office.create(folder, sqlite_template)
    return folder


@pytest.fixture(scope="session")
def backup_file(office_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of that installation."""
    path = tmp_path_factory.mktemp("backup") / "office.backup"
    office.backup(office_folder, str(path))
    return path
