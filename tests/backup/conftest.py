from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.backup import office
from tests.delivery.relay import Relay
from tests.waiting import until


@pytest.fixture(scope="session")
def half_sent(
    tmp_path_factory: pytest.TempPathFactory,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    sqlite_template: Path,
) -> tuple[Path, list[str]]:
    """An installation with rows of every kind, whose worker was stopped in the middle of a mailing; and the
    recipients of what it sent."""
    folder = tmp_path_factory.mktemp("office") / "office"
    office.create(folder, sqlite_template)
    with Relay() as relay:
        relay.script.latency = 0.2
        with office.Worker(folder, relay.port):
            until(lambda: len(relay.accepted()) >= 8)
        sent = relay.recipients()
    assert 8 <= len(sent) < office.READERS
    return folder, sent


@pytest.fixture(scope="session")
def office_folder(half_sent: tuple[Path, list[str]]) -> Path:
    """That installation's folder; tests do not change it."""
    return half_sent[0]


@pytest.fixture(scope="session")
def backup_file(office_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of that installation."""
    path = tmp_path_factory.mktemp("backup") / "office.backup"
    office.backup(office_folder, str(path))
    return path


@pytest.fixture(scope="session")
def restored(backup_file: Path, office_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was restored of it in an empty place; tests do not change it."""
    target = tmp_path_factory.mktemp("restored") / "elsewhere" / "office"
    done = office.restore(backup_file, target, passphrase=office_folder / "passphrase")
    assert done.returncode == 0, done.stderr
    return target
