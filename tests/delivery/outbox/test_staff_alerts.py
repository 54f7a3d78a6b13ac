"""Alerts by email, once an hour; test_alert_webhooks.py has the webhooks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailer.delivery.models import Alert
from mailer.delivery.outbox import staff_alerts
from mailer.delivery.rollout import mailing_control
from tests import cast
from tests.delivery.cast import NOW, readers, released

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def mailing(configure):
    readers(1)
    return released()


def test_users_who_manage_accounts_get_the_email(mailing, mailoutbox):
    staff_alerts.alert_sending_stopped("relay_unreachable", "The relay answers no more.", mailing.pk, NOW)
    (mail,) = mailoutbox
    assert mail.to == ["admin@office.example.org"]
    assert "The relay answers no more." in mail.body
    assert f"/desk/editions/{mailing.edition_id}/report/" in mail.body


def test_configured_addresses_get_it_instead(mailing, mailoutbox, configure):
    configure(alerts={"email": ("duty@example.org", "second@example.org")})
    staff_alerts.alert_sending_stopped("relay_unreachable", "Away.", mailing.pk, NOW)
    assert [mail.to for mail in mailoutbox] == [["duty@example.org"], ["second@example.org"]]


def test_one_kind_and_mailing_notifies_once_an_hour(mailing, mailoutbox):
    for minutes in (0, 1, 59):
        staff_alerts.alert_sending_stopped(
            "relay_unreachable", "Away.", mailing.pk, NOW + timedelta(minutes=minutes)
        )
    assert len(mailoutbox) == 1
    staff_alerts.alert_sending_stopped("step_stopped", "Stopped.", mailing.pk, NOW)
    staff_alerts.alert_sending_stopped("relay_unreachable", "Away.", None, NOW)
    assert len(mailoutbox) == 3
    staff_alerts.alert_sending_stopped(
        "relay_unreachable", "Away again.", mailing.pk, NOW + timedelta(minutes=60)
    )
    assert len(mailoutbox) == 4
    assert Alert.objects.get(kind="relay_unreachable", mailing=mailing).message == "Away again."


def test_an_alert_is_active_until_the_mailing_is_resumed(mailing):
    mailing_control.pause_automatically(mailing.pk, "The relay answers no more.")
    staff_alerts.alert_sending_stopped("relay_unreachable", "The relay answers no more.", mailing.pk, NOW)
    assert [alert.message for alert in staff_alerts.active_alerts(NOW)] == ["The relay answers no more."]
    mailing.refresh_from_db()
    mailing_control.resume(mailing, None, NOW)
    assert staff_alerts.active_alerts(NOW) == []


def test_an_alert_without_a_mailing_is_active_for_an_hour(mailing):
    staff_alerts.alert_sending_stopped("relay_unreachable", "The relay answers no more.", None, NOW)
    assert len(staff_alerts.active_alerts(NOW + timedelta(minutes=59))) == 1
    assert staff_alerts.active_alerts(NOW + timedelta(minutes=61)) == []


def test_an_inactive_admin_gets_nothing(mailing, mailoutbox):
    cast.User.objects.filter(username="admin").update(is_active=False)
    staff_alerts.alert_sending_stopped("relay_unreachable", "Away.", mailing.pk, NOW)
    assert mailoutbox == []
