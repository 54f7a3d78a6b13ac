"""What every kind of job must do: continue after a kill, name its error, and stop no job behind it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError

from subscribers.bulk import apply_and_undo_bulk_actions as bulk
from subscribers.imports import job_lifecycle as imports
from subscribers.models import MailingList, Subscriber, Subscription
from subscribers.reconfirmation import campaigns
from subscribers.resumable_jobs import LEASE, UNDO_FOR, Job, JobRunner, WrongState, acquire_lease, transition
from subscribers.segments.models import Segment
from subscribers.segments.rule_format import Group
from subscribers.segments.segments import save
from subscribers.segments.subscriber_tags_and_fields import get_or_create_tag
from tests.subscribers.conftest import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@dataclass(frozen=True)
class Kind:
    """A kind of job, as its conformance test needs it."""

    # A runner with this size of a batch.
    runner: Callable[[int], JobRunner[Any]]
    # A job to be done for two subscribers of its own, all named alike.
    create: Callable[[str], Any]
    # How many of them are done.
    done: Callable[[Any], int]


def two_subscribers(name: str) -> MailingList:
    mailing_list = MailingList.objects.create(slug=name, name=name)
    for place in (1, 2):
        person = Subscriber.objects.create(email=f"{name}{place}@example.org")
        Subscription.objects.create(subscriber=person, mailing_list=mailing_list, state="confirmed")
    return mailing_list


def import_job(name: str) -> Job:
    options = imports.ImportOptions(MailingList.objects.create(slug=name, name=name), "a paper form", "lola")
    job = imports.create("people.csv", options, NOW)
    file = f"{name}1@example.org\n{name}2@example.org\n"
    imports.read_file(job, io.BytesIO(file.encode()), lambda: NOW)
    imports.start_apply(job, "lola", NOW)
    return job


def bulk_job(name: str) -> Job:
    ids = two_subscribers(name).subscriptions.values_list("subscriber", flat=True)
    request = bulk.BulkRequest("tag", ids=tuple(ids), target=get_or_create_tag(name).pk)
    return bulk.create(request, "lola", NOW)


def campaign(name: str) -> Job:
    mailing_list = two_subscribers(name)
    return campaigns.start_campaign(
        save(Segment(), name, Group("all"), "lola", NOW), mailing_list, 30, "lola", NOW
    )


KINDS = {
    "import": Kind(
        lambda size: imports.ImportRunner(batch_size=size),
        import_job,
        lambda job: job.mailing_list.subscriptions.count(),
    ),
    "bulk": Kind(lambda size: bulk.BulkRunner(batch_size=size), bulk_job, lambda job: job.changes.count()),
    "reconfirmation": Kind(
        lambda size: campaigns.CampaignRunner(batch_size=size), campaign, lambda job: job.requests.count()
    ),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def clock(at: datetime = NOW) -> Callable[[], datetime]:
    return lambda: at


def run(runner: JobRunner[Any], at: datetime = NOW) -> int:
    return runner.run_due(clock(at), lambda: False)


def failing(runner: JobRunner[Any], broken: Job, *errors: BaseException) -> JobRunner[Any]:
    """The runner, whose batches of this job end with these errors first, after they did their work."""
    batch, left = runner.batch, list(errors)

    def fail(job: Any, now: datetime) -> Any:
        done = batch(job, now)
        if job.pk == broken.pk and left:
            raise left.pop(0)
        return done

    runner.batch = fail  # type: ignore[method-assign]
    return runner


def test_a_job_is_done_in_batches_and_continues_after_the_last_one(kind: Kind) -> None:
    job = kind.create("a")
    assert kind.runner(1).run_batch(job, clock())
    assert (kind.done(job), job.is_running) == (1, True)
    assert run(kind.runner(1)) > 0
    job.refresh_from_db()
    assert (kind.done(job), job.is_running, job.error) == (2, False, "")
    assert run(kind.runner(1)) == 0


def test_a_killed_batch_changes_nothing(kind: Kind) -> None:
    job = kind.create("a")
    runner = failing(kind.runner(1), job, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run(runner)
    job.refresh_from_db()
    assert (kind.done(job), job.position, job.error) == (0, 0, "")
    run(runner)
    assert kind.done(job) == 2


def test_an_unforeseen_error_is_named_and_the_jobs_behind_go_on(kind: Kind) -> None:
    broken, other = kind.create("a"), kind.create("b")
    run(failing(kind.runner(1), broken, ZeroDivisionError("a1@example.org")))
    broken.refresh_from_db()
    assert (kind.done(broken), kind.done(other)) == (0, 2)
    assert "ZeroDivisionError" in broken.error and "example.org" not in broken.error
    assert not broken.is_running


def test_a_failed_job_rests_and_is_tried_again_or_waits_to_be_resumed(kind: Kind) -> None:
    job, runner = kind.create("a"), kind.runner(1)
    run(failing(runner, job, ZeroDivisionError()))
    assert (run(runner), kind.done(job)) == (0, 0)
    later = NOW + LEASE + timedelta(seconds=1)
    assert (run(runner, later) > 0) == (runner.retry_after is not None)
    runner.resume(job)
    run(runner, later)
    job.refresh_from_db()
    assert (kind.done(job), job.error) == (2, "")


def test_a_collision_with_another_writer_is_tried_again_at_once(kind: Kind) -> None:
    job = kind.create("a")
    run(failing(kind.runner(2), job, IntegrityError(), IntegrityError()))
    job.refresh_from_db()
    assert (kind.done(job), job.error) == (2, "")


def test_a_busy_database_is_not_the_jobs_error(kind: Kind) -> None:
    job = kind.create("a")
    runner = failing(kind.runner(2), job, OperationalError("database is locked"))
    assert run(runner) == 0
    job.refresh_from_db()
    assert (kind.done(job), job.error) == (0, "")
    run(runner)
    assert kind.done(job) == 2


def test_a_job_that_another_worker_holds_is_left_alone(kind: Kind) -> None:
    job, mine = kind.create("a"), kind.runner(1)
    assert acquire_lease(type(job).objects.get(), job.ACTIVE, NOW)
    assert not acquire_lease(job, job.ACTIVE, NOW)
    assert (run(mine), mine.run_batch(job, clock()), kind.done(job)) == (0, False, 0)
    assert run(mine, NOW + LEASE + timedelta(seconds=1)) > 0


def test_a_worker_that_is_to_stop_begins_no_batch(kind: Kind) -> None:
    job = kind.create("a")
    assert kind.runner(1).run_due(clock(), lambda: True) == 0
    assert kind.done(job) == 0


def test_a_job_is_moved_from_a_state_once(kind: Kind) -> None:
    job = kind.create("a")
    state = job.state
    assert transition(job, [state], "cancelled") and not transition(job, [state], "cancelled")
    assert (job.state, run(kind.runner(1))) == ("cancelled", 0)


@pytest.mark.parametrize("name", ["import", "bulk"])
def test_a_job_is_undone_when_it_is_done_or_failed_and_for_thirty_days(name: str) -> None:
    kind = KINDS[name]
    job, runner = kind.create("a"), kind.runner(1)
    with pytest.raises(WrongState):
        runner.start_undo(job, "dana", NOW)
    run(failing(runner, job, ZeroDivisionError()))
    assert runner.can_undo(job, NOW)
    runner.resume(job)
    run(runner)
    late = NOW + UNDO_FOR + timedelta(seconds=1)
    assert not runner.can_undo(job, late)
    with pytest.raises(WrongState, match="30 days"):
        runner.start_undo(job, "dana", late)
    runner.start_undo(job, "dana", NOW)
    runner.start_undo(job, "dana", NOW)
    run(runner)
    job.refresh_from_db()
    assert (job.state, job.ended_by, job.error) == ("undone", "dana", "")


def test_progress_is_a_percentage_where_the_total_is_known() -> None:
    job = import_job("a")
    assert job.percent == 0
    assert imports.ImportRunner(batch_size=1).run_batch(job, clock())
    assert job.percent == 50
    assert campaign("b").percent is None
