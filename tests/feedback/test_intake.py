from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.db import OperationalError

from mailer.delivery import identity, upkeep, verp
from mailer.delivery.models import Delivery
from mailer.feedback import departures, intake
from mailer.feedback.models import FeedbackEvent, ReturnedMessage
from subscribers import suppress
from subscribers.models import MailingList, Subscriber, Subscription, Suppression
from tests.feedback.test_reader import sample
from tests.reports import cast

pytestmark = pytest.mark.django_db
NOW = cast.NOW + timedelta(days=1)
READER = "aigerim@readers.example.net"


@pytest.fixture
def aigerim() -> Subscriber:
    """A confirmed reader of the newsletter's only list."""
    person = Subscriber.objects.create(email=READER)
    monthly = MailingList.objects.create(slug="monthly", name="Monthly")
    Subscription.objects.create(subscriber=person, mailing_list=monthly, state="confirmed")
    return person


@pytest.fixture
def delivery(aigerim: Subscriber) -> Delivery:
    """Her copy of an edition, accepted by the next server."""
    edition = cast.edition()
    edition.newsletter.lists.set(MailingList.objects.all())
    edition.newsletter.save()
    mailing = cast.mailing(cast.copy(edition), audience=1)
    return Delivery.objects.create(
        mailing=mailing, subscriber=aigerim.pk, state="accepted", accepted_at=cast.NOW
    )


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    for folder in ("new", "cur", "tmp"):
        (tmp_path / folder).mkdir()
    return tmp_path


def to(address: str, name: str) -> bytes:
    return f"Delivered-To: {address}\n".encode() + sample(name)


def test_a_signed_hard_bounce_suppresses_the_reader_with_its_evidence(delivery: Delivery) -> None:
    received = intake.receive(to(verp.address(delivery.pk), "postfix-unknown.eml"), NOW)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.bounced_at) == ("accepted", NOW)
    event = FeedbackEvent.objects.get()
    assert (event.kind, event.bounce_class, event.identity) == ("bounce", "hard", "verp")
    assert (event.subscriber, event.newsletter) == (
        delivery.subscriber,
        delivery.mailing.edition.newsletter_id,
    )
    evidence = Suppression.objects.get().evidence
    for part in (
        "User unknown",
        "5.1.1",
        "rule: unknown user",
        NOW.date().isoformat(),
        received.message.sha256,
    ):
        assert part in evidence
    assert Suppression.objects.get().reason == "hard_bounce"


def test_a_forged_bounce_without_a_token_silences_nobody_and_marks_nothing(delivery: Delivery) -> None:
    intake.receive(sample("postfix-unknown.eml"), NOW)
    delivery.refresh_from_db()
    assert delivery.bounced_at is None
    assert FeedbackEvent.objects.get().identity == "recipient"
    assert not suppress.is_suppressed(READER)


def test_a_soft_bounce_marks_the_delivery_and_suppresses_nobody(delivery: Delivery) -> None:
    intake.receive(to(verp.address(delivery.pk), "postfix-full-under-5.1.1.eml"), NOW)
    delivery.refresh_from_db()
    assert delivery.bounced_at == NOW
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(
    "name",
    ["spamhaus-refused.eml", "dmarc-refused.eml", "delay-report.eml", "report-of-success.eml", "away-ru.eml"],
)
def test_blocks_delays_successes_and_automatic_answers_suppress_nobody(delivery: Delivery, name: str) -> None:
    intake.receive(to(verp.address(delivery.pk), name), NOW)
    assert not Suppression.objects.exists()


def test_a_delay_leaves_no_mark(delivery: Delivery) -> None:
    intake.receive(to(verp.address(delivery.pk), "delay-report.eml"), NOW)
    delivery.refresh_from_db()
    assert delivery.bounced_at is None
    assert not FeedbackEvent.objects.exists()


def test_a_bounce_of_a_copy_that_was_refused_is_kept_and_leaves_the_ledger_alone(delivery: Delivery) -> None:
    Delivery.objects.update(state="refused")
    intake.receive(to(verp.address(delivery.pk), "postfix-unknown.eml"), NOW)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.bounced_at) == ("refused", None)
    assert FeedbackEvent.objects.count() == 1


