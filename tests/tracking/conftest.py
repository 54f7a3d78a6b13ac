"""An approved December edition that is being sent to readers in two languages and countries."""

from __future__ import annotations

import email
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from html import unescape

import pytest
from django.test import Client

from mailer.approval import snapshot_state_changes
from mailer.approval.models import SnapshotVariant
from mailer.approval.submit import submit
from mailer.delivery.ledger import claim_and_record
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout import advance_mailings
from mailer.delivery.smtp.message_encoder import message_builder
from mailer.tracking import link_targets
from mailer.tracking.record_events import event_buffer
from tests import cast
from tests.cast import NOW
from tests.recorded import recorded

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
)
SITE = "http://localhost:8000"

Track = Callable[..., None]


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    """Clear what other tests cached or buffered."""
    link_targets.clear_link_cache()
    event_buffer.clear()
    yield
    event_buffer.clear()


@pytest.fixture
def track(configure: Callable[..., None]) -> Track:
    """track(clicks="off", …) changes the configuration."""
    return lambda **keys: configure(tracking=keys)


@pytest.fixture
def mailing(request: pytest.FixtureRequest, db: None, track: Track) -> Mailing:
    """To eight readers of Kazakhstan in English, six in Russian, two of Tajikistan. A parameter: `track`."""
    track(**getattr(request, "param", {}))
    return planned()


@recorded
def planned() -> Mailing:
    staff = cast.staff()
    edition = cast.december(staff.writer)
    for number in range(16):
        countries = ("KZ",) if number < 14 else ("TJ",)
        cast.reader(f"reader-{number}", countries, "en" if number < 8 else "ru")
    snapshot = submit(edition, staff.admin, NOW)
    snapshot_state_changes.approve(snapshot, staff.approver, snapshot.sha256, NOW)
    snapshot_state_changes.schedule(snapshot, staff.approver, NOW, NOW)
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    return mailing


by_consent = pytest.mark.parametrize(
    "mailing", [{"clicks": "consent", "opens": "consent"}], indirect=True, ids=["by consent"]
)


@pytest.fixture
def variants(mailing: Mailing) -> dict[str, SnapshotVariant]:
    """What the mailing's readers get, by "KZ en" and the like."""
    rows = Delivery.objects.filter(mailing=mailing).select_related("variant")
    return {f"{row.countries} {row.variant.language}": row.variant for row in rows if row.variant}


@dataclass
class Sent:
    """A message as it was sent."""

    message: EmailMessage
    html: str
    text: str

    @classmethod
    def read(cls, octets: bytes) -> Sent:
        message = email.message_from_bytes(octets, policy=policy.default)
        bodies = [message.get_body((kind,)) for kind in ("html", "plain")]
        return cls(message, *(body.get_content() for body in bodies if body))

    @property
    def in_html(self) -> list[str]:
        """Every address in the HTML, in its order."""
        return [unescape(found) for found in re.findall(r'(?:href|src)="([^"]*)"', self.html)]

    @property
    def in_text(self) -> list[str]:
        return re.findall(r"https?://[^\s)]+", self.text)

    @property
    def links(self) -> list[str]:
        """Paths of the tracked links that a reader sees."""
        return [one.removeprefix(SITE) for one in self.in_html if re.match(rf"{SITE}/r/[^/]+/[^/]", one)]

    @property
    def honeypot(self) -> str:
        (found,) = {one for one in self.in_html if re.match(rf"{SITE}/r/[^/]+/$", one)}
        return found.removeprefix(SITE)

    @property
    def pixel(self) -> str:
        (found,) = [one for one in self.in_html if one.startswith(f"{SITE}/o/")]
        return found.removeprefix(SITE)


@pytest.fixture
def sent(mailing: Mailing) -> Callable[[str], Sent]:
    """sent("reader-0"): the message to that reader, built as the engine builds it."""
    mails: dict[str, Sent] = {}

    def of(name: str) -> Sent:
        if not mails:
            claimed = claim_and_record.claim_or_exclude_due_deliveries(
                mailing, "test", NOW + timedelta(hours=1), 100, NOW
            )
            for one, make in zip(claimed, message_builder().messages(mailing, claimed, NOW), strict=True):
                mails[one.email] = Sent.read(b"".join(make().pieces))
        return mails[f"{name}@example.net"]

    return of


@pytest.fixture
def phone(client: Client) -> Client:
    """A person's browser."""
    client.defaults["HTTP_USER_AGENT"] = PHONE
    return client
