"""Whether staff would learn that sending stopped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from mailer.delivery.models import Alert, AlertPost
from mailer.doctor import alert_checks
from tests import cast

NOW = datetime(2021, 12, 3, 4, 5, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def statuses(config):
    return [found.status for found in alert_checks.check_alerts(config, NOW)]


def test_nobody_to_notify_is_a_problem(context):
    cast.staff()
    assert statuses(context().config) == ["ok"]
    User.objects.update(email="")
    assert statuses(context().config) == ["problem"]
    assert statuses(context(alerts={"webhooks": ("https://hooks.example.org/",)}).config) == ["ok"]


def test_an_alert_that_was_given_up_is_a_problem_for_a_month(context):
    config = context(
        alerts={"email": ("duty@example.org",), "webhooks": ("https://hooks.example.org/",)}
    ).config
    alert = Alert.objects.create(key="x:0", kind="x", message="x", raised_at=NOW - timedelta(days=2))
    post = AlertPost.objects.create(alert=alert, webhook="x", due_at=NOW, attempts=3, reply="status 500")
    assert statuses(config) == ["ok"]
    AlertPost.objects.filter(pk=post.pk).update(due_at=None)
    (found,) = alert_checks.check_alerts(config, NOW)
    assert (found.status, "status 500" in found.message) == ("problem", True)
    Alert.objects.update(raised_at=NOW - timedelta(days=40))
    assert statuses(config) == ["ok"]


def test_a_webhook_without_tls_is_a_warning_that_hides_its_path(context):
    config = context(
        alerts={"email": ("duty@example.org",), "webhooks": ("http://hooks.example.org/sEcReT",)}
    ).config
    (found,) = alert_checks.check_alerts(config, NOW)
    assert (found.status, "sEcReT" in found.message) == ("warning", False)