def test_a_bounce_of_a_copy_in_doubt_is_kept_as_evidence_that_it_left(delivery: Delivery) -> None:
    Delivery.objects.update(state="in_doubt", accepted_at=None)
    intake.receive(to(verp.address(delivery.pk), "postfix-unknown.eml"), NOW)
    upkeep.settle_doubts(NOW)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.bounced_at, delivery.accepted_at) == ("accepted", NOW, NOW)


def test_five_monthly_soft_bounces_end_an_address(aigerim: Subscriber) -> None:
    for month in range(1, 6):
        mailing = cast.mailing(cast.copy(cast.edition(f"2021-{month:02}")), audience=1)
        moment = NOW + timedelta(days=30 * month)
        copy = Delivery.objects.create(
            mailing=mailing, subscriber=aigerim.pk, state="accepted", accepted_at=moment
        )
        intake.receive(to(verp.address(copy.pk), "postfix-full-under-5.1.1.eml"), moment)
        assert suppress.is_suppressed(READER) is (month == 5)
    assert Suppression.objects.get().reason == "soft_bounces"


def test_a_signed_complaint_ends_everything_for_good(aigerim: Subscriber, delivery: Delivery) -> None:
    intake.receive(to(verp.address(delivery.pk), "arf-abuse.eml"), NOW)
    delivery.refresh_from_db()
    assert delivery.complained_at == NOW
    assert Suppression.objects.get().reason == "complaint"
    assert Subscription.objects.get().state == "unsubscribed"


@pytest.mark.parametrize("name", ["arf-not-spam.eml", "arf-auth-failure.eml", "arf-virus.eml"])
def test_other_feedback_reports_end_nothing(delivery: Delivery, name: str) -> None:
    intake.receive(to(verp.address(delivery.pk), name), NOW)
    assert not Suppression.objects.exists()
    assert Subscription.objects.get().state == "confirmed"


def test_a_mail_to_the_leave_address_ends_the_subscription_and_leaves_an_event(
    aigerim: Subscriber, delivery: Delivery
) -> None:
    departures.connect()
    newsletter = delivery.mailing.edition.newsletter_id
    raw = f"From: {READER}\nTo: {identity.leave_address(aigerim.pk, newsletter)}\n\n".encode()
    intake.receive(raw, NOW)
    assert Subscription.objects.get().state == "unsubscribed"
    event = FeedbackEvent.objects.get()
    assert (event.kind, event.subscriber, event.newsletter) == ("unsubscribe", aigerim.pk, newsletter)
    assert not Suppression.objects.exists()


def test_the_same_message_twice_is_one_whatever_its_line_ends(delivery: Delivery) -> None:
    raw = to(verp.address(delivery.pk), "postfix-unknown.eml")
    assert intake.receive(raw, NOW).new
    assert not intake.receive(raw.replace(b"\n", b"\r\n"), NOW).new
    assert (ReturnedMessage.objects.count(), FeedbackEvent.objects.count()) == (1, 1)


def test_a_suppression_that_a_person_lifted_is_not_revived_by_the_same_message(delivery: Delivery) -> None:
    raw = to(verp.address(delivery.pk), "postfix-unknown.eml")
    intake.receive(raw, NOW)
    suppress.lift(Suppression.objects.get(), "admin", NOW)
    intake.receive(raw, NOW)
    assert not suppress.is_suppressed(READER)


def test_a_bounce_for_somebody_erased_is_kept_under_their_number(
    aigerim: Subscriber, delivery: Delivery
) -> None:
    number = aigerim.pk
    aigerim.delete()
    intake.receive(to(verp.address(delivery.pk), "postfix-unknown.eml"), NOW)
    assert FeedbackEvent.objects.get().subscriber == number
    assert not Suppression.objects.exists()


