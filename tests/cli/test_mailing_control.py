"""`mailer edition …` while it is sent: every step from every state, and an account that balances."""

from __future__ import annotations

import csv
import dataclasses
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result
from wagtail.models import ModelLogEntry

from mailer.cli.edition import app
from mailer.delivery.engine import send_loop
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout import start_due
from tests import cast
from tests.delivery.cast import NOW, Clock, readers, sealed_copy
from tests.delivery.relay import Relay, Script

pytestmark = pytest.mark.django_db
SLUG = "silk-road-monthly-2021-12"


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def told(*words: str) -> dict[str, Any]:
    done = run(*words, "--json")
    assert done.exit_code == 0, done.stderr
    (line,) = done.stdout.splitlines()
    return dict(json.loads(line))


@pytest.fixture
def mailing() -> Mailing:
    readers(4)
    sealed_copy()
    (mailing,) = start_due.release_due(NOW)
    return mailing


def balanced(report: dict[str, Any]) -> bool:
    states = ("planned", "claimed", "accepted", "deferred", "refused", "in_doubt")
    return bool(
        report["audience"] == sum(report[state] for state in states) + sum(report["excluded"].values())
    )


# What each step says from each state: the state after it, or the words of the refusal.
STEPS = {
    ("planning", "pause"): "starts by itself",
    ("planning", "resume"): "starts by itself",
    ("planning", "cancel"): "cancelled",
    ("held", "pause"): "Confirm its new number of readers",
    ("held", "resume"): "sending",
    ("held", "cancel"): "cancelled",
    ("sending", "pause"): "paused",
    ("sending", "resume"): "can be paused or cancelled",
    ("sending", "cancel"): "cancelled",
    ("paused", "pause"): "can be resumed or cancelled",
    ("paused", "resume"): "sending",
    ("paused", "cancel"): "cancelled",
    ("done", "pause"): "who did not get it",
    ("done", "resume"): "who did not get it",
    ("done", "cancel"): "who did not get it",
    ("cancelled", "pause"): "Nothing more of it leaves",
    ("cancelled", "resume"): "Nothing more of it leaves",
    ("cancelled", "cancel"): "Nothing more of it leaves",
}


@pytest.mark.parametrize(("state", "deed"), STEPS)
def test_each_step_from_each_state_is_done_or_refused_in_words(
    mailing: Mailing, monkeypatch: pytest.MonkeyPatch, state: str, deed: str
) -> None:
    Mailing.objects.filter(pk=mailing.pk).update(state=state)
    # The cast lives in 2021.
    copies = type(mailing.snapshot).objects.filter(pk=mailing.snapshot_id)
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    assert copies.exists()
    done = run(deed, SLUG, "--json")
    expected = STEPS[state, deed]
    if expected in ("paused", "sending", "cancelled"):
        assert json.loads(done.stdout)["state"] == expected
        entry = ModelLogEntry.objects.get(action__startswith="desk.")
        assert entry.data["by"].startswith("the command (")
    else:
        assert done.exit_code == 1 and done.stdout == ""
        assert expected in done.stderr
        assert not ModelLogEntry.objects.filter(action__startswith="desk.").exists()
    assert balanced(told("report", SLUG))


