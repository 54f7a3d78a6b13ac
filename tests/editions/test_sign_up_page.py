"""The sign-up page names the newsletter and offers the languages that it has."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from subscribers.models import MailingList
from subscribers.subscribe.forms import PreferenceFields
from tests.desk import cast
from tests.desk.page import Page

pytestmark = pytest.mark.django_db


@pytest.fixture
def public_list() -> MailingList:
    """The only list of the sign-up page; its newsletter has two languages."""
    newsletter = cast.desk().edition.newsletter
    newsletter.languages = ("ru", "kk")
    newsletter.save()
    MailingList.objects.update(public=False)
    found: MailingList = newsletter.lists.get()
    found.public, found.description = True, "Once a month, from five countries."
    found.save()
    return found


def languages() -> list[str]:
    form = PreferenceFields(lists=MailingList.objects.filter(public=True), page_language="en")
    return [code for code, _ in form.fields["language"].choices]  # type: ignore[attr-defined]


def test_only_languages_that_the_newsletter_has_are_offered(public_list: MailingList) -> None:
    assert set(languages()) == {"ru", "kk"}
    values = {"email": "new@example.net", "language": "de", "shown": ""}
    answer = Client().post("/", values)
    assert answer.status_code == 422 and "language" in answer.context["form"].errors
    public_list.public = False
    public_list.save()
    assert languages() == list(settings.CONFIG.site.languages)


def test_the_page_names_list_newsletter_and_what_it_is(public_list: MailingList) -> None:
    public_list.name = "Monthly"
    public_list.save()
    text = Page(Client().get("/")).text
    assert "Monthly (Silk Road Monthly)" in text and public_list.description in text
