"""Accounts and groups: invitations instead of typed passwords, and no way to more power than one has."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core import mail
from django.test import Client
from django.urls import reverse
from wagtail.models import Collection, GroupCollectionPermission

from mailer.approval import snapshot_state_changes
from mailer.approval.acting_user_of_account_changes import acting_as
from mailer.approval.models import AccountChange
from mailer.approval.snapshot_state_changes import AccountNotIndependent
from mailer.desk.accounts import role_labels_and_permission_matrix, role_permissions_and_grantable_groups
from mailer.desk.accounts.accounts_and_groups import AccountViewSet, GroupViewSet
from mailer.stories.models import Story
from tests import cast as everyone
from tests.approval.test_four_eyes import change_headline
from tests.desk.cast import Desk, as_user, submitted
from tests.desk.page import Page

pytestmark = pytest.mark.django_db

OURS = {"send_link", "invitations", "revoke_invitation"}
ADD = "wagtailusers_users:add"
EDIT = "wagtailusers_users:edit"


@pytest.fixture
def root(desk: Desk) -> User:
    """A superuser, as `mailer init` makes it."""
    return User.objects.create_superuser("root", "root@office.example.org", "a long password")


def fields(**changes: Any) -> dict[str, Any]:
    return {
        "username": "nodira",
        "email": "nodira@office.example.org",
        "first_name": "Nodira",
        "last_name": "Usmonova",
        **changes,
    }


def of(account: User, **changes: Any) -> dict[str, Any]:
    """What the form of an account sends."""
    return fields(
        username=account.username,
        email=account.email,
        first_name=account.first_name or account.username.title(),
        last_name=account.last_name or "Colleague",
        is_active="on",
        groups=[group.pk for group in account.groups.all()],
        **changes,
    )


def own_account(**values: str) -> dict[str, str]:
    """What Wagtail's form of one's own account sends."""
    theme = {"theme-theme": "system", "theme-contrast": "system", "theme-density": "default"}
    return theme | {f"name_email-{name}": value for name, value in values.items()} | values


def group(name: str) -> int:
    return Group.objects.get(name=name).pk


def last_link() -> str:
    found = re.search(r"http://localhost:8000(/\S+)", str(mail.outbox[-1].body))
    assert found is not None
    return found[1]


def test_a_new_account_is_invited_and_chooses_its_own_password(desk: Desk) -> None:
    as_user(desk.admin).post(reverse(ADD), fields(groups=[group("Writers")]))
    account = User.objects.get(username="nodira")
    assert not account.has_usable_password()
    assert mail.outbox[-1].to == [account.email]
    visitor = Client()
    page = visitor.get(last_link(), follow=True)
    words = "a long password of her own"
    visitor.post(page.redirect_chain[-1][0], {"new_password1": words, "new_password2": words})
    account.refresh_from_db()
    assert account.check_password(words)


@pytest.mark.parametrize("page", ["add", "edit"])
def test_nobody_types_the_password_of_another_person(desk: Desk, page: str) -> None:
    browser = as_user(desk.admin)
    typed = {"password1": "a long password typed", "password2": "a long password typed"}
    if page == "add":
        address, sent = reverse(ADD), fields(**typed)
    else:
        address, sent = reverse(EDIT, args=[desk.approver.pk]), of(desk.approver, **typed)
    assert 'type="password"' not in browser.get(address).content.decode()
    before = desk.approver.password
    assert browser.post(address, sent).status_code == 302
    desk.approver.refresh_from_db()
    assert desk.approver.password == before
    assert not User.objects.filter(username="nodira", password__startswith="md5").exists()


def test_a_link_for_a_new_password_goes_to_the_owner_only(desk: Desk) -> None:
    address = reverse("wagtailusers_users:send_link", args=[desk.approver.pk])
    assert as_user(desk.writer).post(address).status_code in (302, 403)
    assert not mail.outbox
    as_user(desk.admin).post(address)
    assert [message.to for message in mail.outbox] == [[desk.approver.email]]


@pytest.mark.parametrize("way", ["created", "edited", "edited with a link"])
def test_an_admin_who_writes_cannot_use_another_account_to_approve(desk: Desk, way: str) -> None:
    change_headline(Story.objects.get(key="ring"), "By the admin", desk.admin)
    snapshot = submitted(desk)
    browser = as_user(desk.admin)
    if way == "created":
        browser.post(reverse(ADD), fields(groups=[group("Approvers")]))
        second = User.objects.get(username="nodira")
    else:
        second = desk.approver
        answer = browser.post(reverse(EDIT, args=[second.pk]), of(second) | {"email": "mine@example.net"})
        assert answer.status_code == 302
    assert AccountChange.objects.filter(user=second, actor=desk.admin).exists()
    second.refresh_from_db()
    if way == "edited with a link":
        browser.post(reverse("wagtailusers_users:send_link", args=[second.pk]))
        visitor = Client()
        page = visitor.get(last_link(), follow=True)
        words = "a long password of her own"
        visitor.post(page.redirect_chain[-1][0], {"new_password1": words, "new_password2": words})
        second.refresh_from_db()
        assert second.check_password(words)
    as_user(second).post(reverse("desk_edition:approve", args=[desk.edition.pk]), {"sha256": snapshot.sha256})
    snapshot.refresh_from_db()
    assert snapshot.state == "submitted"
    with pytest.raises(AccountNotIndependent):
        snapshot_state_changes.approve(snapshot, second, snapshot.sha256, everyone.NOW)
    review = as_user(second).get(reverse("desk_edition:review", args=[desk.edition.pk]))
    assert review.context["approval_obstacle"]


def test_the_review_page_says_since_when_the_approver_has_the_role(desk: Desk) -> None:
    snapshot = submitted(desk)
    snapshot_state_changes.approve(snapshot, desk.approver, snapshot.sha256, everyone.NOW)
    page = as_user(desk.writer).get(reverse("desk_edition:review", args=[desk.edition.pk]))
    ((name, ((role, since),)),) = page.context["approvers_since"]
    assert name == "Timur"
    assert role == "Approvers"
    assert since == AccountChange.objects.get(user=desk.approver, what="group").at


@pytest.mark.parametrize("value", ["on", "1", "true"])
@pytest.mark.parametrize("who", ["admin", "root"])
def test_no_form_makes_a_superuser(desk: Desk, root: User, who: str, value: str) -> None:
    editor = desk.admin if who == "admin" else root
    browser = as_user(editor)
    browser.post(reverse(ADD), fields(is_superuser=value, is_staff=value))
    for account in (desk.admin, desk.approver):
        browser.post(reverse(EDIT, args=[account.pk]), of(account, is_superuser=value, is_staff=value))
    browser.post(
        reverse("wagtailadmin_account"),
        own_account(first_name="Some", last_name="Body", email="some@office.example.org", is_superuser=value),
    )
    editor.refresh_from_db()
    # The address is not changed here: that would need no password.
    assert editor.last_name == "Body"
    assert editor.email != "some@office.example.org"
    browser.post(
        reverse("wagtailusers_groups:edit", args=[group("Admins")]),
        {"name": "Admins", "permissions": [], "is_superuser": value},
    )
    assert list(User.objects.filter(is_superuser=True)) == [root]
    assert User.objects.filter(username="nodira").exists()


@pytest.mark.parametrize("address", ["edit", "send_link"])
def test_an_admin_does_not_manage_a_superuser(desk: Desk, root: User, address: str) -> None:
    page = reverse(f"wagtailusers_users:{address}", args=[root.pk])
    as_user(desk.admin).post(page, of(root) | {"email": "lola@example.net", "is_active": ""})
    root.refresh_from_db()
    assert (root.email, root.is_active) == ("root@office.example.org", True)
    assert not mail.outbox


def powerful(kind: str) -> Group:
    """A group that allows what the group Admins does not."""
    made = Group.objects.create(name="Keepers")
    if kind == "permission":
        made.permissions.add(Permission.objects.get(codename="delete_site"))
    else:
        GroupCollectionPermission.objects.create(
            group=made,
            collection=Collection.get_first_root_node(),
            permission=Permission.objects.get(codename="add_document"),
        )
    return made


@pytest.mark.parametrize("kind", ["permission", "collection"])
def test_an_admin_gives_nobody_more_than_they_have(desk: Desk, root: User, kind: str) -> None:
    keepers = powerful(kind)
    browser = as_user(desk.admin)
    for account in (desk.admin, desk.approver):
        answer = browser.post(reverse(EDIT, args=[account.pk]), of(account) | {"groups": [keepers.pk]})
        assert set(answer.context["form"].errors) == {"groups"}
    browser.post(reverse("wagtailusers_groups:delete", args=[keepers.pk]))
    assert Group.objects.filter(pk=keepers.pk).exists()
    # A superuser gives it, and then the admin does not touch the account.
    as_user(root).post(reverse(EDIT, args=[desk.approver.pk]), of(desk.approver) | {"groups": [keepers.pk]})
    assert list(desk.approver.groups.all()) == [keepers]
    browser.post(reverse(EDIT, args=[desk.approver.pk]), of(desk.approver) | {"email": "x@example.net"})
    desk.approver.refresh_from_db()
    assert desk.approver.email == "timur@office.example.org"


def test_an_admin_adds_no_permission_to_a_group_that_they_lack(desk: Desk) -> None:
    lacking = Permission.objects.get(codename="delete_suppression")
    has = Permission.objects.get(codename="add_segment")
    browser = as_user(desk.admin)
    documents, collections = (
        Permission.objects.get(codename=code) for code in ("add_document", "change_collection")
    )
    panels = {
        "collection_management_permissions-TOTAL_FORMS": "1",
        "collection_management_permissions-INITIAL_FORMS": "0",
        "collection_management_permissions-0-collection": Collection.get_first_root_node().pk,
        "collection_management_permissions-0-permissions": [collections.pk],
        "document_permissions-TOTAL_FORMS": "1",
        "document_permissions-INITIAL_FORMS": "0",
        "document_permissions-0-collection": Collection.get_first_root_node().pk,
        "document_permissions-0-permissions": [documents.pk],
    }
    assistants = Group.objects.create(name="Assistants")
    for address in (
        reverse("wagtailusers_groups:add"),
        reverse("wagtailusers_groups:edit", args=[assistants.pk]),
    ):
        before = {one: set(one.permissions.all()) for one in Group.objects.all()}
        granted = GroupCollectionPermission.objects.count()
        answer = browser.post(address, {"name": "Helpers", "permissions": [lacking.pk], **panels})
        assert "permissions" in answer.context["form"].errors
        assert {one: set(one.permissions.all()) for one in Group.objects.all()} == before
        browser.post(address, {"name": f"Helpers of {address}", "permissions": [has.pk], **panels})
        assert GroupCollectionPermission.objects.count() == granted
    assert Group.objects.filter(name__startswith="Helpers").count() == 2


def test_a_group_that_may_more_is_not_edited_and_roles_keep_their_names(desk: Desk) -> None:
    helpers = Group.objects.create(name="Helpers")
    may = ("access_admin", "view_group", "add_group", "change_group", "delete_group")
    helpers.permissions.set(Permission.objects.filter(codename__in=may))
    helper = User.objects.create_user("helper", "helper@office.example.org", "a long password")
    helper.groups.add(helpers)
    admins = Group.objects.get(name="Admins")
    before = set(admins.permissions.all())
    edit = reverse("wagtailusers_groups:edit", args=[admins.pk])
    as_user(helper).post(edit, {"name": "Old admins", "permissions": []})
    admins.refresh_from_db()
    assert (admins.name, set(admins.permissions.all())) == ("Admins", before)
    # Roles are found by their names: no other group takes one, not even of a role that was deleted.
    given = [one.pk for one in helpers.permissions.all()]
    Group.objects.filter(name="Viewers").delete()
    for address, name in (
        (reverse("wagtailusers_groups:edit", args=[helpers.pk]), "Viewers"),
        (reverse("wagtailusers_groups:add"), "Viewers"),
    ):
        answer = as_user(helper).post(address, {"name": name, "permissions": given})
        assert answer.context["form"].errors.as_data()["name"][0].code == "role_name"
    approvers = Group.objects.get(name="Approvers")
    answer = as_user(desk.admin).post(
        reverse("wagtailusers_groups:edit", args=[approvers.pk]),
        {"name": "Approvers2", "permissions": [one.pk for one in approvers.permissions.all()]},
    )
    assert answer.context["form"].errors.as_data()["name"][0].code == "role_name"


@pytest.mark.parametrize("action", ["assign_role", "delete", "set_active_state"])
def test_there_are_no_bulk_actions_for_accounts(desk: Desk, root: User, action: str) -> None:
    keepers = powerful("permission")
    answer = as_user(desk.admin).post(
        f"/desk/bulk/auth/user/{action}/?id={root.pk}&id={desk.admin.pk}",
        {"role": keepers.pk, "mark_as_active": "False"},
    )
    assert answer.status_code == 404
    assert not keepers.user_set.exists()


def test_an_account_is_deactivated_and_not_deleted(desk: Desk, root: User) -> None:
    answer = as_user(root).post(reverse("wagtailusers_users:delete", args=[desk.stranger.pk]), follow=True)
    assert Page(answer).messages == ["error"]
    form = of(desk.stranger)
    del form["is_active"]
    as_user(desk.admin).post(reverse(EDIT, args=[desk.stranger.pk]), form)
    desk.stranger.refresh_from_db()
    assert not desk.stranger.is_active


@pytest.mark.parametrize("page", ["add", "edit", "account"])
def test_a_second_account_of_the_same_person_is_an_error_of_the_form(desk: Desk, page: str) -> None:
    twin = {"first_name": "Dana", "last_name": "Writer", "email": "dana2@example.org"}
    User.objects.filter(pk=desk.writer.pk).update(last_name="Writer")
    browser = as_user(desk.admin)
    if page == "account":
        sent = own_account(**twin)
        answer = browser.post(reverse("wagtailadmin_account"), sent, follow=True)
        assert Page(answer).messages == ["error"]
    else:
        address = reverse(ADD) if page == "add" else reverse(EDIT, args=[desk.admin.pk])
        answer = browser.post(address, fields(**twin))
        assert set(answer.context["form"].errors) == {"last_name"}
    assert User.objects.filter(last_name="Writer").count() == 1


def test_every_page_about_accounts_and_groups_is_one_that_was_looked_at() -> None:
    """Another version of Wagtail may bring a page with a form of its own."""
    known = {"index", "index_results", "edit", "add", "delete", "history", "history_results", "usage"}
    for viewset, more in ((AccountViewSet("a"), OURS), (GroupViewSet("b"), set())):
        assert {pattern.name for pattern in viewset.get_urlpatterns()} <= known | more


@pytest.mark.parametrize("way", ["one", "several"])
def test_deleting_a_story_in_the_desk_makes_an_author_and_the_edition_can_be_approved_again(
    desk: Desk, way: str
) -> None:
    submitted(desk)
    story = Story.objects.get(key="ring")
    browser = as_user(desk.admin)
    if way == "one":
        browser.post(reverse("desk_stories:delete", args=[story.pk]))
    else:
        browser.post(f"/desk/bulk/mailer/story/delete/?id={story.pk}")
    assert not Story.objects.filter(key="ring").exists()
    review = reverse("desk_edition:review", args=[desk.edition.pk])
    page = as_user(desk.approver).get(review)
    assert page.context["snapshot"].state == "invalidated"
    again = submitted(desk)
    for user in (desk.admin, desk.approver):
        assert as_user(user).get(review).status_code == 200
        as_user(user).post(reverse("desk_edition:approve", args=[desk.edition.pk]), {"sha256": again.sha256})
    again.refresh_from_db()
    assert (again.state, again.approvals.get().approver) == ("approved", desk.approver)


@pytest.mark.parametrize("who", ["admin", "root"])
def test_the_pages_of_accounts_and_groups_open(desk: Desk, root: User, who: str) -> None:
    browser = as_user(desk.admin if who == "admin" else root)
    pages = [
        *(reverse(f"wagtailusers_users:{name}") for name in ("index", "index_results", "add")),
        *(reverse(f"wagtailusers_users:{name}", args=[desk.writer.pk]) for name in ("edit", "history")),
        *(reverse(f"wagtailusers_groups:{name}") for name in ("index", "add")),
        reverse("wagtailusers_groups:edit", args=[group("Writers")]),
        reverse("wagtailusers_groups:delete", args=[group("Writers")]),
    ]
    assert {page: browser.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)
    edit = Page(browser.get(reverse(EDIT, args=[desk.writer.pk])))
    assert not {"is_superuser", "password1", "password2"} & edit.names
    assert "groups" in edit.names


def test_wagtails_groups_are_deleted_unless_the_office_uses_them(desk: Desk) -> None:
    role_permissions_and_grantable_groups.set_up_role_groups()
    assert set(Group.objects.values_list("name", flat=True)) == set(
        role_permissions_and_grantable_groups.GROUPS
    )
    admission = Permission.objects.get(codename="access_admin")
    Group.objects.create(name="Editors").permissions.add(admission)
    Group.objects.get(name="Editors").user_set.add(desk.writer)
    Group.objects.create(name="Moderators").permissions.add(
        admission, Permission.objects.get(codename="add_story")
    )
    role_permissions_and_grantable_groups.set_up_role_groups()
    assert Group.objects.filter(name__in=["Editors", "Moderators"]).count() == 2


def test_the_review_page_says_when_no_account_can_approve(desk: Desk) -> None:
    User.objects.filter(pk=desk.admin.pk).update(is_active=False)
    submitted(desk)
    review = reverse("desk_edition:review", args=[desk.edition.pk])
    assert not as_user(desk.writer).get(review).context["no_second_person"]
    with acting_as(desk.writer):
        User.objects.filter(pk=desk.approver.pk).update(first_name="Another")
    answer = as_user(desk.writer).get(review)
    assert answer.context["no_second_person"] and "Another" in answer.context["barred"][0]
    assert "mailer invite USERNAME" in answer.content.decode()


def test_the_submit_page_names_those_who_can_approve_or_why_nobody_can(desk: Desk) -> None:
    User.objects.filter(pk=desk.admin.pk).update(is_active=False)
    submit_page, browser = reverse("desk_edition:submit", args=[desk.edition.pk]), as_user(desk.writer)
    assert browser.get(submit_page).context["approver_names"] == "Timur"
    with acting_as(desk.writer):
        User.objects.filter(pk=desk.approver.pk).update(first_name="Another")
    shown = browser.get(submit_page)
    assert shown.context["no_second_person"] and "Another" in shown.context["barred"][0]
    # It can be submitted all the same.
    assert "desk-submit" in Page(shown).ids


def test_the_form_of_an_invitation_warns_beside_the_roles_that_approve(desk: Desk) -> None:
    add = reverse("wagtailusers_users:add")
    page = as_user(desk.admin).get(f"{add}?role=Writers")
    assert set(re.findall(r'data-approves="([^"]+)"', page.content.decode())) == set(
        role_labels_and_permission_matrix.APPROVING
    )
    marked = set(re.findall(r'data-may-approve="([^"]+)"', page.content.decode()))
    assert (
        marked == {*role_labels_and_permission_matrix.APPROVING, "Admins"}
        and "desk-may-approve" in Page(page).classes
    )
    chosen = page.context["form"]["groups"].initial
    assert list(Group.objects.filter(pk__in=chosen).values_list("name", flat=True)) == ["Writers"]
    assert "desk-invite-approver" in Page(page).ids
    edit = as_user(desk.admin).get(reverse("wagtailusers_users:edit", args=[desk.approver.pk]))
    assert "desk-approves" in edit.content.decode() and "desk-invite-approver" not in Page(edit).ids
