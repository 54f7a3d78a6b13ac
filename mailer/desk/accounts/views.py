"""Accounts and groups in the desk: Wagtail's pages, without passwords, and without power to give away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import View
from wagtail.admin import messages
from wagtail.admin.ui.tables import Column
from wagtail.log_actions import log
from wagtail.users import forms as wagtail_forms
from wagtail.users.views import groups, users

from mailer.accounts import audit, passwords
from mailer.approval.same_person import SamePerson, require_one_account
from mailer.desk.accounts import permissions
from mailer.desk.base.page_classes import ObjectPage, current_user

_FIELDS = ("username", "email", "first_name", "last_name")


class _AccountForm(wagtail_forms.UserForm):
    """Name, address and groups of an account. No field sets a password or makes a superuser."""

    password_enabled = False
    is_superuser = None

    def __init__(self, *args: Any, editor: User, editing_self: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        grantable = [group.pk for group in permissions.grantable_groups(editor)]
        self.fields["groups"].queryset = Group.objects.filter(pk__in=grantable)
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


class AccountCreationForm(_AccountForm):
    """The form of a new account."""

    class Meta:
        model = User
        fields = (*_FIELDS, "groups")
        widgets = {"groups": forms.CheckboxSelectMultiple}

    def save(self, commit: bool = True) -> User:
        self.instance.set_unusable_password()
        user: User = super().save(commit=commit)
        return user


class AccountEditForm(_AccountForm):
    """The form of an account that exists."""

    class Meta:
        model = User
        fields = (*_FIELDS, "is_active", "groups")
        widgets = {"groups": forms.CheckboxSelectMultiple}


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


def _use(user: User) -> str:
    """Marks accounts that should perhaps be deactivated."""
    return (
        gettext("unused for %(days)s days") % {"days": audit.UNUSED_DAYS}
        if audit.is_unused(user, timezone.now())
        else ""
    )


def _groups(user: User) -> str:
    names = sorted(group.name for group in user.groups.all())
    return ", ".join([*names, *(["superuser"] if user.is_superuser else [])]) or "none"


class AccountIndex(users.IndexView):
    """The table of accounts, without bulk actions: each change of an account is an act of its own."""

    @property
    def columns(self) -> list[Any]:
        # Instead of Wagtail's level, which knows no groups but only superusers.
        others = [column for column in super().columns[1:] if column.name != "is_superuser"]
        return [
            *others,
            Column("role", label=gettext("Groups"), accessor=_groups),
            Column("use", label=gettext("Use"), accessor=_use),
        ]

    def get_base_queryset(self) -> QuerySet[User]:
        queryset: QuerySet[User] = super().get_base_queryset()
        return queryset.prefetch_related("groups")

    def get_delete_url(self, instance: User) -> None:
        return None


class CreateAccount(_EditorMixin, users.CreateView):
    """Creates an account; its owner gets an email with a link to choose a password."""

    success_message = _(
        "The account “%(object)s” is created. Its owner gets a link by email to choose a password."
    )

    def save_instance(self) -> User:
        user: User = super().save_instance()
        passwords.send_invitation(user)
        return user


class EditAccount(_EditorMixin, users.EditView):
    """Edits an account that can do nothing that its editor cannot do."""

    can_delete = False

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.can_delete = False
        if not permissions.may_manage(current_user(request), self.object):
            raise PermissionDenied


class SendLinkAction(ObjectPage[User], View):
    """POST only: emails the owner of the account a link to choose a password."""

    model = User
    permission_required = "auth.change_user"
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        account = self.object
        if not permissions.may_manage(current_user(request), account):
            raise PermissionDenied
        if not account.is_active or not account.email:
            messages.error(
                request, gettext("%(account)s is not active, or has no email address.") % {"account": account}
            )
        else:
            send = passwords.send_reset if account.has_usable_password() else passwords.send_invitation
            send(account)
            log(instance=account, action="desk.send_password_link", user=request.user)
            messages.success(
                request,
                gettext("A link to choose a password is sent to %(email)s.") % {"email": account.email},
            )
        return redirect("wagtailusers_users:edit", account.pk)


class NoDeletion(users.DeleteView):
    """Accounts are deactivated, never deleted: what they wrote and approved refers to them."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        messages.error(request, gettext("An account is never deleted. Deactivate it instead."))
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
            path("<int:pk>/send-link/", SendLinkAction.as_view(), name="send_link"),
        ]


class GroupForm(wagtail_forms.GroupForm):
    """A group's name and permissions; its editor adds only permissions that they have."""

    is_superuser = None

    def __init__(self, *args: Any, editor: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._editor = editor

    def clean_permissions(self) -> Any:
        chosen = self.cleaned_data["permissions"]
        had = set(self.instance.permissions.values_list("pk", flat=True)) if self.instance.pk else set()
        added: list[Permission] = [permission for permission in chosen if permission.pk not in had]
        if lacking := permissions.lacks(self._editor, added):
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


class EditGroup(_PanelsMixin, groups.EditView):
    """Edits a group."""


class DeleteGroup(groups.DeleteView):
    """Deletes a group that allows nothing that its editor may not do."""

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        if self.get_object() not in permissions.grantable_groups(current_user(request)):
            raise PermissionDenied


class GroupViewSet(groups.GroupViewSet):
    """Settings › Groups."""

    add_view_class = CreateGroup
    edit_view_class = EditGroup
    delete_view_class = DeleteGroup

    def get_form_class(self, for_update: bool = False) -> type[GroupForm]:
        return GroupForm
