"""Checks of where links lead: to pages that are missing, moved or private, to test sites and trackers."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterator
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from mailer.approval.preflight.check_input import Description, Link, LinkState, Place
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.rendering import sanitize

# Names that are never on the internet (RFC 2606, RFC 6761), and those of networks at home and in offices.
_RESERVED = ("example.com", "example.net", "example.org", ".example", ".test", ".invalid")
_LOCAL = (".local", ".localhost", ".lan", ".internal", ".intranet", ".corp", ".home.arpa", ".home")
_STAGING = re.compile(
    r"(?:^|[.-])(?:staging|stage|stg|preprod|pre-prod|uat|qa|test|testing|dev|develop|sandbox|demo|beta|"
    r"preview)"
    r"\d*(?:[.-]|$)"
)
_STAGING_HOSTS = (
    ".netlify.app",
    ".vercel.app",
    ".herokuapp.com",
    ".ngrok.io",
    ".ngrok-free.app",
    ".pantheonsite.io",
)
_TRACKING = re.compile(
    r"^(?:utm_\w+|fbclid|gclid|dclid|gbraid|wbraid|yclid|ysclid|_openstat|msclkid|mc_cid|mc_eid|mkt_tok|"
    r"igshid|"
    r"igsh|twclid|ttclid|vero_id|oly_enc_id|_hsenc|_hsmi|ref_src|si|spm|rb_clickid|"
    # Of a visit, which ends.
    r"(?:php|j|asp)sessionid\w*|phpsessid|session_?id|cftoken)$",
    re.IGNORECASE,
)
# Parameters that only YouTube and music services use for the sharer.
_SHARED_BY = {"si": ("youtube.com", "youtu.be", "spotify.com")}
_SHORTENERS = frozenset(
    (
        "bit.ly",
        "goo.gl",
        "t.co",
        "tinyurl.com",
        "ow.ly",
        "is.gd",
        "buff.ly",
        "clck.ru",
        "vk.cc",
        "cutt.ly",
        "rb.gy",
    )
)
_WRAPPED = re.compile(
    r"https?://(?:(?:www\.)?google\.[a-z.]{2,6}/(?:url|amp)\b|l\.(?:facebook|instagram)\.com/|"
    r"lm\.facebook\.com/|"
    r"(?:m\.)?vk\.com/away\.php|[\w.-]+\.safelinks\.protection\.outlook\.com/|urldefense\.(?:com|"
    r"proofpoint\.com)/|"
    r"(?:www\.)?yandex\.[a-z]{2,3}/clck/|t\.umblr\.com/|"
    # What a button for sharing opens.
    r"(?:www\.)?facebook\.com/(?:sharer|share\.php|dialog/)|(?:twitter|x)\.com/(?:intent/|share\b)|"
    r"t\.me/share\b|"
    r"vk\.com/share\.php|(?:www\.)?linkedin\.com/(?:sharing|shareArticle)|(?:api\.)?(?:wa\.me|"
    r"whatsapp\.com)/(?:send)?\?)",
    re.IGNORECASE,
)
_SIGN_IN = re.compile(
    r"^https?://[^/?#]+/(?:[^?#]*/)?(?:login|signin|sign-in|wp-login\.php|wp-admin)(?:[/?#]|$)"
)
_PRIVATE_PAGES = re.compile(
    r"^(?:https?://)?(?:docs\.google\.com/(?!forms/)[^?#]*/edit|drive\.google\.com/|[\w-]+\.sharepoint\.com/|"
    r"[\w-]+-my\.sharepoint\.com/|onedrive\.live\.com/edit|mail\.google\.com/|outlook\.office\.com/)"
)
# Pages that only their editors see: previews and forms of content management systems and of other services.
# Not those of Kazakhstan's government, whose public pages are "egov.kz/cms/ru/services/…".
_EDITORS_PAGE = re.compile(
    r"^https?://(?:studio\.youtube\.com/|[^/?#]+/(?:desk|django-admin)(?:[/?#]|$)|[^/?#]+/(?:[^?#]*/)?(?:node/\d+/(?:edit|latest)|admin|"
    r"cms(?!/\w\w/)|drafts?|previews?)"
    r"(?:[/?#]|$)|[^?#]*\?(?:[^#]*&)?(?:preview(?:_id|_nonce)?|draft|revision)=|"
    r"(?:www\.)?canva\.com/design/\S+/edit)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"(?:https?://)?((?:[\w-]+\.)+[a-zа-я]{2,})(?:[/?#]\S*)?", re.IGNORECASE)
# What a link must not say alone: read out of its sentence, it says nothing.
_VAGUE: Collection[str] = frozenset(
    (
        *(
            "click here",
            "click",
            "here",
            "this link",
            "link",
            "this page",
            "press here",
            "tap here",
            "go",
            "this",
        ),
        *(
            "нажмите здесь",
            "нажмите сюда",
            "жмите сюда",
            "кликните здесь",
            "здесь",
            "подробнее здесь",
            "тут",
            "сюда",
            "по ссылке",
        ),
        *("ссылка", "по этой ссылке", "по этой ссылке здесь", "перейдите по ссылке", "эта ссылка"),
        *("мұнда басыңыз", "осында басыңыз", "осы жерді басыңыз", "мұнда", "осында", "осы жерде", "сілтеме"),
        *("осы сілтеме", "сілтеме бойынша", "осы сілтеме бойынша", "осы сілтемеден"),
        *("бул жерди басыңыз", "ушул жерди басыңыз", "бул жерде", "бул жерден", "ушул жерде", "ушул жерден"),
        *("шилтеме", "шилтеме боюнча", "бул шилтеме", "ушул шилтеме боюнча"),
        *("ин ҷоро пахш кунед", "инҷоро пахш кунед", "ин ҷо", "инҷо", "дар ин ҷо", "истинод", "пайванд"),
        *("аз рӯи истинод", "дар инҷо"),
        *(
            "bu yerga bosing",
            "shu yerga bosing",
            "bu yerni bosing",
            "shu yerni bosing",
            "bu yerda",
            "shu yerda",
        ),
        *("havola", "havola orqali", "bu havola", "ushbu havola", "shu yerga"),
        *(
            "şu ýere basyň",
            "bu ýere basyň",
            "şu ýerde",
            "bu ýerde",
            "baglanyşyk",
            "şu baglanyşyk",
            "salgylanma",
        ),
    )
)
# The same within a longer text: "click here to learn more".
_PRESS = re.compile(
    r"""
    \b(?:click|press|tap)\s+(?:on\s+)?(?:here|this|the\s+(?:link|button))\b | \b(?:more|details)\s+here$
    | \b(?:нажм|жм[иу]|клик|щ[её]лкн|перейд)\w*\s+
        (?:здесь|сюда|тут|(?:по|на)\s+(?:(?:этой|эту)\s+)?(?:ссылк|кнопк)\w*)
    | \b(?:здесь|сюда|тут)\s+(?:нажм|жм[иу]|клик)\w*
    | \b(?:мұнда|осында|(?:осы|мына)\s+жер\w*|сілтеме\w*|батырма\w*)\s+(?:бас|шерт|өт)(?:ыңыз|іңіз|у|ы)\w*
    | \b(?:бул\w*|ушул)\s+жер\w*\s+бас\w* | \b(?:шилтеме|баскыч)\w*\s+(?:бас|өт|чык)\w*
    | \b(?:ин\s?ҷо|истинод|пайванд|тугма)\w*\s+(?:ро\s+)?(?:пахш|зер|клик|гузар)\w*
    | \b(?:(?:bu|shu)\s+yer|havola|tugma)\w*\s+(?:ustiga\s+)?(?:bos|oʻt)\w*
    | \b(?:(?:şu|bu|şol)\s+ýer|baglanyşy|salgylan|düwm)\w*\s+(?:bas|geç)\w*
    """,
    re.VERBOSE,
)


def link_without_target(description: Description) -> Iterator[Found]:
    """Text that looks like a link and leads nowhere."""
    for link in description.anchors:
        if not link.url or link.url == "#":
            yield Found(link.place, link.words)


def invalid_url(description: Description) -> Iterator[Found]:
    """Addresses that rendering removes: no http, https or mailto, or none at all."""
    for link, place in distinct_links(description):
        broken = not sanitize.safe_link(link.url) or re.search(r"\s", link.url.strip())
        if broken or re.match(r"https?://(?:https?[:/]|www\.?/|/)", link.url) or _no_dot(link.url):
            yield Found(place, link.url)


def _no_dot(url: str) -> bool:
    """Whether the host's name ends with a dot or has two in a row, as a slip leaves them."""
    host = _host(url)
    if url.lower().startswith("http") and (_mixes_scripts(host) or re.search(r"[)\].,;:]+$", url)):
        # A bracket that the address opens itself belongs to it: Wikipedia's have some.
        return _mixes_scripts(host) or url.count("(") < url.count(")") or url[-1] not in ")"
    return ".." in host or host.startswith((".", "-")) or _has_no_domain(url)


