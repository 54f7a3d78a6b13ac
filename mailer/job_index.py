"""Index of the background jobs of every package, in the order of the data flow.

Each finds the due rows in the database, processes them and records the result. None keeps state in memory, so
each may run twice or be killed at any point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from django.db.models import Q

from mailer.accounts import api_keys, missing_story_reminders, password_links, sign_in_limits
from mailer.approval import (
    account_change_notices,
    audience_count_job,
    new_draft_and_approval_request_emails,
    notification_preferences_and_dispatch,
    outcome_notices,
)
from mailer.approval.preflight import link_crawler
from mailer.delivery.engine import send_loop
from mailer.delivery.outbox import alert_webhooks, mailing_notices, outbox
from mailer.delivery.rollout import advance_mailings, apply_stop_rules, schedule_or_hold_planned_editions
from mailer.delivery.throttle import hourly_outcomes_by_provider
from mailer.doctor import requested_check_runs
from mailer.editions.assemble import assemble_due, now_or_demo_time
from mailer.feedback import ingest_returned_mail
from mailer.feedback.decisions import evaluate_and_probe, rejections_and_stop_rule_counts
from mailer.feedback.sources import lmtp, poll
from mailer.feedback.webhooks import process_payloads
from mailer.instance import database_copy_detection, no_send_status
from mailer.outgoing_webhooks import deliver as outgoing_webhooks
from mailer.reports import collect_stats, segment_count_job
from mailer.stories import inbound_story_email
from mailer.stories.models import StorySource
from mailer.tracking import finalize_events
from subscribers import list_growth
from subscribers.bulk import apply_and_undo_bulk_actions as bulk
from subscribers.imports import job_lifecycle as imports
from subscribers.privacy import retention
from subscribers.reconfirmation import campaigns

Clock = Callable[[], datetime]
Stop = Callable[[], bool]


class Runs(Enum):
    """Where a job runs with the cluster engine; the embedded engine has one worker, which runs every job."""

    # In one worker of the cluster at a time.
    ONCE = "once"
    # In each worker, beside the others.
    EACH_WORKER = "each worker"
    # In one worker of each machine.
    EACH_MACHINE = "each machine"


@dataclass(frozen=True)
class Job:
    name: str
    # Seconds between two runs.
    every: int
    # Called with a clock, and a function that says whether the job should finish early.
    function: Callable[[Clock, Stop], object]
    # The role of the workers that run it (config.sections.QUEUES). Empty: any, of a job that none takes from
    # a queue.
    queue: str = "maintenance"
    runs: Runs = Runs.ONCE
    # Whether it has effects outside of the installation, or needs answers from there: it sends mail, fetches
    # a page, empties a mailbox. It does not run in no-send mode.
    outgoing: bool = False

    def run(self, now: Clock, stop: Stop) -> None:
        """Do what is due; nothing in no-send mode if the job is outgoing."""
        if not self.outgoing:
            self.function(now, stop)
        elif no_send_status.no_send_reason() is None:
            self.function(now, no_send_status.Watch(stop))


def _gather_stories(now: Clock, stop: Stop) -> None:
    waiting = Q(next_poll_at=None) | Q(next_poll_at__lte=now())
    polled = StorySource.objects.exclude(kind=StorySource.Kind.EMAIL)
    if not polled.filter(waiting, active=True).exists():
        return
    from mailer.stories.sources import polling  # loads requests and readers, which few installations need

    polling.poll_due(now, stop)


JOBS = (
    Job("password resets", 2, lambda now, stop: password_links.mail_requested_reset_links(now()), "assemble"),
    Job("delete old API answers", 3600, lambda now, stop: api_keys.delete_old_idempotent_responses(now())),
    Job(
        "delete old sign-in failures",
        3600,
        lambda now, stop: sign_in_limits.audit_and_delete_old_failures(now()),
    ),
    Job("gather stories", 10, _gather_stories, "fetch", outgoing=True),
    Job("read story mail", 5, lambda now, stop: inbound_story_email.process_due(now, stop), "fetch"),
    Job("delete old story mail", 3600, lambda now, stop: inbound_story_email.delete_old(now())),
    Job("collect links", 60, lambda now, stop: link_crawler.collect_draft_links(now()), "fetch"),
    Job("check links", 10, lambda now, stop: link_crawler.check_due_links(now, stop), "fetch", outgoing=True),
    Job("assemble editions", 30, lambda now, stop: assemble_due(now_or_demo_time(now())), "assemble"),
    Job(
        "planned sending", 10, lambda now, stop: schedule_or_hold_planned_editions.run_due(now()), "assemble"
    ),
    Job(
        "office reminders",
        60,
        lambda now, stop: missing_story_reminders.remind_offices_of_due_newsletters(now()),
        "assemble",
    ),
    Job("count audiences", 30, audience_count_job.refresh_audience_counts, "assemble"),
    Job(
        "staff notices",
        5,
        lambda now, stop: new_draft_and_approval_request_emails.send_edition_notices(now()),
        "assemble",
    ),
    Job(
        "outcome notices",
        5,
        lambda now, stop: outcome_notices.send_approval_outcome_notices(now()),
        "assemble",
    ),
    Job(
        "mailing notices",
        5,
        lambda now, stop: mailing_notices.notify_of_mailings_and_count_emails(now()),
        "assemble",
    ),
    Job(
        "delete old notifications",
        3600,
        lambda now, stop: notification_preferences_and_dispatch.delete_old(now()),
    ),
    Job(
        "account notices", 5, lambda now, stop: account_change_notices.send_account_notices(now()), "assemble"
    ),
    Job(
        "start mailings",
        2,
        lambda now, stop: advance_mailings.create_and_start_or_hold_due_mailings(now()),
        "deliver",
        outgoing=True,
    ),
    Job(
        "send mailings",
        1,
        lambda now, stop: send_loop.send_due(now, stop),
        "deliver",
        Runs.EACH_WORKER,
        outgoing=True,
    ),
    Job(
        "advance rollouts",
        5,
        lambda now, stop: advance_mailings.advance_or_pause_rollouts(now()),
        "deliver",
        outgoing=True,
    ),
    # In each worker, as are the jobs that count for it: one in the queue waits half a minute for a worker
    # that died in the middle of it.
    Job(
        "stop rules",
        15,
        lambda now, stop: apply_stop_rules.apply_stop_rules_to_mailings(now()),
        "deliver",
        Runs.EACH_WORKER,
    ),
    Job("outbox", 2, lambda now, stop: outbox.PACED.send_due(now(), stop), "deliver", outgoing=True),
    Job("delete old outbox", 3600, lambda now, stop: outbox.delete_old(now())),
    Job(
        "alerts",
        5,
        lambda now, stop: alert_webhooks.post_due_and_count_accepted(now()),
        "deliver",
        outgoing=True,
    ),
    Job("finalize tracking", 10, lambda now, stop: finalize_events.finalize_due(now(), stop), "feedback"),
    Job("delete old tracking", 3600, lambda now, stop: finalize_events.delete_expired(now())),
    Job(
        "poll maildir",
        5,
        lambda now, stop: poll.poll_due_mailboxes("maildir", ingest_returned_mail.ingest_message, now, stop),
        "fetch",
        outgoing=True,
    ),
    Job(
        "poll imap",
        5,
        lambda now, stop: poll.poll_due_mailboxes("imap", ingest_returned_mail.ingest_message, now, stop),
        "fetch",
        outgoing=True,
    ),
    Job(
        "poll pop3",
        5,
        lambda now, stop: poll.poll_due_mailboxes("pop3", ingest_returned_mail.ingest_message, now, stop),
        "fetch",
        outgoing=True,
    ),
    Job(
        "serve lmtp",
        5,
        lambda now, stop: lmtp.serve_configured(ingest_returned_mail.ingest_message, now, stop),
        "fetch",
        Runs.EACH_MACHINE,
        outgoing=True,
    ),
    Job(
        "smtp rejections",
        5,
        lambda now, stop: rejections_and_stop_rule_counts.process_rejections(now(), stop),
        "feedback",
        Runs.EACH_WORKER,
    ),
    Job(
        "suppression decisions",
        60,
        lambda now, stop: evaluate_and_probe.review_bounce_waves_and_probes(now()),
        "feedback",
    ),
    Job(
        "bounce counts",
        5,
        lambda now, stop: rejections_and_stop_rule_counts.add_events_to_hourly_counts(now(), stop),
        "feedback",
        Runs.EACH_WORKER,
    ),
    Job("delete old provider stats", 3600, lambda now, stop: hourly_outcomes_by_provider.delete_old(now())),
    Job(
        "webhooks", 2, lambda now, stop: process_payloads.process_due(now(), stop), "feedback", outgoing=True
    ),
    Job("delete old returned mail", 3600, lambda now, stop: ingest_returned_mail.delete_old(now())),
    Job("outgoing webhooks", 2, outgoing_webhooks.deliver_due, "fetch", outgoing=True),
    Job("delete old outgoing webhooks", 3600, lambda now, stop: outgoing_webhooks.delete_old(now())),
    Job("report stats", 2, lambda now, stop: collect_stats.refresh_due(now()), "feedback"),
    Job("imports", 2, imports.RUNNER.read_and_run_due),
    Job("count segments", 30, segment_count_job.refresh_counts),
    Job("list growth", 600, lambda now, stop: list_growth.update_due_growth(now())),
    Job("reconfirmations", 60, lambda now, stop: campaigns.run_due_batches(now(), stop), outgoing=True),
    Job("bulk changes", 2, lambda now, stop: bulk.run_due_batches(now(), stop)),
    # It sends nothing, so staff may ask for it in no-send mode too.
    Job("checks", 2, lambda now, stop: requested_check_runs.run_requested(now())),
    Job(
        "instance check",
        60,
        lambda now, stop: database_copy_detection.enforce_existing_identity(now()),
        "",
        Runs.EACH_MACHINE,
    ),
    Job("retention", 3600, lambda now, stop: retention.apply_retention(now())),
)
