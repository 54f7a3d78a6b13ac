"""The identity of an installation: a copy, and a database that was put back, send nothing."""

from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection

from mailer.instance import database_copy_detection, models, no_send_status
from mailer.instance.models import Instance
from subscribers import tokens
from subscribers.models import DataLink, Subscriber

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

NOW = datetime(2026, 11, 29, 5, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
Machine = Callable[[str], None]


@pytest.fixture
def machine(configure: Callable[..., None], tmp_path: Path) -> Machine:
    """Lets the test be on the machine of this name: each has a storage folder of its own."""

    def be_on(name: str) -> None:
        configure(storage={"path": str(tmp_path / name)})

    be_on("first")
    return be_on


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets the database be on this server, or in this file."""

    def be_in(name: str) -> None:
        monkeypatch.setattr(database_copy_detection, "_fingerprint", lambda: name)

    be_in("original")
    return be_in


def test_a_new_database_gets_an_identity_and_may_send(machine: Machine, tmp_path: Path) -> None:
    assert no_send_status.no_send_reason() is None
    database_copy_detection.enforce_identity(NOW)
    row = models.load_instance()
    assert row is not None and len(row.identity) == 32
    assert no_send_status.no_send_reason() is None
    path = tmp_path / "first" / database_copy_detection.FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    database_copy_detection.enforce_identity(NOW + HOUR)
    assert no_send_status.no_send_reason() is None


def test_another_machine_sends_only_when_it_has_joined(machine: Machine) -> None:
    database_copy_detection.enforce_identity(NOW)
    machine("second")
    database_copy_detection.enforce_identity(NOW)
    assert no_send_status.no_send_reason() == "not_joined"
    with pytest.raises(no_send_status.NoSend):
        no_send_status.require_sending()
    # The other machines go on.
    machine("first")
    assert no_send_status.no_send_reason() is None
    machine("second")
    assert database_copy_detection.let_this_machine_join(NOW)
    assert no_send_status.no_send_reason() is None


def test_a_copied_database_gets_an_identity_of_its_own_and_sends_nothing(
    machine: Machine, database: Callable[[str], None]
) -> None:
    database_copy_detection.enforce_identity(NOW)
    before = models.load_instance()
    database("copy")
    database_copy_detection.enforce_identity(NOW)
    after = models.load_instance()
    assert before is not None and after is not None and before.identity != after.identity
    assert no_send_status.no_send_reason() == Instance.Reason.COPIED
    # Once a person has confirmed, this machine sends, and the copy is the database that is known.
    models.end_no_send()
    database_copy_detection.enforce_identity(NOW)
    assert no_send_status.no_send_reason() is None


def test_a_pause_does_not_hide_that_the_database_is_a_copy(
    machine: Machine, database: Callable[[str], None]
) -> None:
    database_copy_detection.enforce_identity(NOW)
    models.begin_or_replace_no_send(Instance.Reason.PAUSED, NOW)
    database("copy")
    database_copy_detection.enforce_identity(NOW)
    assert no_send_status.no_send_reason() == Instance.Reason.COPIED


@pytest.mark.parametrize(
    ("lost", "reason"), [(timedelta(seconds=30), None), (3 * HOUR, Instance.Reason.OLDER)]
)
def test_a_database_that_was_put_back_sends_nothing(
    machine: Machine, lost: timedelta, reason: str | None
) -> None:
    database_copy_detection.enforce_identity(NOW)
    backup = Instance.objects.values().get()
    database_copy_detection.enforce_identity(NOW + lost)
    Instance.objects.update(**backup)
    database_copy_detection.enforce_identity(NOW + lost)
    # A standby that takes over lacks seconds at most.
    assert no_send_status.no_send_reason() == reason
    models.end_no_send()
    database_copy_detection.enforce_identity(NOW + lost)
    assert no_send_status.no_send_reason() is None


def test_a_restored_database_sends_nothing_until_that_is_confirmed(
    machine: Machine, database: Callable[[str], None]
) -> None:
    database_copy_detection.enforce_identity(NOW)
    database_copy_detection.mark_restored_and_stop_sending(NOW + HOUR)
    machine("elsewhere")
    database("new server")
    database_copy_detection.enforce_identity(NOW + HOUR)
    assert no_send_status.no_send_reason() == Instance.Reason.RESTORED
    assert not database_copy_detection.let_this_machine_join(NOW + HOUR)
    models.end_no_send()
    assert no_send_status.no_send_reason() is None
    # The original's machine does not belong to it.
    machine("first")
    database_copy_detection.enforce_identity(NOW + HOUR)
    assert no_send_status.no_send_reason() == "not_joined"


def test_the_workers_job_gives_no_identity_to_a_database(machine: Machine) -> None:
    database_copy_detection.enforce_existing_identity(NOW)
    assert models.load_instance() is None


def test_a_server_is_known_by_its_cluster_and_a_file_by_its_place(tmp_path: Path) -> None:
    found = database_copy_detection._fingerprint()
    assert len(found) == (64 if connection.vendor == "postgresql" else 0)
    assert found == database_copy_detection._fingerprint()


@pytest.mark.parametrize(
    "reason",
    [Instance.Reason.RESTORED, Instance.Reason.COPIED, Instance.Reason.OLDER, Instance.Reason.PAUSED],
)
def test_a_copy_gives_no_id_that_the_original_can_have_given_since(reason: Instance.Reason) -> None:
    models.get_or_create_instance(NOW, "")
    known = Subscriber.objects.create(email="known@example.org", language="en")
    # What the original writes to somebody who signs up after the backup.
    preferences = tokens.make_token("preferences", known.pk + 1, 0)
    link = tokens.make_dated("data_access", 1, NOW)
    models.begin_or_replace_no_send(reason, NOW)
    other = Subscriber.objects.create(email="other@example.org", language="en")
    data_link = DataLink.objects.create(subscriber=other, address_hash=other.address_hash, requested_at=NOW)
    is_paused = reason == Instance.Reason.PAUSED
    assert (tokens.read_token("preferences", preferences).subscriber == other.pk) is is_paused
    assert is_paused or tokens.read_token("data_access", link).subscriber != data_link.pk
    assert (
        tokens.read_token("preferences", tokens.make_token("preferences", other.pk, 0)).subscriber == other.pk
    )


def test_a_copy_of_a_copy_leaves_out_ids_again() -> None:
    models.get_or_create_instance(NOW, "")
    for place in range(3):
        last = Subscriber.objects.create(email=f"reader{place}@example.org", language="en").pk
        models.begin_or_replace_no_send(Instance.Reason.COPIED, NOW)
        assert Subscriber.objects.create(email=f"next{place}@example.org", language="en").pk > last + 99_999
