"""One account per person: a second account with the name, username or address of another one is refused.

So is one whose username is the address of another account, or the other way round: both sign in with it.

Names are compared as they look: without letter case, accents, punctuation and order of words, and with
letters of Cyrillic and Greek that look like Latin ones as those (after the idea of Unicode Technical
Standard 39, for the alphabets of the staff).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models.signals import pre_save
from django.utils.translation import gettext_lazy as _

_LOOKALIKES = str.maketrans(
    # Cyrillic, with Kazakh and other letters of the region.
    "авекмнорстухіјѕһԁԛԝғқүұәөңҳ"
    # Greek.
    "αβεικνορτυχηω"
    # Digits and letters that people confuse.
    "01iı",
    "abekmhopctyxijshdqwfkyyaohx"  # Cyrillic
    "abeikvoptuxnw"  # Greek
    "olll",
)
# By what two accounts have in common.
_MESSAGES = {
    "username": _(
        "The account “%(username)s” has the same username, or one that looks the same. One person has one "
        "account; where these are two people, choose another username."
    ),
    "email": _(
        "The account “%(username)s” has the same email address, or one that reaches the same mailbox. One "
        "person has one account; where these are two people, each needs an address of their own."
    ),
    "name": _(
        "The account “%(username)s” has the same name, or one that looks the same. One person has one "
        "account; where these are two people, add an initial to the name."
    ),
}
_FIELDS = ("username", "first_name", "last_name", "email")


class SamePerson(ValidationError):  # noqa: N818
    """Another account has this name or address."""


def look_alike_form(text: str) -> str:
    """What is left of a text when everything is removed by which two alike texts differ."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    # Twice: i and dotless i are the same letter, and so are the Cyrillic and Greek ones.
    plain = plain.translate(_LOOKALIKES).translate(_LOOKALIKES)
    return "".join(letter for letter in plain if letter.isalnum())


def _name(user: User) -> str:
    return "".join(sorted(look_alike_form(word) for word in user.get_full_name().split()))


def _mailbox(address: str) -> str:
    """The address without what is behind a plus sign: messages to both reach the same mailbox."""
    local, _at, domain = address.strip().rpartition("@")
    local = local.partition("+")[0]
    if not local:
        return ""
    return "@".join(".".join(map(look_alike_form, part.split("."))) for part in (local, domain))


def find_same_person(user: User) -> Iterator[tuple[str, User]]:
    """Other accounts that look like the same person: ("username", "email" or "name", the account)."""
    mine = _compared(user)
    for other in User.objects.exclude(pk=user.pk).order_by("pk"):
        theirs = _compared(other)
        yield from ((field, other) for field in mine if not mine[field].isdisjoint(theirs[field]))


def _compared(user: User) -> dict[str, set[str]]:
    """What no two accounts have in common; a username that is an address counts as one."""
    values = {
        "username": [look_alike_form(user.username)],
        "email": [_mailbox(user.email), _mailbox(user.username)],
        "name": [_name(user)],
    }
    return {field: set(filter(None, found)) for field, found in values.items()}


def require_one_account(user: User) -> None:
    """Raises SamePerson, with the field to change as its code, where another account has the same name,
    username or address.
    """
    for field, other in find_same_person(user):
        is_username = field == "email" and _mailbox(user.email) not in _compared(other)["email"]
        message = str(_MESSAGES[field]) % {"username": other.username}
        raise SamePerson(message, code="username" if is_username else field)


def connect_signals() -> None:
    """Check whenever an account is saved."""
    pre_save.connect(_on_save, sender=User, dispatch_uid="same-person")


def _on_save(
    sender: object,
    instance: User,
    raw: bool = False,
    update_fields: frozenset[str] | None = None,
    **_kwargs: object,
) -> None:
    if raw or (update_fields is not None and update_fields.isdisjoint(_FIELDS)):
        return
    if instance.pk is not None:
        before = User.objects.filter(pk=instance.pk).values_list(*_FIELDS).first()
        if before == tuple(getattr(instance, field) for field in _FIELDS):
            return
    require_one_account(instance)
