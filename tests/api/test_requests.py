"""What holds for every request: problems, limits, pages, idempotency."""

from __future__ import annotations

import pytest
from django.test import override_settings
from django.urls.resolvers import RoutePattern
from django.utils import timezone

from mailer import urls
from mailer.accounts.models import IdempotentRequest
from subscribers.models import MailingList, Subscriber
from tests import cast as everyone
from tests.api.client import Api, code
from tests.api.test_roles import ids, operations
from tests.desk.cast import Desk

__all__ = ["ids"]


def test_every_error_is_a_problem(desk: Desk) -> None:
    api = Api.of(desk.admin)
    assert code(api.get("/nothing")) == (404, "not_found")
    assert code(api.get("/lists/999")) == (404, "not_found")
    assert code(api.get("/lists/x")) == (422, "invalid")
    answer = api.send("DELETE", "/lists")
    assert code(answer) == (405, "method_not_allowed")
    assert "GET" in answer["Allow"]
    assert code(api.post("/lists", {"name": "No slug"})) == (422, "invalid")
    browser = api._browser
    headers = {"Authorization": f"Bearer {api.key}"}
    assert (
        code(browser.post("/api/v1/lists", "<x/>", content_type="text/xml", headers=headers))[1]
        == "unsupported_media_type"
    )
    assert code(browser.post("/api/v1/lists", "{", content_type="application/json", headers=headers)) == (
        400,
        "bad_request",
    )
    assert code(
        browser.post("/api/v1/lists", "x" * 3_000_000, content_type="application/json", headers=headers)
    ) == (413, "body_too_large")
    assert code(api.get("/lists?limit=\0")) in {(400, "bad_request"), (422, "invalid")}


def test_a_problem_names_the_value_and_does_not_repeat_it(desk: Desk) -> None:
    answer = Api.of(desk.admin).post("/lists", {"slug": "a b", "name": "x", "sender": "y"})
    assert {one["pointer"] for one in answer.json()["errors"]} == {"/slug", "/sender"}
    assert "a b" not in answer.content.decode()
    assert answer.json()["type"].startswith("urn:")


def test_no_operation_ignores_a_query_parameter_that_it_does_not_know(
    desk: Desk, ids: dict[str, int]
) -> None:
    desk.admin.is_superuser = True
    desk.admin.save()
    api, lists = Api.of(desk.admin), MailingList.objects.count()
    for path, method, operation in operations():
        known = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
        asked = "&".join(f"{name}=1" for name in [*known, "contry", "a%00b"])
        body = {"slug": "new", "name": "New"} if "requestBody" in operation else None
        answer = api.send(method, f"{path.format(**ids)}?{asked}", body)
        assert code(answer) == (422, "invalid"), operation["operationId"]
        found = {(one["parameter"], one["code"]) for one in answer.json()["errors"]}
        wanted = {("contry", "unknown_parameter"), ("a\0b", "unknown_parameter")}
        assert found == wanted, operation["operationId"]
    assert MailingList.objects.count() == lists


def test_a_failure_is_a_problem_without_details(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a detail")

    monkeypatch.setattr("mailer.api.lists_segments_tags._list_out", fail)
    answer = Api.of(desk.admin).get("/lists")
    assert code(answer) == (500, "internal_error")
    assert "a detail" not in answer.content.decode()


def test_the_limit_of_a_key_is_told_and_kept(desk: Desk, configure: object) -> None:
    configure(api={"requests_per_minute": 2})  # type: ignore[operator]
    api, other = Api.of(desk.admin), Api.of(desk.writer)
    first = api.get("/key")
    assert first["RateLimit-Policy"] == '"key";q=2;w=60'
    assert first["RateLimit"].startswith('"key";r=1;t=')
    assert api.get("/key").status_code == 200
    refused = api.get("/key")
    assert code(refused) == (429, "too_many_requests")
    assert 0 < int(refused["Retry-After"]) <= 60
    assert other.get("/key").status_code == 200


def test_pages_go_through_everything_once(desk: Desk) -> None:
    for number in range(5):
        MailingList.objects.create(slug=f"list-{number}", name=f"List {number}")
    api, seen, path = Api.of(desk.admin), [], "/lists?limit=2"
    while path:
        page = api.get(path).json()
        seen += [row["id"] for row in page["items"]]
        MailingList.objects.create(slug=f"later-{len(seen)}", name=f"Later {len(seen)}")
        path = f"/lists?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert (
        seen
        == sorted(MailingList.objects.exclude(slug__startswith="later").values_list("pk", flat=True))[::-1]
    )


