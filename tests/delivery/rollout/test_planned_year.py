"""A year of two newsletters by their schedules, with a worker that dies, sleeps, and has a double."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mailer.approval import snapshot_state_changes
from mailer.approval.models import Notification
from mailer.approval.new_draft_and_approval_request_emails import send_edition_notices
from mailer.approval.submit import submit
from mailer.delivery.models import Alert, Mailing
from mailer.delivery.rollout import advance_mailings, schedule_or_hold_planned_editions
from mailer.editions import assemble
from mailer.editions.models import EditionPlan, Newsletter, story_ids
from mailer.stories.models import Story, StoryText
from tests import cast

pytestmark = pytest.mark.django_db

ALMATY = ZoneInfo("Asia/Almaty")
MONTHS = [date(2023 + month // 12, month % 12 + 1, 1) for month in range(8, 20)]
# As clocks show them: at UTC+6 until the end of February 2024, at UTC+5 from March on.
DUE = [datetime(one.year, one.month, 1, 4 if one >= date(2024, 3, 1) else 3, tzinfo=UTC) for one in MONTHS]
# The weekly newsletter is made in the winter.
FRIDAYS = [date(2024, 1, 12) + timedelta(weeks=week) for week in range(12)]
MONTHS_BEGIN = datetime(2023, 9, 1, tzinfo=UTC)
# The months in which nobody approves, or approves after the planned time, and in which the machine sleeps.
FORGOTTEN, TOO_LATE, ASLEEP = "2023-11", "2024-01", "2024-02"


class Killed(Exception):  # noqa: N818  (what happened to the worker)
    """The worker died."""


class Worker:
    """Runs the jobs at a time; it dies, or another worker runs all of its own jobs, between any two steps."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now = datetime(2023, 9, 1, tzinfo=UTC)
        self.alone = False
        self.deaths = self.doubles = 0

    def run(self, now: datetime) -> None:
        self.now = now
        while True:
            try:
                self._jobs()
            except Killed:
                self.deaths += 1
                continue
            return

    def _jobs(self) -> None:
        assemble.assemble_due(self.now)
        send_edition_notices(self.now)
        schedule_or_hold_planned_editions.run_due(self.now)
        advance_mailings.create_and_start_or_hold_due_mailings(self.now)

    def step(self) -> None:
        """Between two steps."""
        if self.alone:
            return
        fate = self.random.random()
        if fate < 0.15:
            raise Killed
        if fate < 0.3:
            self.alone, self.doubles = True, self.doubles + 1
            try:
                self._jobs()
            finally:
                self.alone = False

    @contextmanager
    def interrupted(self, patch: pytest.MonkeyPatch) -> Iterator[None]:
        def around(function: Callable[..., Any]) -> Callable[..., Any]:
            def called(*args: Any, **kwargs: Any) -> Any:
                self.step()
                result = function(*args, **kwargs)
                self.step()
                return result

            return called

        with patch.context() as patched:
            for module, name in (
                *(
                    (assemble, one)
                    for one in ("get_or_create_plan", "stories_for", "_create", "_record_assembly")
                ),
                *(
                    (schedule_or_hold_planned_editions, one)
                    for one in ("_schedule", "_remind", "_hold", "notify_and_count_emails")
                ),
                (advance_mailings, "create_mailing_or_stop_snapshot"),
            ):
                patched.setattr(module, name, around(getattr(module, name)))
            yield


def write_stories() -> None:
    """One ready story a week."""
    for friday in (date(2023, 8, 25) + timedelta(weeks=week) for week in range(52)):
        story = Story(key=f"story-{friday}", kind="news", countries=("KZ",), date=friday, live=True)
        story.link = f"https://example.org/{friday}"
        story.texts = [StoryText(language="en", headline=f"News of {friday:%d %B}", summary="It happened.")]
        story.save()


def newsletters() -> tuple[Newsletter, Newsletter]:
    shared = {
        "languages": ("en",),
        "fallbacks": ("en",),
        "countries": ("KZ",),
    }
    monthly = cast.newsletter(
        assemble_on="monthly 1 09:00",
        send_on="monthly first tuesday 10:00",
        schedules_itself=True,
        schedule_since=MONTHS_BEGIN,
        **shared,
    )
    weekly = cast.newsletter(
        slug="weekly",
        name="Weekly",
        assemble_on="weekly friday 18:00",
        send_on="weekly monday 09:00",
        period_kind="week",
        schedule_since=at(FRIDAYS[0], 1),
        **shared,
    )
    return monthly, weekly


def at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), ALMATY).astimezone(UTC)


