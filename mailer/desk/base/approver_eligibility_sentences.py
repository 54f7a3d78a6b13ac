"""Who may approve and who may not, as sentences for the user who reads them."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext, pgettext

from mailer.approval.content_changes_and_authors import user_or_system_name
from mailer.approval.possible_approvers import Barred


def names_for(viewer: User, users: Iterable[User]) -> str:
    """The names, with "you" for the reader: "you, Dana Serikova"; "" for nobody."""
    return ", ".join(
        pgettext("in a list of names", "you") if one == viewer else user_or_system_name(one) for one in users
    )


def why_barred(one: Barred, viewer: User) -> str:
    """Why this account may not approve, and from when on it may."""
    if one.until is None:
        return (
            gettext("You cannot approve what you wrote or set up yourself.")
            if one.user == viewer
            else gettext("%(name)s cannot approve what they wrote or set up themselves.")
            % {"name": user_or_system_name(one.user)}
        )
    values = {
        "name": user_or_system_name(one.user),
        "date": date_format(localtime(one.until), "DATE_FORMAT") if one.until else "",
        "authors": names_for(viewer, one.because_of or one.controls),
    }
    if not one.because_of:
        text = (
            gettext(
                "You cannot approve before %(date)s, because you invited these people or "
                "changed how they sign in: %(authors)s."
            )
            if one.user == viewer
            else gettext(
                "%(name)s cannot approve before %(date)s, because they invited these people "
                "or changed how they sign in: %(authors)s."
            )
        )
    elif one.user == viewer:
        text = gettext(
            "You cannot approve before %(date)s, because %(authors)s invited you or changed your account."
        )
    elif one.because_of == (viewer,):
        text = gettext(
            "%(name)s cannot approve before %(date)s, because you invited them or changed their account."
        )
    else:
        text = gettext(
            "%(name)s cannot approve before %(date)s, because their account was created or changed by: "
            "%(authors)s."
        )
    return text % values
