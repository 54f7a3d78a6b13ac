"""What every folder of tests shares: real parts that start by themselves, or say what they lack."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.cache import caches
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, transaction
from django.test import TransactionTestCase
from django.utils import translation
from pytest_django import DjangoDbBlocker
from wagtail import signal_handlers
from whitenoise.middleware import WhiteNoiseMiddleware

from tests import programs
from tests.environment import quick_passwords
from tests.postgres import Server, serving

CHROMIUM_ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--in-process-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # Scripts of a page run once or twice: compiling them well takes longer than it saves.
    "--js-flags=--no-maglev,--no-turbofan",
]


def needs(program: str, package: str) -> str:
    """The path of a program; without it the test is skipped by the package's name, and in CI it fails.

    TEST_PROGRAMS may name a folder into which packages were unpacked that cannot be installed together.
    """
    unpacked = os.environ.get("TEST_PROGRAMS")
    found = shutil.which(program) or (
        shutil.which(program, path=f"{unpacked}/usr/sbin") if unpacked else None
    )
    if found is None:
        lacking(f"{program}: install the package {package}")
    return str(found)


def lacking(what: str) -> NoReturn:
    """The test cannot run here: it is skipped by what it needs, and in CI it fails."""
    words = f"this test needs {what}"
    pytest.fail(words) if os.environ.get("CI") else pytest.skip(words)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Beside other processes the long tests come first, so that at the end none waits for another."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.get_closest_marker("journey") is None)


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    with quick_passwords():
        yield


@pytest.fixture(scope="session", autouse=True)
def _programs() -> Iterator[None]:
    yield
    programs.end()


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_listed_once() -> Iterator[None]:
    """Each test client loads the middleware, and with it lists some thousand files."""
    list_files = WhiteNoiseMiddleware.add_files_from_finders
    listed: dict[str, dict[str, Any]] = {}

    def add_files(self: WhiteNoiseMiddleware) -> None:
        if self.static_prefix not in listed:
            before = set(self.files)
            list_files(self)
            listed[self.static_prefix] = {url: self.files[url] for url in self.files.keys() - before}
        self.files |= listed[self.static_prefix]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", add_files)
        yield


@pytest.fixture(scope="session", autouse=True)
def _references_are_not_indexed() -> Iterator[None]:
    """Wagtail looks through each row that is saved for what it refers to, for pages on where it is used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signal_handlers, "update_reference_index_task", SimpleNamespace(enqueue=_nothing))
        yield


def _nothing(*_: object) -> None:
    pass


@pytest.fixture(autouse=True)
def _settings_module() -> Iterator[None]:
    """A command called in a test names its settings to programs that it starts; later tests start others."""
    before = os.environ["DJANGO_SETTINGS_MODULE"]
    yield
    os.environ["DJANGO_SETTINGS_MODULE"] = before


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """A request leaves its language to the thread, Wagtail keeps renditions of images whose ids return."""
    yield
    translation.deactivate()
    caches["renditions"].clear()


@pytest.fixture(scope="session", autouse=True)
def _restored_after_transactions(sqlite_template: Path) -> Iterator[None]:
    """After a test with transactions of its own the tables are as they were migrated, ids included.

    Django would empty them, which SQLite's triggers refuse, and make anew what belongs to every database,
    which takes longer than most tests. As the ids are the same, recordings (tests/recorded.py) are of use.
    """

    def teardown(self: Any) -> None:
        connection.ensure_connection()
        if connection.vendor == "sqlite":
            with closing(sqlite3.connect(f"file:{sqlite_template}?mode=ro", uri=True)) as source:
                source.backup(connection.connection)
        else:
            _migrated_rows.restore()
        ContentType.objects.clear_cache()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", teardown)
        yield


class _PostgresRows:
    """The rows that the migrations made, and the last numbers of sequences, of the tests' PostgreSQL."""

    def __init__(self) -> None:
        self._rows: dict[str, bytes] = {}
        self._numbers: list[tuple[str, int]] = []

    def keep(self) -> None:
        tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        with connection.cursor() as cursor:
            for table in tables:
                with cursor.copy(f'COPY "{table}" TO STDOUT') as copied:
                    self._rows[table] = b"".join(map(bytes, copied))
            cursor.execute(
                "SELECT format('%I.%I', schemaname, sequencename), last_value FROM pg_sequences "
                "WHERE last_value IS NOT NULL"
            )
            self._numbers = cursor.fetchall()

    def restore(self) -> None:
        empty = connection.ops.sql_flush(no_style(), list(self._rows), reset_sequences=True)
        with transaction.atomic(), connection.cursor() as cursor:
            # Without triggers: the rows are not news, and none is checked or counted again.
            cursor.execute("SET LOCAL session_replication_role = replica")
            for statement in empty:
                cursor.execute(statement)
            for table, rows in self._rows.items():
                if rows:
                    with cursor.copy(f'COPY "{table}" FROM STDIN') as copied:
                        copied.write(rows)
            for name, number in self._numbers:
                cursor.execute("SELECT setval(%s, %s)", [name, number])


_migrated_rows = _PostgresRows()


@pytest.fixture
def configure(settings: Any) -> Callable[..., None]:
    """Changes sections of the configuration: configure(smtp={"port": 25}, sending={"in_doubt": "leave"})."""

    def change(**sections: dict[str, Any]) -> None:
        config = settings.CONFIG
        for name, values in sections.items():
            section = dataclasses.replace(getattr(config, name), **values)
            config = dataclasses.replace(config, **{name: section})
        settings.CONFIG = config

    return change


@pytest.fixture(scope="session")
def chromium() -> str:
    """The one without a window, where it is installed: the same engine for half the processor time."""
    return shutil.which("chromium-headless-shell") or needs("chromium", "chromium-headless-shell")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker, sqlite_template: Path) -> None:
    """Before the first test, the migrated database is kept for tests that need a file of their own."""
    with django_db_blocker.unblock():
        if connection.vendor != "sqlite":
            _migrated_rows.keep()
            return
        connection.ensure_connection()
        if not connection.introspection.table_names():
            # No test of this run uses Django's database, so pytest-django made none.
            call_command("migrate", verbosity=0)
        with closing(sqlite3.connect(sqlite_template)) as target:
            connection.connection.backup(target)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with every table, to be copied; it is there once `django_db_setup` has run."""
    return tmp_path_factory.mktemp("template") / "mailer.db"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL of our own, which ends with the session, however that ends.

    Tests that use it are in few xdist groups, so that few servers are enough.
    """
    with serving() as server:
        yield server
