"""A new database is loaded from a file that holds what the migrations make."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import dj_database_url
import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import ConnectionHandler
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from pytest_django import DjangoDbBlocker

from mailer.database_schema import load
from tests.postgres import Server
from tests.project.database_schema import first_line

# Wagtail's table of its full-text search.
ONLY_SQLITE = "sqliteftsindexentry"
VENDORS = ("sqlite", "postgresql")
_numbers = itertools.count()
ON_POSTGRESQL = [pytest.mark.postgres, pytest.mark.xdist_group("postgres")]


def file(vendor: str) -> str:
    return (load.FOLDER / f"{vendor}.sql").read_text("utf-8")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=ON_POSTGRESQL)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/mailer.db"
    server: Server = request.getfixturevalue("postgres")
    return server.empty(f"schema_{os.getpid()}_{next(_numbers)}")


@pytest.fixture
def connect(django_db_blocker: DjangoDbBlocker) -> Iterator[Callable[[str], BaseDatabaseWrapper]]:
    """Makes a connection of Django's to the database at a URL."""
    connections = []

    def connect(url: str) -> BaseDatabaseWrapper:
        connections.append(ConnectionHandler({"default": dj_database_url.parse(url)})["default"])
        connections[-1].ensure_connection()
        return connections[-1]

    with django_db_blocker.unblock():
        yield connect
        for one in connections:
            one.close()


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_files_are_what_these_migrations_make(vendor: str) -> None:
    """Where this fails: make schema. test_upgrades.py compares the tables with migrated ones."""
    first, _, rest = file(vendor).partition("\n")
    assert f"{first}\n" == first_line(rest)


@pytest.mark.django_db
def test_the_files_have_a_row_for_every_model_and_permission() -> None:
    """Where this fails: make schema."""
    missing = {
        *(f"'{one.model}'" for one in ContentType.objects.all()),
        *(f"'{one.codename}'" for one in Permission.objects.all()),
    } - set(re.findall(r"'\w+'", file("sqlite")))
    assert missing == set()


@pytest.mark.parametrize("table", ["auth_permission", "django_content_type", "django_migrations"])
def test_both_files_have_the_same_rows(table: str) -> None:
    rows = [
        Counter(
            # Their ids and columns differ.
            tuple(sorted(re.findall(r"'[^']*'", line)))
            for line in file(vendor).splitlines()
            if re.match(rf'INSERT INTO (public\.|"){table}\W', line) and ONLY_SQLITE not in line
        )
        for vendor in VENDORS
    ]
    assert rows[0] == rows[1] and len(rows[0]) > 100


def test_nothing_is_left_to_migrate(url: str, connect: Callable[[str], BaseDatabaseWrapper]) -> None:
    connection = connect(url)
    assert load.load_into_empty_database(connection)
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        assert set(cursor.fetchall()) == set(MigrationLoader(None).disk_migrations)
    assert not load.load_into_empty_database(connection)


def changed(vendor: str, folder: Path, change: Callable[[str], str]) -> None:
    (folder / f"{vendor}.sql").write_text(change(file(vendor)), "utf-8")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda text: re.sub(r".*django_migrations.*'0002_source_items_removed'.*\n", "", text, count=1),
            id="other migrations",
        ),
        pytest.param(lambda text: text + "CREATE TABLE public.one (;\n", id="an error at the end"),
    ],
)
def test_a_file_that_does_not_fit_leaves_the_database_empty(
    change: Callable[[str], str], url: str, connect: Callable[[str], BaseDatabaseWrapper], tmp_path: Path
) -> None:
    connection = connect(url)
    changed(connection.vendor, tmp_path, change)
    assert not load.load_into_empty_database(connection, tmp_path)
    assert connection.introspection.table_names() == []
    # The connection is of use.
    assert load.load_into_empty_database(connection)


def test_tables_of_others_stay_and_nothing_is_added_to_a_part(
    url: str, connect: Callable[[str], BaseDatabaseWrapper]
) -> None:
    connection = connect(url)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE mailer_story (id integer)")
    assert not load.load_into_empty_database(connection)
    assert connection.introspection.table_names() == ["mailer_story"]


@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_another_schema_of_postgresql_is_migrated(
    postgres: Server, connect: Callable[[str], BaseDatabaseWrapper]
) -> None:
    url = postgres.empty(f"other_schema_{os.getpid()}")
    connection = connect(url)
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA office; SET search_path TO office")
    assert not load.load_into_empty_database(connection)
