"""Subscribers through the API: what is found, what is recorded, and what no key can do."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from wagtail.models import ModelLogEntry

from mailer.accounts.models import IdempotentRequest
from subscribers import suppression, unsubscribe
from subscribers.consent import Channel, Evidence
from subscribers.models import ConsentRecord, CustomField, MailingList, Subscriber, Subscription, Suppression
from tests import cast as everyone
from tests.api.client import Api, code
from tests.desk.cast import Desk


@pytest.fixture
def api(desk: Desk) -> Api:
    return Api.of(desk.admin)


def monthly() -> MailingList:
    return MailingList.objects.order_by("pk")[0]


def records(subscriber: Subscriber) -> list[tuple[Any, ...]]:
    rows = ConsentRecord.objects.filter(subscriber=subscriber).order_by("pk")
    return list(rows.values_list("event", "channel", "attested_by"))


@pytest.mark.both_databases
def test_a_subscriber_is_added_with_tags_and_fields_and_subscribed_with_consent(api: Api) -> None:
    CustomField.objects.create(name="City")
    made = api.post(
        "/subscribers",
        {
            "email": " New.Reader@Example.NET ",
            "name": "Ainur",
            "language": "kk",
            "countries": ["KZ"],
            "tags": ["press"],
            "fields": {"City": "Almaty"},
        },
    )
    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["email"], body["tags"], body["fields"]) == (
        "new.reader@example.net",
        ["press"],
        {"City": "Almaty"},
    )
    assert body["subscriptions"] == []
    path = f"/subscribers/{body['id']}/subscriptions"
    joined = api.post(path, {"list": monthly().pk, "consent": "Paper form, May"})
    assert joined.status_code == 201
    assert [one["state"] for one in joined.json()["subscriptions"]] == ["confirmed"]
    row = ConsentRecord.objects.get(subscriber=body["id"])
    assert (row.event, row.channel, row.source, row.attested_by) == (
        "added",
        "api",
        "Paper form, May",
        "lola",
    )
    assert code(api.post(path, {"list": monthly().pk, "consent": "again"})) == (409, "already_subscribed")


def test_nobody_who_unsubscribed_or_is_suppressed_is_subscribed_by_a_key(api: Api, desk: Desk) -> None:
    other = MailingList.objects.create(slug="other", name="Other")
    body = {"list": other.pk, "consent": "Paper form, May"}
    evidence = Evidence(Channel.ONE_CLICK)
    unsubscribe.unsubscribe_all(desk.reader.pk, None, evidence, timezone.now())
    assert code(api.post(f"/subscribers/{desk.reader.pk}/subscriptions", body)) == (409, "unsubscribed")
    stopped = everyone.reader("stopped", ("KZ",))
    suppression.suppress(stopped, Suppression.Reason.COMPLAINT, "ARF", timezone.now())
    assert code(api.post(f"/subscribers/{stopped.pk}/subscriptions", body)) == (409, "suppressed")
    assert not Subscription.objects.filter(mailing_list=other).exists()


def test_a_subscriber_is_found_by_address_and_the_log_says_that_addresses_were_read(
    api: Api, desk: Desk
) -> None:
    found = api.post("/subscribers/find", {"email": desk.reader.email.upper()})
    assert found.json()["id"] == desk.reader.pk
    assert code(api.post("/subscribers/find", {"email": "nobody@example.net"})) == (404, "not_found")
    api.get("/subscribers")
    entries = ModelLogEntry.objects.filter(action="accounts.api_personal_data")
    assert [one.data["page"] for one in entries] == ["subscribers"]
    assert desk.reader.email not in repr([one.data for one in entries])


@pytest.mark.both_databases
def test_filters_find_what_the_desk_finds(api: Api, desk: Desk) -> None:
    russian = everyone.reader("olga", ("UZ",), "ru")
    suppression.suppress(russian, "manual", "asked", timezone.now())

    def found(query: str) -> list[int]:
        return [one["id"] for one in api.get(f"/subscribers?{query}").json()["items"]]

    assert found("language=ru") == found("country=UZ") == found("state=suppressed") == [russian.pk]
    assert desk.reader.pk in found(f"list={monthly().pk}&state=confirmed")
    suppressed = {one["id"]: one["suppressed"] for one in api.get("/subscribers").json()["items"]}
    assert (suppressed[russian.pk], suppressed[desk.reader.pk]) == ("manual", None)


def test_changed_preferences_are_recorded_and_the_address_stays(api: Api, desk: Desk) -> None:
    before = len(records(desk.reader))
    path = f"/subscribers/{desk.reader.pk}"
    changed = api.send("PATCH", path, {"language": "ru", "countries": ["UZ", "KZ"]})
    assert (changed.json()["language"], changed.json()["countries"]) == ("ru", ["KZ", "UZ"])
    api.send("PATCH", path, {"name": "Aigul"})
    assert records(desk.reader)[before:] == [("preferences", "api", "lola")]
    assert code(api.send("PATCH", path, {"email": "other@example.net"})) == (422, "invalid")
    assert code(api.send("PATCH", path, {"countries": ["XX"]})) == (422, "invalid")
    entries = ModelLogEntry.objects.filter(action="wagtail.edit", user=desk.admin)
    changes = [set(entry.data["changes"]) for entry in entries.order_by("pk")]
    assert changes == [{"language", "countries"}, {"name"}]


def test_unsubscribing_counts_as_the_subscribers_own_act(api: Api, desk: Desk) -> None:
    answer = api.post(f"/subscribers/{desk.reader.pk}/unsubscribe", {"source": "Phone call"})
    assert [one["state"] for one in answer.json()["subscriptions"]] == ["unsubscribed"]
    assert records(desk.reader)[-1] == ("unsubscribed", "api", "lola")
    assert unsubscribe.ids_requiring_own_signup([desk.reader.pk]) == {desk.reader.pk}


def test_an_erased_address_is_not_stored_again_by_a_key(api: Api, desk: Desk) -> None:
    address = desk.reader.email
    api.send("DELETE", f"/subscribers/{desk.reader.pk}")
    assert code(api.post("/subscribers", {"email": f" {address.upper()}"})) == (409, "suppressed")
    assert not Subscriber.objects.filter(email=address).exists()
    suppression.suppress("bounced@example.net", Suppression.Reason.HARD_BOUNCE, "550", timezone.now())
    assert api.post("/subscribers", {"email": "bounced@example.net"}).status_code == 201


def test_erasing_needs_a_scope_of_its_own_and_leaves_no_address(api: Api, desk: Desk) -> None:
    address, pk = desk.reader.email, desk.reader.pk
    limited = Api.of(desk.admin, "subscribers:read", "subscribers:write")
    assert code(limited.send("DELETE", f"/subscribers/{pk}")) == (403, "scope_missing")
    api.send("PATCH", f"/subscribers/{pk}", {"name": "Aigul"}, Idempotency_Key="one")
    api.post("/lists", {"slug": "other", "name": "Other"}, Idempotency_Key="two")
    assert api.send("DELETE", f"/subscribers/{pk}").status_code == 204
    # Of the kept answers, the one that named the subscriber.
    assert IdempotentRequest.objects.count() == 1
    assert not Subscriber.objects.filter(pk=pk).exists()
    entries = ModelLogEntry.objects.all()
    assert not [one for one in entries if address in one.label or address in repr(one.data)]
    assert suppression.is_suppressed(address)


def test_a_sign_up_sends_the_link_and_does_not_tell_who_is_known(api: Api, desk: Desk) -> None:
    body = {
        "lists": [monthly().pk],
        "language": "ru",
        "consent_text": "Send me the monthly.",
        "ip": "203.0.113.9",
    }
    answers = []
    for address in ("fresh@example.net", desk.reader.email):
        answer = api.post("/sign-ups", {"email": address, **body})
        answers.append((answer.status_code, answer.content))
    assert len(set(answers)) == 1
    assert answers[0][0] == 202
    fresh = Subscriber.objects.get(email="fresh@example.net")
    assert fresh.subscriptions.get().state == Subscription.State.PENDING
    row = ConsentRecord.objects.select_related("text").get(subscriber=fresh)
    assert (row.event, row.channel, row.network, row.text.text) == (
        "requested",
        "api",
        "203.0.113.0/24",
        "Send me the monthly.",
    )
    assert [message.to for message in mail.outbox][-2:] == [["fresh@example.net"], [desk.reader.email]]


def test_sign_ups_have_the_limits_of_the_form(api: Api, configure: Any) -> None:
    configure(signup={"per_network_per_hour": 2})
    body = {"lists": [monthly().pk], "language": "ru", "ip": "203.0.113.9"}
    statuses = [
        api.post("/sign-ups", {"email": f"reader{number}@example.net", **body}).status_code
        for number in range(3)
    ]
    assert statuses == [202, 202, 429]
    assert api.post("/sign-ups", {"email": "x@example.net", **body, "ip": "198.51.100.7"}).status_code == 202


def test_a_key_that_may_not_read_subscribers_gets_nothing_of_one_that_it_changes(desk: Desk) -> None:
    api = Api.of(desk.admin, "subscribers:write")
    reader = everyone.reader("aigul-of-api", ("KZ",))
    path = f"/subscribers/{reader.pk}"
    assert code(api.get(path)) == (403, "scope_missing")
    entries = ModelLogEntry.objects.for_instance(reader)
    for answer in (
        api.send("PATCH", path, {}),
        api.send("PATCH", path, {"name": "Aigul"}),
        api.post(f"{path}/unsubscribe", {}),
    ):
        assert (answer.status_code, answer.content) == (204, b"")
    # A change of nothing is no entry in the audit log.
    assert [one.action for one in entries.order_by("pk")] == ["wagtail.edit", "accounts.api_unsubscribe"]
    assert code(api.post(f"{path}/unsubscribe", {"lists": []}))[0] == 422
