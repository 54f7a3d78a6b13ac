"""The metrics page: who may read it, what it holds, and what it never holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client, RequestFactory
from django.utils import timezone
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from mailer.delivery.ledger import claim_and_record
from mailer.delivery.models import Alert, Mailing, OutboxMessage, OutcomeTotal
from mailer.delivery.throttle import provider_throttle
from mailer.delivery.throttle.throttle import Throttle
from mailer.feedback.models import InboundSource, WebhookPayload
from mailer.feedback.sources import poll
from mailer.job_index import JOBS
from mailer.monitoring import metrics
from mailer.monitoring.models import JobStats, WorkerProcess
from mailer.outgoing_webhooks import deliver, endpoints
from mailer.reports import collect_stats
from mailer.stories.models import StorySource
from subscribers.client_address import distrust_others
from tests.delivery.cast import readers, released

# By name, and the values of the labels in the order of their names.
Samples = dict[tuple[str, ...], float]
TOKEN = "t" * 40


def samples(client: Client) -> Samples:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    found: Samples = {}
    for family in parse(answer.content.decode()):
        for one in family.samples:
            found[one.name, *(value for _, value in sorted(one.labels.items()))] = one.value
    return found


@pytest.mark.django_db
def test_messages_of_an_inactive_webhook_are_not_overdue(client: Client) -> None:
    now = timezone.now() - timedelta(hours=1)
    endpoint, _ = endpoints.create("CRM", "https://crm.example.org/", ["mailing.finished"], "lola", now)
    deliver.queue_test_message(endpoint, now)
    assert samples(client)["mailer_queue_overdue_seconds", "outgoing webhooks"] >= 3600
    endpoints.set_active(endpoint, False)
    found = samples(client)
    assert found["mailer_queue_size", "outgoing webhooks"] == 0
    assert found["mailer_queue_overdue_seconds", "outgoing webhooks"] == 0


@pytest.mark.django_db
@pytest.mark.both_databases
def test_an_empty_installation_has_metrics(client: Client) -> None:
    found = samples(client)
    assert found["mailer_queue_size", "outbox"] == 0
    assert found["mailer_workers", "embedded"] == 0
    assert found["mailer_sending_outcomes_total", "blocked", "gmail.com"] == 0


@pytest.mark.django_db
@pytest.mark.both_databases
def test_a_running_mailing_and_its_work(client: Client, configure: Callable[..., None]) -> None:
    configure(sending={"rate_per_minute": 60, "rate_per_provider": ("mail.ru 10/s",)})
    readers(3)
    mailing = released()
    collect_stats.refresh_due(timezone.now())
    now = timezone.now()
    for minutes in (10, 2):
        due_at = now - timedelta(minutes=minutes)
        OutboxMessage.objects.create(sender="office", recipient="duty", message=b"", due_at=due_at)
    WebhookPayload.objects.create(service="brevo", body=b"{}", due_at=now + timedelta(hours=1))
    OutcomeTotal.objects.create(provider="mail.ru", outcome="throttled", count=7)
    JobStats.objects.create(job="outbox", runs=5, failures=2, seconds=1.5, succeeded_at=now)
    for name, age in (("a:1", 5), ("a:2", 300), ("b:1", 20)):
        WorkerProcess.objects.create(
            name=name,
            machine=name[0],
            engine="cluster",
            started_at=now,
            seen_at=now - timedelta(seconds=age),
        )
    Alert.objects.create(key="x:0", kind="x", message="x", raised_at=now)
    provider_throttle.penalise("mail.ru", now)
    provider_throttle.penalise("small.example", now)
    StorySource.objects.create(name="A feed", url="https://feeds.example.org/", problem="It is gone.")

    found = samples(client)
    number, edition = str(mailing.pk), mailing.edition.slug
    assert found["mailer_mailings", "sending"] == 1
    assert found["mailer_mailing_deliveries", edition, number, "planned"] == 3
    assert found["mailer_queue_size", "outbox"] == 2
    assert 600 <= found["mailer_queue_overdue_seconds", "outbox"] < 900
    assert found["mailer_queue_size", "webhooks"] == 1
    assert found["mailer_queue_overdue_seconds", "webhooks"] == 0
    assert found["mailer_sending_outcomes_total", "throttled", "mail.ru"] == 7
    assert found["mailer_job_duration_seconds_count", "outbox"] == 5
    assert found["mailer_job_duration_seconds_sum", "outbox"] == 1.5
    assert found["mailer_job_failures_total", "outbox"] == 2
    assert found["mailer_workers", "cluster"] == 2
    assert found["mailer_worker_last_seen_timestamp_seconds", "a"] == pytest.approx(now.timestamp() - 5)
    assert found["mailer_throttle_limit_messages", "minute", "office"] == 60
    assert found["mailer_throttle_used_ratio", "second", "mail.ru"] == 0
    assert found["mailer_provider_backoffs", "mail.ru"] == 1
    assert found["mailer_provider_backoffs", "other"] == 1
    assert found["mailer_provider_backoff_seconds", "other"] > 0
    assert found["mailer_alerts_active", "true"] == 1
    assert [value for (name, *_), value in found.items() if name == "mailer_feed_source_up"] == [0]


@pytest.mark.django_db
def test_the_level_of_a_limit_is_the_share_that_was_granted(
    client: Client, configure: Callable[..., None]
) -> None:
    configure(sending={"rate_per_hour": 4})
    readers(3)
    mailing = released()
    now = timezone.now()
    assert (
        len(
            claim_and_record.claim_or_exclude_due_deliveries(mailing, "w", now + timedelta(minutes=5), 3, now)
        )
        == 3
    )
    assert Throttle(now).take_slice(3, now).left == 3
    assert samples(client)["mailer_throttle_used_ratio", "hour", "office"] == 0.75


@pytest.mark.django_db
def test_no_address_is_in_it(client: Client, configure: Callable[..., None]) -> None:
    """A mailbox is known by its user and server, a provider may be a domain of one reader."""
    configure(bounces={"imap_host": "mail.example.org", "imap_username": "planted@example.org"})
    (url,) = poll.configured_urls(settings.CONFIG)
    source = InboundSource.objects.create(url=url, failures=3, error="planted@example.org is locked")
    provider_throttle.penalise("planted.example", timezone.now())
    found = samples(client)
    assert found["mailer_inbound_source_up", "imap", str(source.pk)] == 0
    assert "planted" not in repr(found)


@pytest.mark.django_db
def test_the_names_of_queues_are_those_of_jobs(client: Client) -> None:
    named = {job for name, job in (key for key in samples(client) if key[0] == "mailer_queue_size")}
    assert named <= {job.name for job in JOBS}


@pytest.mark.django_db
def test_openmetrics_for_those_who_ask_for_it(client: Client) -> None:
    answer = client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert answer["Content-Type"].startswith("application/openmetrics-text")
    assert len(list(parse_openmetrics(answer.content.decode()))) > 20


@pytest.mark.django_db
def test_with_a_token_nothing_else_lets_in(client: Client, configure: Callable[..., None]) -> None:
    configure(metrics={"token": TOKEN})
    for header in ("", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, "Bearer"):
        answer = client.get("/metrics", headers={"authorization": header}, REMOTE_ADDR="127.0.0.1")
        assert answer.status_code == 401 and answer["WWW-Authenticate"].startswith("Bearer")
    elsewhere = client.get(
        "/metrics", headers={"authorization": f"Bearer {TOKEN}", "host": "10.1.2.3"}, REMOTE_ADDR="10.9.9.9"
    )
    assert elsewhere.status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("::ffff:127.0.0.1", {}, 200),
        ("10.9.9.9", {}, 403),
        ("", {}, 403),
        # Through a proxy on this machine, whose address it is, whatever the client adds.
        ("127.0.0.1", {"HTTP_X_FORWARDED_FOR": "203.0.113.9"}, 403),
        ("127.0.0.1", {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, 403),
        ("127.0.0.1", {"HTTP_X_FORWARDED_PROTO": "https"}, 403),
        ("127.0.0.1", {"HTTP_X_REAL_IP": "203.0.113.9"}, 403),
        ("127.0.0.1", {"HTTP_FORWARDED": "for=203.0.113.9"}, 403),
    ],
)
@pytest.mark.parametrize("trusted", [("127.0.0.1", "::1"), ()])
def test_without_a_token_only_this_machine(
    configure: Callable[..., None], peer: str, headers: dict[str, str], status: int, trusted: tuple[str, ...]
) -> None:
    """Also where the operator forgot to name the proxy on this machine."""
    configure(site={"trusted_proxies": trusted})

    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        request = RequestFactory().get("/metrics")
        request.META = environ
        statuses.append(metrics.metrics_page(request).status_code)
        return iter(())

    statuses: list[int] = []
    environ = RequestFactory().get("/metrics").META | {"REMOTE_ADDR": peer, **headers}
    list(distrust_others(application)(environ, None))
    assert statuses == [status]


@pytest.mark.django_db
def test_without_the_database_it_is_not_there(client: Client) -> None:
    def refuse(execute: Any, *rest: Any) -> Any:
        raise OperationalError

    with connection.execute_wrapper(refuse):
        assert client.get("/metrics").status_code == 503
    assert client.post("/metrics").status_code == 405


@pytest.mark.django_db
def test_old_mailings_and_further_sources_are_left_out(client: Client) -> None:
    readers(1)
    mailing = released()
    now = timezone.now()
    StorySource.objects.bulk_create(
        StorySource(name=f"feed {number}", url="https://feeds.example.org/") for number in range(120)
    )
    for days, shown in ((6, 1), (8, 0)):
        ended = Mailing.objects.filter(pk=mailing.pk)
        ended.update(state="done", finished_at=now - timedelta(days=days))
        names = [name for name, *labels in samples(client) if "planned" in labels]
        assert len(names) == shown
    assert len([name for name, *_ in samples(client) if name == "mailer_feed_source_up"]) == 100
