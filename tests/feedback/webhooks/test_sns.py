"""Amazon's signatures and subscriptions."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from mailer.feedback.models import ReturnedMessage, WebhookPayload
from mailer.feedback.webhooks import sns
from mailer.feedback.webhooks.process_payloads import RETRY, process_due
from mailer.stories import url_fetcher
from tests.feedback.webhooks.documented import HOST, TOPIC, WRONG_CERTIFICATES, Post

pytestmark = pytest.mark.django_db


def never():
    return False


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_versions_of_the_signature_are_valid(amazon, version) -> None:
    signed = amazon.amazon.signed(amazon.notified("{}", timezone.now()), version)
    post = amazon.post(signed, timezone.now())
    sns.verify(post.body, (TOPIC,), sns.CERTIFICATES)


def test_a_notification_without_a_subject_is_signed_without_it(amazon) -> None:
    notification = amazon.notified("{}", timezone.now())
    del notification["Subject"]
    sns.verify(amazon.post(notification, timezone.now()).body, (TOPIC,), sns.CERTIFICATES)


def test_a_certificate_is_fetched_once(amazon, post) -> None:
    for number in range(3):
        assert (
            post(
                amazon, amazon.post(amazon.notified("{}", timezone.now(), number), timezone.now())
            ).status_code
            == 200
        )
    assert amazon.amazon.asked == [amazon.amazon.url]


def test_a_certificate_is_fetched_only_from_amazon(amazon) -> None:
    for url in WRONG_CERTIFICATES:
        with pytest.raises(sns.InvalidNotification):
            sns.CERTIFICATES.key(url)
    assert amazon.amazon.asked == []


@pytest.mark.parametrize(
    "host",
    ["sns.us-east-1.amazonaws.com", "sns.us-gov-west-1.amazonaws.com", "sns.cn-north-1.amazonaws.com.cn"],
)
def test_every_region_has_certificates(amazon, host) -> None:
    assert sns.CERTIFICATES.key(f"https://{host}/SimpleNotificationService-0123456789abcdef.pem")


def test_a_certificate_host_in_a_private_network_is_not_connected() -> None:
    answers = [(2, 1, 6, "", ("10.0.0.7", 443))]
    asked = []
    guarded = partial(
        url_fetcher.fetch, resolve=lambda *_, **__: answers, connect=lambda *a, **_: asked.append(a)
    )
    with pytest.raises(sns.CertificateUnavailable):
        sns.CertificateCache(guarded).key(f"{HOST}/SimpleNotificationService-0123456789abcdef.pem")
    assert asked == []


def test_without_the_certificate_amazon_is_asked_to_retry(amazon, post) -> None:
    amazon.amazon.away = True
    request = amazon.post(amazon.notified("{}", timezone.now()), timezone.now())
    assert post(amazon, request).status_code == 503
    amazon.amazon.away = False
    assert post(amazon, request).status_code == 200
    assert WebhookPayload.objects.count() == 1


def test_only_one_certificate_is_fetched_at_a_time(amazon) -> None:
    def fetch_another(*_):
        with pytest.raises(sns.CertificateUnavailable, match="another"):
            certificates.key(amazon.amazon.url.replace("0", "f"))
        return amazon.amazon.fetch(amazon.amazon.url)

    certificates = sns.CertificateCache(fetch_another)
    assert certificates.key(amazon.amazon.url)


def test_the_worker_confirms_a_subscription_to_a_configured_topic(amazon, post) -> None:
    notification = amazon.confirmation(timezone.now())
    assert post(amazon, amazon.post(notification, timezone.now())).status_code == 200
    assert amazon.amazon.asked == [amazon.amazon.url]
    process_due(timezone.now(), never)
    assert amazon.amazon.asked == [amazon.amazon.url, notification["SubscribeURL"]]
    assert not WebhookPayload.objects.exists() and not ReturnedMessage.objects.exists()


def test_a_subscription_to_another_topic_is_rejected(amazon, post, configure) -> None:
    configure(service={"webhook_topics": (TOPIC + "s",)})
    assert post(amazon, amazon.post(amazon.confirmation(timezone.now()), timezone.now())).status_code == 403
    assert amazon.amazon.asked == []


@pytest.mark.parametrize(
    "url",
    [
        f"http://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}",
        f"https://sns.eu-central-1.amazonaws.com.example.org/?Action=ConfirmSubscription&TopicArn={TOPIC}",
        f"https://example.org/?Action=ConfirmSubscription&TopicArn={TOPIC}",
        f"https://x@sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}",
        f"https://sns.eu-central-1.amazonaws.com/?Action=DeleteTopic&TopicArn={TOPIC}",
        f"https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}s",
    ],
)
def test_only_urls_of_amazon_are_opened_to_confirm(amazon, post, url) -> None:
    """Signed as it is: even then nothing else of ours is opened."""
    post(amazon, amazon.post(amazon.confirmation(timezone.now(), url), timezone.now()))
    process_due(timezone.now(), never)
    assert url not in amazon.amazon.asked


def test_a_failed_confirmation_is_retried(amazon, post) -> None:
    notification = amazon.confirmation(timezone.now())
    post(amazon, amazon.post(notification, timezone.now()))
    amazon.amazon.away = True
    now = timezone.now()
    process_due(now, never)
    amazon.amazon.away = False
    process_due(now + timedelta(seconds=RETRY.delay(1)), never)
    assert amazon.amazon.asked.count(notification["SubscribeURL"]) == 2
    assert not WebhookPayload.objects.exists()


def test_an_ended_subscription_is_reported_to_staff(amazon, post) -> None:
    notification = {**amazon.confirmation(timezone.now()), "Type": "UnsubscribeConfirmation"}
    post(amazon, amazon.post(notification, timezone.now()))
    process_due(timezone.now(), never)
    assert ReturnedMessage.objects.get().kind == "other"
    assert notification["SubscribeURL"] not in amazon.amazon.asked


def test_the_greeting_of_a_topic_is_no_event(amazon, post) -> None:
    words = "Successfully validated SNS topic for Amazon SES event publishing."
    post(amazon, amazon.post(amazon.notified(words, timezone.now()), timezone.now()))
    process_due(timezone.now(), never)
    assert not WebhookPayload.objects.exists() and not ReturnedMessage.objects.exists()


def test_raw_delivery_is_rejected(amazon, post) -> None:
    assert post(amazon, Post(b'{"eventType": "Bounce"}', {})).status_code == 403
