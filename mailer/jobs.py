"""Contents page: the jobs of every stage, in the order that mail flows.

Each looks in the database for what is due, does it, and records the result; none remembers anything,
so each may run twice, or die at any point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mailer.approval import staff_notices
from mailer.delivery.engine import send_loop
from mailer.delivery.outbox import alerts, outbox
from mailer.delivery.rollout import provider_stats, rollout_job, start_due, stop_rules
from mailer.editions.assembly_time import assembling_time
from mailer.editions.schedule import assemble_due
from mailer.feedback import retention
from mailer.feedback.decisions import bounce_counts, evaluate, smtp_rejections
from mailer.feedback.sources import lmtp, poll
from mailer.feedback.webhooks import process
from mailer.reports import cached_stats
from mailer.stories import gather
from mailer.tracking import finalize
from subscribers import list_growth
from subscribers.bulk import jobs as bulk
from subscribers.imports import uploads_job
from subscribers.privacy import retention as forgetting
from subscribers.reconfirmation import reconfirmation

Clock = Callable[[], datetime]
Stop = Callable[[], bool]


@dataclass(frozen=True)
class Job:
    name: str
    # Seconds between two looks.
    every: int
    # Called with the clock and a question: should work in progress come to an end?
    run: Callable[[Clock, Stop], object]


JOBS = (
    Job("gather", 900, lambda now, stop: gather.gather_all(now())),
    Job("assemble", 30, lambda now, stop: assemble_due(assembling_time(now()))),
    Job("notices", 5, lambda now, stop: staff_notices.tell(now())),
    Job("release", 2, lambda now, stop: start_due.release_due(now())),
    Job("send", 1, lambda now, stop: send_loop.send_due(now, stop)),
    Job("steps", 5, lambda now, stop: rollout_job.look(now())),
    Job("stops", 15, lambda now, stop: stop_rules.watch(now())),
    Job("outbox", 2, lambda now, stop: outbox.send_waiting(now())),
    Job("old letters", 3600, lambda now, stop: outbox.delete_old(now())),
    Job("alerts", 5, lambda now, stop: alerts.post_due(now())),
    Job("clicks", 10, lambda now, stop: finalize.settle_due(now(), stop)),
    Job("old clicks", 3600, lambda now, stop: finalize.delete_old(now())),
    Job("maildir", 5, lambda now, stop: poll.attend("maildir", now, stop)),
    Job("imap", 5, lambda now, stop: poll.attend("imap", now, stop)),
    Job("pop3", 5, lambda now, stop: poll.attend("pop3", now, stop)),
    Job("lmtp", 5, lambda now, stop: lmtp.serve_configured(now, stop)),
    Job("refusals", 5, lambda now, stop: smtp_rejections.read_new(now(), stop)),
    Job("verdicts", 60, lambda now, stop: evaluate.review(now())),
    Job("came back", 5, lambda now, stop: bounce_counts.count_new(now(), stop)),
    Job("old counts", 3600, lambda now, stop: provider_stats.forget(now())),
    Job("hooks", 2, lambda now, stop: process.work_off(now(), stop)),
    Job("old returned mail", 3600, lambda now, stop: retention.delete_old(now())),
    Job("figures", 2, lambda now, stop: cached_stats.count_due(now())),
    Job("imports", 2, uploads_job.attend),
    Job("growth", 600, lambda now, stop: list_growth.count_due(now())),
    Job("asking", 60, lambda now, stop: reconfirmation.work(now())),
    Job("bulk", 2, lambda now, stop: bulk.work(now(), stop)),
    Job("forget", 3600, lambda now, stop: forgetting.sweep(now())),
)