def _mixes_scripts(host: str) -> bool:
    """Whether a label of a host's name has Latin and Cyrillic letters: a slip of the keyboard, or a trap."""
    return any(
        re.search("[a-z]", label) and re.search("[\u0400-\u052f]", label) for label in host.lower().split(".")
    )


def _has_no_domain(url: str) -> bool:
    """Whether an address for mail has no domain with a dot."""
    if not url.startswith("mailto:"):
        return False
    address = url.removeprefix("mailto:").partition("?")[0]
    return not re.fullmatch(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+", address)


def local_url(description: Description) -> Iterator[Found]:
    """Addresses of a machine or a network that readers cannot reach."""
    return _by_host(description, is_local)


def is_local(host: str) -> bool:
    """Whether a host is no public one: by its name, or as an address."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith(_LOCAL) or (bool(host) and "." not in host)


def staging_url(description: Description) -> Iterator[Found]:
    """Addresses of a site's test version."""

    def is_staging(host: str) -> bool:
        own = host.removeprefix("www.")
        # The registered name may be anything; only what stands before it says "test".
        before = own.rsplit(".", 2)[0] if own.count(".") >= 2 else ""
        return bool(before and _STAGING.search(before)) or host.endswith(_STAGING_HOSTS)

    yield from _by_host(description, is_staging)
    for link, place in distinct_links(description):
        if (
            (parts := _split(link.url))
            and _port(parts) not in (None, 80, 443)
            and not is_local(_host(link.url))
        ):
            yield Found(place, link.url)


def example_url(description: Description) -> Iterator[Found]:
    """Names that are reserved for examples, where the sender itself is no example."""
    if is_example(description.sender.email.rpartition("@")[2]):
        return iter(())
    return _by_host(description, is_example)


def is_example(host: str) -> bool:
    """Whether a host's name is reserved for documentation and tests (RFC 2606)."""
    return any(host == one.lstrip(".") or host.endswith(f".{one.lstrip('.')}") for one in _RESERVED)


def insecure_url(description: Description) -> Iterator[Found]:
    """http, where https would do."""
    for link, place in distinct_links(description):
        if link.url.lower().startswith("http://") and not is_local(_host(link.url)):
            yield Found(place, link.url)


def tracking_parameters(description: Description) -> Iterator[Found]:
    """Parameters that follow readers through other sites, or name the person who copied the address."""
    for link, place in distinct_links(description):
        parts = _split(link.url)
        names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)] if parts else []
        host = _host(link.url)
        found = [
            name
            for name in names
            if _TRACKING.match(name) and host.endswith(_SHARED_BY.get(name.lower(), (host,)))
        ]
        if found:
            yield Found(place, f"{', '.join(found)}: {link.url}")
        elif ";jsessionid=" in link.url.lower():
            yield Found(place, link.url)


