"""`mailer edition …` during sending: every action in every state, and an account that balances."""

from __future__ import annotations

import csv
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wagtail.models import ModelLogEntry

from mailer.delivery.engine import send_loop
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout import advance_mailings
from tests import cast
from tests.cli import SLUG, run, run_json
from tests.delivery.cast import NOW, Clock, approved_snapshot, readers
from tests.delivery.relay import Relay, Script

Configure = Callable[..., None]

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailing() -> Mailing:
    readers(4)
    approved_snapshot()
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    return mailing


def balanced(report: dict[str, Any]) -> bool:
    states = ("planned", "claimed", "accepted", "deferred", "refused", "in_doubt")
    return bool(
        report["audience"] == sum(report[state] for state in states) + sum(report["excluded"].values())
    )


# The state after each action in each state; None: the action is refused.
ACTIONS = {
    "planning": {"pause": None, "resume": None, "cancel": "cancelled"},
    "held": {"pause": None, "resume": "sending", "cancel": "cancelled"},
    "sending": {"pause": "paused", "resume": None, "cancel": "cancelled"},
    "paused": {"pause": None, "resume": "sending", "cancel": "cancelled"},
    "done": {"pause": None, "resume": None, "cancel": None},
    "cancelled": {"pause": None, "resume": None, "cancel": None},
}
CASES = [(state, *pair) for state, after in ACTIONS.items() for pair in after.items()]


@pytest.mark.parametrize(("state", "action", "after"), CASES)
def test_each_action_in_each_state_is_carried_out_or_refused(
    mailing: Mailing, monkeypatch: pytest.MonkeyPatch, state: str, action: str, after: str | None
) -> None:
    Mailing.objects.filter(pk=mailing.pk).update(state=state)
    # The cast lives in 2021.
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    done = run(action, SLUG, "--json")
    if after is None:
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith("mailer: ")
        assert not ModelLogEntry.objects.filter(action__startswith="desk.").exists()
        assert Mailing.objects.get(pk=mailing.pk).state == state
    else:
        assert json.loads(done.stdout)["state"] == after
        entry = ModelLogEntry.objects.get(action__startswith="desk.")
        assert entry.data["by"].endswith("(command line)")
    assert balanced(run_json("report", SLUG))


def test_all_remaining_rollout_steps_are_released(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    configure(sending={"rollout_percentages": ("25",)})
    readers(4)
    approved_snapshot()
    advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    assert Mailing.objects.get().released_up_to is not None
    run_json("resume", SLUG, "--all")
    assert Mailing.objects.get().released_up_to is None
    assert run("resume", SLUG, "--all").exit_code == 1


def test_without_a_mailing_the_error_names_the_next_step() -> None:
    staff = cast.staff()
    readers(1)
    edition = cast.december(staff.writer)
    assert "Submit it first" in run("pause", SLUG).stderr
    run("submit", edition.slug, "--as", "writer")
    assert "waits for an approval" in run("cancel", SLUG).stderr
    assert "has no dry run" in run("pause", SLUG, "--dry-run").stderr


def test_a_dry_run_is_started_controlled_and_reported_separately() -> None:
    staff = cast.staff()
    readers(3)
    cast.december(staff.writer)
    run("submit", SLUG, "--as", "writer")
    begun = run_json("dry-run", SLUG, "--to", "team@office.example.org", "--limit", "2")
    assert begun["dry_run"]["to"] == "team@office.example.org" and begun["state"] == "submitted"
    advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    report = run_json("report", SLUG, "--dry-run")
    assert (report["audience"], report["planned"]) == (2, 2) and balanced(report)
    assert run_json("report", SLUG)["audience"] == 0
    assert run_json("pause", SLUG, "--dry-run")["dry_run"]["state"] == "paused"
    assert run_json("cancel", SLUG, "--dry-run")["dry_run"]["state"] == "cancelled"
    assert run("dry-run", SLUG, "--to", "reader-1@example.net").exit_code == 1


def test_undelivered_subscribers_are_listed_with_reasons(mailing: Mailing, tmp_path: Path) -> None:
    first, second, *_ = Delivery.objects.order_by("subscriber")
    Delivery.objects.update(state="accepted")
    Delivery.objects.filter(pk=first.pk).update(state="refused", reason="refused", reply="550 5.1.1 Unknown")
    Delivery.objects.filter(pk=second.pk).update(state="excluded", reason="erased")
    cast.Subscriber.objects.filter(pk=second.subscriber).delete()
    lines = run("not-delivered", SLUG, "--json").stdout.splitlines()
    found = {one["subscriber"]: one for one in map(json.loads, lines)}
    assert found[first.subscriber]["email"] == "reader-0@example.net"
    assert found[first.subscriber]["reply"] == "550 5.1.1 Unknown"
    assert found[second.subscriber]["email"] is None
    assert "550 5.1.1 Unknown" in " ".join(run("not-delivered", SLUG).stdout.split())
    assert len(run("not-delivered", SLUG, "--reason", "erased", "--json").stdout.splitlines()) == 1
    table = tmp_path / "not delivered.csv"
    assert run("not-delivered", SLUG, "--csv", str(table)).exit_code == 0
    assert len(list(csv.reader(table.open(encoding="utf-8", newline="")))) == 3
    assert stat.S_IMODE(table.stat().st_mode) == 0o600


def test_a_schedule_can_be_cancelled(configure: Configure) -> None:
    configure(sending={"undo_seconds": 300})
    staff = cast.staff()
    readers(1)
    cast.december(staff.writer)
    sha256 = run_json("submit", SLUG, "--as", "writer")["hash"]
    run("approve", SLUG, "--as", "approver", "--hash", sha256)
    words = " ".join(run("schedule", SLUG, "--as", "approver").stdout.split())
    assert "to undo it before then" in words
    assert run_json("unschedule", SLUG, "--as", "approver")["state"] == "approved"
    assert (
        "“approved”, so its schedule cannot be cancelled"
        in run("unschedule", SLUG, "--as", "approver").stderr
    )


@pytest.mark.django_db(transaction=True)
def test_the_report_balances_at_every_moment_of_sending(configure: Configure, tmp_path: Path) -> None:
    """The report is read while an engine sends, is paused, resumes, and is cancelled."""
    readers(60)
    approved_snapshot()
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    script = Script(
        latency=0.01,
        rcpt=lambda who: "550 5.1.1 Unknown" if "3@" in who else "451 4.3.0 Later" if "7@" in who else None,
    )
    reports: list[dict[str, Any]] = []

    def until(messages: int) -> Callable[[], bool]:
        """A stop function that the engine calls again and again."""

        def stop() -> bool:
            reports.append(run_json("report", SLUG))
            return len(server.taken) > messages

        return stop

    with Relay(script) as server:
        configure(smtp={"port": server.port, "connections": 2}, storage={"path": str(tmp_path)})
        for messages, state in ((10, "paused"), (20, "sending"), (30, "cancelled"), (99, "cancelled")):
            send_loop.send_due(Clock(), until(messages))
            Mailing.objects.filter(pk=mailing.pk).update(state=state)
            reports.append(run_json("report", SLUG))
    assert reports and all(balanced(report) for report in reports), [r for r in reports if not balanced(r)][
        :3
    ]
    assert {report["audience"] for report in reports} == {60}
