"""Fills an empty database with the demo: staff, newsletter, lists, readers and stories."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction

from mailer.approval import account_change_notices
from mailer.desk.accounts.role_permissions_and_grantable_groups import set_up_role_groups
from mailer.editions.models import Newsletter, NewsletterText
from mailer.stories.models import Story
from mailer.stories.stories_file_import import import_stories
from subscribers import consent
from subscribers.consent import Channel, Event, Evidence
from subscribers.models import MailingList, Subscriber, Subscription, Suppression

SAMPLE = Path(__file__).resolve().parent / "sample"
NEWSLETTER = "silk-road-monthly"
PERIOD = "2021-12"
# The time as of which the sample edition is assembled.
ASSEMBLED_AT = datetime(2021, 12, 3, 3, 0, tzinfo=UTC)

_JOINED = datetime(2021, 3, 3, 8, 30, tzinfo=UTC)
_LEFT = datetime(2021, 10, 4, 16, 12, tzinfo=UTC)


def seed(now: datetime) -> None:
    """Create missing rows of the demo in one transaction; existing rows are not changed."""
    with transaction.atomic():
        groups = set_up_role_groups()
        created = [_staff(member, groups) for member in STAFF]
        if any(created):
            account_change_notices.mark_account_changes_notified(now)
        newsletter = _newsletter()
        for reader in READERS:
            _reader(reader, newsletter, now)
        if not Story.objects.exists():
            writer = get_user_model().objects.get_by_natural_key(WRITER.username)
            import_stories(SAMPLE / "stories.json", writer, now)


def _staff(member: Member, groups: Mapping[str, Group]) -> bool:
    """Create the account; whether it did not exist before."""
    model = get_user_model()
    if model.objects.filter(username=member.username).exists():
        return False
    user = model.objects.create_user(
        member.username,
        member.email,
        member.password,
        first_name=member.first_name,
        last_name=member.last_name,
    )
    user.groups.add(groups[member.group])
    return True


def _newsletter() -> Newsletter:
    known: Newsletter | None = Newsletter.objects.filter(slug=NEWSLETTER).first()
    if known is not None:
        return known
    table: dict[str, Any] = tomllib.loads((SAMPLE / "newsletter.toml").read_text(encoding="utf-8"))
    lists, taglines, texts = table.pop("lists"), table.pop("taglines"), table.pop("texts")
    newsletter = Newsletter(**table)
    newsletter.texts = [
        NewsletterText(language=code, tagline=text, **texts.get(code, {})) for code, text in taglines.items()
    ]
    newsletter.full_clean(exclude=["lists"])
    newsletter.save()
    newsletter.lists.set(
        [MailingList.objects.get_or_create(slug=one["slug"], defaults=one)[0] for one in lists]
    )
    return newsletter


def _reader(reader: Reader, newsletter: Newsletter, now: datetime) -> None:
    if Subscriber.objects.filter(email=reader.email).exists():
        return
    person = Subscriber.objects.create(
        email=reader.email,
        name=reader.name,
        language=reader.language,
        countries=reader.countries,
        created_at=_JOINED,
    )
    # Unconfirmed sign-ups are recent: they expire after some days.
    asked_at = now if reader.fate == "pending" else _JOINED
    for mailing_list in newsletter.lists.filter(slug__in=reader.lists):
        Subscription.objects.create(
            subscriber=person,
            mailing_list=mailing_list,
            state=_STATES.get(reader.fate, Subscription.State.CONFIRMED),
            source="form",
            created_at=asked_at,
            confirmed_at=None if reader.fate == "pending" else _JOINED,
            ended_at=_LEFT if reader.fate == "left" else None,
        )
        consent.record(Event.REQUESTED, [person.pk], [mailing_list.pk], Evidence(Channel.FORM), asked_at)
        if reader.fate != "pending":
            consent.record(
                Event.CONFIRMED, [person.pk], [mailing_list.pk], Evidence(Channel.EMAIL_LINK), _JOINED
            )
        if reader.fate == "left":
            consent.record(
                Event.UNSUBSCRIBED, [person.pk], [mailing_list.pk], Evidence(Channel.ONE_CLICK), _LEFT
            )
    if reader.fate == "suppressed":
        Suppression.objects.create(
            address_hash=person.address_hash,
            email=person.email,
            reason=Suppression.Reason.COMPLAINT,
            evidence="The reader marked the edition of October 2021 as spam.",
            created_at=_LEFT,
        )


_STATES = {"pending": Subscription.State.PENDING, "left": Subscription.State.UNSUBSCRIBED}

STAFF_DOMAIN = "office.example.org"

# Follows a link or two; or is behind a scanner that opens every link first.
Habit = Literal["", "reads on", "filtered"]
Fate = Literal["reads", "pending", "suppressed", "left", "refused", "bounces"]


@dataclass(frozen=True)
class Member:
    """A member of staff; the password is public, so this exists in the demo only."""

    username: str
    first_name: str
    last_name: str
    password: str
    # Name of the group, see desk.groups.
    group: str
    # What the person does, for the start page.
    role: str

    @property
    def email(self) -> str:
        return f"{self.username}@{STAFF_DOMAIN}"


@dataclass(frozen=True)
class Reader:
    name: str
    email: str
    language: str
    # As chosen; none: every country.
    countries: tuple[str, ...]
    # What this reader demonstrates, for the page of inboxes.
    purpose: str
    # What happens to the mail: "refused" at RCPT, "bounces" after it was accepted, or none is sent.
    fate: Fate = "reads"
    lists: tuple[str, ...] = ("monthly",)
    habit: Habit = "reads on"


WRITER = Member(
    "writer",
    "Dana",
    "Writer",
    "demo-writer-2021",
    "Writers",
    "writes stories, builds the edition and submits it",
)
APPROVER = Member(
    "approver",
    "Timur",
    "Approver",
    "demo-approver-2021",
    "Approvers",
    "approves what others wrote, and schedules sending",
)
ADMIN = Member(
    "admin", "Lola", "Admin", "demo-admin-2021", "Admins", "manages lists, subscribers and settings"
)
STAFF = (WRITER, APPROVER, ADMIN)

READERS = (
    Reader("Aigerim Sadykova", "aigerim@example.org", "kk", ("KZ",), "Kazakhstan, in Kazakh."),
    Reader("Nurlan Asanov", "nurlan@example.org", "ky", ("KG",), "Kyrgyzstan, in Kyrgyz."),
    Reader("Farrukh Rahimov", "farrukh@example.net", "tg", ("TJ",), "Tajikistan, in Tajik."),
    Reader(
        "Maral Annayeva",
        "maral@example.org",
        "tk",
        ("TM",),
        "Turkmenistan, in Turkmen: no story of her country this month, so only the regional notice.",
        habit="",
    ),
    Reader("Dilshod Karimov", "dilshod@example.org", "uz", ("UZ",), "Uzbekistan, in Uzbek."),
    Reader(
        "Elena Kim",
        "elena@example.net",
        "ru",
        ("KZ", "UZ"),
        "Two countries in one message, in Russian. A link scanner opens all of its links before she does.",
        habit="filtered",
    ),
    Reader(
        "Mary Miller",
        "mary@example.org",
        "en",
        (),
        "Chose no country, which means every story, in English. On two lists, and still gets one message.",
        lists=("monthly", "partners"),
    ),
    Reader("Saule Akhmetova", "saule@example.net", "en", ("KZ",), "The same stories as Aigerim, in English."),
    Reader("Zarina Nazarova", "zarina@example.org", "ru", ("KG", "TJ"), "Two neighbours, in Russian."),
    Reader(
        "Bekzod Usmonov",
        "bekzod@example.net",
        "uz",
        ("KG", "KZ", "TJ", "TM", "UZ"),
        "All five countries, in Uzbek; stories without an Uzbek text appear in Russian.",
        lists=("partners",),
    ),
    Reader(
        "Gulnara Saidova",
        "gulnara@example.org",
        "en",
        ("UZ",),
        "Her mailbox is closed: the mail server rejects her address during the SMTP session.",
        "refused",
    ),
    Reader(
        "Kairat Omarov",
        "kairat@example.net",
        "kk",
        ("KZ",),
        "His mail server accepts the message, then sends a bounce: no such mailbox.",
        "bounces",
    ),
    Reader("Asel Toktoeva", "asel@example.org", "ky", ("KG",), "Never confirmed: gets nothing.", "pending"),
    Reader(
        "Rustam Aliev",
        "rustam@example.net",
        "ru",
        ("KZ",),
        "Marked an earlier edition as spam: suppressed, gets nothing.",
        "suppressed",
    ),
    Reader(
        "Vera Belova", "vera@example.org", "ru", ("KZ",), "Unsubscribed in October: gets nothing.", "left"
    ),
)


def reader_of(address: str) -> Reader | None:
    """The sample reader with this address, in any letter case; None for others."""
    return next((reader for reader in READERS if reader.email == address.lower()), None)
