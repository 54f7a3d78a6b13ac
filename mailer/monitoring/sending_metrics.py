"""Metrics of sending: mailings, outcomes by mailbox provider, throttle and backoff, alerts, decisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Q
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from mailer.delivery.models import Mailing, OutcomeTotal, ThrottleState
from mailer.delivery.outbox import staff_alerts
from mailer.delivery.outcome import ReplyClass
from mailer.delivery.throttle import mailing_circuit_breaker, provider_throttle, throttle
from mailer.delivery.throttle.mailbox_providers import OTHER, family_main_domains, family_or_other
from mailer.feedback.models import BounceWave, SuppressionDecision
from mailer.reports.models import MailingStats
from mailer.reports.stats import Totals

# Mailings that have ended are shown for so long, and so many mailings at most, the latest.
_SHOWN_FOR = timedelta(days=7)
_MAX_MAILINGS = 20
_RUNNING = (Mailing.State.PLANNING, Mailing.State.HELD, Mailing.State.SENDING, Mailing.State.PAUSED)
# Fields of Totals.
_STATES = ("planned", "claimed", "accepted", "deferred", "refused", "in_doubt", "bounced", "complained")
# Shown from the beginning, so that the first of them is an increase.
_OUTCOMES = (
    *(one.value for one in ReplyClass if one not in (ReplyClass.NOT_TRIED, ReplyClass.PROVIDER_SLOW)),
    "bounced",
    "complained",
)


def mailing_metrics(now: datetime) -> Iterator[Metric]:
    """Mailings by state; the deliveries of the latest, as the report counts them."""
    by_state = GaugeMetricFamily("mailer_mailings", "Mailings to subscribers by state.", labels=["state"])
    counts = dict(Mailing.objects.real().order_by().values_list("state").annotate(Count("pk")))
    for state in Mailing.State.values:
        by_state.add_metric([state], counts.get(state, 0))
    yield by_state
    shown = list(
        Mailing.objects.real()
        .filter(Q(state__in=_RUNNING) | Q(finished_at__gt=now - _SHOWN_FOR))
        .select_related("edition__newsletter")
        .order_by("-pk")[:_MAX_MAILINGS]
    )
    yield from _deliveries(shown)
    yield from _progress(shown)


def _deliveries(shown: list[Mailing]) -> Iterator[Metric]:
    labels = ["mailing", "edition"]
    deliveries = GaugeMetricFamily(
        "mailer_mailing_deliveries",
        "Deliveries of a mailing by state; bounced and complained are among the accepted.",
        labels=[*labels, "state"],
    )
    collected = GaugeMetricFamily(
        "mailer_mailing_collected_timestamp_seconds",
        "When the deliveries of a mailing were counted.",
        labels=labels,
    )
    bounces = GaugeMetricFamily(
        "mailer_mailing_bounce_ratio", "Bounced, of the deliveries accepted.", labels=labels
    )
    complaints = GaugeMetricFamily(
        "mailer_mailing_complaint_ratio", "Marked as spam, of the deliveries accepted.", labels=labels
    )
    rows = MailingStats.objects.filter(mailing__in=shown).values_list("mailing_id", "totals", "collected_at")
    stats = {mailing: (Totals(**totals), at) for mailing, totals, at in rows}
    for mailing in shown:
        names = [str(mailing.pk), mailing.edition.slug]
        totals, at = stats.get(mailing.pk, (Totals(mailing.audience or 0, mailing.audience or 0), None))
        for state in _STATES:
            deliveries.add_metric([*names, state], getattr(totals, state))
        deliveries.add_metric([*names, "excluded"], sum(totals.excluded.values()))
        if at is not None:
            collected.add_metric(names, at.timestamp())
        if totals.accepted:
            bounces.add_metric(names, totals.bounced / totals.accepted)
            complaints.add_metric(names, totals.complained / totals.accepted)
    yield from (deliveries, collected, bounces, complaints)


def _progress(shown: list[Mailing]) -> Iterator[Metric]:
    last = GaugeMetricFamily(
        "mailer_mailing_last_outcome_timestamp_seconds",
        "When outcomes of a running mailing were last recorded; when it started, before the first.",
        labels=["mailing", "edition"],
    )
    keys = {f"{mailing_circuit_breaker.KEY}{mailing.pk}": mailing for mailing in shown}
    at = {
        keys[key].pk: updated
        for key, updated in ThrottleState.objects.filter(key__in=keys).values_list("key", "updated_at")
    }
    for mailing in shown:
        since = at.get(mailing.pk) or mailing.started_at
        if mailing.state == Mailing.State.SENDING and since:
            last.add_metric([str(mailing.pk), mailing.edition.slug], since.timestamp())
    yield last


def outcome_metrics(now: datetime) -> Iterator[Metric]:
    """Outcomes of attempts by family of mailbox providers."""
    totals = CounterMetricFamily(
        "mailer_sending_outcomes",
        "Outcomes of attempts to send, by class of the reply; later bounces and complaints.",
        labels=["provider", "outcome"],
    )
    found = {(provider, outcome): 0 for provider in (*family_main_domains(), OTHER) for outcome in _OUTCOMES}
    found |= {(row.provider, row.outcome): row.count for row in OutcomeTotal.objects.all()}
    for labels, count in sorted(found.items()):
        totals.add_metric(labels, count)
    yield totals


def throttle_metrics(now: datetime) -> Iterator[Metric]:
    """Limits and how much of them is used; providers and relays that are left alone for a while."""
    labels = ["scope", "period"]
    limit = GaugeMetricFamily("mailer_throttle_limit_messages", "Messages per period.", labels=labels)
    used = GaugeMetricFamily("mailer_throttle_used_ratio", "How much of a limit is used.", labels=labels)
    for level in throttle.bucket_levels(now):
        limit.add_metric([level.scope, level.period], level.limit)
        used.add_metric([level.scope, level.period], level.used)
    yield limit
    yield used
    relay = GaugeMetricFamily(
        "mailer_relay_backoff_seconds", "Seconds until a relay is asked again that could not be reached."
    )
    relay.add_metric([], throttle.longest_relay_backoff_seconds(now))
    yield relay
    waits = provider_throttle.backoff_seconds(now)
    counts = Counter(family_or_other(provider) for provider in waits)
    waiting = GaugeMetricFamily(
        "mailer_provider_backoffs", "Mailbox providers that asked us to slow down.", labels=["provider"]
    )
    for provider in (*family_main_domains(), OTHER):
        waiting.add_metric([provider], counts[provider])
    yield waiting
    longest = GaugeMetricFamily(
        "mailer_provider_backoff_seconds",
        "Seconds until such a provider is sent to again, the longest of a family.",
        labels=["provider"],
    )
    for provider in (*family_main_domains(), OTHER):
        own = (seconds for name, seconds in waits.items() if family_or_other(name) == provider)
        longest.add_metric([provider], max(own, default=0.0))
    yield longest


def waiting_for_staff(now: datetime) -> Iterator[Metric]:
    """What waits for a decision of staff."""
    active = GaugeMetricFamily(
        "mailer_alerts_active", "Alerts that the desk shows; whether sending stopped.", labels=["stopped"]
    )
    found = Counter(alert.sending_stopped for alert in staff_alerts.active_alerts(now))
    for stopped in (False, True):
        active.add_metric([str(stopped).lower()], found[stopped])
    yield active
    held = GaugeMetricFamily(
        "mailer_suppression_decisions_held", "Decisions about addresses that staff have to review."
    )
    held.add_metric([], SuppressionDecision.objects.filter(state=SuppressionDecision.State.HELD).count())
    yield held
    waves = GaugeMetricFamily(
        "mailer_bounce_waves_open", "Waves of bounces with the same cause that staff have to decide on."
    )
    waves.add_metric([], BounceWave.objects.filter(state=BounceWave.State.OPEN).count())
    yield waves


SECTIONS = (mailing_metrics, outcome_metrics, throttle_metrics, waiting_for_staff)
