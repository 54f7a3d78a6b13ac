"""Approved mailings sent by an ESP: one message per recipient, and the account balances."""

from __future__ import annotations

import re
import threading
import time
from html.parser import HTMLParser

import pytest

from mailer.approval import snapshot_state_changes, submit
from mailer.approval.draft_check_cache import check_draft
from mailer.approval.models import SnapshotVariant
from mailer.delivery.engine import send_loop
from mailer.delivery.esp import message_parts_encoder
from mailer.delivery.esp.capabilities import CAPABILITIES
from mailer.delivery.ledger import recover_and_finish
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout import advance_mailings, mailing_control
from mailer.editions.assemble import create_edition_unless_exists
from mailer.editions.audience import Audience
from mailer.editions.models import EditionText
from mailer.editions.rendering_input import content_of
from mailer.stories.models import StoryText
from tests import cast
from tests.delivery.cast import NOW, Clock, balances, readers, reasons, released, restore_links, send, states
from tests.delivery.deadlines import claimed_by_another_after_a_step
from tests.delivery.esp.api import DROP, HANG, Reply
from tests.delivery.esp.documented import SERVICES
from tests.recorded import recorded

pytestmark = pytest.mark.django_db(transaction=True)

# One call per reader with the message itself; many readers in a call; a key against repeats.
KINDS = ["amazon_ses", "postmark", "resend"]


@pytest.fixture
def documented(request):
    return SERVICES[getattr(request, "param", "postmark")]()


@pytest.fixture(autouse=True)
def configured(service, documented, configure):
    """Configure the ESP."""
    configure(service={"name": service.name, "url": service.url, "connections": 2, **documented.config})