def shortened_url(description: Description) -> Iterator[Found]:
    """Addresses that hide where they lead; filters count them as spam."""
    return _by_host(description, lambda host: host.removeprefix("www.") in _SHORTENERS)


def wrapped_url(description: Description) -> Iterator[Found]:
    """Addresses that lead through another service, as they are copied from its pages."""
    for link, place in distinct_links(description):
        if _WRAPPED.match(link.url):
            yield Found(place, link.url)


def private_page(description: Description) -> Iterator[Found]:
    """Documents, mailboxes and unpublished pages that need an account."""
    for link, place in distinct_links(description):
        if any(one.match(link.url) for one in (_PRIVATE_PAGES, _SIGN_IN, _EDITORS_PAGE)):
            yield Found(place, link.url)


def link_text_shows_other_url(description: Description) -> Iterator[Found]:
    """Links whose text is the address of another site, as in phishing, or another page of the same one."""
    for link in description.anchors:
        shown = _ADDRESS.fullmatch(link.words.strip())
        if not shown or not link.url.startswith("http"):
            continue
        ours, theirs = shown[1].lower().removeprefix("www."), _host(link.url).removeprefix("www.")
        is_other_site = ours != theirs and not theirs.endswith(f".{ours}") and not ours.endswith(f".{theirs}")
        if is_other_site or not _page(link.url).startswith(_page(link.words)):
            yield Found(link.place, f"{link.words} → {link.url}")


