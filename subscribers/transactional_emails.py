"""Transactional emails to a single subscriber: plain text, in the subscriber's language."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from email.utils import formataddr

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext, override

from subscribers import iso_codes, tokens
from subscribers.models import MailingList, Subscriber


def send_confirmation(subscriber: Subscriber, token: str, sender_lists: Collection[MailingList] = ()) -> None:
    """Send the confirmation link; `token` is a "confirm" token. A single list is its own sender."""
    with override(page_language(subscriber)):
        subject = gettext("Confirm your subscription")
        message = _message(subscriber, subject, "pages/emails/confirmation.txt", f"/confirm/{token}/")
    if len(sender_lists) == 1 and (sender := list_sender(next(iter(sender_lists)))):
        message.from_email = sender
    message.send()


def send_welcome(subscriber: Subscriber, mailing_list: MailingList) -> bool:
    """Send a list's welcome text, in the subscriber's language or else its first one; False without any."""
    language = page_language(subscriber)
    text = mailing_list.welcome_texts.get(language) or next(iter(mailing_list.welcome_texts.values()), "")
    if not text:
        return False
    with override(language):
        # A line break in a name would begin another header.
        subject = " ".join(mailing_list.name.split())
        message = _message(
            subscriber, subject, "pages/emails/welcome.txt", _preferences_path(subscriber), {"welcome": text}
        )
    message.from_email = list_sender(mailing_list) or message.from_email
    message.send()
    return True


def list_sender(mailing_list: MailingList) -> str:
    """The From of a list's transactional emails; empty: the site's own."""
    if not mailing_list.sender_email:
        return ""
    return formataddr((mailing_list.sender_name, mailing_list.sender_email))


def send_already_subscribed(subscriber: Subscriber) -> None:
    """Tell a subscriber who signs up again that they are subscribed."""
    with override(page_language(subscriber)):
        subject = gettext("You are already subscribed")
        _message(
            subscriber, subject, "pages/emails/already_subscribed.txt", _preferences_path(subscriber)
        ).send()


def send_address_confirmation(subscriber: Subscriber, new_email: str, token: str, needs_old: bool) -> None:
    """Ask for confirmation at the new address; `token` is a "change_address" token.

    `needs_old`: whether the old address has to confirm too.
    """
    template, path = "pages/emails/address_confirmation.txt", f"/address/{token}/"
    with override(page_language(subscriber)):
        subject = gettext("Confirm your new address")
        extra = {"needs_old": "yes" if needs_old else ""}
        _message(subscriber, subject, template, path, extra, to=new_email).send()


def send_address_change_confirmation_to_old_address(
    subscriber: Subscriber, masked_email: str, agree_token: str, reject_token: str
) -> None:
    """Ask for confirmation at the present address, with an "agree_change" and a "reject_change" token."""
    template, path = "pages/emails/address_change_notice.txt", f"/address/agree/{agree_token}/"
    with override(page_language(subscriber)):
        subject = gettext("Your address is about to change")
        reject_address = f"{settings.CONFIG.site.url}/address/not-me/{reject_token}/"
        extra = {"masked": masked_email, "reject_address": reject_address}
        _message(subscriber, subject, template, path, extra).send()


def send_preferences_link(subscriber: Subscriber, newsletter_id: int) -> None:
    """Send the link to the subscriber's preferences; `newsletter_id`: whose mail the request came from."""
    path = f"/preferences/{tokens.make_token('preferences', subscriber.pk, newsletter_id)}/"
    with override(page_language(subscriber)):
        subject = gettext("What you get from us")
        _message(subscriber, subject, "pages/emails/preferences_link.txt", path).send()


def send_data_link(subscriber: Subscriber, address: str, token: str) -> None:
    """Send the link to the page of the subscriber's data; `token` is a "data_access" token."""
    path = f"/your-data/{token}/"
    with override(page_language(subscriber)):
        subject = gettext("Your data")
        _message(subscriber, subject, "pages/emails/data_link.txt", path, to=address).send()


def send_erased_notice(subscriber: Subscriber, reversible_until: datetime | None) -> None:
    """The last email, to a subscriber who is erased in the same transaction.

    `reversible_until`: when the address that they had before can reverse it no more; None: it cannot at all.
    """
    with override(page_language(subscriber)):
        subject = gettext("Your data is erased")
        extra = {"until": _local_day(reversible_until, page_language(subscriber))} if reversible_until else {}
        _message(subscriber, subject, "pages/emails/erased_notice.txt", "/", extra).send()


def send_erased_notice_to_old(
    subscriber: Subscriber, old_email: str, masked_email: str, token: str, until: datetime
) -> None:
    """Say at the old address of a subscriber that they are erased; `token` is a "reject_change" token."""
    template, path = "pages/emails/erased_notice_to_old.txt", f"/address/not-me/{token}/"
    with override(page_language(subscriber)):
        subject = gettext("Your data is erased")
        extra = {"masked": masked_email, "until": _local_day(until, page_language(subscriber))}
        _message(subscriber, subject, template, path, extra, to=old_email).send()


def probe_message(subscriber: Subscriber) -> EmailMessage:
    """A message that asks whether an address still works, not sent: the caller chooses the envelope."""
    with override(page_language(subscriber)):
        subject = gettext("Does our newsletter still reach you?")
        return _message(subscriber, subject, "pages/emails/probe.txt", _preferences_path(subscriber))


def send_reconfirmation(subscriber: Subscriber, list_id: int, token: str, until: date) -> None:
    """Ask for reconfirmation of a list; `token` is a "reconfirm" token, `until` the last day for an answer.

    As it goes to many, it can be unsubscribed from with one click (RFC 8058).
    """
    leave = tokens.make_token("unsubscribe_list", subscriber.pk, list_id)
    with override(page_language(subscriber)):
        preferences = f"{settings.CONFIG.site.url}{_preferences_path(subscriber)}"
        last_day = iso_codes.long_date(until, page_language(subscriber))
        more = {"until": last_day, "preferences": preferences}
        subject = gettext("Do you still want our newsletter?")
        message = _message(subscriber, subject, "pages/emails/reconfirmation.txt", f"/stay/{token}/", more)
    message.extra_headers |= {
        "List-Unsubscribe": f"<{settings.CONFIG.site.url}/unsubscribe/list/{leave}/>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    message.send()


def page_language(subscriber: Subscriber) -> str:
    """The subscriber's language where the pages have it, else the site's own, else English."""
    supported = {code for code, _ in settings.LANGUAGES}
    wanted = (subscriber.language, settings.CONFIG.site.languages[0])
    return next((code for code in wanted if code in supported), "en")


def _local_day(at: datetime, language: str) -> str:
    """The day of a time in the site's time zone, as the language writes it."""
    return iso_codes.long_date(timezone.localdate(at), language)


def _preferences_path(subscriber: Subscriber) -> str:
    return f"/preferences/{tokens.make_token('preferences', subscriber.pk, 0)}/"


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
        # RFC 3834 §5: no vacation notice answers it.
        headers={"Auto-Submitted": "auto-generated"},
    )