class _Visible(HTMLParser):
    """The text and the links that a mail program shows of HTML."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.feed(re.sub(r"(?s)<style.*?</style>", "", page))

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.pieces += [value for name, value in attributes if name in ("href", "src") and value]


def visible(page: str) -> str:
    return "".join("".join(_Visible(page).pieces).split())


@recorded
def released_with(written: str) -> Mailing:
    """A mailing whose subject and stories contain `written`."""
    staff = cast.staff()
    made = cast.newsletter()
    cast.december_stories(staff.writer)
    StoryText.objects.update(headline=f"On {written} today", summary=f"Of {written}.")
    edition = create_edition_unless_exists(made, "2021-12", NOW)
    edition.texts = [EditionText(language="en", subject=f"About {written} & more")]
    edition.save()
    edition.save_revision().publish()
    combinations = Audience.of_edition(edition, NOW).combinations()
    found = check_draft(edition, content_of(edition), combinations, NOW).findings
    reasons = {one.id: "These are examples." for one in found if one.blocks}
    snapshot = submit.submit(edition, staff.writer, NOW, overrides=reasons)
    snapshot_state_changes.approve(snapshot, staff.approver, snapshot.sha256, NOW)
    snapshot_state_changes.schedule(snapshot, staff.approver, None, NOW)
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    return mailing


@pytest.mark.parametrize("documented", sorted(SERVICES), indirect=True)
def test_every_recipient_gets_one_message_and_the_account_balances(api):
    readers(12)
    mailing = released()
    summary = send()
    assert summary.accepted == 12 and summary.finished == [mailing.pk] and summary.error == ""
    assert api.recipients() == sorted(f"reader-{n}@example.net" for n in range(12))
    assert states(mailing) == {"accepted": 12} and balances(mailing)
    assert list(recover_and_finish.journal_folder().iterdir()) == []
    named = {message_parts_encoder.delivery_of(mail.token) for mail in api.taken}
    assert named == set(Delivery.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("documented", sorted(SERVICES), indirect=True)
def test_a_message_is_what_was_approved_with_the_recipients_own_links(api, documented):
    cast.reader("aida", ("KZ",), "kk")
    released()
    send()
    (mail,) = api.taken
    variant = SnapshotVariant.objects.get(pk=Delivery.objects.get().variant_id)
    leave = re.search(r"http://localhost:8000/unsubscribe/[^/]+/", mail.text)[0]
    prefs = re.search(r"http://localhost:8000/preferences/[^/]+/", mail.text)[0]
    assert mail.headers["list-unsubscribe"].startswith(f"<{leave}>")
    assert leave in mail.html and prefs in mail.html and "%%" not in mail.html + mail.text
    assert mail.subject == variant.subject and mail.headers["content-language"] == variant.language
    for sealed, sent in ((variant.text, mail.text), (variant.html, mail.html)):
        shared = [re.escape(piece) for piece in re.split(r"%%\w+%%", sealed.rstrip())]
        assert re.fullmatch(
            ".*?".join(shared), restore_links(documented.rendered(sent), variant.snapshot).rstrip()
        )


@pytest.mark.parametrize("documented", sorted(SERVICES), indirect=True)
def test_a_story_with_template_placeholders_arrives_as_written(api, documented):
    # Those of every ESP.
    written = "{{ params.name }} {% if x %} %recipient.name% [[var:name]] {{{ pm:unsubscribe }}}"
    cast.reader("aida")
    released_with(written)
    send()
    (mail,) = api.taken
    arrived = {
        part: documented.rendered(getattr(mail, part)).replace("\N{WORD JOINER}", "")
        for part in ("subject", "text", "html")
    }
    assert arrived["subject"] == f"About {written} & more"
    # Long lines are broken.
    headline = "".join(f"On {written} today".split())
    assert headline in "".join(arrived["text"].split())
    assert headline in visible(arrived["html"])


@pytest.mark.parametrize("documented", KINDS, indirect=True)
def test_a_bad_address_in_a_call_affects_no_other_recipient(api):
    readers(6)
    mailing = released()
    api.bad = {"reader-3@example.net"}
    assert send().finished == [mailing.pk]
    assert states(mailing) == {"accepted": 5, "refused": 1} and balances(mailing)
    assert reasons(mailing)["reader-3"] == "refused"


@pytest.mark.parametrize("documented", KINDS, indirect=True)
def test_rejected_credentials_pause_the_mailing_without_an_attempt(api, documented):
    readers(6)
    mailing = released()
    api.script = lambda call: documented.fails("unauthorised", call)
    summary = send()
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.PAUSED and mailing.reason == summary.error
    assert CAPABILITIES[documented.name].title in summary.error
    assert states(mailing) == {"planned": 6} and balances(mailing)
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}
    assert list(recover_and_finish.journal_folder().iterdir()) == []


@pytest.mark.parametrize("documented", ["resend"], indirect=True)
def test_the_last_readers_ambiguous_rejection_is_theirs_if_an_earlier_run_had_messages_accepted(
    api, documented
):
    readers(3)
    mailing = released()
    clock = Clock()
    reply = Reply(409, {"name": "concurrent_idempotent_requests", "message": "Try later."})
    api.script = lambda call: reply if "reader-0@example.net" in call.json["to"] else None
    send(clock)
    assert states(mailing) == {"accepted": 2, "deferred": 1}
    reply = documented.unexplained
    clock.move(minutes=60)
    assert send(clock).finished == [mailing.pk]
    assert states(mailing) == {"accepted": 2, "refused": 1} and balances(mailing)


def test_an_unreachable_esp_counts_no_attempt(api, configure):
    readers(3)
    mailing = released()
    configure(service={"url": "http://127.0.0.1:1/"})
    assert "cannot be reached" in send().error
    assert states(mailing) == {"planned": 3}
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}


@pytest.mark.parametrize("documented", KINDS[:2], indirect=True)
def test_a_delivery_in_doubt_is_resolved_by_sending_it_again(api):
    readers(2)
    mailing = released()
    clock = Clock()
    api.script = lambda call: DROP
    assert send(clock).in_doubt == 2
    assert states(mailing) == {"in_doubt": 2} and balances(mailing)
    api.script = lambda call: None
    clock.move(minutes=11)
    assert send(clock).accepted == 2
    assert api.recipients() == ["reader-0@example.net", "reader-1@example.net"]


@pytest.mark.parametrize("documented", KINDS[:2], indirect=True)
def test_stopping_reports_messages_in_flight_as_in_doubt(api):
    readers(4)
    mailing = released()
    stop = threading.Event()

    def stop_and_hang(call):
        stop.set()
        return HANG

    api.script = stop_and_hang
    summary = send_loop.send_due(Clock(), stop)
    # Not the read timeout ended the call, which is much longer.
    assert {one.reply for one in Delivery.objects.filter(state="in_doubt")} == {
        "stopped before the ESP answered"
    }
    assert summary.in_doubt >= 1 and summary.in_doubt + summary.released == 4
    assert "claimed" not in states(mailing) and balances(mailing)


@pytest.mark.parametrize("documented", KINDS[:1], indirect=True)
def test_a_worker_sends_nothing_that_another_holds_since_the_clock_was_set_forward(api):
    readers(30)
    mailing = released()
    clock, others = Clock(), []

    def look():
        if len(api.taken) > 5 and not others:
            others.extend(claimed_by_another_after_a_step(clock, mailing))
        return False

    api.script = lambda call: time.sleep(0.05)
    send_loop.send_due(clock, look)
    sent = api.recipients()
    assert others and not {one.email for one in others}.intersection(sent)
    assert len(sent) == len(set(sent)) == 30 - len(others)
    assert states(mailing) == {"accepted": len(sent), "claimed": len(others)}


@pytest.mark.parametrize("documented", KINDS, indirect=True)
def test_a_dry_run_is_marked_and_goes_to_staff_without_a_subscribers_links(api):
    staff = cast.staff()
    edition = cast.december(staff.writer)
    readers(3)
    snapshot = submit.submit(edition, staff.writer, NOW)
    mailing = mailing_control.create_dry_run_mailing(snapshot, "dana@office.example.org", None, None, NOW)
    advance_mailings.create_and_start_or_hold_due_mailings(NOW)
    send()
    assert states(mailing) == {"accepted": 3} and balances(mailing)
    assert {mail.to for mail in api.taken} == {"dana@office.example.org"}
    for mail in api.taken:
        assert mail.subject.startswith("[Full test] ")
        everything = f"{mail.html}{mail.text}{mail.headers}"
        assert "reader-" not in everything and "/unsubscribe/" not in everything
