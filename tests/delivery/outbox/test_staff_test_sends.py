"""Test sends: marked, without personal or tracked links, to staff only, within a daily limit."""

from __future__ import annotations

import email
import email.policy
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from mailer.approval.models import SnapshotVariant
from mailer.delivery.message_builder import rendered_of
from mailer.delivery.models import OutboxMessage
from mailer.delivery.outbox import staff_test_sends
from mailer.delivery.outbox.outbox import NotStaff, send_due
from tests.delivery.cast import NOW, approved_snapshot, readers

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_a_test_is_marked_in_subject_and_body_and_has_no_personal_links(relay, settings):
    settings.EMAIL_BACKEND = "mailer.delivery.outbox.outbox.EmailBackend"
    snapshot = approved_snapshot()
    variant = SnapshotVariant.objects.filter(snapshot=snapshot, language="ru").first()
    newsletter = snapshot.edition.newsletter
    staff_test_sends.enqueue(
        [rendered_of(variant)], newsletter, "Colleague@Office.example.org", NOW, ["Draft <1>"]
    )
    assert send_due(NOW).sent == 1
    parsed = email.message_from_bytes(relay.taken[0].message, policy=email.policy.default)
    assert parsed["Subject"] == f"[Test] {variant.subject}" and parsed["To"] == "colleague@office.example.org"
    html, text = (parsed.get_body((kind,)).get_content() for kind in ("html", "plain"))
    assert "%%" not in html + text and not re.search("/(unsubscribe|preferences|click)/", html + text)
    # Behind the preheader, which an inbox shows.
    assert 0 < html.index(variant.preheader) < html.index("Draft &lt;1&gt;") < html.index("<table")
    assert text.startswith("*** Draft <1> ***")
    with pytest.raises(ValueError, match="@"):
        staff_test_sends.enqueue([rendered_of(variant)], newsletter, "nobody", NOW)


def test_tests_go_to_staff_only_and_have_a_limit_a_day(configure):
    snapshot = approved_snapshot()
    newsletter = snapshot.edition.newsletter
    variant = rendered_of(SnapshotVariant.objects.filter(snapshot=snapshot).first())
    readers(2)
    User.objects.create_user("gone", "gone@example.net", is_active=False)
    refused = set()
    # A subscriber, an address that nobody has, and a former colleague get one answer.
    for address in ("reader-1@example.net", "nobody@example.net", "gone@example.net"):
        with pytest.raises(NotStaff) as error:
            staff_test_sends.enqueue([variant], newsletter, address, NOW)
        refused.add(str(error.value))
    assert len(refused) == 1 and not OutboxMessage.objects.exists()
    User.objects.create_user("aida", "Aida@example.net")
    configure(sending={"dry_run_messages_per_day": 2})
    # All or none.
    with pytest.raises(ValueError, match="24"):
        staff_test_sends.enqueue([variant] * 3, newsletter, "aida@example.net", NOW)
    for address in ("aida@example.net", "any@office.example.org"):
        staff_test_sends.enqueue([variant], newsletter, address, NOW)
    with pytest.raises(ValueError, match="24"):
        staff_test_sends.enqueue([variant], newsletter, "aida@example.net", NOW)
    staff_test_sends.enqueue([variant], newsletter, "aida@example.net", NOW + timedelta(days=1))
    assert OutboxMessage.objects.count() == 3


def test_a_picture_of_a_test_is_shown_for_a_month_and_no_other():
    token = staff_test_sends._picture_token("pictures/a.jpg", NOW + timedelta(days=30))
    shown = staff_test_sends.may_show_picture
    assert shown("pictures/a.jpg", token, NOW) and not shown("pictures/b.jpg", token, NOW)
    assert not shown("pictures/a.jpg", token, NOW + timedelta(days=32))
    assert not shown("pictures/a.jpg", "x", NOW)
