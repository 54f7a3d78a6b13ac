"""The examination: every check, those that wait for others at the same time, in a fixed order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import DatabaseError

from mailer.doctor import database, inbound, local_checks, pages, processes, relay, sender, webhooks
from mailer.doctor.dns import Names, NoAnswer
from mailer.doctor.records import Finding, World
from mailer.editions.models import Newsletter

_ASK_AGAIN = "Is the network up? Receivers who get no answer either put mail off."
# Steps that a check may wait for others, each as long as its patience.
_STEPS = 6


@dataclass
class Check:
    """One look, in a thread of its own."""

    name: str
    # What is waited for, in words.
    words: str
    look: Callable[[], Iterable[Finding]]
    found: list[Finding] = field(default_factory=list)

    def run(self) -> None:
        try:
            self.found = list(self.look())
        except NoAnswer as error:
            self.found = [Finding(self.name, "", "warning", str(error), _ASK_AGAIN)]
        except Exception as error:  # noqa: BLE001  (one check that breaks must not silence the others)
            seen = f"This check broke off: {type(error).__name__}: {error}"
            self.found = [Finding(self.name, "", "warning", seen)]


def world(names: Names, patience: float = 10) -> World:
    """What the configuration and the newsletters say."""
    try:
        senders = list(Newsletter.objects.order_by("pk").values_list("sender_email", flat=True))
    except DatabaseError:
        # Told with the database.
        senders = []
    site = settings.DEFAULT_FROM_EMAIL.rpartition("<")[2].rstrip(">")
    return World(settings.CONFIG, names, tuple(dict.fromkeys([*senders, site])), patience)


def examine(
    world: World, now: datetime, waiting: Callable[[str], None] = lambda words: None
) -> Iterator[Finding]:
    """Every finding, as it comes to its turn; `waiting` is told what is waited for."""
    config = world.config
    slow = [Check(name, words, look) for name, words, look in _slow(world, now)]
    threads = [threading.Thread(target=check.run, name=f"doctor-{check.name}", daemon=True) for check in slow]
    for thread in threads:
        thread.start()
    for name, look in (
        ("configuration", partial(local_checks.configuration, config)),
        ("database", database.database),
        ("storage", partial(local_checks.storage, config)),
        ("clock", partial(local_checks.clock, world)),
        ("worker", partial(processes.worker, config)),
        ("webhooks", partial(webhooks.webhooks, config, now)),
    ):
        quick = Check(name, "", look)
        quick.run()
        yield from quick.found
    for check, thread in zip(slow, threads, strict=True):
        waiting(check.words)
        thread.join(world.patience * _STEPS)
        if thread.is_alive():
            seen = f"It took longer than {world.patience * _STEPS:.0f} seconds."
            yield Finding(check.name, "", "warning", seen, "Try again; somebody answers very slowly.")
        else:
            yield from check.found


def _slow(world: World, now: datetime) -> Iterator[tuple[str, str, Callable[[], Iterable[Finding]]]]:
    config = world.config
    yield "web", "the web process", partial(processes.web, world)
    yield "site", config.site.url, partial(pages.site, world)
    yield "one_click", "leaving by one click", partial(pages.one_click, world)
    if config.service.name:
        yield "service", config.service.name, partial(relay.service, world)
    for one in relay.ways(world):
        yield "relay", f"the relay {one.host}", partial(relay.relay, world, one, now)
    yield "bounce_mailbox", "returned mail", partial(inbound.ways_in, config, world.patience)
    if config.demo.enabled:
        for name in ("spf", "dkim", "dmarc", "reverse_dns", "bounce_mx"):
            yield name, "", partial(_no_need, name)
        return
    yield "spf", "SPF", partial(sender.envelope_spf, world)
    yield "spf", "SPF", partial(sender.header_spf, world)
    yield "dkim", "DKIM", partial(sender.keys, world)
    yield "dmarc", "DMARC", partial(sender.policies, world)
    yield "reverse_dns", "the sending address", partial(relay.reverse_dns, world)
    yield "bounce_mx", "the bounce domain's mail server", partial(inbound.exchanger, world)


def _no_need(name: str) -> Iterator[Finding]:
    yield Finding(name, "", "skipped", "The demo's mail does not leave this machine.")
