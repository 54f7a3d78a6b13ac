"""A row of every kind, and a browser for every role and state of its second factor."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.test import Client, RequestFactory, override_settings
from django.test.client import ClientHandler
from django.urls import URLPattern, URLResolver, reverse
from django.utils import timezone
from pytest_django import DjangoDbBlocker
from wagtail.admin.models import EditingSession
from wagtail.images import get_image_model
from wagtail.models import Collection, Page, UploadedFile

from mailer import link_tracking
from mailer.accounts import session_start_and_expiry
from mailer.approval import list_sender_and_welcome_approval
from mailer.approval.list_sender_and_welcome_approval import ListEmails
from mailer.approval.models import SnapshotVariant
from mailer.desk.accounts.role_permissions_and_grantable_groups import set_up_role_groups
from mailer.editions import draft_blocks
from mailer.editions.models import GlossaryTerm, Newsletter
from mailer.feedback import ingest_returned_mail
from mailer.feedback.models import BounceWave, ReturnedMessage, SuppressionDecision
from mailer.outgoing_webhooks import endpoints
from mailer.reports.models import CalendarAddress
from mailer.stories.models import Story, StoryMail, StorySource
from subscribers import suppression, tokens
from subscribers.addresses import address_hash
from subscribers.bulk.models import BulkJob
from subscribers.imports.models import ImportJob
from subscribers.models import AddressChange, CustomField, DataLink, MailingList, ReconfirmationCampaign, Tag
from subscribers.segments.models import Segment
from subscribers.segments.rule_format import Group as RuleGroup
from subscribers.segments.rule_format import to_json
from tests import cast as everyone
from tests.desk import cast
from tests.waiting import totp_counter

# Roles with their letters in the table; the letter of an account that is nobody here is "".
ROLES = {
    "guest": "G",
    "visitor": "V",
    "viewer": "R",
    "contributor": "C",
    "writer": "W",
    "approver": "A",
    "list manager": "M",
    "admin": "D",
    "superuser": "S",
    "inactive": "",
}
PASSWORD = "a quiet otter swims east"
# Nobody else in the tests has them.
A_READER, ANOTHER, SURNAME = "planted-aigul", "planted-bolat", "Planted"


class Url(NamedTuple):
    """A pattern: its name with namespaces ("" without a name), its route, and the names of its arguments."""

    name: str
    route: str
    arguments: tuple[str, ...]

    @property
    def key(self) -> str:
        return self.name or self.route


class Answer(NamedTuple):
    status: int
    location: str
    body: str
    # Tables that were written to.
    written: set[str]


def every_url(
    resolver: Any, route: str = "", names: tuple[str, ...] = (), arguments: tuple[str, ...] = ()
) -> Iterator[Url]:
    for one in resolver.url_patterns:
        path, pattern = route + str(one.pattern), one.pattern
        named = (
            *arguments,
            *(pattern.regex.groupindex if hasattr(pattern, "_regex") else pattern.converters),
        )
        if isinstance(one, URLResolver):
            yield from every_url(one, path, (*names, *filter(None, [one.namespace])), named)
        elif isinstance(one, URLPattern):
            yield Url(":".join((*names, one.name)) if one.name else "", path, named)


@dataclass
class World:
    """Every kind of row, and a browser's cookies for each role and state of its second factor."""

    # The values of arguments by name, and of primary keys by the URL's name or namespace.
    values: dict[str, Any]
    keys: dict[str, Any]
    tokens: dict[str, str]
    cookies: dict[tuple[str, str], str] = field(default_factory=dict)
    # Without the checks of CSRF tokens, and with them.
    handler: ClientHandler = field(default_factory=lambda: ClientHandler(enforce_csrf_checks=False))
    strict: ClientHandler = field(default_factory=ClientHandler)

    def path(self, url: Url) -> str:
        """A path with the values of rows that exist."""
        if not url.name:
            plain = re.sub(r"\(\?P<\w+>[^)]*\)|\.\*", "x", url.route)
            # The first of several.
            return "/" + re.sub(r"\(\?:([^|]*)\|.*\)", r"\1", plain).translate({ord("^"): "", ord("$"): ""})
        section = url.name.partition(":")[0]
        known = {
            **self.values,
            "pk": self.keys.get(url.name, self.keys.get(section, 1)),
            "revision_id": self.keys.get(f"revision of {section}", 1),
            "token": self.tokens.get(url.name, "x" * 33),
        }
        given = {name: known.get(name, 1) for name in url.arguments if name != "subscriber"}
        if "(" not in url.route:
            filled = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(given[found[1]]), url.route)
            return "/" + filled.replace("^", "")
        return reverse(url.name, kwargs=given)

    def ask(self, method: str, path: str, cookies: str, *, csrf: bool = False) -> Answer:
        """The answer to a request, whose effects are rolled back."""
        written: set[str] = set()

        def watch(execute: Any, sql: str, *rest: Any) -> Any:
            if found := re.match(r"\s*(?:INSERT.*? INTO|UPDATE|DELETE FROM|REPLACE INTO)\s+\"?(\w+)", sql):
                written.add(found[1])
            return execute(sql, *rest)

        headers = {"Cookie": cookies} if cookies else {}
        form = "application/x-www-form-urlencoded"
        request = RequestFactory().generic(method, path, content_type=form, headers=headers)
        with transaction.atomic(), connection.execute_wrapper(watch):
            try:
                response = (self.strict if csrf else self.handler)(request.environ)
                content = b"".join(response) if response.streaming else response.content
            except Exception as error:  # noqa: BLE001  (the handler passes on what a server answers with 500)
                return Answer(500, repr(error), "", written)
            finally:
                transaction.set_rollback(True)
        return Answer(
            response.status_code, response.get("Location", ""), content.decode(errors="replace"), written
        )


