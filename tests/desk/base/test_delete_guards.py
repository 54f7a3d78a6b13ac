from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from mailer.approval.submit import submit
from mailer.editions.models import Edition
from subscribers import unsubscribe
from subscribers.consent.evidence import How, Word
from subscribers.models import MailingList
from tests import cast

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("way", ["one", "several", "editions"])
def test_whom_and_what_the_record_names_is_not_deleted_and_says_so(client: Client, way: str) -> None:
    people = cast.staff()
    cast.reader("aida")
    edition = cast.december(people.writer)
    submit(edition, people.writer, cast.NOW)
    client.force_login(people.admin)
    address = {
        "one": reverse("wagtailusers_users:delete", args=[people.writer.pk]),
        "several": f"/desk/bulk/auth/user/delete/?id={people.writer.pk}",
        "editions": f"/desk/bulk/mailer/edition/delete/?id={edition.pk}",
    }[way]
    said = client.post(address, follow=True)
    assert said.status_code == 200 and "Nothing was deleted" in said.content.decode()
    assert User.objects.count() == 3 and Edition.objects.count() == 1


def test_a_list_is_kept_as_long_as_it_knows_who_left(client: Client) -> None:
    person = cast.reader("aida")
    row = person.subscriptions.get()
    client.force_login(cast.staff().admin)
    address = reverse("desk_lists:delete", args=[row.mailing_list_id])
    unsubscribe.leave(person.pk, [row.mailing_list_id], None, Word(How.ONE_CLICK), cast.NOW)
    for said in (client.get(address, follow=True), client.post(address, follow=True)):
        assert "Nothing was deleted" in said.content.decode()
    assert MailingList.objects.filter(pk=row.mailing_list_id).exists()
    person.subscriptions.all().delete()
    client.post(address)
    assert not MailingList.objects.filter(pk=row.mailing_list_id).exists()
