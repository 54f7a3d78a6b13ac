"""The letters to a single reader, about their address: plain text, in the reader's language."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from email.utils import formataddr

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.translation import gettext, override

from subscribers import tokens
from subscribers.models import MailingList, Subscriber


def send_confirmation(subscriber: Subscriber, token: str, lists: Collection[MailingList] = ()) -> None:
    """Send the link that confirms; `token` is a "confirm" token. One list speaks under its own sender."""
    with override(page_language(subscriber)):
        subject = gettext("Confirm your subscription")
        letter = _message(subscriber, subject, "pages/letters/confirm.txt", f"/confirm/{token}/")
    if len(lists) == 1 and (sender := list_sender(next(iter(lists)))):
        letter.from_email = sender
    letter.send()


def send_welcome(subscriber: Subscriber, mailing_list: MailingList) -> bool:
    """Greet somebody who is on a list now, in their language or the first that it has; whether it does."""
    language = page_language(subscriber)
    text = mailing_list.welcome_texts.get(language) or next(iter(mailing_list.welcome_texts.values()), "")
    if not text:
        return False
    with override(language):
        # A line break in a name would be a header of its own.
        subject = " ".join(mailing_list.name.split())
        letter = _message(
            subscriber, subject, "pages/letters/welcome.txt", _preferences_path(subscriber), {"welcome": text}
        )
    letter.from_email = list_sender(mailing_list) or letter.from_email
    letter.send()
    return True


def list_sender(mailing_list: MailingList) -> str:
    """The sender of a list's letters; empty: the office's own."""
    if not mailing_list.sender_email:
        return ""
    return formataddr((mailing_list.sender_name, mailing_list.sender_email))


def send_already_subscribed(subscriber: Subscriber) -> None:
    """Tell somebody who signs up again that all is well."""
    with override(page_language(subscriber)):
        subject = gettext("You are already subscribed")
        _message(subscriber, subject, "pages/letters/already.txt", _preferences_path(subscriber)).send()


def send_address_confirmation(subscriber: Subscriber, new_email: str, token: str) -> None:
    """Ask at the new address; `token` is a "change_address" token."""
    with override(page_language(subscriber)):
        subject = gettext("Confirm your new address")
        _message(
            subscriber, subject, "pages/letters/new_address.txt", f"/address/{token}/", to=new_email
        ).send()


def send_address_change_notice(subscriber: Subscriber, masked_email: str, token: str) -> None:
    """Tell at the present address; `masked` is the new one, `token` a "reject_change" token."""
    with override(page_language(subscriber)):
        subject = gettext("Your address is about to change")
        path = f"/address/not-me/{token}/"
        _message(subscriber, subject, "pages/letters/old_address.txt", path, {"masked": masked_email}).send()


def send_data_link(subscriber: Subscriber, token: str) -> None:
    """The link to the page of a reader's data; `token` is an "data_access" token."""
    with override(page_language(subscriber)):
        subject = gettext("Your data")
        _message(subscriber, subject, "pages/letters/data.txt", f"/your-data/{token}/").send()


def send_erased_notice(subscriber: Subscriber) -> None:
    """The last letter, to somebody who is erased in the same transaction."""
    with override(page_language(subscriber)):
        subject = gettext("Your data is erased")
        _message(subscriber, subject, "pages/letters/erased.txt", "/").send()


def probe_message(subscriber: Subscriber) -> EmailMessage:
    """The letter that asks whether an address still works, not sent: its sender chooses the envelope."""
    with override(page_language(subscriber)):
        subject = gettext("Does our newsletter still reach you?")
        return _message(subscriber, subject, "pages/letters/probe.txt", _preferences_path(subscriber))


def send_reconfirmation(subscriber: Subscriber, token: str, until: date) -> None:
    """Ask whether they still want it; `token` is a "reconfirm" token, `until` the last day for an answer."""
    with override(page_language(subscriber)):
        preferences = f"{settings.CONFIG.site.url}{_preferences_path(subscriber)}"
        more = {"until": date_format(until), "preferences": preferences}
        subject = gettext("Do you still want our newsletter?")
        _message(subscriber, subject, "pages/letters/stay.txt", f"/stay/{token}/", more).send()


def page_language(subscriber: Subscriber) -> str:
    """The reader's language where the pages speak it, else the site's own, else English."""
    supported = {code for code, _ in settings.LANGUAGES}
    wanted = (subscriber.language, settings.LANGUAGE_CODE)
    return next((code for code in wanted if code in supported), "en")


def _preferences_path(subscriber: Subscriber) -> str:
    return f"/preferences/{tokens.make('preferences', subscriber.pk, 0)}/"


def _message(
    subscriber: Subscriber,
    subject: str,
    template: str,
    path: str,
    extra: Mapping[str, str] | None = None,
    *,
    to: str = "",
) -> EmailMessage:
    """`to`: another address than the subscriber's."""
    site_name = settings.CONFIG.site.name
    context = {"office": site_name, "address": f"{settings.CONFIG.site.url}{path}", **(extra or {})}
    return EmailMessage(
        subject,
        render_to_string(template, context),
        to=[to or subscriber.email],
        # RFC 3834 §5: no vacation notice comes back for it.
        headers={"Auto-Submitted": "auto-generated"},
    )
