"""The cast: a newsletter, its staff, its stories and a few readers, each there for a reason."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.contrib.auth.models import Permission, User
from django.core.files.images import ImageFile
from django.test import override_settings
from django_tasks import default_task_backend
from PIL import Image as Drawing
from wagtail.images import get_image_model

from mailer.editions.assemble import create_edition_unless_exists
from mailer.editions.models import Edition, Newsletter, NewsletterText
from mailer.stories.models import Story, StoryText
from subscribers.models import MailingList, Subscriber, Subscription
from tests.recorded import recorded

# The moment as of which everything happens, in the sample's own days.
NOW = datetime(2021, 12, 3, 4, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Staff:
    # Writes stories and editions, and submits them.
    writer: User
    # Approves what others wrote, and schedules it.
    approver: User
    # May do everything, and is held to four eyes like everybody.
    admin: User


@recorded
def staff() -> Staff:
    """Three accounts with just the permissions that each needs."""
    admin = User.objects.create_superuser("admin", "admin@office.example.org", "admin's long password")
    return Staff(
        writer=_account("writer", "submit_edition"),
        approver=_account("approver", "approve_edition", "schedule_edition"),
        admin=admin,
    )


def _account(name: str, *codes: str) -> User:
    user = User.objects.create_user(name, f"{name}@office.example.org", f"{name}'s long password")
    user.user_permissions.set(Permission.objects.filter(codename__in=codes))
    return user


def newsletter(**changes: Any) -> Newsletter:
    """A monthly for five countries in seven languages, falling back to Russian and then English."""
    fields: dict[str, Any] = {
        "slug": "silk-road-monthly",
        "name": "Silk Road Monthly",
        "office": "Regional Office",
        "postal_address": "12 Example Street, Almaty",
        "sender_name": "Regional Office",
        "sender_email": "news@example.org",
        "countries": ("KZ", "KG", "TJ", "TM", "UZ"),
        "languages": ("en", "ru", "kk", "ky", "tg", "uz", "tk"),
        "fallbacks": ("ru", "en"),
        "zone": "Asia/Almaty",
        "assemble_on": "monthly 3 09:00",
        **changes,
    }
    made = Newsletter(**fields)
    made.texts = [NewsletterText(language="en", tagline="News from five countries")]
    made.save()
    monthly, _ = MailingList.objects.get_or_create(slug="monthly", defaults={"name": "Monthly digest"})
    made.lists.add(monthly)
    return made


def story(
    key: str,
    kind: str = "news",
    countries: tuple[str, ...] = (),
    day: date = date(2021, 11, 20),
    languages: tuple[str, ...] = ("en", "ru"),
    *,
    by: User | None = None,
    picture: Any = None,
) -> Story:
    """A ready story whose texts name its key, so that a test can look for them."""
    made = Story(
        key=key, kind=kind, countries=countries, date=day, link=f"https://example.org/{key}", picture=picture
    )
    made.texts = [
        StoryText(
            language=language,
            headline=f"Headline {key} {language}",
            summary=f"Summary {key} {language}.",
            picture_alt="A drawing" if picture else "",
        )
        for language in languages
    ]
    with indexed_once():
        made.save()
        made.save_revision(user=by).publish()
    made.refresh_from_db()
    return made


@contextmanager
def indexed_once() -> Iterator[None]:
    """Wagtail's indexes, of words and of references, are renewed at the end, instead of at each save."""
    with override_settings(TASKS={"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}):
        yield
        put_off = {(one.task, tuple(one.args)): None for one in default_task_backend.results}
    for task, arguments in put_off:
        task.call(*arguments)


def picture(title: str = "Drawing", colour: str = "#0A6E7A") -> Any:
    """A picture of one colour."""
    data = io.BytesIO()
    Drawing.new("RGB", (1200, 600), colour).save(data, "PNG")
    data.seek(0)
    return get_image_model().objects.create(title=title, file=ImageFile(data, name=f"{title}.png"))


def december_stories(by: User | None = None) -> list[Story]:
    """One story of each sort; Turkmenistan has none of its own."""
    return [
        story("kz-news", countries=("KZ",), day=date(2021, 11, 16), by=by),
        story("ring", countries=("UZ", "KZ", "KG", "TJ"), day=date(2021, 11, 29), by=by),
        story("tj-news", countries=("TJ",), by=by),
        story("film", "event", ("KZ",), date(2021, 12, 18), by=by),
        story("profile", "publication", ("KZ",), date(2021, 11, 10), by=by),
        story("follow", "notice", (), date(2021, 11, 1), by=by),
    ]


@recorded
def december(by: User | None = None) -> Edition:
    """The December edition of a fresh newsletter, assembled by the system from stories of `by`."""
    made = newsletter()
    december_stories(by)
    return create_edition_unless_exists(made, "2021-12", NOW)


@recorded
def short(by: User | None = None) -> Edition:
    """A December edition of two stories in three languages, for tests that are not about what it says."""
    made = newsletter(languages=("en", "ru", "kk"))
    story("kz-news", countries=("KZ",), day=date(2021, 11, 16), by=by)
    story("ring", countries=("UZ", "KZ", "KG", "TJ"), day=date(2021, 11, 29), by=by)
    return create_edition_unless_exists(made, "2021-12", NOW)


@recorded
def reader(
    name: str,
    countries: tuple[str, ...] = (),
    language: str = "en",
    state: str = "confirmed",
    slug: str = "monthly",
) -> Subscriber:
    """A reader on the monthly list."""
    person = Subscriber.objects.create(email=f"{name}@example.net", countries=countries, language=language)
    monthly, _ = MailingList.objects.get_or_create(slug=slug, defaults={"name": slug})
    Subscription.objects.create(subscriber=person, mailing_list=monthly, state=state, confirmed_at=NOW)
    return person
