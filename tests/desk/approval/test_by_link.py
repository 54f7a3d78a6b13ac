"""Approval by a mailed link: opening it changes nothing, a decision needs a code, four eyes hold."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core import mail
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from mailer.accounts import password_links
from mailer.approval import external_approval, new_draft_and_approval_request_emails
from mailer.approval.acting_user_of_account_changes import acting_as
from mailer.approval.models import Approval, ApprovalLink, Rejection, Snapshot, SnapshotVariant
from mailer.approval.snapshot_state_changes import AccountNotIndependent, SnapshotChanged
from mailer.delivery.outbox.secret_removal import without_secrets
from mailer.desk.accounts.role_permissions_and_grantable_groups import set_up_role_groups
from mailer.editions.models import Newsletter
from mailer.editions.pictures import FOLDER
from subscribers import tokens
from tests.desk.cast import Desk, as_user, submitted

pytestmark = pytest.mark.django_db


@pytest.fixture
def minister(desk: Desk) -> User:
    """A person outside the office, who may approve and not open the desk."""
    user = User.objects.create_user("minister", "minister@ministry.example", first_name="Mira")
    user.set_unusable_password()
    user.save()
    user.groups.add(set_up_role_groups()["External approvers"])
    return user


@pytest.fixture
def link(desk: Desk, minister: User) -> ApprovalLink:
    """Asked for by the writer, for the December edition."""
    snapshot = submitted(desk)
    page = reverse("desk_edition:approval_link", args=[desk.edition.pk])
    assert as_user(desk.writer).post(page, {"user": minister.pk}).status_code == 302
    return ApprovalLink.objects.get(snapshot=snapshot)


def url_in(message: Any) -> str:
    found = re.search(r"https?://[^/\s]+(/accounts/approval/\S+)", message.body)
    assert found
    return found[1]


def code_of(link: ApprovalLink, browser: Client, path: str) -> str:
    mail.outbox.clear()
    assert browser.post(path, {"action": "code"}).status_code == 302
    (message,) = mail.outbox
    assert message.to == [link.user.email]
    found = re.search(r"\b\d{6}\b", message.body)
    assert found
    return found[0]


def state(link: ApprovalLink) -> str:
    return Snapshot.objects.get(pk=link.snapshot_id).state


@pytest.mark.both_databases
def test_an_external_approver_approves_what_the_page_shows(link: ApprovalLink) -> None:
    (message,) = mail.outbox
    assert message.to == ["minister@ministry.example"]
    browser, path = Client(), url_in(message)
    page = browser.get(path)
    assert (page.status_code, page["Cache-Control"].split(",")[0]) == (200, "max-age=0")
    assert (page["X-Robots-Tag"], page["Referrer-Policy"]) == ("noindex", "same-origin")
    code = code_of(link, browser, path)
    done = browser.post(path, {"action": "approve", "code": code, "sha256": link.snapshot.sha256})
    assert done.status_code == 200
    approval = Approval.objects.get(snapshot=link.snapshot_id)
    assert (approval.approver, approval.by_link) == (link.user, True)
    assert state(link) == "approved"
    assert ModelLogEntry.objects.get(action="desk.approve_by_link").user == link.user
    # It is used up.
    assert browser.get(path).status_code == 410


def test_the_email_names_the_end_in_the_time_zone_of_the_office_whatever_that_of_whoever_asks(
    desk: Desk, minister: User, settings: Any
) -> None:
    settings.TIME_ZONE = "Asia/Almaty"
    snapshot = submitted(desk)
    with timezone.override("Europe/Berlin"):
        external_approval.create_and_mail_link(snapshot, minister, desk.writer, timezone.now())
    ends = ApprovalLink.objects.get().expires_at.astimezone(ZoneInfo("Asia/Almaty"))
    assert f"{ends:%Y-%m-%d %H:%M} (Asia/Almaty)" in mail.outbox[-1].body


@pytest.mark.both_databases
def test_the_pictures_of_the_snapshot_are_shown_and_no_other_file(link: ApprovalLink) -> None:
    browser, path = Client(), url_in(mail.outbox[0])
    name = default_storage.save(f"{FOLDER}/{'a' * 64}.jpg", ContentFile(b"picture"))
    assert browser.get(f"{path}media/{name}").status_code == 404
    html = f'<img src="{settings.CONFIG.site.url}/media/{name}">'
    SnapshotVariant.objects.create(snapshot=link.snapshot, key="0" * 16, language="tg", html=html)
    assert browser.get(f"{path}media/{name}").status_code == 200
    assert browser.get(f"/media/{name}").status_code == 404
    page = browser.get(path, {"variant": "0" * 16})
    assert page.context["email"].html == f'<img src="{path}media/{name}">'
    external_approval.revoke(link, timezone.now())
    assert browser.get(f"{path}media/{name}").status_code == 404


def test_scanners_that_open_the_link_or_post_without_a_code_change_nothing(link: ApprovalLink) -> None:
    browser, path = Client(), url_in(mail.outbox[0])
    before = ApprovalLink.objects.values().get(pk=link.pk)
    for _ in range(3):
        assert browser.get(path).status_code == browser.head(path).status_code == 200
    assert ApprovalLink.objects.values().get(pk=link.pk) == before
    sent = {"action": "approve", "sha256": link.snapshot.sha256, "code": ""}
    assert browser.post(path, sent).status_code == 422
    assert browser.post(path, {**sent, "code": "000000"}).status_code == 422
    assert state(link) == "submitted"


def test_pressing_the_button_twice_sends_one_link(link: ApprovalLink, desk: Desk) -> None:
    browser = as_user(desk.writer)
    form = browser.get(reverse("desk_edition:review", args=[desk.edition.pk])).context["form_nonce"]
    page = reverse("desk_edition:approval_link", args=[desk.edition.pk])
    for _ in range(2):
        browser.post(page, {"user": link.user.pk, "form": form})
    # The one of before, and another that was asked for once.
    assert len(mail.outbox) == ApprovalLink.objects.count() == 2


def test_five_wrong_codes_void_the_right_one(link: ApprovalLink) -> None:
    external_approval.send_code(link, timezone.now())
    found = re.search(r"\b\d{6}\b", mail.outbox[-1].body)
    assert found
    wrong = f"{(int(found[0]) + 1) % 10**6:06}"
    for _ in range(external_approval.MAX_FAILURES):
        with pytest.raises(external_approval.WrongCode):
            external_approval.approve_by_link(link, wrong, link.snapshot.sha256, timezone.now())
    with pytest.raises(external_approval.WrongCode):
        external_approval.approve_by_link(link, found[0], link.snapshot.sha256, timezone.now())
    assert state(link) == "submitted"


@pytest.mark.both_databases
def test_wrong_codes_end_the_link_however_many_codes_are_sent(link: ApprovalLink) -> None:
    now = timezone.now()
    for number in range(external_approval.MAX_LINK_FAILURES):
        external_approval.find_link(external_approval.token_of(link), now)
        if number % external_approval.MAX_FAILURES == 0:
            external_approval.send_code(link, now)
        found = re.search(r"\b\d{6}\b", mail.outbox[-1].body)
        assert found
        wrong = f"{(int(found[0]) + 1) % 10**6:06}"
        with pytest.raises(external_approval.WrongCode):
            external_approval.approve_by_link(link, wrong, link.snapshot.sha256, now)
    with pytest.raises(tokens.LinkExpired):
        external_approval.find_link(external_approval.token_of(link), now)


def test_a_change_that_the_approval_finds_is_kept(link: ApprovalLink, desk: Desk) -> None:
    path = url_in(mail.outbox[0])
    code = code_of(link, Client(), path)
    # By a way that no signal reports.
    Newsletter.objects.filter(pk=desk.edition.newsletter_id).update(office="Another office")
    with pytest.raises(SnapshotChanged):
        external_approval.approve_by_link(link, code, link.snapshot.sha256, timezone.now())
    assert state(link) == "invalidated"


def test_a_code_ends_after_a_while_and_only_so_many_are_sent(link: ApprovalLink) -> None:
    now = timezone.now()
    for _ in range(external_approval.CODES_PER_HOUR):
        external_approval.send_code(link, now)
    with pytest.raises(external_approval.TooManyCodes):
        external_approval.send_code(link, now)
    # The outbox keeps the message, but not the code.
    body = without_secrets(mail.outbox[-1].message().as_bytes()).partition(b"\r\n\r\n")[2]
    assert body and re.search(rb"\b\d{6}\b", body) is None
    found = re.search(r"\b\d{6}\b", mail.outbox[-1].body)
    assert found
    late = now + external_approval.CODE_VALID_FOR
    with pytest.raises(external_approval.WrongCode):
        external_approval.approve_by_link(link, found[0], link.snapshot.sha256, late)
    # Typed as it is read out, with a space.
    external_approval.approve_by_link(link, f"{found[0][:3]} {found[0][3:]}", link.snapshot.sha256, now)
    assert state(link) == "approved"


def test_requested_changes_reach_the_writers(link: ApprovalLink, desk: Desk) -> None:
    browser, path = Client(), url_in(mail.outbox[0])
    code = code_of(link, browser, path)
    assert browser.post(path, {"action": "changes", "code": code, "reason": ""}).status_code == 422
    answer = browser.post(path, {"action": "changes", "code": code, "reason": "The date is wrong."})
    assert answer.status_code == 200
    assert state(link) == "withdrawn"
    assert "The date is wrong." in Snapshot.objects.get(pk=link.snapshot_id).invalidated_reason


def test_an_external_approver_rejects_with_a_code_and_a_reason(link: ApprovalLink) -> None:
    browser, path = Client(), url_in(mail.outbox[0])
    code = code_of(link, browser, path)
    sent = {"action": "reject", "code": code, "sha256": link.snapshot.sha256}
    # A reason that is missing does not use up the code.
    assert browser.post(path, {**sent, "rejection": " "}).status_code == 422
    answer = browser.post(path, {**sent, "code": "1", "rejection": "Not now."})
    assert (answer.status_code, answer.context["typed_rejection"]) == (422, "Not now.")
    assert browser.post(path, {**sent, "rejection": "Not now."}).status_code == 200
    rejection = Rejection.objects.get(snapshot=link.snapshot_id)
    assert (rejection.rejected_by, rejection.by_link, rejection.reason) == (link.user, True, "Not now.")
    assert state(link) == "rejected"
    assert ModelLogEntry.objects.get(action="desk.reject_by_link").user == link.user
    assert browser.get(path).status_code == 410


def test_an_approval_by_link_counts_for_the_languages_that_were_chosen(desk: Desk, minister: User) -> None:
    Newsletter.objects.update(approval_rule="chosen", approval_languages=("kk",))
    desk.edition.refresh_from_db()
    snapshot = submitted(desk)
    link = external_approval.create_and_mail_link(snapshot, minister, desk.writer, timezone.now())
    browser, path = Client(), url_in(mail.outbox[-1])
    sent = {"action": "approve", "code": code_of(link, browser, path), "sha256": snapshot.sha256}
    # Nothing is chosen, which does not use up the code.
    assert browser.post(path, sent).status_code == 422
    assert browser.post(path, {**sent, "language": "kk"}).status_code == 200
    assert list(snapshot.approvals.values_list("language", "by_link")) == [("kk", True)]
    assert state(link) == "submitted"


def test_a_refused_decision_keeps_what_was_typed(link: ApprovalLink) -> None:
    browser, path = Client(), url_in(mail.outbox[0])
    answer = browser.post(path, {"action": "changes", "code": "1", "reason": "Wrong picture"})
    assert (answer.status_code, answer.context["reason"]) == (422, "Wrong picture")


def test_a_link_ends_when_it_is_revoked_replaced_too_old_or_its_owner_inactive(
    link: ApprovalLink, desk: Desk, minister: User
) -> None:
    browser, path = Client(), url_in(mail.outbox[0])
    again = external_approval.create_and_mail_link(link.snapshot, minister, desk.writer, timezone.now())
    assert browser.get(path).status_code == 410
    newer = url_in(mail.outbox[1])
    assert browser.get(newer).status_code == 200
    page = reverse("desk_edition:approval_link", args=[desk.edition.pk])
    as_user(desk.writer).post(page, {"revoke": again.pk})
    assert browser.get(newer).status_code == 410
    third = external_approval.create_and_mail_link(link.snapshot, minister, desk.writer, timezone.now())
    path = f"/accounts/approval/{external_approval.token_of(third)}/"
    User.objects.filter(pk=minister.pk).update(is_active=False)
    assert browser.get(path).status_code == 410
    User.objects.filter(pk=minister.pk).update(is_active=True)
    assert browser.get(path).status_code == 200
    ApprovalLink.objects.filter(pk=third.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert browser.get(path).status_code == 410
    assert browser.get("/accounts/approval/0" + "A" * 32 + "/").status_code == 404


def test_an_author_who_made_the_account_cannot_be_approved_by_it(desk: Desk) -> None:
    with acting_as(desk.writer):
        puppet = User.objects.create_user("puppet", "puppet@example.net", first_name="Puppet")
        puppet.groups.add(set_up_role_groups()["External approvers"])
    snapshot = submitted(desk)
    assert puppet not in external_approval.external_approvers(snapshot)
    with pytest.raises(AccountNotIndependent):
        external_approval.create_and_mail_link(snapshot, puppet, desk.writer, timezone.now())


def test_links_are_for_people_without_the_desk_and_asked_for_by_those_who_submit(
    link: ApprovalLink, desk: Desk, minister: User
) -> None:
    page = reverse("desk_edition:approval_link", args=[desk.edition.pk])
    as_user(desk.writer).post(page, {"user": desk.approver.pk})
    assert as_user(desk.approver).post(page, {"user": minister.pk}).status_code in (302, 403)
    assert list(ApprovalLink.objects.values_list("user", "requested_by")) == [(minister.pk, desk.writer.pk)]


def test_external_approvers_get_no_links_to_the_desk_and_no_password(desk: Desk, minister: User) -> None:
    submitted(desk)
    new_draft_and_approval_request_emails.send_edition_notices(timezone.now())
    password_links.send_invitation(minister)
    assert minister.email not in [address for message in mail.outbox for address in message.to]
