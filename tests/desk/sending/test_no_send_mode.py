"""No-send mode in the desk: every page says it, and an admin with a recent sign-in ends it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from mailer.accounts import session_start_and_expiry
from mailer.delivery.models import Mailing
from mailer.instance import database_copy_detection, models, no_send_status
from mailer.instance.models import Instance
from tests.delivery.cast import readers, released
from tests.desk.page import Page

pytestmark = pytest.mark.django_db

URL = "/desk/no-send/"


@pytest.fixture(autouse=True)
def _machine(configure: Callable[..., None], tmp_path: Path) -> None:
    configure(storage={"path": str(tmp_path)})
    database_copy_detection.enforce_identity(timezone.now())


@pytest.fixture
def mailing(client: Client) -> Mailing:
    """Being sent; the admin is signed in."""
    from django.contrib.auth.models import User

    readers(3)
    found = released(timezone.now())
    client.force_login(User.objects.get(username="admin"))
    return found


def test_every_page_says_that_nothing_is_sent(client: Client, mailing: Mailing) -> None:
    pages = ("/desk/", "/desk/lists/", "/desk/users/", URL)
    assert all("desk-banner" not in Page(client.get(url)).classes for url in pages)
    models.begin_or_replace_no_send(Instance.Reason.COPIED, timezone.now())
    for url in pages:
        page = Page(client.get(url))
        assert page.status == 200 and "desk-banner" in page.classes and URL in page.links


def test_an_admin_says_what_happened_and_resumes(client: Client, mailing: Mailing) -> None:
    models.begin_or_replace_no_send(Instance.Reason.RESTORED, timezone.now())
    page = Page(client.get(URL))
    assert {f"mailing-{mailing.pk}", "original_stopped"} <= page.names
    # Whether the original sends no more must be said.
    assert client.post(URL, {f"mailing-{mailing.pk}": "sent"}).status_code == 200
    assert no_send_status.no_send_reason() == Instance.Reason.RESTORED
    answer = client.post(URL, {f"mailing-{mailing.pk}": "sent", "original_stopped": "on"})
    assert answer.status_code == 302
    assert no_send_status.no_send_reason() is None
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.DONE
    entry = ModelLogEntry.objects.get(action="desk.resume_sending")
    assert entry.user is not None and entry.user.username == "admin"
    assert "desk-banner" not in Page(client.get("/desk/")).classes


def test_a_recent_sign_in_is_needed(client: Client, mailing: Mailing) -> None:
    models.begin_or_replace_no_send(Instance.Reason.RESTORED, timezone.now())
    session = client.session
    session[session_start_and_expiry.STARTED] = (timezone.now() - timedelta(hours=1)).timestamp()
    session.save()
    answer = client.post(URL, {"original_stopped": "on"})
    assert answer.status_code == 302 and answer["Location"].startswith(reverse("account_reauthenticate"))
    assert no_send_status.no_send_reason() == Instance.Reason.RESTORED


def test_a_machine_that_has_not_joined_cannot_be_confirmed_in_the_desk(
    client: Client, mailing: Mailing, configure: Callable[..., None], tmp_path: Path
) -> None:
    configure(storage={"path": str(tmp_path / "other")})
    page = Page(client.get(URL))
    assert "desk-banner" in page.classes and "original_stopped" not in page.names
    client.post(URL, {"original_stopped": "on"})
    assert no_send_status.no_send_reason() == "not_joined"
