"""No parameter of any screen of the desk, however hostile, is answered with an error of the server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Model
from django.http import QueryDict
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve, reverse
from wagtail.images import get_image_model

from mailer.editions.models import Edition, Newsletter
from mailer.feedback import ingest_returned_mail
from mailer.feedback.models import ReturnedMessage, SuppressionDecision
from mailer.stories.models import Story
from subscribers import tokens
from subscribers.imports.models import ImportJob
from subscribers.models import MailingList, Subscriber
from subscribers.segments.models import Segment
from subscribers.segments.rule_format import Group, to_json
from tests import cast as everyone
from tests.desk import cast
from tests.desk.cast import Desk, as_user

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

TWENTY_SIX_DIGITS = "9" * 26
# On both databases, and what does not come as far as one: a surrogate, which UTF-8 must not hold.
VALUES = (TWENTY_SIX_DIGITS, "a\0b")
MORE_VALUES = (str(2**63), "<script>'\"%{{" + "x" * 500, b"\xed\xa0\x80")


@pytest.fixture(autouse=True)
def _content_types() -> None:
    """Those of the tests' database may have other ids than the remembered ones."""
    ContentType.objects.clear_cache()


@pytest.fixture(autouse=True)
def _no_menu(monkeypatch: pytest.MonkeyPatch) -> None:
    cast.leave_out_menu(monkeypatch)


@pytest.fixture
def first_admin(desk: Desk) -> User:
    """A superuser without groups, as `mailer init` makes one, beside a row in every table."""
    cast.submitted(desk)
    everyone.picture()
    ingest_returned_mail.ingest_message(
        b"From: a@example.net\r\nSubject: Thank you\r\n\r\nUseful.\r\n", everyone.NOW
    )
    SuppressionDecision.objects.create(
        subscriber=desk.reader.pk,
        address_hash=desk.reader.address_hash,
        rule=SuppressionDecision.Rule.values[0],
        state=SuppressionDecision.State.values[0],
        created_at=everyone.NOW,
    )
    Segment.objects.create(name="All", rule=to_json(Group("all", ())), changed_at=everyone.NOW)
    ImportJob.objects.create(
        file_name="a.csv",
        mailing_list=desk.reader.subscriptions.get().mailing_list,
        source="paper",
        state="failed",
        created_at=everyone.NOW,
    )
    return User.objects.create_superuser("first", "first@office.example.org", "a long password")