def test_a_poll_takes_in_what_is_new_and_answers_nothing(maildir: Path, delivery: Delivery) -> None:
    (maildir / "new" / "1.host").write_bytes(to(verp.address(delivery.pk), "postfix-unknown.eml"))
    (maildir / "new" / "2.host").write_bytes(sample("letter.eml"))
    summary = intake.poll(maildir, NOW)
    assert (summary.kinds, summary.repeated, summary.failed) == ({"bounce": 1, "other": 1}, 0, 0)
    assert sorted(path.name for path in (maildir / "cur").iterdir()) == ["1.host:2,S", "2.host:2,S"]
    assert list((maildir / "new").iterdir()) == []
    assert mail.outbox == []
    assert ReturnedMessage.objects.get(kind="other").raw == sample("letter.eml")


def test_a_file_survives_a_crash_before_the_commit_and_counts_once(
    maildir: Path, delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    (maildir / "new" / "1.host").write_bytes(to(verp.address(delivery.pk), "postfix-unknown.eml"))

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(intake, "apply", crash)
        intake.poll(maildir, NOW)
    assert not ReturnedMessage.objects.exists()
    assert [path.name for path in (maildir / "new").iterdir()] == ["1.host"]
    assert intake.poll(maildir, NOW).received == 1


def test_a_file_whose_move_was_lost_after_the_commit_counts_once(
    maildir: Path, delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    (maildir / "new" / "1.host").write_bytes(to(verp.address(delivery.pk), "postfix-unknown.eml"))
    with monkeypatch.context() as broken:
        broken.setattr(intake, "_mark_read", lambda path, maildir: None)
        intake.poll(maildir, NOW)
    summary = intake.poll(maildir, NOW)
    assert (summary.received, summary.repeated) == (0, 1)
    assert FeedbackEvent.objects.count() == 1


def test_a_message_that_the_database_would_not_take_stays_and_the_others_go_on(
    maildir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        (maildir / "new" / f"{number}.host").write_bytes(b"From: a@b.example\n\n%d\n" % number)
    genuine: Callable[..., Any] = intake._store

    def locked(raw: bytes, *rest: Any) -> Any:
        if raw.endswith(b"1\n"):
            raise OperationalError("database is locked")
        return genuine(raw, *rest)

    monkeypatch.setattr(intake, "_store", locked)
    summary = intake.poll(maildir, NOW)
    assert (summary.received, summary.failed) == (1, 1)
    assert [path.name for path in (maildir / "new").iterdir()] == ["1.host"]


def test_a_message_that_cannot_be_acted_upon_is_kept_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(reading: Any, *_: Any) -> None:
        if reading.kind != "other":
            raise LookupError("nobody thought of this")

    monkeypatch.setattr(intake, "apply", stumble)
    received = intake.receive(sample("postfix-unknown.eml"), NOW)
    assert received.message.kind == "other"


def test_a_folder_that_is_no_maildir_is_named(tmp_path: Path) -> None:
    with pytest.raises(intake.IntakeError, match="is not a Maildir"):
        intake.poll(tmp_path / "nowhere", NOW)


def test_a_file_that_cannot_be_read_holds_up_none_behind_it(
    maildir: Path, delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    (maildir / "new" / "1.closed").write_bytes(b"x")
    (maildir / "new" / "2.open").write_bytes(to(verp.address(delivery.pk), "postfix-unknown.eml"))
    opened = Path.open

    def refusing(path: Path, *arguments: Any, **named: Any) -> Any:
        # Root may read everything, so permission bits alone would prove nothing here.
        if path.name == "1.closed":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", refusing)
    summary = intake.poll(maildir, NOW)
    assert (summary.received, summary.failed) == (1, 1)
    assert [path.name for path in (maildir / "new").iterdir()] == ["1.closed"]


def test_a_name_of_any_length_moves_to_cur(maildir: Path) -> None:
    (maildir / "new" / ("я" * 127)).write_bytes(b"Subject: long name\n\nhello\n")
    assert intake.poll(maildir, NOW).received == 1
    assert list((maildir / "new").iterdir()) == []
    assert len(list((maildir / "cur").iterdir())) == 1
