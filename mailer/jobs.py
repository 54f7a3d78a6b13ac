"""Contents page: the jobs of every stage, in the order that mail flows.

Each looks in the database for what is due, does it, and records the result; none remembers anything,
so each may run twice, or die at any point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mailer.approval import notices
from mailer.delivery import alerts, engine, hours, outbox, release, stops, widening
from mailer.editions.clock import assembling_time
from mailer.editions.schedule import assemble_due
from mailer.feedback import collect, judging, lmtp, refusals, retention, returns
from mailer.feedback.tracking import settling
from mailer.feedback.webhooks import work
from mailer.reports import tallies
from mailer.stories import gather
from subscribers import forgetting, growth
from subscribers.asking import asking
from subscribers.bulk import runs as bulk
from subscribers.importing import brought

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
    Job("notices", 5, lambda now, stop: notices.tell(now())),
    Job("release", 2, lambda now, stop: release.release_due(now())),
    Job("send", 1, lambda now, stop: engine.send_due(now, stop)),
    Job("steps", 5, lambda now, stop: widening.look(now())),
    Job("stops", 15, lambda now, stop: stops.watch(now())),
    Job("outbox", 2, lambda now, stop: outbox.send_waiting(now())),
    Job("old letters", 3600, lambda now, stop: outbox.delete_old(now())),
    Job("alerts", 5, lambda now, stop: alerts.post_due(now())),
    Job("clicks", 10, lambda now, stop: settling.settle_due(now(), stop)),
    Job("old clicks", 3600, lambda now, stop: settling.delete_old(now())),
    Job("maildir", 5, lambda now, stop: collect.attend("maildir", now, stop)),
    Job("imap", 5, lambda now, stop: collect.attend("imap", now, stop)),
    Job("pop3", 5, lambda now, stop: collect.attend("pop3", now, stop)),
    Job("lmtp", 5, lambda now, stop: lmtp.serve_configured(now, stop)),
    Job("refusals", 5, lambda now, stop: refusals.read_new(now(), stop)),
    Job("verdicts", 60, lambda now, stop: judging.review(now())),
    Job("came back", 5, lambda now, stop: returns.count_new(now(), stop)),
    Job("old counts", 3600, lambda now, stop: hours.forget(now())),
    Job("hooks", 2, lambda now, stop: work.work_off(now(), stop)),
    Job("old returned mail", 3600, lambda now, stop: retention.delete_old(now())),
    Job("figures", 2, lambda now, stop: tallies.count_due(now())),
    Job("imports", 2, brought.attend),
    Job("growth", 600, lambda now, stop: growth.count_due(now())),
    Job("asking", 60, lambda now, stop: asking.work(now())),
    Job("bulk", 2, lambda now, stop: bulk.work(now(), stop)),
    Job("forget", 3600, lambda now, stop: forgetting.sweep(now())),
)
