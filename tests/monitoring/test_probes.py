"""The probes of load balancers: alive without the database, ready with all that pages need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from subscribers.models import KeyCanary

READY = {"database": "ok", "migrations": "ok", "keys": "ok"}


def test_alive_without_a_database() -> None:
    # A query would fail here: the test has no database.
    answer = Client().get("/healthz", headers={"cookie": "sessionid=x", "host": "10.1.2.3:8000"})
    assert (answer.status_code, answer.json()) == (200, {"process": "ok"})


@pytest.mark.django_db
@pytest.mark.both_databases
def test_ready_whatever_host_a_probe_names_and_without_writing(client: Client) -> None:
    written: list[str] = []

    def watch(execute: Any, sql: str, *rest: Any) -> Any:
        written.extend([] if sql.lstrip().startswith("SELECT") else [sql])
        return execute(sql, *rest)

    with connection.execute_wrapper(watch):
        for host in ("10.1.2.3:8000", "[fd00::7]", "localhost", "mailer-web-1"):
            answer = client.get("/readyz", headers={"host": host})
            assert (answer.status_code, answer.json()) == (200, READY)
    assert (written, client.head("/readyz").status_code) == ([], 200)
    assert client.get("/", headers={"host": "10.1.2.3:8000"}).status_code == 400


@pytest.mark.django_db
@pytest.mark.both_databases
def test_not_ready_before_the_migrations_of_this_release(client: Client) -> None:
    MigrationRecorder.Migration.objects.get(app="mailer", name="0001_initial").delete()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"database": "ok", "migrations": "failed"})


@pytest.mark.django_db
def test_still_ready_after_the_migrations_of_the_next_release(client: Client) -> None:
    MigrationRecorder.Migration.objects.create(app="mailer", name="0099_next")
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db
def test_not_ready_without_the_database(client: Client) -> None:
    def refuse(execute: Any, *rest: Any) -> Any:
        raise OperationalError('connection to "db.internal", user "mailer", password "hunter2" refused')

    with connection.execute_wrapper(refuse):
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()) == (503, {"database": "failed"})
        assert client.get("/healthz").status_code == 200


@pytest.mark.django_db
def test_not_ready_without_the_keys(client: Client, configure: Callable[..., None]) -> None:
    configure(keys={"file": "nowhere.toml"})
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {**READY, "keys": "failed"})


@pytest.mark.django_db
def test_not_ready_with_the_keys_of_another_installation(client: Client) -> None:
    KeyCanary.objects.update(fingerprint=bytes(16))
    assert client.get("/readyz").json() == {**READY, "keys": "failed"}