def build(patch: pytest.MonkeyPatch, sessions: Iterable[tuple[str, str]]) -> World:
    cast.leave_out_menu(patch)
    patch.setattr(ModelBackend, "_get_permissions", _remembered_permissions(ModelBackend._get_permissions))
    at = cast.desk()
    now, reader = timezone.now(), at.reader
    reader.email, reader.name = f"{A_READER}@example.net", f"Aigul {SURNAME}"
    reader.save()
    other = everyone.reader(ANOTHER, ("KZ",))
    other.name = f"Bolat {SURNAME}"
    other.save()
    mailing = cast.sending(at, "done")
    picture = everyone.picture()
    get_image_model().objects.update(file_size=1)
    monthly = reader.subscriptions.get().mailing_list
    ingest_returned_mail.ingest_message(
        f"From: {reader.email}\nSubject: Thank you\n\nFrom {reader.email}\n".encode(), now
    )
    everybody = to_json(RuleGroup("all", ()))
    segment = Segment.objects.create(name="All", rule=everybody, changed_at=now)
    campaign = ReconfirmationCampaign.objects.create(
        mailing_list=monthly, rule=everybody, deadline=timezone.localdate(), created_at=now
    )
    job = ImportJob.objects.create(
        file_name="a.csv", mailing_list=monthly, source="paper", state="failed", created_at=now
    )
    decision = SuppressionDecision.objects.create(
        subscriber=reader.pk,
        address_hash=reader.address_hash,
        rule=SuppressionDecision.Rule.values[0],
        state=SuppressionDecision.State.values[0],
        created_at=now,
    )
    tag, text = Tag.objects.create(name="Press"), CustomField.objects.create(name="City")
    bulk = BulkJob.objects.create(
        action="tag", target=tag.pk, selection={"ids": [reader.pk]}, last_subscriber=reader.pk, created_at=now
    )
    story = Story.objects.order_by("pk")[0]
    unused = Newsletter.objects.get(pk=at.edition.newsletter_id)
    unused.pk, unused.slug, unused.name = None, "another", "Another"
    unused.save()
    variant = SnapshotVariant.objects.filter(snapshot=mailing.snapshot).order_by("pk")[0]
    change = AddressChange.objects.create(
        subscriber=reader, old_email=reader.email, new_email=other.email, requested_at=now
    )
    link = DataLink.objects.create(
        subscriber=reader, address_hash=address_hash(reader.email), requested_at=now
    )
    returned = ReturnedMessage.objects.get()
    rows = {
        "desk_stories": story,
        "desk_story": story,
        "desk_editions": at.edition,
        "desk_edition": at.edition,
        "desk_assemble": at.edition.newsletter,
        "desk_trend": at.edition.newsletter,
        "desk_newsletters": unused,
        "desk_lists": MailingList.objects.create(slug="unused", name="Unused"),
        "desk_list_change": list_sender_and_welcome_approval.propose(
            monthly, ListEmails("", "", {"en": "Hello"}), at.admin, now
        ),
        **dict.fromkeys(("desk_subscribers", "desk_erase", "desk_merge"), reader),
        "desk_suppressions": suppression.suppress(everyone.reader("stopped"), "manual", "asked", now),
        **dict.fromkeys(("desk_segments", "desk_reconfirm"), segment),
        "desk_reconfirmation": campaign,
        "desk_bulk_job": bulk,
        "desk_tags": tag,
        "desk_fields": text,
        **dict.fromkeys(("desk_import", "desk_import_columns", "desk_import_rejected"), job),
        **dict.fromkeys(("desk_reply", "desk_reply_source", "desk_reply_reopen"), returned),
        "desk_suppression_decision": decision,
        **dict.fromkeys(
            ("desk_webhook", "desk_webhook_edit", "desk_webhook_rotate"),
            endpoints.create("CRM", "https://crm.example.org/", ["mailing.finished"], "lola", now)[0],
        ),
        **dict.fromkeys(
            ("desk_source", "desk_source_edit"),
            StorySource.objects.create(name="An office", url="https://office.example.org/feed"),
        ),
        "desk_story_mail_original": StoryMail.objects.create(
            sha256="1" * 64,
            raw=b"Subject: News\n",
            received_at=now,
            state=StoryMail.State.ADDED,
            sender="a@example.org",
        ),
        "desk_story_mail_edit": StorySource.objects.create(kind="email", name="Osh", senders="a@example.org"),
        "desk_bounce_wave": BounceWave.objects.create(domain="example.net", state="open", started_at=now),
        "wagtailusers_users": at.writer,
        "wagtailusers_groups": Group.objects.create(name="Nobody"),
        "wagtailadmin_collections": Collection.get_first_root_node().add_child(name="A folder"),
        "wagtailsnippetchoosers_mailer_story": story,
        "wagtailsnippetchoosers_mailer_edition": at.edition,
        "wagtailimages_chooser": picture,
        **dict.fromkeys(
            ("mfa_remove_webauthn", "mfa_edit_webauthn"),
            Authenticator.objects.create(
                user=at.writer, type="webauthn", data={"name": "x", "credential": {}}
            ),
        ),
        "revision of desk_stories": story.latest_revision,
        "revision of desk_editions": at.edition.save_revision(user=at.writer),
    }
    upload = UploadedFile.objects.create(
        for_content_type=ContentType.objects.get_for_model(get_image_model()),
        file=ContentFile(b"x", "x.png"),
        uploaded_by_user=at.writer,
    )
    editing = EditingSession.objects.create(
        user=at.writer,
        content_type=ContentType.objects.get_for_model(Story),
        object_id=str(story.pk),
        last_seen_at=now,
    )
    values = {
        "picture": "steppe",
        "part": "blocks/foot.mjml",
        "term": GlossaryTerm.objects.create(names={"en": ["Regional Office"]}).pk,
        "reader": reader.pk,
        "slug": at.edition.slug,
        "middle": "E9A724",
        "ring": "FFFFFF",
        "key": variant.key,
        "story": "film",
        "item": story.source_items.create(
            source=StorySource.objects.create(name="A feed"), item_id="1", first_seen_at=now, seen_at=now
        ).pk,
        "comment": story.comments.create(author=at.writer, text="Who is on the photo?").pk,
        "block": draft_blocks.raw_blocks(at.edition)[0]["id"],
        "path": picture.file.name,
        "image_id": picture.pk,
        "filter_spec": "width-100",
        "uploaded_file_id": upload.pk,
        "collection_id": rows["wagtailadmin_collections"].pk,
        "session_id": editing.pk,
        "parent_page_id": Page.get_first_root_node().pk,
        "object_id": story.pk,
        "app_label": "mailer",
        "app_name": "mailer",
        "model_name": "story",
        # A page of the help.
        "name": "guide",
        "action": "delete",
        "revision_id_a": "earliest",
        "revision_id_b": "latest",
        "provider_id": "office",
        "uidb64": "MQ",
        "service": "mailgun",
        "secret": "x",
    }
    minute = int(now.timestamp() // 60)
    of_newsletter, of_change = (reader.pk, at.edition.newsletter_id), (change.pk, minute)
    pages: dict[str, tuple[tokens.Purpose, tuple[int, int]]] = {
        "unsubscribe": ("unsubscribe", of_newsletter),
        "unsubscribe-list": ("unsubscribe_list", (reader.pk, monthly.pk)),
        "preferences": ("preferences", of_newsletter),
        "confirm": ("confirm", (reader.pk, minute)),
        "reconfirm": ("reconfirm", (reader.pk, campaign.pk)),
        "confirm-address": ("change_address", of_change),
        "agree-address": ("agree_change", of_change),
        "reject-address": ("reject_change", of_change),
        "data-access": ("data_access", (link.pk, minute)),
    }
    found = {
        name: tokens.encrypt_id_for_url(purpose, first << 28 | second)
        for name, (purpose, (first, second)) in pages.items()
    }
    found["open"] = tokens.encrypt_id_for_url("open", variant.pk << 16)
    calendar = CalendarAddress.objects.create(user=at.writer, created_at=now)
    found["staff-calendar"] = tokens.encrypt_id_for_url("staff_calendar", calendar.pk)
    found["click"] = link_tracking.link_path(variant.pk, 1).split("/")[2]
    world = World(values, {name: row.pk for name, row in rows.items()}, found)
    world.cookies = dict(all_cookies(sessions))
    return world


def _remembered_permissions(query: Callable[..., set[str]]) -> Callable[..., set[str]]:
    """Reads what an account may do once: what a request changes is rolled back."""
    known: dict[tuple[Any, ...], set[str]] = {}

    def remembered(backend: ModelBackend, user: User, obj: object, source: str) -> set[str]:
        key = (user.pk, user.is_active, user.is_superuser, obj is None, source)
        if key not in known:
            known[key] = query(backend, user, obj, source)
        return known[key]

    return remembered


def all_cookies(sessions: Iterable[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], str]]:
    """Of these roles and states; every role has its accounts."""
    yield ("anonymous", ""), ""
    groups = set_up_role_groups()
    desk = Permission.objects.filter(codename="access_admin")
    for name, permissions in (
        ("Desk only", desk),
        ("List managers", desk | Permission.objects.filter(content_type__app_label="subscribers")),
    ):
        groups[name] = Group.objects.create(name=name)
        groups[name].permissions.set(permissions)
    members = {
        "visitor": "Desk only",
        "viewer": "Viewers",
        "contributor": "Contributors",
        "writer": "Writers",
        "approver": "Approvers",
        "list manager": "List managers",
        "admin": "Admins",
        "inactive": "Admins",
    }
    for role in ROLES:
        for name in (f"{role} without", f"{role} with"):
            user = User.objects.create_user(name, f"{name[-3:]}.{role[:3]}@office.example.org", PASSWORD)
            user.is_superuser = role == "superuser"
            user.save()
            if role in members:
                user.groups.add(groups[members[role]])
        states = {state for one, state in sessions if one == role}
        if "none" in states:
            yield (role, "none"), _cookies(_with_password(f"{role} without"))
        if states <= {"none"}:
            continue
        browser = _with_password(f"{role} with")
        secret = browser.get(reverse("mfa_activate_totp")).context["form"].secret
        set_up = browser.post(reverse("mfa_activate_totp"), {"code": _code(secret, -1)})
        assert set_up.status_code == 302
        if "pending" in states:
            yield (role, "pending"), _cookies(_with_password(f"{role} with"))
        for state, step in (("passed", 0), ("stale", 1)):
            if state not in states:
                continue
            browser = _with_password(f"{role} with")
            assert browser.post(reverse("mfa_authenticate"), {"code": _code(secret, step)}).status_code == 302
            if state == "stale":
                _let_pass(browser, minutes=16)
            yield (role, state), _cookies(browser)
    User.objects.filter(username__startswith="inactive").update(is_active=False)


