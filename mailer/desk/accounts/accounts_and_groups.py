"""Accounts and groups in the desk: Wagtail's pages, without passwords, and without power to give away."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.timezone import localtime
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView, View
from wagtail.admin import messages
from wagtail.admin.ui.tables import Column, TitleColumn
from wagtail.admin.widgets.button import Button
from wagtail.log_actions import log
from wagtail.users import forms as wagtail_forms
from wagtail.users.views import groups, users

from mailer.accounts import find_unused_accounts, password_links
from mailer.accounts.models import ContributorCountries, Invitation
from mailer.approval.account_influence import DAYS
from mailer.approval.one_account_per_person import SamePerson, require_one_account
from mailer.approval.staff_by_permission import is_external_approver
from mailer.desk.accounts import role_labels_and_permission_matrix, role_permissions_and_grantable_groups
from mailer.desk.base.edit_conflicts import EditGuard, PlainInput
from mailer.desk.base.form_widgets import site_country_choices
from mailer.desk.base.page_base_classes import ObjectPage, StaffPage, current_user
from mailer.desk.base.setup_progress import checklist_message_buttons
from mailer.desk.base.tables import StateColumn

_FIELDS = ("username", "email", "first_name", "last_name")


class _RolesWidget(forms.CheckboxSelectMultiple):
    """Marks the roles that approve, and of them those that do not set up, for the texts beside them."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option: dict[str, Any] = super().create_option(name, value, *args, **kwargs)
        role = value.instance.name
        if role in role_labels_and_permission_matrix.APPROVING:
            option["attrs"]["data-approves"] = role
        if value.instance.permissions.filter(codename="approve_edition").exists():
            option["attrs"]["data-may-approve"] = role
        return option


class _RolesField(forms.ModelMultipleChoiceField[Group]):
    """The roles, each with what it is for."""

    widget = _RolesWidget

    def label_from_instance(self, obj: Any) -> str:
        return role_labels_and_permission_matrix.explained_label(obj)


class _AccountForm(wagtail_forms.UserForm):
    """Name, address and roles of an account. No field sets a password or makes a superuser."""

    password_enabled = False
    is_superuser = None
    groups = _RolesField(
        queryset=Group.objects.none(),
        required=False,
        label=_("Roles"),
    )
    countries = forms.MultipleChoiceField(
        required=False,
        label=_("Countries that a contributor writes about"),
        widget=forms.CheckboxSelectMultiple,
        choices=site_country_choices,
        help_text=_(
            "Contributors can write stories only about these countries. If none is "
            "selected: about all countries."
        ),
    )

    def __init__(self, *args: Any, editor: User, editing_self: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        grantable = [group.pk for group in role_permissions_and_grantable_groups.grantable_groups(editor)]
        self.fields["groups"].queryset = role_labels_and_permission_matrix.in_order(
            Group.objects.filter(pk__in=grantable)
        )
        row = ContributorCountries.objects.filter(user=self.instance.pk).first()
        self.fields["countries"].initial = list(row.countries) if row is not None else []
        if editing_self:
            del self.fields["is_active"]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        try:
            require_one_account(
                User(pk=self.instance.pk, **{name: cleaned.get(name, "") for name in _FIELDS})
            )
        except SamePerson as error:
            self.add_error("last_name" if error.code == "name" else error.code, error)
        return cleaned

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit=commit)
        rows = ContributorCountries.objects
        if chosen := self.cleaned_data["countries"]:
            rows.update_or_create(user=user, defaults={"countries": chosen})
        else:
            rows.filter(user=user).delete()
        return user


class AccountCreationForm(_AccountForm):
    """The form of an invitation. The username follows from the address where it is left empty."""

    field_order = ("email", "first_name", "last_name", "groups", "countries", "username")

    class Meta:
        model = User
        fields = (*_FIELDS, "groups")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        username = self.fields["username"]
        username.required = False
        username.help_text = gettext("User name for signing in. If empty, it is made from the email address.")

    def clean(self) -> dict[str, Any]:
        if not self.cleaned_data.get("username") and (email := self.cleaned_data.get("email")):
            self.cleaned_data["username"] = _free_username(email)
        return super().clean()

    def save(self, commit: bool = True) -> User:
        self.instance.set_unusable_password()
        return super().save(commit=commit)