def test_the_whole_rest_of_a_mailing_in_steps_is_released(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    sending = dataclasses.replace(settings.CONFIG.sending, steps=("25",))
    settings.CONFIG = dataclasses.replace(settings.CONFIG, sending=sending)
    readers(4)
    sealed_copy()
    start_due.release_due(NOW)
    assert Mailing.objects.get().released_up_to is not None
    told("resume", SLUG, "--all")
    assert Mailing.objects.get().released_up_to is None
    assert "released already" in run("resume", SLUG, "--all").stderr


def test_before_there_is_a_mailing_the_refusal_says_what_to_do() -> None:
    staff = cast.staff()
    readers(1)
    edition = cast.december(staff.writer)
    assert "Submit it first" in run("pause", SLUG).stderr
    run("submit", edition.slug, "--as", "writer")
    assert "waits for an approval" in run("cancel", SLUG).stderr
    assert "was not rehearsed" in run("report", SLUG, "--rehearsal").stderr or told(
        "report", SLUG, "--rehearsal"
    )


def test_a_rehearsal_is_begun_steered_and_told_apart() -> None:
    staff = cast.staff()
    readers(3)
    cast.december(staff.writer)
    run("submit", SLUG, "--as", "writer")
    begun = told("rehearse", SLUG, "--to", "team@office.example.org", "--limit", "2")
    assert begun["rehearsal"]["to"] == "team@office.example.org" and begun["state"] == "submitted"
    start_due.release_due(NOW)
    report = told("report", SLUG, "--rehearsal")
    assert (report["audience"], report["planned"]) == (2, 2) and balanced(report)
    assert told("report", SLUG)["audience"] == 0
    assert told("pause", SLUG, "--rehearsal")["rehearsal"]["state"] == "paused"
    assert told("cancel", SLUG, "--rehearsal")["rehearsal"]["state"] == "cancelled"
    assert "reader's address" in run("rehearse", SLUG, "--to", "reader-1@example.net").stderr


def test_who_was_not_reached_and_why_is_one_command(mailing: Mailing, tmp_path: Path) -> None:
    first, second, *_ = Delivery.objects.order_by("pk")
    Delivery.objects.update(state="accepted")
    Delivery.objects.filter(pk=first.pk).update(state="refused", reason="refused", reply="550 5.1.1 Unknown")
    Delivery.objects.filter(pk=second.pk).update(state="excluded", reason="erased")
    cast.Subscriber.objects.filter(pk=second.subscriber).delete()
    lines = run("unreached", SLUG, "--json").stdout.splitlines()
    found = {one["subscriber"]: one for one in map(json.loads, lines)}
    assert found[first.subscriber]["email"] == "reader-0@example.net"
    assert found[first.subscriber]["reply"] == "550 5.1.1 Unknown"
    assert found[second.subscriber]["email"] is None
    assert "turned it down for good" in " ".join(run("unreached", SLUG).stdout.split())
    assert len(run("unreached", SLUG, "--reason", "erased", "--json").stdout.splitlines()) == 1
    table = tmp_path / "not reached.csv"
    assert run("unreached", SLUG, "--csv", str(table)).exit_code == 0
    assert len(list(csv.reader(table.open(encoding="utf-8", newline="")))) == 3
    assert stat.S_IMODE(table.stat().st_mode) == 0o600


def test_a_moment_can_be_taken_back(settings: Any) -> None:
    sending = dataclasses.replace(settings.CONFIG.sending, undo_seconds=300)
    settings.CONFIG = dataclasses.replace(settings.CONFIG, sending=sending)
    staff = cast.staff()
    readers(1)
    cast.december(staff.writer)
    sha256 = told("submit", SLUG, "--as", "writer")["hash"]
    run("approve", SLUG, "--as", "approver", "--hash", sha256)
    words = " ".join(run("schedule", SLUG, "--as", "approver").stdout.split())
    assert "can be undone until then" in words
    assert told("unschedule", SLUG, "--as", "approver")["state"] == "approved"
    assert "cannot be taken back" in run("unschedule", SLUG, "--as", "approver").stderr


@pytest.mark.django_db(transaction=True)
def test_the_report_balances_at_every_moment_of_sending(settings: Any, tmp_path: Path) -> None:
    """One looks while an engine sends, is paused, goes on, and is cancelled in the middle."""
    readers(60)
    sealed_copy()
    (mailing,) = start_due.release_due(NOW)
    script = Script(
        latency=0.01,
        rcpt=lambda who: "550 5.1.1 Unknown" if "3@" in who else "451 4.3.0 Later" if "7@" in who else None,
    )
    looks: list[dict[str, Any]] = []

    def until(messages: int) -> Callable[[], bool]:
        """Asked again and again while the engine works."""

        def look() -> bool:
            looks.append(told("report", SLUG))
            return len(server.taken) > messages

        return look

    with Relay(script) as server:
        smtp = dataclasses.replace(settings.CONFIG.smtp, port=server.port, connections=2)
        storage = dataclasses.replace(settings.CONFIG.storage, path=str(tmp_path))
        settings.CONFIG = dataclasses.replace(settings.CONFIG, smtp=smtp, storage=storage)
        for messages, state in ((10, "paused"), (20, "sending"), (30, "cancelled"), (99, "cancelled")):
            send_loop.send_due(Clock(), until(messages))
            Mailing.objects.filter(pk=mailing.pk).update(state=state)
            looks.append(told("report", SLUG))
    assert looks and all(balanced(report) for report in looks), [r for r in looks if not balanced(r)][:3]
    assert {report["audience"] for report in looks} == {60}