def _with_password(name: str) -> Client:
    browser = Client()
    assert browser.post(reverse("account_login"), {"login": name, "password": PASSWORD}).status_code == 302
    return browser


def _code(secret: str, steps: int) -> str:
    return format_hotp_value(hotp_value(secret, totp_counter() + steps))


def _let_pass(browser: Client, minutes: int) -> None:
    session = browser.session
    session[session_start_and_expiry.STARTED] -= minutes * 60
    for record in session["account_authentication_methods"]:
        record["at"] -= minutes * 60
    session.save()


def _cookies(browser: Client) -> str:
    return "; ".join(f"{name}={cookie.value}" for name, cookie in browser.cookies.items())


@pytest.fixture(scope="module")
def world(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[World]:
    """With the sessions that the module names in SESSIONS: roles, and states of their second factor.

    As the product is delivered, second factors are required.
    """
    accounts = dataclasses.replace(settings.CONFIG.accounts, require_second_factor=True)
    with (
        django_db_blocker.unblock(),
        override_settings(CONFIG=dataclasses.replace(settings.CONFIG, accounts=accounts)),
    ):
        ContentType.objects.clear_cache()
        with transaction.atomic(), pytest.MonkeyPatch.context() as patch:
            yield build(patch, request.module.SESSIONS)
            transaction.set_rollback(True)