def test_a_year_has_one_draft_a_period_and_sends_nothing_unapproved(monkeypatch: pytest.MonkeyPatch) -> None:
    staff = cast.staff()
    monthly, weekly = newsletters()
    cast.reader("aigul", ("KZ",))
    write_stories()
    worker = Worker(18)
    assembled: dict[str, datetime] = {}
    ticks = sorted({*DUE, *(at(friday, 18) for friday in FRIDAYS), *_sendings()})
    asleep = (DUE[MONTHS.index(date(2024, 2, 1))] - timedelta(hours=1), timedelta(days=2))
    for tick in ticks:
        if asleep[0] <= tick < asleep[0] + asleep[1]:
            continue
        # A minute before the assembly, nothing is due yet.
        before = [tick - timedelta(minutes=1)] if tick in DUE else []
        for now in (*before, tick + timedelta(seconds=30)):
            with worker.interrupted(monkeypatch):
                worker.run(now)
            for period in monthly.editions.values_list("period", flat=True):
                assembled.setdefault(period, now)
        _decide(monthly, staff, tick)
    assert worker.deaths > 20 and worker.doubles > 20

    plans = EditionPlan.objects.filter(newsletter=monthly)
    periods = [f"{one:%Y-%m}" for one in MONTHS]
    # Each period exactly one draft, at its own instant; the one of the sleep when a person assembled it.
    assert sorted(monthly.editions.values_list("period", flat=True)) == sorted(periods)
    assert sorted(plans.values_list("period", flat=True)) == sorted(periods)
    for period, due in zip(periods, DUE, strict=True):
        if period != ASLEEP:
            assert assembled[period] == due + timedelta(seconds=30)
    left = EditionPlan.objects.exclude(asked_at=None).values_list("newsletter__slug", "period")
    assert set(left) == {("silk-road-monthly", ASLEEP), ("weekly", "2024-01-29")}
    assert Notification.objects.filter(event="assembly_held", user=staff.admin).count() == 2
    expected = {f"{friday - timedelta(days=4)}" for friday in FRIDAYS}
    assert set(weekly.editions.values_list("period", flat=True)) == expected
    # Each story once in each newsletter, and none lost that an edition could still take.
    spans = {monthly: (date(2023, 8, 25), MONTHS[-1]), weekly: (FRIDAYS[0], FRIDAYS[-1])}
    for newsletter, span in spans.items():
        used = Counter(pk for edition in newsletter.editions.all() for pk in story_ids(edition))
        assert set(used.values()) == {1}
        ready = Story.objects.filter(date__range=span).values_list("pk", flat=True)
        assert set(ready) <= set(used)
    # Sent: what was approved in time, at the planned time, and nothing else.
    sent = dict(Mailing.objects.values_list("edition__period", "created_at"))
    assert set(sent) == set(periods) - {FORGOTTEN, TOO_LATE}
    assert all(one.snapshot.approvals.exists() for one in Mailing.objects.select_related("snapshot"))
    planned = dict(plans.values_list("period", "send_at"))
    assert all(moment - planned[period] == timedelta(seconds=30) for period, moment in sent.items())
    assert all(
        one.astimezone(ALMATY).hour == 10 and one.astimezone(ALMATY).weekday() == 1
        for one in planned.values()
    )
    # The others are held, with one alarm each; so is every number of the weekly, which nobody approves.
    held = set(plans.exclude(held_at=None).values_list("period", flat=True))
    assert held == {FORGOTTEN, TOO_LATE}
    kinds = Alert.objects.filter(kind__startswith="planned_sending_").values_list("kind", flat=True)
    assert len(set(kinds)) == len(kinds) == EditionPlan.objects.exclude(held_at=None).count()


def _sendings() -> Iterator[datetime]:
    """The first Tuesday of each month at 10:00, and the Monday after each Friday at 09:00."""
    for month in MONTHS:
        yield at(month + timedelta(days=(1 - month.weekday()) % 7), 10)
    for friday in FRIDAYS:
        yield at(friday + timedelta(days=3), 9)


def _decide(monthly: Newsletter, staff: cast.Staff, now: datetime) -> None:
    """What people do in the meantime: assemble what was left to them, and approve what is submitted."""
    for plan in EditionPlan.objects.filter(state=EditionPlan.State.LATE).select_related("newsletter"):
        assemble.create_edition_unless_exists(plan.newsletter, plan.period, now, staff.writer)
    if now > at(FRIDAYS[-1], 23):
        # The weekly one ends.
        Newsletter.objects.filter(slug="weekly").update(assemble_on="")
    for edition in monthly.editions.filter(snapshots=None):
        plan = EditionPlan.objects.get(edition=edition)
        if edition.period == FORGOTTEN or (edition.period == TOO_LATE and plan.held_at is None):
            continue
        snapshot = submit(edition, staff.writer, now)
        snapshot_state_changes.approve(snapshot, staff.approver, snapshot.sha256, now)
