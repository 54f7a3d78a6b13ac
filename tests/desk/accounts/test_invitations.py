"""Invitations and roles: who is invited to what, until when, and how it is revoked."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core import mail
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from mailer.accounts.contributor_permissions import contributor_countries
from mailer.accounts.models import ContributorCountries, Invitation
from mailer.approval import account_change_notices
from mailer.desk.accounts import role_labels_and_permission_matrix, role_permissions_and_grantable_groups
from mailer.desk.accounts.accounts_and_groups import CreateAccount
from tests.accounts.conftest import actions, signed_in
from tests.desk.accounts.test_accounts import ADD, fields, group, last_link
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page

pytestmark = pytest.mark.django_db

PENDING = reverse("wagtailusers_users:invitations")
PASSWORD = dict.fromkeys(("new_password1", "new_password2"), "a long password of her own")


def invite(desk: Desk, role: str = "Writers", **changes: object) -> User:
    as_user(desk.admin).post(reverse(ADD), fields(groups=[group(role)], **changes))
    return User.objects.get(email="nodira@office.example.org")


def test_the_username_of_an_invitation_follows_from_the_address(desk: Desk) -> None:
    assert invite(desk, username="").username == "nodira"


@pytest.mark.both_databases
def test_an_invitation_is_pending_until_the_password_is_chosen(desk: Desk) -> None:
    account = invite(desk)
    assert Invitation.objects.get().invited_by == desk.admin
    assert account.email in Page(as_user(desk.admin).get(PENDING)).text
    visitor = Client()
    page = visitor.get(last_link(), follow=True)
    assert Invitation.objects.exists()
    visitor.post(page.redirect_chain[-1][0], PASSWORD)
    assert not Invitation.objects.exists()
    assert account.email not in Page(as_user(desk.admin).get(PENDING)).text


def join(browser: Client) -> Any:
    """Choose the password by the link of the latest invitation."""
    form = browser.get(last_link(), follow=True).redirect_chain[-1][0]
    return browser.post(form, PASSWORD)


def test_the_first_password_signs_in_in_a_session_of_its_own(desk: Desk) -> None:
    account = invite(desk)
    link, browser = last_link(), Client()
    browser.get(link)
    before = browser.session.session_key
    answer = join(browser)
    assert answer["Location"] == reverse("wagtailadmin_home")
    assert browser.session["_auth_user_id"] == str(account.pk) and browser.session.session_key != before
    assert actions(account)[-2:] == ["accounts.password_set", "accounts.sign_in"]
    # The link worked once, and signs nobody else in.
    other = Client()
    assert other.get(link, follow=True).status_code == 410 and not signed_in(other)


def test_the_first_password_signs_out_who_used_the_browser_before(desk: Desk) -> None:
    account = invite(desk)
    browser = as_user(desk.writer)
    join(browser)
    assert browser.session["_auth_user_id"] == str(account.pk)
    assert actions(desk.writer)[-1] == "accounts.sign_out"
    methods = ModelLogEntry.objects.filter(action="accounts.sign_in", object_id=str(account.pk)).get().data
    assert methods["methods"] == ["password"]


def test_a_second_factor_is_asked_for_after_the_first_password(desk: Desk) -> None:
    account = invite(desk)
    Authenticator.objects.create(user=account, type="totp", data={"secret": "x"})
    browser = Client()
    assert join(browser)["Location"] == reverse("mfa_authenticate")
    assert "_auth_user_id" not in browser.session and not signed_in(browser)


def test_a_required_second_factor_comes_before_the_desk(desk: Desk) -> None:
    invite(desk, role="Approvers")
    browser = Client()
    accounts = dataclasses.replace(settings.CONFIG.accounts, require_second_factor=True)
    with override_settings(CONFIG=dataclasses.replace(settings.CONFIG, accounts=accounts)):
        join(browser)
        assert browser.get(reverse("wagtailadmin_home"))["Location"].startswith(reverse("mfa_index"))


def test_a_new_password_for_an_account_that_has_one_does_not_sign_in(desk: Desk) -> None:
    as_user(desk.admin).post(reverse("wagtailusers_users:send_link", args=[desk.writer.pk]))
    browser = Client()
    assert join(browser)["Location"] == reverse("account_login") and not signed_in(browser)


def test_the_link_of_a_revoked_invitation_opens_nothing(desk: Desk) -> None:
    account = invite(desk)
    link = last_link()
    as_user(desk.admin).post(reverse("wagtailusers_users:revoke_invitation", args=[account.pk]))
    account.refresh_from_db()
    assert not account.is_active and not Invitation.objects.exists()
    assert Client().get(link, follow=True).status_code == 410
    User.objects.filter(pk=account.pk).update(is_active=True)
    assert Client().get(link, follow=True).status_code == 410


def test_an_invitation_says_who_invites_to_what_and_as_what_and_is_the_only_email(desk: Desk) -> None:
    account_change_notices.mark_account_changes_notified(timezone.now())
    account = invite(desk, "Contributors")
    (sent,) = mail.outbox
    link = last_link()
    assert sent.to == [account.email]
    for said in ("Lola", settings.CONFIG.site.name, "Contributors", account.get_username(), "/set-password/"):
        assert said in sent.body
    now = timezone.now()
    # Others may be invited after this one, so that approvers are told of all of them at once.
    assert account_change_notices.send_account_notices(now) == 0
    later = now + timedelta(minutes=20)
    assert account_change_notices.send_account_notices(later) > 0
    mail.outbox.clear()
    # The link leads to a page that asks for a password, and there is nothing else to tell its owner.
    visitor = Client()
    visitor.post(visitor.get(link, follow=True).redirect_chain[-1][0], PASSWORD)
    assert account_change_notices.send_account_notices(later) == 0
    # Once the owner has joined, changes are reported to them.
    account.email = "another@office.example.org"
    account.save(update_fields=["email"])
    account_change_notices.send_account_notices(later)
    assert account.email in [one for message in mail.outbox for one in message.to]


def test_an_invitation_expires_and_can_be_sent_again(desk: Desk) -> None:
    account = invite(desk)
    passed = timezone.now() - timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT, minutes=1)
    Invitation.objects.update(sent_at=passed)
    browser = as_user(desk.admin)
    ((_, (tone, _label), _roles, manageable),) = browser.get(PENDING).context["rows"]
    assert (tone, manageable) == ("problem", True)
    browser.post(reverse("wagtailusers_users:send_link", args=[account.pk]), {"from_list": "1"})
    assert Invitation.objects.get().sent_at > passed


def test_an_account_that_was_not_invited_cannot_be_revoked(desk: Desk) -> None:
    address = reverse("wagtailusers_users:revoke_invitation", args=[desk.approver.pk])
    assert as_user(desk.admin).post(address).status_code == 404
    desk.approver.refresh_from_db()
    assert desk.approver.is_active


def test_the_roles_are_explained_where_they_are_given_as_they_are(desk: Desk) -> None:
    answer = as_user(desk.admin).get(reverse(ADD))
    choices = dict(answer.context["form"].fields["groups"].choices)
    assert {Group.objects.get(pk=key.value).name for key in choices} == set(
        role_permissions_and_grantable_groups.GROUPS
    )
    shown = role_labels_and_permission_matrix.permission_matrix()
    may = {
        str(role): {str(label) for label, values in shown.rows if values[index]}
        for index, role in enumerate(shown.roles)
    }
    viewer, contributor, writer, approver, external, admin = may.values()
    assert viewer < contributor < writer < admin and viewer < approver < admin and external < approver
    assert "desk-roles" in Page(answer).classes


def test_wagtails_groups_are_offered_to_nobody(desk: Desk) -> None:
    root = User.objects.create_superuser("root", "root@office.example.org", "a long password")
    for name in ("Editors", "Moderators"):
        Group.objects.create(name=name)
    choices = as_user(root).get(reverse(ADD)).context["form"].fields["groups"].queryset
    assert not choices.filter(name__in=("Editors", "Moderators")).exists()


def test_the_table_of_users_names_roles_and_state(desk: Desk) -> None:
    invite(desk, "Contributors")
    text = Page(as_user(desk.admin).get(reverse("wagtailusers_users:index"))).text
    assert (
        "Contributors" in text and "Writers (editors)" in text and "Invited; the link is valid until" in text
    )


def test_a_contributor_has_own_countries_which_the_form_keeps(desk: Desk) -> None:
    account = invite(desk, "Contributors", countries=["KZ", "UZ"])
    assert contributor_countries(account) == {"KZ", "UZ"}
    page = as_user(desk.admin).get(reverse("wagtailusers_users:edit", args=[account.pk]))
    assert page.context["form"]["countries"].value() == ["KZ", "UZ"]
    assert contributor_countries(desk.writer) is None
    ContributorCountries.objects.all().delete()
    assert contributor_countries(account) is None


@pytest.mark.parametrize("role", ["Viewers", "Contributors"])
def test_the_smaller_roles_change_no_edition_newsletter_or_account(desk: Desk, role: str) -> None:
    user = User.objects.create_user("nodira", "nodira@office.example.org", "a long password")
    user.groups.add(Group.objects.get(name=role))
    browser, edition = as_user(user), desk.edition
    pages = [
        *(reverse(f"desk_edition:{name}", args=[edition.pk]) for name in ("submit", "approve", "control")),
        reverse("desk_editions:edit", args=[edition.pk]),
        reverse("desk_newsletters:edit", args=[edition.newsletter_id]),
        reverse("desk_assemble", args=[edition.newsletter_id]),
        *(reverse(name) for name in ("desk_sample", "desk_skip_step", "desk_checks", ADD)),
    ]
    for page in pages:
        assert browser.post(page, {}).status_code in (302, 403), page
        assert browser.post(page, {}, follow=True).redirect_chain in ([], [("/desk/", 302)]), page
    assert browser.get(reverse("desk_edition:report", args=[edition.pk])).status_code == 200
    writes = browser.get(reverse("desk_stories:add")).status_code == 200
    assert writes is (role == "Contributors")


def test_an_external_approver_is_promised_no_link(desk: Desk) -> None:
    browser = as_user(desk.admin)
    answer = browser.post(
        reverse(ADD), fields(groups=[group("External approvers")], last_name="Karimova"), follow=True
    )
    account = User.objects.get(email="nodira@office.example.org")
    (message,) = map(str, answer.context["messages"])
    assert CreateAccount.success_message % {"object": account} not in message
    send = reverse("wagtailusers_users:send_link", args=[account.pk])
    edit = reverse("wagtailusers_users:edit", args=[account.pk])
    assert send not in browser.get(edit).content.decode()
    assert browser.post(send).status_code in (302, 403)
    assert not any(account.email in message.to for message in mail.outbox)
    assert "desk.send_password_link" not in actions(account)
    account.groups.set([group("Writers")])
    assert send in browser.get(edit).content.decode()
