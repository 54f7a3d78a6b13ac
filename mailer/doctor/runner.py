"""Runs all checks, slow ones at the same time, and returns their results in a fixed order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import DatabaseError

from mailer.config import Config
from mailer.doctor import (
    alert_checks,
    authentication_checks,
    cluster_worker_checks,
    inbound_mail_checks,
    local_checks,
    outbound_mail_checks,
    web_checks,
)
from mailer.doctor.check_types import DNS_ADVICE, CheckResult, Context
from mailer.doctor.dns_client import Dns, DnsError
from mailer.editions.models import Newsletter

# Steps of a check that may wait for another server, each as long as the timeout.
_STEPS = 6


@dataclass
class Check:
    """A check and its results; `run` may be called in a thread of its own."""

    name: str
    # What is being waited for, for the progress line.
    title: str
    function: Callable[[], Iterable[CheckResult]]
    results: list[CheckResult] = field(default_factory=list)

    def run(self) -> None:
        try:
            self.results = list(self.function())
        except DnsError as error:
            self.results = [CheckResult(self.name, "", "warning", str(error), DNS_ADVICE)]
        except Exception as error:  # noqa: BLE001  (one check that fails must not hide the others)
            message = f"This check could not be run: {type(error).__name__}: {error}"
            self.results = [CheckResult(self.name, "", "warning", message)]


def create_context(dns: Dns, timeout: float = 10) -> Context:
    """The context of the configuration and the newsletters in the database. `timeout`: seconds per step."""
    try:
        senders = list(Newsletter.objects.order_by("pk").values_list("sender_email", flat=True))
    except DatabaseError:
        # The database check reports this.
        senders = []
    site = settings.DEFAULT_FROM_EMAIL.rpartition("<")[2].rstrip(">")
    return Context(settings.CONFIG, dns, tuple(dict.fromkeys([*senders, site])), timeout)


def run_checks(
    context: Context,
    now: datetime,
    on_wait: Callable[[str], None] = lambda title: None,
    only: Collection[str] | None = None,
) -> Iterator[CheckResult]:
    """Yield every result in order; `on_wait` gets the title of the check that is being waited for.

    `only`: the names of the checks to make; None: all.
    """
    config = context.config
    slow = [
        Check(name, title, function)
        for name, title, function in _slow_checks(context, now)
        if not only or name in only
    ]
    threads = [threading.Thread(target=check.run, name=f"doctor-{check.name}", daemon=True) for check in slow]
    for thread in threads:
        thread.start()
    for name, function in (
        ("configuration", partial(local_checks.check_configuration, config)),
        ("database", local_checks.check_database),
        ("storage", partial(local_checks.create_and_check_storage, config)),
        ("media", partial(local_checks.check_media_storage, config)),
        ("files", partial(local_checks.check_file_permissions, config)),
        ("keys", partial(local_checks.check_key_file, config, now)),
        ("audit_log", local_checks.check_audit_log),
        ("accounts", partial(local_checks.check_unused_accounts, now)),
        ("clock", partial(local_checks.check_clock, context)),
        ("worker", _worker_check(config)),
        ("sending", local_checks.check_sending_allowed),
        ("backup", partial(local_checks.check_backup, config, now)),
        ("webhooks", partial(inbound_mail_checks.check_webhooks, config, now)),
        ("alerts", partial(alert_checks.check_alerts, config, now)),
    ):
        if only and name not in only:
            continue
        quick = Check(name, "", function)
        quick.run()
        yield from quick.results
    for check, thread in zip(slow, threads, strict=True):
        on_wait(check.title)
        thread.join(context.timeout * _STEPS)
        if thread.is_alive():
            message = f"The check took longer than {context.timeout * _STEPS:.0f} seconds."
            yield CheckResult(
                check.name, "", "warning", message, "Run the checks again; a server answers very slowly."
            )
        else:
            yield from check.results


def _worker_check(config: Config) -> Callable[[], Iterable[CheckResult]]:
    return (
        cluster_worker_checks.check_workers_running
        if config.worker.engine == "cluster"
        else partial(local_checks.check_worker_running, config)
    )


def _slow_checks(
    context: Context, now: datetime
) -> Iterator[tuple[str, str, Callable[[], Iterable[CheckResult]]]]:
    config = context.config
    yield "web", "the web process", partial(web_checks.check_web_process, context)
    yield "site", config.site.url, partial(web_checks.check_site, context)
    if config.site.media_origin:
        yield "media_origin", config.site.media_origin, partial(web_checks.check_media_origin, context)
    yield "one_click", "one-click unsubscribe", partial(web_checks.check_one_click, context)
    if config.service.name:
        yield "service", config.service.name, partial(outbound_mail_checks.check_esp, context)
    for relay in outbound_mail_checks.relays_to_check(context):
        yield (
            "relay",
            f"the relay {relay.host}",
            partial(outbound_mail_checks.check_relay, context, relay, now),
        )
    yield (
        "bounce_mailbox",
        "the bounce mailbox",
        partial(inbound_mail_checks.check_sources, config, context.timeout),
    )
    if config.demo.enabled:
        for name in ("spf", "dkim", "dmarc", "reverse_dns", "bounce_mx"):
            yield name, "", partial(_not_in_demo, name)
        return
    yield "spf", "SPF", partial(authentication_checks.check_spf, context)
    yield "dkim", "DKIM", partial(authentication_checks.check_dkim_keys, context)
    yield "dmarc", "DMARC", partial(authentication_checks.check_dmarc, context)
    yield "reverse_dns", "the sending IP address", partial(outbound_mail_checks.check_reverse_dns, context)
    yield (
        "bounce_mx",
        "the bounce domain's mail server",
        partial(inbound_mail_checks.check_bounce_mx, context),
    )


def _not_in_demo(name: str) -> Iterator[CheckResult]:
    yield CheckResult(name, "", "skipped", "The demo's mail is not sent to other machines.")
