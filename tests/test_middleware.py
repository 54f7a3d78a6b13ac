"""Broken requests; and deleting is refused for what the approval or the consent record needs."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from mailer.approval.submit import submit
from mailer.editions.models import Edition
from subscribers import unsubscribe
from subscribers.consent import Channel, Evidence
from subscribers.models import MailingList
from tests import cast
from tests.desk.cast import as_user, desk
from tests.desk.page import Page

pytestmark = pytest.mark.django_db


def test_json_that_is_nested_too_deep_is_a_broken_request(client: Client) -> None:
    client.force_login(cast.staff().admin)
    deep = "[" * 100_000
    answer = client.patch("/desk/dismissibles/", deep, content_type="application/json")
    assert answer.status_code == 400
    passkey = Client().post(reverse("mfa_login_webauthn"), {"credential": deep})
    assert passkey.status_code == 400


@pytest.mark.parametrize("kind", ["account", "editions"])
def test_what_the_approval_record_refers_to_is_not_deleted(client: Client, kind: str) -> None:
    people = cast.staff()
    cast.reader("aida")
    edition = cast.december(people.writer)
    submit(edition, people.writer, cast.NOW)
    client.force_login(people.admin)
    address = {
        "account": reverse("wagtailusers_users:delete", args=[people.writer.pk]),
        "editions": f"/desk/bulk/mailer/edition/delete/?id={edition.pk}",
    }[kind]
    page = Page(client.post(address, follow=True))
    assert page.status == 200 and page.messages == ["error"]
    assert User.objects.count() == 3 and Edition.objects.count() == 1


def test_a_list_with_unsubscribes_is_not_deleted(client: Client) -> None:
    person = cast.reader("aida")
    row = person.subscriptions.get()
    client.force_login(cast.staff().admin)
    address = reverse("desk_lists:delete", args=[row.mailing_list_id])
    unsubscribe.unsubscribe(person.pk, [row.mailing_list_id], None, Evidence(Channel.ONE_CLICK), cast.NOW)
    for answer in (client.get(address, follow=True), client.post(address, follow=True)):
        assert Page(answer).messages == ["error"]
    assert MailingList.objects.filter(pk=row.mailing_list_id).exists()
    person.subscriptions.all().delete()
    client.post(address)
    assert not MailingList.objects.filter(pk=row.mailing_list_id).exists()


def test_the_texts_of_a_form_come_back_when_its_row_is_deleted_meanwhile() -> None:
    client = as_user(desk().writer)
    text = "The bridge is <b>open</b>"
    rich = json.dumps({"blocks": [{"text": "It joins two banks"}], "entityMap": {}})
    form = {"headline-en": text, "body-en": rich, "base": "{two words}", "csrfmiddlewaretoken": "a" * 64}
    page = Page(client.post(reverse("desk_stories:edit", args=[9_999]), form | {"date": "2026-11-29"}))
    assert page.status == 404
    assert page.html.count("<pre>") == 2
    assert text in page.text and "It joins two banks" in page.text and "two words" not in page.text
    empty = client.post(reverse("desk_stories:edit", args=[9_999]), {"base": "{two words}"})
    assert empty.status_code == 404 and b"<pre>" not in empty.content
