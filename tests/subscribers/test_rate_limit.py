"""Sign-up abuse: bots cause few emails, people get through, and staff are alerted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as configured
from django.core import mail
from django.test import Client
from django.utils import timezone

from mailer.config import SignUp
from mailer.delivery.models import Alert
from subscribers import consent, rate_limit
from subscribers.consent import Channel, Evidence
from subscribers.models import MailingList, RateLimitCounter, Subscriber, Suppression
from subscribers.rate_limit import Limit
from subscribers.subscribe import forms, signup_limits, subscribe
from subscribers.suppression import suppress
from tests.subscribers.conftest import NOW

pytestmark = pytest.mark.both_databases

HOUR = timedelta(hours=1)


@pytest.fixture
def limited(settings: Any) -> Callable[..., None]:
    def to(**limits_: int) -> None:
        settings.CONFIG = replace(configured.CONFIG, signup=SignUp(**limits_))

    return to


def ask(address: str, monthly: MailingList, network: str = "", answered: bool = False) -> str:
    word = Evidence(Channel.FORM, network=network)
    return subscribe.request_signup(address, [monthly.pk], "en", (), word, NOW, answered=answered)


def sign_up(client: Client, email: str = "new@example.org", **more: Any) -> Any:
    address = more.pop("REMOTE_ADDR", "203.0.113.5")
    shown = forms.form_token(timezone.now() - timedelta(seconds=30))
    data = {"email": email, "language": "en", "shown": shown, **more}
    return client.post("/", data, REMOTE_ADDR=address)


def test_a_thousand_bot_sign_ups_send_no_more_emails_than_the_limit(
    monthly: MailingList, sent_emails: list[mail.EmailMessage], limited: Callable[..., None]
) -> None:
    limited(emails_per_hour=40)
    outcomes = Counter(
        ask(f"victim-{n}@d{n % 50}.example.net", monthly, consent.network_of(f"10.{n % 25}.{n % 97}.1"))
        for n in range(1_000)
    )
    # Of those without an answer half the hour's sent_emails leave, and nothing else is written down.
    assert outcomes["answered"] == len(sent_emails) == Subscriber.objects.count() == 20
    assert outcomes["question"] == 980
    assert ask("nina@example.org", monthly, "203.0.113.0/24", answered=True) == "answered"
    assert sent_emails[-1].to == ["nina@example.org"]
    alert = Alert.objects.get()
    assert alert.kind == "signup_flood" and not alert.sending_stopped


def test_sign_ups_with_an_answer_have_a_limit_too(
    monthly: MailingList, sent_emails: list[mail.EmailMessage], limited: Callable[..., None]
) -> None:
    limited(emails_per_hour=4)
    outcomes = [ask(f"p{n}@d{n}.example.net", monthly, answered=True) for n in range(6)]
    assert outcomes == ["answered"] * 4 + ["busy"] * 2 and len(sent_emails) == 4


def test_a_busy_network_gets_the_question_and_then_a_refusal(
    monthly: MailingList, sent_emails: list[mail.EmailMessage], limited: Callable[..., None]
) -> None:
    limited(per_network_per_hour=5)
    here, there = "198.51.100.0/24", "203.0.113.0/24"
    outcomes = [ask(f"p{n}@d{n}.example.net", monthly, here, answered=n >= 4) for n in range(8)]
    assert outcomes == ["answered"] * 3 + ["question"] + ["answered"] * 2 + ["busy"] * 2
    assert ask("nina@example.org", monthly, there) == "answered"


def test_sign_ups_of_one_domain_are_limited(
    monthly: MailingList, sent_emails: list[mail.EmailMessage], limited: Callable[..., None]
) -> None:
    limited(per_domain_per_hour=2)
    assert [ask(f"p{n}@ministry.example", monthly) for n in range(3)] == ["answered", "answered", "busy"]


def test_the_question_does_not_reveal_a_suppression(
    client: Client, monthly: MailingList, sent_emails: list[mail.EmailMessage], limited: Callable[..., None]
) -> None:
    limited(emails_per_hour=0)
    suppress("olga@example.org", Suppression.Reason.MANUAL, "", timezone.now())
    pages = [sign_up(client, f"{name}@example.org").content.decode() for name in ("olga", "nina")]
    hidden = re.compile(r'(value|name="csrfmiddlewaretoken")="[^"]*"|How much[^<]*')
    assert len({hidden.sub("", one) for one in pages}) == 1


def test_spellings_of_an_address_share_the_monthly_limit(
    monthly: MailingList, sent_emails: list[mail.EmailMessage]
) -> None:
    for number, written in enumerate(
        ("a.b@gmail.com", "ab+x@gmail.com", "AB@googlemail.com", "a.b+y@gmail.com")
    ):
        Subscriber.objects.update(signup_email_at=None)
        subscribe.request_signup(
            written.lower(), [monthly.pk], "en", (), Evidence(Channel.FORM), NOW + number * timedelta(days=2)
        )
    assert len(sent_emails) == 3


def test_the_right_answer_to_the_question_completes_the_sign_up(
    client: Client, monthly: MailingList, sent_emails: list[mail.EmailMessage], limited: Callable[..., None]
) -> None:
    limited(emails_per_hour=1)
    asked = sign_up(client)
    text = asked.content.decode()
    assert asked.status_code == 422 and "Please answer the question" in text and sent_emails == []
    first, second = map(int, re.search(r"How much is (\d+) plus (\d+)", text).groups())  # type: ignore[union-attr]
    sealed = re.search(r'name="asked" value="([^"]+)"', text)[1]  # type: ignore[index]
    assert sign_up(client, asked=sealed, answer=str(first + second + 1)).status_code == 422
    assert sign_up(client, asked="2+2", answer="4").status_code == 422
    assert sent_emails == []
    assert sign_up(client, asked=sealed, answer=f" {first + second} ").status_code == 200
    assert len(sent_emails) == 1


def test_a_form_is_good_for_one_sign_up(
    client: Client, monthly: MailingList, sent_emails: list[mail.EmailMessage]
) -> None:
    shown = forms.form_token(timezone.now() - timedelta(seconds=30))
    assert sign_up(client, "a@example.org", shown=shown).status_code == 200
    assert sign_up(client, "b@example.org", shown=shown).status_code == 422
    assert len(sent_emails) == 1


@pytest.mark.parametrize(
    "peer, said, network",
    [
        # The proxy on this machine is believed, and only what it added itself.
        ("127.0.0.1", "192.0.2.66, 203.0.113.9", "203.0.113.0/24"),
        ("198.51.100.7", "203.0.113.9", "198.51.100.0/24"),
        ("127.0.0.1", None, "127.0.0.0/24"),
    ],
)
def test_x_forwarded_for_is_read_from_configured_proxies_only(
    client: Client,
    monthly: MailingList,
    sent_emails: list[mail.EmailMessage],
    peer: str,
    said: str | None,
    network: str,
) -> None:
    headers = {"X-Forwarded-For": said} if said else {}
    shown = forms.form_token(timezone.now() - timedelta(seconds=30))
    data = {"email": "a@example.org", "language": "en", "shown": shown}
    client.post("/", data, REMOTE_ADDR=peer, headers=headers)
    assert Subscriber.objects.get().consents.get().network == network


def test_a_form_on_another_site_prefills_ours_and_changes_nothing(
    monthly: MailingList, events: MailingList
) -> None:
    client = Client(enforce_csrf_checks=True)
    data = {"email": "a@example.org", "language": "ru", "countries": ["KZ"], "list": ["events", "none"]}
    answer = client.post("/subscribe/", data)
    text = answer.content.decode()
    assert answer.status_code == 200 and 'value="a@example.org"' in text
    assert re.search(r'value="KZ"[^>]*checked', text)
    assert re.search(rf'value="{events.pk}"[^>]*checked', text)
    assert not re.search(rf'name="lists" value="{monthly.pk}"[^>]*checked', text)
    assert not Subscriber.objects.exists() and not RateLimitCounter.objects.exists()
    assert 'action="/?lang=en"' in text
    assert client.get("/subscribe/?lang=ru").url == "/?lang=ru"


def test_a_hit_counts_under_all_keys_or_none_and_periods_restart(db: None) -> None:
    one, two = Limit("a", 2, HOUR), Limit("b", 1, HOUR)
    assert rate_limit.count_hit_unless_limited([one, two], NOW) is None
    assert rate_limit.count_hit_unless_limited([one, two], NOW) == two
    assert rate_limit.hits_in_period("a", HOUR, NOW) == 1
    assert rate_limit.count_hit_unless_limited([one, two], NOW + HOUR) is None
    assert rate_limit.delete_expired(NOW + timedelta(days=40)) == 2


def test_spellings_of_an_address_are_one() -> None:
    assert signup_limits.canonical_address("A.B+news@googlemail.com") == "ab@gmail.com"
    assert signup_limits.canonical_address("a.b+news@example.org") == "a.b@example.org"