def _free_username(email: str) -> str:
    """The part of the address before the @, with a number where an account has that name."""
    base = re.sub(r"[^\w.+-]", "", email.partition("@")[0])[:140] or "colleague"
    taken = set(User.objects.filter(username__startswith=base).values_list("username", flat=True))
    return next(
        name for name in chain([base], (f"{base}{number}" for number in count(2))) if name not in taken
    )


class AccountEditForm(_AccountForm):
    """The form of an account that exists."""

    class Meta:
        model = User
        fields = (*_FIELDS, "is_active", "groups")


if TYPE_CHECKING:

    class _FormView:
        request: HttpRequest

        def get_form_kwargs(self) -> dict[str, Any]: ...
else:
    _FormView = object


class _EditorMixin(_FormView):
    """Mixin: the form knows who fills it in."""

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "editor": current_user(self.request)}


def account_tone_and_label(user: User) -> tuple[str, str]:
    """(tone, label): active, invited, deactivated, or unused for a long time."""
    now = timezone.now()
    if not user.is_active:
        return "draft", gettext("Deactivated")
    invitation = getattr(user, "invitation", None)
    if invitation is not None:
        return invitation_tone_and_label(invitation, now)
    if find_unused_accounts.is_unused_account(user, now):
        return "waiting", gettext("Account not used for %(days)s days") % {
            "days": find_unused_accounts.UNUSED_DAYS
        }
    return "done", gettext("Active")


def invitation_tone_and_label(invitation: Invitation, now: datetime) -> tuple[str, str]:
    """(tone, label): whether its link still works."""
    until = password_links.invitation_expires_at(invitation)
    if until <= now:
        return "problem", gettext("Invitation expired")
    return "waiting", gettext("Invited; the link is valid until %(at)s") % {
        "at": date_format(localtime(until), "DATETIME_FORMAT")
    }


def _roles(user: User) -> str:
    names = role_labels_and_permission_matrix.role_labels(group.name for group in user.groups.all())
    return ", ".join(filter(None, [names, gettext("superuser") if user.is_superuser else ""])) or pgettext(
        "staff", "none"
    )


def _independence() -> dict[str, Any]:
    """What the warning beside the roles says: until when whom the editor invites or changes is barred."""
    return {"barred_until": timezone.now() + timedelta(days=DAYS)}


class AccountIndex(users.IndexView):
    """The table of accounts, without bulk actions: each change of an account is an act of its own."""

    add_item_label = _("Invite a colleague")

    @property
    def columns(self) -> list[Any]:
        # Instead of Wagtail's level, which knows no groups but only superusers.
        replaced = ("is_superuser", "is_active")
        others = [column for column in super().columns[1:] if column.name not in replaced]
        return [
            *others,
            Column("role", label=gettext("Roles"), accessor=_roles),
            StateColumn("state", label=gettext("State"), accessor=account_tone_and_label),
        ]

    def get_base_queryset(self) -> QuerySet[User]:
        queryset: QuerySet[User] = super().get_base_queryset()
        return queryset.select_related("invitation").prefetch_related("groups")

    def get_delete_url(self, instance: User) -> None:
        return None

    @property
    def header_more_buttons(self) -> list[Any]:
        url = reverse("wagtailusers_users:invitations")
        return [
            *super().header_more_buttons,
            Button(gettext("Invitations not accepted yet"), url, icon_name="mail"),
        ]


class CreateAccount(_EditorMixin, users.CreateView):
    """Creates an account; its owner gets an email with a link to choose a password."""

    page_title = ""
    submit_button_label = _("Invite")
    submit_button_active_label = _("The invitation is being sent …")
    success_message = _("“%(object)s” is invited, and gets an email with a link to choose a password.")

    def get_page_subtitle(self) -> str:
        return gettext("Invite a colleague")

    def get_header_title(self) -> str:
        return self.get_page_subtitle()

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        *above, page = super().get_breadcrumbs_items()
        return [*above, {**page, "label": self.get_page_subtitle()}]

    def get_initial(self) -> dict[str, Any]:
        """The checklist on the home page names the role in ?role=."""
        named = Group.objects.filter(name=self.request.GET.get("role", ""))
        return {**super().get_initial(), "groups": list(named.values_list("pk", flat=True))}

    def get_success_buttons(self) -> list[Any]:
        return [*super().get_success_buttons(), *checklist_message_buttons(current_user(self.request))]

    def get_success_message(self, instance: User) -> str:
        # External approvers get no link: they have no password.
        text = super().success_message if is_external_approver(instance) else self.success_message
        return str(text) % {"object": instance}

    def save_instance(self) -> User:
        user: User = super().save_instance()
        password_links.send_invitation(user, current_user(self.request))
        return user

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return dict(
            super().get_context_data(
                matrix=role_labels_and_permission_matrix.permission_matrix(), **_independence(), **kwargs
            )
        )


