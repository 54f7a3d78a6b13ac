"""The cast of the demo: three people of the office and the readers, each there for a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

STAFF_DOMAIN = "office.example.org"

# Follows a link or two; or stands behind a filter that opens every link before its reader does.
Habit = Literal["", "reads on", "filtered"]
Fate = Literal["reads", "pending", "suppressed", "left", "refused", "bounces"]


@dataclass(frozen=True)
class Member:
    """Somebody of the office; the password is public, so this exists in the demo only."""

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
    # What this reader shows, for the inboxes' page.
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
    "approves what others wrote, and schedules it",
)
ADMIN = Member("admin", "Lola", "Admin", "demo-admin-2021", "Admins", "manages lists, people and settings")
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
        "Turkmenistan, in Turkmen: her country is silent this month: the regional notice alone.",
        habit="",
    ),
    Reader("Dilshod Karimov", "dilshod@example.org", "uz", ("UZ",), "Uzbekistan, in Uzbek."),
    Reader(
        "Elena Kim",
        "elena@example.net",
        "ru",
        ("KZ", "UZ"),
        "Two countries in one mail, in Russian. A filter opens all of its links before she does.",
        habit="filtered",
    ),
    Reader(
        "Mary Miller",
        "mary@example.org",
        "en",
        (),
        "Chose no country, which means every story, in English. On two lists, and still gets one copy.",
        lists=("monthly", "partners"),
    ),
    Reader("Saule Akhmetova", "saule@example.net", "en", ("KZ",), "The same stories as Aigerim, in English."),
    Reader("Zarina Nazarova", "zarina@example.org", "ru", ("KG", "TJ"), "Two neighbours, in Russian."),
    Reader(
        "Bekzod Usmonov",
        "bekzod@example.net",
        "uz",
        ("KG", "KZ", "TJ", "TM", "UZ"),
        "All five countries, in Uzbek; stories that nobody told in Uzbek come in Russian.",
        lists=("partners",),
    ),
    Reader(
        "Gulnara Saidova",
        "gulnara@example.org",
        "en",
        ("UZ",),
        "Her mailbox is closed: the mail server refuses her address while the mail is handed over.",
        "refused",
    ),
    Reader(
        "Kairat Omarov",
        "kairat@example.net",
        "kk",
        ("KZ",),
        "His mail server accepts the mail, then reports that there is no such mailbox.",
        "bounces",
    ),
    Reader("Asel Toktoeva", "asel@example.org", "ky", ("KG",), "Never confirmed: gets nothing.", "pending"),
    Reader(
        "Rustam Aliev",
        "rustam@example.net",
        "ru",
        ("KZ",),
        "Marked an earlier edition as unwanted: suppressed, gets nothing.",
        "suppressed",
    ),
    Reader("Vera Belova", "vera@example.org", "ru", ("KZ",), "Unsubscribed in October: no mail.", "left"),
)


def reader_of(address: str) -> Reader | None:
    """The reader with this address, whatever its letter case; None for anybody else."""
    return next((reader for reader in READERS if reader.email == address.lower()), None)
