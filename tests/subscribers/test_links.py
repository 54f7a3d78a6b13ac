"""Every token against every page: which purpose opens it, and what its answers contain.

No answer holds a token that can do more than the one that opened the page, nor another subscriber's data; and
no email to a new address holds more than what confirms it. docs/subscribers.md has the table for people.
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass
from typing import Any, get_args

import pytest
from django.core import mail
from django.test import Client
from django.urls import URLPattern, get_resolver
from django.utils import timezone

from mailer.delivery.models import Mailing
from mailer.editions.models import Newsletter
from subscribers import tokens
from subscribers.addresses import address_hash
from subscribers.models import AddressChange, DataLink, MailingList, ReconfirmationCampaign, Subscriber
from tests.public.test_archived_edition_queries import mailing, snapshot
from tests.subscribers.conftest import Join

__all__ = ["mailing", "snapshot"]
PURPOSES: tuple[tokens.Purpose, ...] = (*get_args(tokens.PagePurpose), *get_args(tokens.MailPurpose))
MOVE = {"move": "1", "new_email": "third@example.net"}


@dataclass(frozen=True)
class Page:
    # The URL's name, and the purpose that opens it.
    name: str
    purpose: tokens.PagePurpose
    path: str
    # Purposes of the tokens that its answers may hold.
    may_hold: frozenset[str] = frozenset()
    # What its forms post: each is tried on its own.
    posts: tuple[dict[str, str], ...] = ({},)


_PREFERENCES = frozenset({"preferences"})
_UNSUBSCRIBE_POSTS: tuple[dict[str, str], ...] = (
    {"List-Unsubscribe": "One-Click"},
    {"List-Unsubscribe": "One-Click", "then": "back"},
    {"send": "1"},
    {"tell": "1", "why": "too_often"},
    {},
)
# Mail systems follow their links, and forwarded mail carries them.
UNSUBSCRIBE = ("unsubscribe", "unsubscribe-list")
PAGES = (
    Page("unsubscribe", "unsubscribe", "/unsubscribe/{}/", posts=_UNSUBSCRIBE_POSTS),
    Page("unsubscribe-list", "unsubscribe_list", "/unsubscribe/list/{}/", posts=_UNSUBSCRIBE_POSTS),
    Page(
        "preferences",
        "preferences",
        "/preferences/{}/",
        posts=(
            {"language": "en"},
            {"leave_all": "1"},
            {"resume": "1"},
            {"undo": "x"},
            MOVE,
            {"move": "1", "new_email": "x"},
            {"own": "1"},
            {"tell": "1", "why": "too_often"},
        ),
    ),
    Page("confirm", "confirm", "/confirm/{}/", _PREFERENCES),
    Page("reconfirm", "reconfirm", "/stay/{}/", _PREFERENCES),
    Page("confirm-address", "change_address", "/address/{}/"),
    Page("agree-address", "agree_change", "/address/agree/{}/"),
    Page("reject-address", "reject_change", "/address/not-me/{}/", _PREFERENCES),
    Page(
        "data-access",
        "data_access",
        "/your-data/{}/",
        _PREFERENCES,
        posts=({}, {"download": "1"}, {"erase": "1"}),
    ),
)
# Pages whose tokens open no page of a subscriber.
REDIRECTS = {"click", "open", "webhook"}


@dataclass(frozen=True)
class Stage:
    reader: Subscriber
    other: Subscriber
    numbers: dict[str, int]

    def token(self, page: Page) -> str:
        return tokens.encrypt_id_for_url(page.purpose, self.numbers[page.purpose])


@pytest.fixture
def stage(
    join: Join,
    newsletter: Newsletter,
    monthly: MailingList,
    events: MailingList,
    sent_emails: list[mail.EmailMessage],
) -> Stage:
    """A reader who asked for an address that another reader has already, and has every kind of link."""
    now = timezone.now()
    reader = join("olga", monthly, name="Olga Petrova", countries=("KZ",))
    reader.subscriptions.create(mailing_list=events, state="pending", created_at=now)
    theirs = MailingList.objects.create(slug="theirs", name="Inner circle", public=False)
    other = join("nadia", theirs, name="Nadia Orlova")
    campaign = ReconfirmationCampaign.objects.create(
        mailing_list=monthly, rule={}, deadline=timezone.localdate(), created_at=now
    )
    change = AddressChange.objects.create(
        subscriber=reader, old_email=reader.email, new_email=other.email, requested_at=now
    )
    link = DataLink.objects.create(
        subscriber=reader, address_hash=address_hash(reader.email), requested_at=now
    )
    minute = int(now.timestamp() // 60)
    pairs: dict[str, tuple[int, int]] = {
        "unsubscribe": (reader.pk, newsletter.pk),
        "unsubscribe_list": (reader.pk, monthly.pk),
        "preferences": (reader.pk, newsletter.pk),
        "confirm": (reader.pk, minute),
        "reconfirm": (reader.pk, campaign.pk),
        **dict.fromkeys(("change_address", "agree_change", "reject_change"), (change.pk, minute)),
        "data_access": (link.pk, minute),
    }
    return Stage(reader, other, {purpose: first << 28 | second for purpose, (first, second) in pairs.items()})


def tokens_in(text: str) -> set[tuple[str, int]]:
    """(purpose, number) of every token in a text, in either form, whatever stands around it."""
    forms = re.findall(r"(?=([0-9][A-Za-z0-9_-]{32}))", text) + re.findall(r"(?=([0-9][0-9a-f]{48}))", text)
    found = set()
    for candidate, purpose in itertools.product(dict.fromkeys(forms), PURPOSES):
        try:
            found.add((str(purpose), tokens.decrypt_id(purpose, candidate)))
        except tokens.InvalidToken:
            continue
    return found


def check(stage: Stage, page: Page, text: str) -> None:
    """The answer holds nothing that this token may not yield."""
    found = tokens_in(text)
    assert {purpose for purpose, _ in found} <= page.may_hold
    # Tokens of this reader only; those that the pages may hold have a subscriber's id.
    assert {number >> 28 for _, number in found} <= {stage.reader.pk}
    theirs = [stage.other.name, stage.other.email]
    # Who has the new address sees which lists it will get.
    theirs += [] if page.name == "confirm-address" else ["Inner circle"]
    own = [stage.reader.name, stage.reader.email]
    # Somebody to whom a newsletter was forwarded learns nothing from the link to leave.
    own += ["Silk Road Monthly", "Events", "Kazakhstan"] if page.name in UNSUBSCRIBE else []
    assert [one for one in (*theirs, *own) if one in text] == []


def is_refused(status: int, text: str) -> bool:
    return status == 404 or "We do not know this link" in text


@pytest.mark.parametrize(
    ("page", "post"),
    [pytest.param(page, post, id=f"{page.name} {post}") for page in PAGES for post in page.posts],
)
def test_no_answer_holds_more_than_its_token_may_yield(
    client: Client, stage: Stage, sent_emails: list[mail.EmailMessage], page: Page, post: dict[str, str]
) -> None:
    path = page.path.format(stage.token(page))
    first = client.get(path)
    assert not is_refused(first.status_code, first.content.decode())
    check(stage, page, first.content.decode())
    answers = [client.post(path, post)]
    if post.get("then"):
        answers.append(client.post(path, {post["then"]: "1"}))
    answers.append(client.get(path))
    for answer in answers:
        if answer.get("Content-Disposition"):
            assert json.loads(answer.content)["email"] == stage.reader.email
            assert "Nadia" not in answer.content.decode()
            assert tokens_in(answer.content.decode()) == set()
        else:
            check(stage, page, answer.content.decode())
    for message in sent_emails:
        purposes = {purpose for purpose, _ in tokens_in(str(message.body))}
        assert message.to == [stage.reader.email] or purposes <= {"change_address"}


@pytest.mark.parametrize(
    "order", [("confirm-address", "agree-address"), ("agree-address", "confirm-address")]
)
def test_the_pages_of_an_address_change_hold_no_other_token_at_any_step(
    client: Client, stage: Stage, order: tuple[str, str]
) -> None:
    by_name = {page.name: page for page in PAGES}
    for name in (*order, *order, "reject-address", *order):
        page = by_name[name]
        path = page.path.format(stage.token(page))
        for answer in (client.get(path), client.post(path), client.get(path)):
            check(stage, page, answer.content.decode())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_only_its_own_purpose_opens_a_page(client: Client, stage: Stage, page: Page) -> None:
    own = stage.numbers[page.purpose]
    before = state_of(stage)
    # The same number with another purpose, and every other link of the reader's.
    wrong = [(purpose, own) for purpose in PURPOSES if purpose != page.purpose]
    wrong += [(one.purpose, stage.numbers[one.purpose]) for one in PAGES if one.purpose != page.purpose]
    for purpose, number in wrong:
        in_mail = tokens.encrypt_ids_for_addresses(purpose, [number])[0]
        for token, post in itertools.product(
            (tokens.encrypt_id_for_url(purpose, number), in_mail), page.posts
        ):
            path = page.path.format(token)
            for answer in (client.get(path), client.post(path, post)):
                text = answer.content.decode()
                assert is_refused(answer.status_code, text), f"{purpose} opens {page.name}"
                assert tokens_in(text) == set() and "…@" not in text
    assert state_of(stage) == before


def state_of(stage: Stage) -> list[Any]:
    return [
        list(Subscriber.objects.order_by("pk").values()),
        list(stage.reader.subscriptions.order_by("pk").values()),
        list(AddressChange.objects.values()),
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_a_damaged_token_opens_nothing(client: Client, stage: Stage, page: Page) -> None:
    token = stage.token(page)
    for at in range(0, len(token), 8):
        damaged = token[:at] + ("B" if token[at] != "B" else "C") + token[at + 1 :]
        answer = client.get(page.path.format(damaged))
        assert is_refused(answer.status_code, answer.content.decode())
        assert tokens_in(answer.content.decode()) == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_pages_about_errors_hold_no_token(client: Client, stage: Stage, page: Page) -> None:
    path = page.path.format(stage.token(page))
    strict = Client(enforce_csrf_checks=True)
    answers = [client.put(path), client.get(f"{path}more/")]
    if page.name not in UNSUBSCRIBE:
        answers.append(strict.post(path))
    for answer in answers:
        assert answer.status_code >= 400
        text = answer.content.decode()
        assert tokens_in(text) == set() and stage.reader.email not in text


def test_the_table_names_every_page_that_a_token_opens() -> None:
    named = {page.name for page in PAGES} | REDIRECTS
    with_token = {
        pattern.name
        for pattern in get_resolver().url_patterns
        if isinstance(pattern, URLPattern) and re.search(r"<(token|secret)>", str(pattern.pattern))
        # Staff have tokens of their own.
        if "<uidb64>" not in str(pattern.pattern)
    }
    assert with_token == named


def test_pages_that_everyone_may_open_hold_no_token(client: Client, mailing: Mailing) -> None:
    edition = mailing.edition.slug
    variants = [one.key for one in mailing.snapshot.variants.all()]
    paths = ["/", "/archive/", "/archive/feed.xml", f"/archive/{edition}/", "/nothing-here/", "/healthz"]
    paths += [f"/archive/{edition}/{key}/" for key in variants]
    for path in paths:
        text = client.get(path).content.decode()
        assert tokens_in(text) == set() and "olga" not in text, path