class EditAccount(EditGuard, _EditorMixin, users.EditView):
    """Edits an account that can do nothing that its editor cannot do."""

    can_delete = False

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.can_delete = False
        if not role_permissions_and_grantable_groups.may_manage(current_user(request), self.object):
            raise PermissionDenied

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return dict(
            super().get_context_data(
                has_password=not is_external_approver(self.object),
                matrix=role_labels_and_permission_matrix.permission_matrix(),
                **_independence(),
                **kwargs,
            )
        )


class InvitationsPage(StaffPage, TemplateView):
    """Invitations whose link nobody has followed yet."""

    permission_required = "auth.change_user"
    page_title = _("Invitations not accepted yet")
    header_icon = "mail"
    breadcrumbs_above = (("wagtailusers_users:index", _("Users")),)
    template_name = "desk/accounts/invitations.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        editor, now = current_user(self.request), timezone.now()
        waiting = Invitation.objects.filter(user__is_active=True).select_related("user", "invited_by")
        waiting = waiting.prefetch_related("user__groups")
        return super().get_context_data(
            rows=[
                (
                    one,
                    invitation_tone_and_label(one, now),
                    _roles(one.user),
                    role_permissions_and_grantable_groups.may_manage(editor, one.user),
                )
                for one in waiting
            ],
            **kwargs,
        )


class RevokeInvitationAction(ObjectPage[User], View):
    """POST only: deactivates an account whose owner has not chosen a password; its link is void."""

    model = User
    permission_required = "auth.change_user"
    http_method_names = ["post"]

    def get_queryset(self) -> QuerySet[User]:
        return User.objects.exclude(invitation=None)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        account = self.object
        if not role_permissions_and_grantable_groups.may_manage(current_user(request), account):
            raise PermissionDenied
        account.is_active = False
        # Also a link that was sent before is of no use when the account is activated again.
        account.set_unusable_password()
        account.save(update_fields=["is_active", "password"])
        Invitation.objects.filter(user=account).delete()
        log(instance=account, action="desk.revoke_invitation", user=request.user)
        messages.success(
            request,
            gettext("The invitation of %(account)s is revoked; its link no longer works.")
            % {"account": account},
        )
        return redirect("wagtailusers_users:invitations")


class SendLinkAction(ObjectPage[User], View):
    """POST only: emails the owner of the account a link to choose a password."""

    model = User
    permission_required = "auth.change_user"
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        account = self.object
        may_manage = role_permissions_and_grantable_groups.may_manage(current_user(request), account)
        if not may_manage or is_external_approver(account):
            raise PermissionDenied
        if not account.is_active or not account.email:
            messages.error(
                request,
                gettext("The account %(account)s is not active, or has no email address.")
                % {"account": account},
            )
        else:
            if account.has_usable_password():
                password_links.send_reset(account)
            else:
                password_links.send_invitation(account, current_user(request))
            log(instance=account, action="desk.send_password_link", user=request.user)
            messages.success(
                request,
                gettext("A link to choose a password is being sent to %(email)s.") % {"email": account.email},
            )
        if "from_list" in request.POST:
            return redirect("wagtailusers_users:invitations")
        return redirect("wagtailusers_users:edit", account.pk)


