from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user
from django.contrib.auth.models import User
from django.test import Client

from mailer.demo import seed as cast
from mailer.demo import views
from mailer.demo.seed import ASSEMBLED_AT, PERIOD
from mailer.editions.assemble import create_edition_unless_exists
from mailer.editions.models import Newsletter
from mailer.reports.stats import Totals
from tests.demo.conftest import Running

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return Client(enforce_csrf_checks=False)


def page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def test_outside_the_demo_the_pages_do_not_exist(client: Client, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.demo.urls"

    for address in ("/demo/", "/demo/inbox/", "/demo/progress/"):
        assert client.get(address).status_code == 404
    assert client.post("/demo/sign-in/", {"username": "admin"}).status_code == 404


def test_the_start_says_who_may_sign_in(client: Client, seeded: None) -> None:
    text = page(client, "/demo/")

    for member in cast.STAFF:
        assert member.username in text and member.password in text


def test_the_start_page_without_an_edition_says_that_it_is_being_assembled(
    client: Client, seeded: None
) -> None:
    assert "The worker is assembling the draft" in page(client, "/demo/")


def test_with_the_draft_the_first_three_steps_are_open(client: Client, seeded: None) -> None:
    edition = create_edition_unless_exists(Newsletter.objects.get(), PERIOD, ASSEMBLED_AT)

    text = page(client, "/demo/")

    # One thing at a time is to be done; what one may look at before is optional.
    assert text.count('aria-current="step"') == 1
    assert f"/desk/editions/{edition.pk}/submit/" in text


@pytest.mark.parametrize(
    ("state", "behind", "now"),
    [("", 0, 0), ("draft", 0, 3), ("submitted", 3, 1), ("approved", 4, 1), ("sending", 4, 1), ("sent", 5, 2)],
)
def test_each_state_of_the_edition_is_a_place_in_the_story(
    demo: Path, state: str, behind: int, now: int
) -> None:
    marks = [step.progress for step in views.steps(None, state, Totals())]

    assert (marks.count("done"), marks.count("now")) == (behind, now)


def test_the_story_ends_when_the_bounce_is_counted_and_the_report_balances(demo: Path) -> None:
    open_account = Totals(audience=12, accepted=11, bounced=1)
    balanced = Totals(audience=12, accepted=11, bounced=1, refused=1)

    assert not views.is_tour_complete("sent", open_account)
    assert {step.progress for step in views.steps(None, "sent", balanced)} == {"done"}
    assert views.edition_state_sentence("sent", balanced).endswith("add up.")


def test_a_button_signs_in_and_leads_on(client: Client, seeded: None) -> None:
    response = client.post("/demo/sign-in/", {"username": "writer", "next": "/desk/images/"})

    assert (response.status_code, response["Location"]) == (302, "/desk/images/")
    # A session of a backend that is not configured would be anonymous.
    assert get_user(client) == User.objects.get(username="writer")


@pytest.mark.parametrize("target", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:x", ""])
def test_signing_in_redirects_to_no_other_site(client: Client, seeded: None, target: str) -> None:
    response = client.post("/demo/sign-in/", {"username": "writer", "next": target})

    assert response["Location"] == "/desk/"


def test_only_demo_users_can_be_signed_in_as(client: Client, seeded: None) -> None:
    User.objects.create_superuser("root")

    assert client.post("/demo/sign-in/", {"username": "root"}).status_code == 404


def test_signing_in_needs_a_form_of_ours(seeded: None) -> None:
    strict = Client(enforce_csrf_checks=True)

    assert strict.post("/demo/sign-in/", {"username": "writer"}).status_code == 403
    assert strict.get("/demo/sign-in/").status_code == 405


def test_every_reader_has_an_inbox_that_says_why_they_are_here(client: Client, demo: Path) -> None:
    text = page(client, "/demo/inbox/")

    for reader in cast.READERS:
        assert reader.name in text and reader.purpose in text


def test_an_empty_inbox_says_so(client: Client, demo: Path) -> None:
    assert "No mail has arrived in this inbox yet" in page(client, "/demo/inbox/1/")
    assert "No mail has arrived in this inbox." in page(client, "/demo/inbox/13/")


def test_a_caught_mail_is_shown_with_all_its_sides(client: Client, demo: Path, running: Running) -> None:
    running.send("aigerim@example.org", subject="Желтоқсан & <b>")

    assert "Желтоқсан &amp; &lt;b&gt;" in page(client, "/demo/inbox/1/")
    mail = page(client, "/demo/inbox/1/1/")
    assert "/demo/inbox/1/1/html/" in mail and "allow-scripts" not in mail
    assert "begins with a dot" in page(client, "/demo/inbox/1/1/?as=text")
    source = page(client, "/demo/inbox/1/1/?as=source")
    assert "Message-ID: &lt;one@example.org&gt;" in source and "b+token@bounces.example.org" in source


def test_the_framed_mail_can_show_and_do_nothing(client: Client, demo: Path, running: Running) -> None:
    running.send("aigerim@example.org", html="<html><head lang='kk'></head><script>x</script></html>")

    response = client.get("/demo/inbox/1/1/html/")

    policy = response["Content-Security-Policy"]
    assert b"<head lang='kk'><base target=\"_blank\">" in response.content
    assert "default-src 'none'" in policy and "script-src" not in policy and "form-action 'none'" in policy


def test_a_mail_without_html_is_shown_as_text(client: Client, demo: Path, running: Running) -> None:
    running.send(cast.APPROVER.email, html="")

    text = page(client, "/demo/inbox/100/1/")

    assert "begins with a dot" in text and "<iframe" not in text


def test_the_whole_message_can_be_taken_away(client: Client, demo: Path, running: Running) -> None:
    raw = running.send("aigerim@example.org")

    assert client.get("/demo/inbox/1/1/source/").content == raw


def test_an_address_of_your_own_gets_an_inbox(client: Client, demo: Path, running: Running) -> None:
    running.send("me@example.com")

    assert "me@example.com" in page(client, "/demo/inbox/")
    assert "An email address that you used yourself" in page(client, "/demo/inbox/101/")


@pytest.mark.parametrize("address", ["/demo/inbox/99/", "/demo/inbox/1/1/", "/demo/inbox/1/1/html/"])
def test_what_is_not_there_is_not_found(client: Client, demo: Path, address: str) -> None:
    assert client.get(address).status_code == 404
