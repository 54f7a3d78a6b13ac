"""What the doctor says about a service's webhooks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from mailer.config import Service
from mailer.doctor import inbound, webhooks
from mailer.feedback.webhooks.models import ServiceContact, ServicePost
from mailer.feedback.webhooks.process import work_off
from tests.feedback.webhooks.documented import SECRET, SERVICES

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def look(world):
    """look(service, webhook_secret=…) examines that configuration."""

    def examine(name, **more):
        config = world(site={"url": "https://news.example.org"}, service={"name": name, **more}).config
        return list(webhooks.webhooks(config, NOW))

    return examine


def test_without_a_service_nothing_is_said(look):
    assert look("") == []


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_that_is_not_heard_is_a_warning_that_says_what_to_do(look, name):
    (found,) = look(name)
    assert found.verdict == "warning"
    assert f"/hooks/{name}/" in found.advice
    assert ("webhook_topics" if name == "amazon_ses" else "webhook_secret") in found.advice


def test_the_password_that_is_proposed_is_a_new_one_that_the_configuration_takes(look):
    proposed = {look("postmark")[0].advice.split('"')[1] for _ in range(2)}
    assert len(proposed) == 2
    for password in proposed:
        Service(name="postmark", key="k", webhook_secret=password).check()


def test_before_the_first_post_the_address_to_enter_is_shown_without_the_password(look):
    (found,) = look("postmark", webhook_secret=SECRET)
    assert found.verdict == "warning"
    assert "https://hooks:WEBHOOK_SECRET@news.example.org/hooks/postmark/" in found.advice
    assert SECRET not in str(found)


@pytest.mark.parametrize("name", ["mailgun", "resend"])
def test_services_that_sign_need_no_password_in_the_address(look, name):
    (found,) = look(name, webhook_secret=SECRET)
    assert f"enter https://news.example.org/hooks/{name}/ " in found.advice


def test_what_was_posted_is_heard_before_and_after_it_is_read(look):
    ServicePost.objects.create(service="postmark", body=b"{}", received_at=NOW, due_at=NOW)
    for _ in range(2):
        (found,) = look("postmark", webhook_secret=SECRET)
        assert (found.verdict, found.seen) == ("ok", f"Last heard on {NOW:%-d %B %Y, %H:%M} UTC.")
        work_off(NOW, lambda: False)
    assert ServiceContact.objects.get().posts == 1


def test_posts_that_nobody_reads_are_a_problem(look):
    old = NOW - timedelta(hours=1)
    ServicePost.objects.create(service="postmark", body=b"{}", received_at=old, due_at=old)
    (found,) = look("postmark", webhook_secret=SECRET)
    assert found.verdict == "problem"


def test_where_a_service_tells_of_bounces_no_mailbox_is_missed(world):
    service = {"name": "postmark", "webhook_secret": SECRET}
    (found,) = inbound.ways_in(world(service=service).config, 1)
    assert (found.verdict, found.advice) == ("skipped", "")
    (found,) = inbound.ways_in(world(service={"name": "postmark"}).config, 1)
    assert found.verdict == "warning"