def patterns(
    resolver: Any, before: str = "", arguments: dict[str, Any] | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every path of the desk, as a format string, and the converters of its arguments."""
    for one in resolver.url_patterns:
        route = str(one.pattern)
        known = {**(arguments or {}), **one.pattern.converters}
        if isinstance(one, URLResolver):
            yield from patterns(one, before + route, known)
        elif isinstance(one, URLPattern) and not re.search(r"[\\^$(]", before + route):
            yield re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", before + route), known


def desk_paths() -> list[tuple[str, dict[str, Any]]]:
    (desk,) = (one for one in get_resolver().url_patterns if str(one.pattern) == "desk/")
    return list(patterns(desk, "/desk/"))


ROWS: dict[str, type[Model]] = {
    "editions": Edition,
    "newsletters": Newsletter,
    "stories": Story,
    "lists": MailingList,
    "subscribers": Subscriber,
    "users": User,
    "images": get_image_model(),
    "segments": Segment,
    "imports": ImportJob,
    "replies": ReturnedMessage,
    "suppression-decisions": SuppressionDecision,
}


def filled(path: str, converters: dict[str, Any], number: str = "", text: str = "x") -> str:
    """The path with its arguments: a number, or the key of the row that the path is about."""
    if not number:
        model = ROWS.get(path.split("/")[2])
        number = str(
            model._default_manager.order_by("pk").values_list("pk", flat=True).first() if model else 1
        )
    chosen = {
        name: number if type(kind).__name__ == "IntConverter" or name in ("pk", "object_id") else text
        for name, kind in converters.items()
    }
    return path.format(**chosen)


def failures(browser: Client, requests: list[tuple[str, Any]]) -> list[str]:
    """The requests that the server answered with an error of its own; the account stays signed in."""
    browser.raise_request_exception = False
    found = []
    for path, query in requests:
        answer = browser.get(path, query)
        if answer.status_code >= 500:
            found.append(f"{path} {query}")
        # Not `close`, which would end the request, and with it the connection to PostgreSQL.
        for close in answer._resource_closers:
            close()
    # Otherwise the screens behind the one that ended the session were not seen.
    assert browser.get("/desk/").status_code == 200
    return found


def test_a_link_to_the_sign_out_ends_no_session(desk: Desk) -> None:
    browser = as_user(desk.writer)
    assert browser.get("/desk/logout/").status_code == 405
    assert browser.get("/desk/").status_code == 200
    assert browser.post("/desk/logout/").status_code == 302
    assert browser.get("/desk/").status_code == 302


def test_a_search_takes_what_people_type(first_admin: User) -> None:
    browser = as_user(first_admin)
    for section in ("stories", "editions", "images"):
        for query in ('"Silk Road"', '"', "'\"%", "50%", "a AND", "-x", "a:b*"):
            answer = browser.get(f"/desk/{section}/", {"q": query})
            assert answer.status_code == 200, (section, query)


class ReadParameters:
    """Of which parameters of a query the values are read, and which are only looked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read: set[str] = set()
        self.looked_for: set[str] = set()
        for method, names in (
            ("__getitem__", self.read),
            ("getlist", self.read),
            ("__contains__", self.looked_for),
        ):
            monkeypatch.setattr(QueryDict, method, self._recorded(getattr(QueryDict, method), names))

    def _recorded(self, read: Callable[..., Any], names: set[str]) -> Callable[..., Any]:
        def recording(data: QueryDict, name: str, *rest: Any, **more: Any) -> Any:
            names.add(str(name))
            return read(data, name, *rest, **more)

        return recording


# By pattern of a path; they are the same in every test.
_parameters: dict[str, list[str]] = {}


def parameters(browser: Client, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """By path, for each page of the desk that reads some: the parameters whose values it reads.

    Every page is opened, with a row in it, and none may fail.
    """
    patterns_of_desk = dict(desk_paths())
    if not _parameters:
        for pattern, kinds in patterns_of_desk.items():
            path = filled(pattern, kinds)
            with monkeypatch.context() as patched:
                seen = ReadParameters(patched)
                assert browser.get(path).status_code < 500, path
                if seen.looked_for:
                    # Of what is there a page may read the value, too.
                    browser.get(path, dict.fromkeys(seen.looked_for, "1"))
            # Wagtail's own parameters and names of buttons are no values.
            names = sorted(name for name in seen.read if not name.startswith(("_w_", "action-", "csrf")))
            # The results of a list, for scripts, are read as the list itself is.
            page = re.sub("[-/]results/", "/", pattern)
            if names and (page == pattern or _parameters.get(page) != names):
                _parameters[pattern] = names
    return {filled(pattern, patterns_of_desk[pattern]): names for pattern, names in _parameters.items()}


def test_the_first_admin_sees_tables_of_what_arrives(first_admin: User) -> None:
    assert len(desk_paths()) > 150
    tables = ("desk_replies:index", "desk_suppression_decisions:index", "desk_imports:index")
    answers = {name: as_user(first_admin).get(reverse(name)).status_code for name in tables}
    assert answers == dict.fromkeys(tables, 200)
    assert ReturnedMessage.objects.exists()


def test_ids_in_paths(first_admin: User) -> None:
    requests = [
        (filled(path, kinds, number, "%00"), None)
        for path, kinds in desk_paths()
        if kinds
        for number in (TWENTY_SIX_DIGITS, str(2**31), "0")
    ]
    assert failures(as_user(first_admin), requests) == []


def test_every_parameter_of_every_screen(first_admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, requests = as_user(first_admin), []
    # PostgreSQL has columns for smaller numbers; what a choice may be does not depend on the database.
    alone = ("no-such-choice",) if connection.vendor == "sqlite" else (str(2**31),)
    together = (*VALUES, *(MORE_VALUES if connection.vendor == "sqlite" else ()))
    pages, tried = parameters(browser, monkeypatch), set()
    for path, names in pages.items():
        # Each alone, where the others cannot hide it; and all of them, which no form makes.
        view = getattr(resolve(path).func, "view_class", path)
        for name in names:
            if (view, name) not in tried:
                requests += [(path, {name: [value, "-1"]}) for value in alone]
        requests += [(path, dict.fromkeys(names, value)) for value in together]
        if "export" in names:
            requests.append((path, {"export": "csv"}))
        tried.update((view, name) for name in names)
    assert len(pages) > 60
    assert failures(browser, requests) == []


def test_forms_with_what_no_form_of_ours_sends(desk: Desk) -> None:
    image, story = everyone.picture(), Story.objects.order_by("pk")[0]
    newsletter, block = desk.edition.newsletter_id, desk.edition.body.raw_data[0]["id"]
    # A digit by Unicode, which is no number in Python.
    digit = "\N{SUPERSCRIPT TWO}"
    forms: list[tuple[str, dict[str, str]]] = [
        (reverse("wagtailimages:edit", args=[image.pk]), {"title": "A bridge", "next": digit}),
        (reverse("wagtailimages:edit", args=[image.pk]), {"title": "A bridge", "next": "a:b"}),
        (reverse("desk_stories:edit", args=[story.pk]), {"kind": "news", "picture": digit}),
        (reverse("desk_stories:add"), {"kind": "news", "picture": "x"}),
        (reverse("desk_edition:block_edit", args=[desk.edition.pk, block]), {"size": "x", "picture": digit}),
        (reverse("desk_template_part", args=[newsletter, "inline.css"]), {"action": f"version-{digit}"}),
    ]
    browser = as_user(desk.admin)
    browser.raise_request_exception = False
    answers = [(path, browser.post(path, form).status_code) for path, form in forms]
    assert [(path, status) for path, status in answers if status >= 500] == []


def test_filters_search_and_order_together(first_admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = as_user(first_admin)
    orders = ("pk", "title", "-created_at", "name", "email", "received_at", "object_id", "usage_count")
    if connection.vendor == "sqlite":
        # PostgreSQL is the one that refuses an order, where rows are made distinct or grouped.
        orders = orders[1:3]
    queries = [{"q": "a", "tag": "b", "ordering": order} for order in orders]
    queries += [{"export": "csv", "q": "a"}, {"export": "xlsx"}]
    lists = [path for path, names in parameters(browser, monkeypatch).items() if {"p", "q"} & {*names}]
    assert len(lists) > 20
    assert failures(browser, [(path, query) for path in lists for query in queries]) == []


def test_an_export_of_subscribers_is_made_on_its_own_page_only(desk: Desk) -> None:
    answer = as_user(desk.admin).get(reverse("desk_subscribers:index"), {"export": "csv"})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    "value",
    [
        "a\0b",
        TWENTY_SIX_DIGITS,
        # Refused before a database gets them.
        *(pytest.param(text, marks=pytest.mark.sqlite) for text in ("\ud800", "x" * 20_000)),
    ],
    ids=["NUL", "digits", "surrogate", "long"],
)
def test_forms_and_links_of_readers(desk: Desk, value: str) -> None:
    token = tokens.make_token("preferences", desk.reader.pk, 0)
    paths = ("/", "/subscribe/", f"/preferences/{token}/", f"/unsubscribe/{token}/", f"/your-data/{token}/")
    names = ("email", "name", "language", "lists", "list", "countries", "shown", "answer", "reason", "pause")
    browser = Client(raise_request_exception=False)
    encoded = value.encode("utf-8", "surrogatepass")

    def post(path: str, *given: str) -> Any:
        # The test client would send each byte of a value as a field of its own.
        form = urlencode(dict.fromkeys(given, encoded))
        return browser.post(path, form, content_type="application/x-www-form-urlencoded")

    for path in paths:
        answers = [browser.get(path, dict.fromkeys((*names, "lang"), encoded))]
        # Alone, where no other one is refused first; the longest text has nothing that the others have not.
        answers += [post(path, name) for name in names if len(value) < 100]
        answers.append(post(path, *names))
        assert [answer.status_code for answer in answers if answer.status_code >= 500] == [], path