def test_a_cursor_belongs_to_its_query_and_shows_nothing(desk: Desk) -> None:
    for number in range(3):
        everyone.reader(f"reader{number}", ("KZ",))
    api = Api.of(desk.admin)
    page = api.get("/subscribers?limit=1&country=KZ").json()
    cursor = page["next_cursor"]
    assert api.get(f"/subscribers?limit=2&country=KZ&cursor={cursor}").status_code == 200
    assert code(api.get(f"/subscribers?country=UZ&cursor={cursor}")) == (400, "cursor_invalid")
    assert code(api.get(f"/lists?cursor={cursor}")) == (400, "cursor_invalid")
    assert code(api.get(f"/subscribers?country=KZ&cursor={'0' * 33}")) == (400, "cursor_invalid")
    assert str(page["items"][0]["id"]) not in cursor[:3]


def test_a_repeated_request_gets_the_same_answer_and_changes_nothing(desk: Desk) -> None:
    api, body = Api.of(desk.admin), {"slug": "events", "name": "Events"}
    first = api.post("/lists", body, Idempotency_Key="one")
    again = api.post("/lists", body, Idempotency_Key="one")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Idempotency-Replayed"] == "true"
    assert MailingList.objects.filter(slug="events").count() == 1
    assert code(api.post("/lists", {**body, "name": "x"}, Idempotency_Key="one")) == (
        422,
        "idempotency_key_reused",
    )
    # Another key of the same account knows nothing of it.
    other = Api.of(desk.admin).post("/lists", body, Idempotency_Key="one")
    assert code(other) == (422, "invalid")


def test_a_refused_request_is_tried_again(desk: Desk) -> None:
    api = Api.of(desk.admin)
    assert api.post("/lists", {"slug": "x"}, Idempotency_Key="one").status_code == 422
    assert api.post("/lists", {"slug": "x", "name": "X"}, Idempotency_Key="one").status_code == 201
    assert code(api.post("/lists", {}, Idempotency_Key="x" * 300)) == (400, "idempotency_key_invalid")


def test_answers_are_kept_encrypted_and_for_a_day(desk: Desk) -> None:
    api = Api.of(desk.admin)
    api.post("/subscribers", {"email": "new@example.net"}, Idempotency_Key="one")
    kept = IdempotentRequest.objects.get()
    assert b"example.net" not in bytes(kept.answer)
    IdempotentRequest.objects.update(created_at=timezone.now() - timezone.timedelta(hours=25))
    again = api.post("/subscribers", {"email": "new@example.net"}, Idempotency_Key="one")
    assert code(again) == (409, "already_exists")


def test_only_a_request_to_the_api_loads_it() -> None:
    resolver = urls._ApiResolver(RoutePattern("api/", is_endpoint=False), "no.such.module")
    assert list(resolver.reverse_dict) == list(resolver.namespace_dict) == list(resolver.app_dict) == []
    with pytest.raises(ModuleNotFoundError):
        resolver.resolve("api/v1/key")


def test_what_fails_halfway_leaves_nothing(desk: Desk) -> None:
    body = {"email": "half@example.net", "tags": ["press"], "fields": {"No such field": "x"}}
    assert code(Api.of(desk.admin).post("/subscribers", body)) == (422, "invalid")
    assert not Subscriber.objects.filter(email="half@example.net").exists()


def test_the_document_needs_no_key_and_has_every_operation_described(db: None) -> None:
    answer = Api("").get("/openapi.json")
    document = answer.json()
    assert document["openapi"].startswith("3.1")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], (path, method)
            assert operation["security"] == [{"ApiKey": []}]
            for name in ("401", "403", "429"):
                assert name in operation["responses"], (path, method)


@override_settings(ALLOWED_HOSTS=["news.example.org"])
def test_another_host_gets_a_problem_too(desk: Desk) -> None:
    assert code(Api.of(desk.admin).get("/lists"))[0] in (400, 404)
