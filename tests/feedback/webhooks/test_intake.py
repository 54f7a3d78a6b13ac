"""What is posted to /hooks/: proved, kept before the 200, and nothing else."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from mailer.feedback.models import FeedbackEvent, ReturnedMessage
from mailer.feedback.webhooks import store, views
from mailer.feedback.webhooks.models import ServicePost
from tests.feedback.webhooks.documented import SECRET, UNKNOWN, Message, Post

pytestmark = pytest.mark.django_db


@pytest.fixture
def bounced(told):
    """A bounce of nobody's message."""
    return told.bounced(Message("1-x", "aigerim@example.net", timezone.now()), UNKNOWN)


def test_a_proved_post_is_kept_as_it_came_and_nothing_else_is_done(told, bounced, post) -> None:
    request = told.post(bounced, timezone.now())
    answer = post(told, request)
    assert (answer.status_code, answer.content, answer.cookies) == (200, b"", {})
    kept = ServicePost.objects.get()
    assert (kept.service, bytes(kept.body), kept.attempts) == (told.name, request.body, 0)
    assert not ReturnedMessage.objects.exists() and not FeedbackEvent.objects.exists()


def test_what_is_not_proved_is_refused_and_leaves_nothing(told, bounced, post) -> None:
    for request in told.forged(bounced, timezone.now()):
        answer = post(told, request)
        assert 400 <= answer.status_code < 500, request
        assert answer.content == b""
    assert not ServicePost.objects.exists()


def test_a_post_for_another_service_is_refused(told, bounced, post) -> None:
    request = told.post(bounced, timezone.now())
    for other in ("postmark", "mailgun", "amazon_ses", "nobody"):
        if other != told.name:
            assert post(told, request, f"/hooks/{other}/").status_code == 404
    assert not ServicePost.objects.exists()


def test_nothing_is_heard_until_a_secret_is_set(told, bounced, post, configure) -> None:
    request = told.post(bounced, timezone.now())
    configure(service={"webhook_secret": "", "webhook_topics": ()})
    assert post(told, request).status_code == 404


@pytest.mark.parametrize("path", ["/hooks/postmark/", "/hooks/postmark"])
def test_a_missing_last_slash_is_no_reason_to_redirect(postmark, post, path) -> None:
    assert post(postmark, postmark.post({}, timezone.now()), path).status_code == 200


@pytest.mark.parametrize("end", ["/", ""])
def test_the_password_may_stand_in_the_address(postmark, post, configure, end) -> None:
    configure(service={"webhook_secret": "a-secret-of-the-tests"})
    request = Post(b"{}", {})
    assert post(postmark, request, f"/hooks/postmark/a-secret-of-the-tests{end}").status_code == 200
    assert post(postmark, request, f"/hooks/postmark/another-secret-of-tests{end}").status_code == 401
    assert ServicePost.objects.count() == 1


def test_a_missing_password_is_asked_for(postmark, post) -> None:
    answer = post(postmark, Post(b"{}", {}))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("method", ["get", "head", "put", "delete", "patch", "options"])
def test_only_posts_are_taken(postmark, method) -> None:
    headers = postmark.post({}, timezone.now()).headers
    answer = getattr(Client(), method)("/hooks/postmark/", headers=headers)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_a_post_that_is_too_large_is_refused(postmark, post, monkeypatch) -> None:
    monkeypatch.setattr(views, "MAX_OCTETS", 100)
    request = postmark.post({}, timezone.now())
    assert post(postmark, request._replace(body=b"x" * 100)).status_code == 200
    assert post(postmark, request._replace(body=b"x" * 101)).status_code == 413
    assert ServicePost.objects.count() == 1


def test_without_the_database_there_is_no_200(postmark, post, monkeypatch) -> None:
    def locked(*_):
        raise OperationalError("database is locked")

    with monkeypatch.context() as broken:
        broken.setattr(ServicePost.objects, "bulk_create", locked)
        with pytest.raises(OperationalError):
            post(postmark, postmark.post({}, timezone.now()))
    assert post(postmark, postmark.post({}, timezone.now())).status_code == 200


def test_a_refusal_is_logged_without_what_was_posted(postmark, post, caplog) -> None:
    post(postmark, Post(b'{"Email": "aigerim@example.net"}', {}))
    assert "action=hook_refused service=postmark why=password" in caplog.text
    assert "aigerim" not in caplog.text and SECRET not in caplog.text


def test_posts_that_arrive_during_a_commit_share_the_next_one(monkeypatch) -> None:
    keeper, commits = store.Keeper(), []
    waiting = [store._Entry(ServicePost(service="postmark", body=b"")) for _ in range(3)]

    def commit(posts):
        commits.append(len(list(posts)))
        if len(commits) == 1:
            # Others arrive while this one is being written.
            keeper._waiting += waiting

    monkeypatch.setattr(ServicePost.objects, "bulk_create", commit)
    keeper.keep(ServicePost(service="postmark", body=b""))
    keeper.keep(ServicePost(service="postmark", body=b""))
    assert commits == [1, 4]
    assert all(entry.done for entry in waiting)