def _page(address: str) -> str:
    """Path and query of an address, with or without "https://", to compare; what is shown may be cut off."""
    without = re.sub(r"^\s*(?:https?://)?[^/?#\s]*|[\s….,;:!?)»”]*$", "", address, flags=re.IGNORECASE)
    return unquote(without).rstrip("/").lower()


def vague_link_text(description: Description) -> Iterator[Found]:
    """Links that say "click here" in any of seven languages, and buttons that are an address."""
    for link in description.anchors:
        words = re.sub(r"[^\w\s]", "", link.words.casefold()).strip()
        if words in _VAGUE or _PRESS.search(words) or link.words.strip().startswith(("http://", "https://")):
            yield Found(link.place, link.words)


def dead_link(description: Description) -> Iterator[Found]:
    """Pages that do not exist, by the worker's last look."""
    reached = any(fact.state in ("ok", "moved", "missing") for fact in description.links.values())
    yield from _in_state(description, "missing", "private")
    if reached:
        # Otherwise it is this machine that has no connection, or no resolver.
        yield from _in_state(description, "no_server")


def unreachable_page(description: Description) -> Iterator[Found]:
    """Pages that the worker could not look at."""
    reached = any(fact.state in ("ok", "moved", "missing") for fact in description.links.values())
    yield from _in_state(description, "refused", "no_answer", *(() if reached else ("no_server",)))


def redirected_link(description: Description) -> Iterator[Found]:
    """Pages that lead on to another address."""
    for link, place in distinct_links(description):
        fact = description.links.get(link.url)
        if fact and fact.state == "moved":
            yield Found(place, f"{link.url} → {fact.final_url}")


def _in_state(description: Description, *states: LinkState) -> Iterator[Found]:
    for link, place in distinct_links(description):
        fact = description.links.get(link.url)
        if fact and fact.state in states:
            yield Found(place, f"{link.url} ({fact.status})" if fact.status else link.url)


def distinct_links(description: Description) -> Iterator[tuple[Link, Place]]:
    """Every address that is written once, where it stands first; for all languages where several have it."""
    first: dict[str, Link] = {}
    languages: dict[str, set[str]] = {}
    for link in description.anchors:
        if link.url:
            first.setdefault(link.url, link)
            languages.setdefault(link.url, set()).add(link.place.language)
    for url, link in first.items():
        place = link.place
        if len(languages[url]) > 1:
            place = Place(place.kind, place.key, place.label)
        yield link, place


def _by_host(description: Description, is_wrong: Callable[[str], bool]) -> Iterator[Found]:
    for link, place in distinct_links(description):
        if link.url.lower().startswith(("http://", "https://")) and is_wrong(_host(link.url)):
            yield Found(place, link.url)


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        return None


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".").lower()
    except ValueError:
        return ""
