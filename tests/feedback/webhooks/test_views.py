"""What is posted to /hooks/: proved, kept before the 200, and nothing else."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from mailer.feedback.models import FeedbackEvent, ReturnedMessage, WebhookPayload
from mailer.feedback.webhooks import views
from mailer.feedback.webhooks.process_payloads import process_due
from tests.feedback.webhooks.conftest import serve
from tests.feedback.webhooks.documented import (
    SECRET,
    UNKNOWN,
    Mailtrap,
    Mandrill,
    Message,
    Post,
    Postal,
    SendGrid,
    basic,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def bounced(esp):
    """A bounce of a message that is not ours."""
    return esp.bounced(Message("1-x", "aigerim@example.net", timezone.now()), UNKNOWN)


def test_a_verified_request_is_stored_as_it_came(esp, bounced, post) -> None:
    request = esp.post(bounced, timezone.now())
    answer = post(esp, request)
    assert (answer.status_code, answer.content, answer.cookies) == (200, b"", {})
    kept = WebhookPayload.objects.get()
    assert (kept.service, bytes(kept.body), kept.attempts) == (esp.name, request.body, 0)
    assert not ReturnedMessage.objects.exists() and not FeedbackEvent.objects.exists()


def test_a_request_that_is_not_verified_is_rejected(esp, bounced, post) -> None:
    for request in esp.forged(bounced, timezone.now()):
        answer = post(esp, request)
        assert 400 <= answer.status_code < 500, request
        assert answer.content == b""
    assert not WebhookPayload.objects.exists()


def test_a_request_for_another_esp_is_not_found(esp, bounced, post) -> None:
    request = esp.post(bounced, timezone.now())
    for other in ("postmark", "mailgun", "amazon_ses", "nobody"):
        if other != esp.name:
            assert post(esp, request, f"/hooks/{other}/").status_code == 404
    assert not WebhookPayload.objects.exists()


def test_webhooks_are_off_without_a_secret(esp, bounced, post, configure) -> None:
    request = esp.post(bounced, timezone.now())
    configure(service={"webhook_secret": "", "webhook_topics": (), "key": ""})
    assert post(esp, request).status_code == 404


@pytest.mark.parametrize("path", ["/hooks/postmark/", "/hooks/postmark"])
def test_a_missing_last_slash_does_not_redirect(postmark, post, path) -> None:
    assert post(postmark, postmark.post({}, timezone.now()), path).status_code == 200


def test_a_signed_body_that_is_no_event_is_no_error_of_ours(esp, post) -> None:
    for body in (b"", b"{", b"\xff", b"[7]", b"null", b"{}", b"a=b", b"--x\r\n", b"--x\r\n--x"):
        assert post(esp, esp.sign(body, timezone.now())).status_code < 500, body
    process_due(timezone.now(), lambda: False)
    assert not FeedbackEvent.objects.exists()


def test_a_url_is_tested_before_the_esp_names_its_key(configure) -> None:
    client = Client()
    form = "application/x-www-form-urlencoded"
    configure(service={"name": "mandrill", "webhook_secret": ""})
    assert client.head("/hooks/mandrill/").status_code == 200
    assert client.post("/hooks/mandrill/", "mandrill_events=%5B%5D", content_type=form).status_code == 200
    assert client.post("/hooks/mandrill/", "mandrill_events=%5B7%5D", content_type=form).status_code == 404
    configure(service={"name": "mailersend", "webhook_secret": ""})
    test, real = '{"type": "webhook.test"}', '{"type": "activity.sent"}'
    assert client.post("/hooks/mailersend/", test, content_type="application/json").status_code == 200
    assert client.post("/hooks/mailersend/", real, content_type="application/json").status_code == 404
    configure(service={"name": "unisender_go", "key": "k"})
    assert client.get("/hooks/unisender_go/").status_code == 200
    assert not WebhookPayload.objects.exists()


def test_mandrill_signs_the_url_with_its_user_and_password(configure, monkeypatch, post) -> None:
    esp = serve(Mandrill(), configure, monkeypatch)
    request = esp.post([{}], timezone.now(), url="http://hooks:pass@localhost:8000/hooks/mandrill/")
    assert post(esp, request).status_code == 403
    request.headers["Authorization"] = basic("hooks", "pass")
    assert post(esp, request).status_code == 200


def test_mailtrap_may_have_a_password_in_place_of_a_signature(configure, monkeypatch, post) -> None:
    esp = serve(Mailtrap(), configure, monkeypatch)
    assert post(esp, Post(b"{}", {"Authorization": basic("hooks", SECRET)})).status_code == 200


def test_a_key_may_stand_in_lines_of_pem(configure, monkeypatch, post) -> None:
    esp = serve(SendGrid(), configure, monkeypatch)
    key = esp.config["webhook_secret"]
    pem = f"-----BEGIN PUBLIC KEY-----\n{key[:64]}\n{key[64:]}\n-----END PUBLIC KEY-----\n"
    configure(service={"webhook_secret": pem})
    assert post(esp, esp.post([], timezone.now())).status_code == 200


@pytest.mark.parametrize("service", [SendGrid, Postal])
def test_another_kind_of_key_verifies_nothing(service, configure, monkeypatch, post) -> None:
    esp, other = service(), Postal() if service is SendGrid else SendGrid()
    serve(esp, configure, monkeypatch)
    configure(service={"webhook_secret": other.config["webhook_secret"]})
    assert post(esp, esp.post([], timezone.now())).status_code == 403


@pytest.mark.parametrize("end", ["/", ""])
def test_the_password_may_be_in_the_url(postmark, post, configure, end) -> None:
    configure(service={"webhook_secret": "a-secret-of-the-tests"})
    request = Post(b"{}", {})
    assert post(postmark, request, f"/hooks/postmark/a-secret-of-the-tests{end}").status_code == 200
    assert post(postmark, request, f"/hooks/postmark/another-secret-of-tests{end}").status_code == 401
    assert WebhookPayload.objects.count() == 1


def test_a_missing_password_is_requested(postmark, post) -> None:
    answer = post(postmark, Post(b"{}", {}))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("method", ["get", "head", "put", "delete", "patch", "options"])
def test_only_post_is_allowed(postmark, method) -> None:
    headers = postmark.post({}, timezone.now()).headers
    answer = getattr(Client(), method)("/hooks/postmark/", headers=headers)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_a_body_that_is_too_large_is_rejected(postmark, post) -> None:
    request = postmark.post({}, timezone.now())
    assert post(postmark, request._replace(body=b"x" * views.MAX_BODY_OCTETS)).status_code == 200
    assert post(postmark, request._replace(body=b"x" * (views.MAX_BODY_OCTETS + 1))).status_code == 413
    assert WebhookPayload.objects.count() == 1


def test_without_the_database_there_is_no_200(postmark, post, monkeypatch) -> None:
    def locked(_):
        raise OperationalError("database is locked")

    with monkeypatch.context() as broken:
        broken.setattr(views, "STORE", views.PayloadStore(locked))
        with pytest.raises(OperationalError):
            post(postmark, postmark.post({}, timezone.now()))
    assert post(postmark, postmark.post({}, timezone.now())).status_code == 200


def test_a_rejection_is_logged_without_the_body(postmark, post, caplog) -> None:
    post(postmark, Post(b'{"Email": "aigerim@example.net"}', {}))
    assert "action=webhook_rejected service=postmark reason=password" in caplog.text
    assert "aigerim" not in caplog.text and SECRET not in caplog.text


def test_payloads_that_arrive_during_a_commit_share_the_next_one() -> None:
    commits, first_began, others_wait = [], threading.Event(), threading.Event()

    def commit(payloads) -> None:
        commits.append(len(list(payloads)))
        first_began.set()
        assert others_wait.wait(60)

    store = views.PayloadStore(commit)
    threads = [threading.Thread(target=store.save, args=(WebhookPayload(body=b""),)) for _ in range(4)]
    threads[0].start()
    assert first_began.wait(60)
    for thread in threads[1:]:
        thread.start()
    while store.waiting < 3:
        time.sleep(0.001)
    others_wait.set()
    for thread in threads:
        thread.join(60)
    assert commits == [1, 3]
