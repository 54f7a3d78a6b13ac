"""The page of API keys: made and shown once, revoked by their owner and by who manages the account."""

from __future__ import annotations

import re

from django.urls import reverse

from mailer.accounts.models import ApiKey
from tests.api.client import Api, make_key
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page
from tests.logs import note_secrets

PAGE = reverse("desk_api_keys")


def made(desk: Desk, **data: object) -> Page:
    return Page(
        as_user(desk.writer).post(PAGE, {"name": "Website", "scopes": ["stories:read"], "days": "90", **data})
    )


def test_a_new_key_is_shown_once_and_works(desk: Desk) -> None:
    page = made(desk)
    (text,) = set(re.findall(r"mailer_key_[0-9a-f_]+", page.html))
    note_secrets([text])
    assert "no-store" in page.response["Cache-Control"]
    assert Api(text).get("/stories").status_code == 200
    again = Page(as_user(desk.writer).get(PAGE))
    assert text not in again.html
    assert ApiKey.objects.get().public_id in again.html


def test_the_form_offers_what_the_account_may_do(desk: Desk) -> None:
    scopes = {value for name, value in Page(as_user(desk.writer).get(PAGE)).controls if name == "scopes"}
    assert {"stories:write", "editions:write"} <= scopes
    assert not scopes & {"subscribers:read", "mailings:write", "lists:write"}
    assert made(desk, scopes=["subscribers:read"]).status == 200
    assert made(desk, scopes=[]).status == 200
    assert made(desk, days="9999").status == 200
    assert not ApiKey.objects.exists()


def test_keys_are_revoked_by_their_owner_and_by_admins_only(desk: Desk) -> None:
    for who, works in ((desk.approver, True), (desk.writer, False), (desk.admin, False)):
        api = Api(make_key(desk.writer, "stories:read"))
        key = ApiKey.objects.latest("pk")
        answer = as_user(who).post(reverse("desk_api_key_revoke", args=[key.pk]))
        assert answer.status_code == (404 if works else 302)
        assert (api.get("/stories").status_code == 200) is works
    assert ApiKey.objects.latest("pk").revoked_by == desk.admin.get_username()


def test_an_admin_sees_all_keys_and_others_their_own(desk: Desk) -> None:
    make_key(desk.writer, "stories:read")
    public_id = ApiKey.objects.get().public_id
    assert public_id in as_user(desk.admin).get(PAGE).content.decode()
    assert public_id not in as_user(desk.approver).get(PAGE).content.decode()
