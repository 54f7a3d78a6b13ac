"""What a person should look at before an address is mailed: a slip of the keys, a mailbox of nobody's own."""

from __future__ import annotations

from functools import cache, lru_cache

# Mailboxes of an office, which nobody in particular reads (RFC 2142, and habit).
_ROLES = frozenset(
    {
        *(
            "abuse",
            "admin",
            "administrator",
            "billing",
            "contact",
            "contacts",
            "enquiries",
            "feedback",
            "ftp",
        ),
        *("help", "helpdesk", "hostmaster", "hr", "info", "inquiries", "jobs", "mail", "mailer-daemon"),
        *("marketing", "media", "news", "no-reply", "noc", "noreply", "office", "postmaster", "press"),
        *("priemnaya", "reception", "root", "sales", "secretary", "security", "service", "spam", "subscribe"),
        *("support", "team", "unsubscribe", "webmaster"),
    }
)
# Providers whose names are mistyped.
_PROVIDERS = (
    *("gmail.com", "hotmail.com", "yahoo.com", "outlook.com", "icloud.com", "live.com", "aol.com"),
    *("mail.ru", "yandex.ru", "rambler.ru", "yandex.kz", "ukr.net", "inbox.ru", "list.ru"),
)
# Near to one of them, and somebody's own.
_OWN = frozenset(
    {
        *(
            "mail.com",
            "email.com",
            "ymail.com",
            "gmx.com",
            "bk.ru",
            "ya.ru",
            "live.ru",
            "yandex.by",
            "yandex.uz",
        ),
        *(
            "yandex.com",
            "yandex.ua",
            "yahoo.co",
            "mail.kz",
            "mail.kg",
            "mail.tj",
            "mail.uz",
            "mail.tm",
            "mail.ua",
        ),
        *(
            "mail.de",
            "mail.bg",
            "mail.by",
            "gmail.ru",
            "hotmail.ru",
            "yahoo.ru",
            "aol.de",
            "live.cn",
            "live.ca",
        ),
    }
)


KINDS = ("typo", "disposable", "role")


def of(address: str) -> str:
    """ "typo DOMAIN" (the likely one), "disposable", "role", or "" for a normalised address."""
    local, _, domain = address.rpartition("@")
    return _of_domain(domain) or ("role" if local in _ROLES else "")


@lru_cache(maxsize=65_536)
def _of_domain(domain: str) -> str:
    if domain in _PROVIDERS or domain in _OWN:
        return ""
    meant = next((one for one in _PROVIDERS if _one_slip(domain, one)), "")
    if meant:
        return f"typo {meant}"
    return "disposable" if domain in _disposable() else ""


@cache
def _disposable() -> frozenset[str]:
    """Domains of mailboxes that are thrown away; the list is read when first asked for."""
    from disposable_email_domains import blocklist

    return frozenset(blocklist)


def _one_slip(typed: str, meant: str) -> bool:
    """Whether one letter is missing, doubled, wrong, or two stand the wrong way round (Damerau)."""
    short, long = sorted((typed, meant), key=len)
    if len(long) - len(short) > 1:
        return False
    start = 0
    while start < len(short) and short[start] == long[start]:
        start += 1
    if len(short) != len(long):
        return short[start:] == long[start + 1 :]
    if short[start + 1 :] == long[start + 1 :]:
        return True
    return (
        short[start + 2 :] == long[start + 2 :] and short[start : start + 2] == long[start : start + 2][::-1]
    )