class NoDeletion(users.DeleteView):
    """Accounts are deactivated, never deleted: what they wrote and approved refers to them."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        messages.error(request, gettext("User accounts are never deleted. Deactivate this one instead."))
        return redirect("wagtailusers_users:index")


class AccountViewSet(users.UserViewSet):
    """Settings › Users."""

    index_view_class = AccountIndex
    add_view_class = CreateAccount
    edit_view_class = EditAccount
    delete_view_class = NoDeletion
    create_template_name = "desk/accounts/create.html"
    edit_template_name = "desk/accounts/edit.html"
    # A copy would be made by a form of its own.
    copy_view_enabled = False

    def get_form_class(self, for_update: bool = False) -> type[_AccountForm]:
        return AccountEditForm if for_update else AccountCreationForm

    def get_urlpatterns(self) -> list[URLPattern]:
        return [
            *super().get_urlpatterns(),
            path("invitations/", InvitationsPage.as_view(), name="invitations"),
            path("<int:pk>/send-link/", SendLinkAction.as_view(), name="send_link"),
            path("<int:pk>/revoke/", RevokeInvitationAction.as_view(), name="revoke_invitation"),
        ]


class GroupForm(wagtail_forms.GroupForm):
    """A group's name and permissions; its editor adds only permissions that they have."""

    is_superuser = None

    def __init__(self, *args: Any, editor: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._editor = editor

    @cached_property
    def plain_inputs(self) -> dict[str, PlainInput]:
        """The permissions for single collections, which are in forms of their own."""
        given = self.instance.collection_permissions.select_related("collection", "permission")
        named = sorted(f"{one.collection.name}: {one.permission.name}" for one in given)
        folders = PlainInput(gettext("Permissions for image collections"), ", ".join(named), merges=False)
        return {"folder_permissions": folders}

    def clean_name(self) -> str:
        """Roles are found by their names, also by who may approve since when: no other group takes one."""
        name: str = super().clean_name()
        had = self.initial.get("name", "")
        roles = role_permissions_and_grantable_groups.GROUPS
        if name != had and (name in roles or had in roles):
            raise ValidationError(
                gettext("The groups of the roles keep their names, and no other group can have one of them."),
                code="role_name",
            )
        return name

    def clean_permissions(self) -> Any:
        chosen = self.cleaned_data["permissions"]
        had = set(self.instance.permissions.values_list("pk", flat=True)) if self.instance.pk else set()
        added: list[Permission] = [permission for permission in chosen if permission.pk not in had]
        if lacking := role_permissions_and_grantable_groups.missing_permissions(self._editor, added):
            names = ", ".join(permission.name for permission in lacking)
            raise ValidationError(
                gettext("You cannot give permissions that you do not have: %(names)s.") % {"names": names},
                code="lacking",
            )
        return chosen


class _PanelsMixin(_EditorMixin):
    """Mixin: permissions for single collections and pages are given by superusers only."""

    @property
    def permission_panel_forms(self) -> list[Any]:
        panels: list[Any] = super().permission_panel_forms  # type: ignore[misc]
        return panels if self.request.user.is_superuser else []


class CreateGroup(_PanelsMixin, groups.CreateView):
    """Creates a group."""


class _GrantableMixin:
    """Mixin: a group that allows what its editor may not do is not touched."""

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)  # type: ignore[misc]
        group = self.get_object()  # type: ignore[attr-defined]
        if group not in role_permissions_and_grantable_groups.grantable_groups(current_user(request)):
            raise PermissionDenied


class EditGroup(_GrantableMixin, EditGuard, _PanelsMixin, groups.EditView):
    """Edits a group."""


class DeleteGroup(_GrantableMixin, groups.DeleteView):
    """Deletes a group."""


class GroupIndex(groups.IndexView):
    """The groups by the names that the desk has for its roles."""

    columns = [
        TitleColumn(
            "name",
            label=_("Name"),
            accessor=lambda group: role_labels_and_permission_matrix.role_label(group.name),
            sort_key="name",
            url_name="wagtailusers_groups:edit",
        ),
        Column(
            "about",
            label=_("What the role is for"),
            accessor=lambda group: role_labels_and_permission_matrix.ROLES.get(group.name, ("", ""))[1],
        ),
    ]


class GroupViewSet(groups.GroupViewSet):
    """Settings › Groups."""

    index_view_class = GroupIndex
    add_view_class = CreateGroup
    edit_view_class = EditGroup
    delete_view_class = DeleteGroup
    edit_template_name = "desk/accounts/group.html"

    def get_form_class(self, for_update: bool = False) -> type[GroupForm]:
        return GroupForm
