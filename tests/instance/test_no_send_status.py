"""No-send mode: which jobs leave the installation, and that none of them does then."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mailer.instance import database_copy_detection, models, no_send_status
from mailer.instance.models import Instance
from mailer.job_index import JOBS

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 29, 5, 0, tzinfo=UTC)
# What goes on in no-send mode: it changes this database, and nothing leaves. A job that is in neither list is
# new: does it send, fetch, or empty a mailbox? Then it is `outgoing`.
STAYS = {
    *("password resets", "assemble editions", "staff notices", "account notices", "stop rules"),
    *("finalize tracking", "smtp rejections", "suppression decisions", "bounce counts", "report stats"),
    *("imports", "list growth", "bulk changes", "retention", "instance check", "checks"),
    *("outcome notices", "mailing notices", "delete old notifications"),
    *("delete old sign-in failures", "delete old outbox", "delete old tracking"),
    *("delete old provider stats", "delete old returned mail", "delete old outgoing webhooks"),
    *("delete old API answers", "count audiences", "count segments"),
    *("collect links", "read story mail", "delete old story mail", "planned sending", "office reminders"),
}
LEAVES = {
    *("gather stories", "start mailings", "send mailings", "advance rollouts", "outbox", "alerts"),
    *("poll maildir", "poll imap", "poll pop3", "serve lmtp", "webhooks", "reconfirmations"),
    *("outgoing webhooks", "check links"),
}


@pytest.fixture(autouse=True)
def _machine(configure: Callable[..., None], tmp_path: Path) -> None:
    configure(storage={"path": str(tmp_path)})
    database_copy_detection.enforce_identity(NOW)


def test_every_job_is_known_to_leave_the_installation_or_not() -> None:
    assert {job.name for job in JOBS if job.outgoing} == LEAVES
    assert {job.name for job in JOBS if not job.outgoing} == STAYS


def run_all() -> set[str]:
    """The names of the jobs that did something."""
    done: set[str] = set()
    for job in JOBS:
        recording = dataclasses.replace(job, function=lambda now, stop, name=job.name: done.add(name))
        recording.run(lambda: NOW, lambda: False)
    return done


@pytest.mark.parametrize("reason", Instance.Reason.values)
def test_no_job_that_leaves_the_installation_runs_in_no_send_mode(reason: str) -> None:
    assert run_all() == STAYS | LEAVES
    models.begin_or_replace_no_send(Instance.Reason(reason), NOW)
    assert run_all() == STAYS
    models.end_no_send()
    assert run_all() == STAYS | LEAVES


def test_no_such_job_runs_on_a_machine_that_has_not_joined(
    configure: Callable[..., None], tmp_path: Path
) -> None:
    configure(storage={"path": str(tmp_path / "other")})
    assert run_all() == STAYS


def test_a_job_that_is_running_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(no_send_status, "_WATCH_SECONDS", 0)
    stops: list[bool] = []

    def run(now: Any, stop: Callable[[], bool]) -> None:
        stops.append(stop())
        models.begin_or_replace_no_send(Instance.Reason.PAUSED, NOW)
        stops.append(stop())

    job = next(job for job in JOBS if job.outgoing)
    dataclasses.replace(job, function=run).run(lambda: NOW, lambda: False)
    assert stops == [False, True]


@pytest.mark.parametrize(
    ("module", "arguments"),
    [("stories", ["gather"]), ("bounces", ["receive"])],
)
def test_commands_with_such_effects_refuse(module: str, arguments: list[str]) -> None:
    import importlib

    app = importlib.import_module(f"mailer.cli.{module}").app
    assert CliRunner().invoke(app, arguments, input="x").exit_code == 0
    models.begin_or_replace_no_send(Instance.Reason.RESTORED, NOW)
    # The mail server keeps a message that is not taken.
    assert CliRunner().invoke(app, arguments, input="x").exit_code == (75 if module == "bounces" else 1)
