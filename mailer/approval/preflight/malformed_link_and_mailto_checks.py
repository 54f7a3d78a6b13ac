"""Checks of the addresses and words of links: broken ones, files, copies of pages, another language."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from urllib.parse import urlsplit

from mailer.approval.preflight.check_input import Description, Link, Place, Text, excerpt
from mailer.approval.preflight.edit_distance import edit_distance
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.preflight.link_destination_checks import distinct_links, is_local
from mailer.approval.preflight.stated_facts import EMAIL, LANGUAGES
from subscribers.translate_stored_texts import stored

_GLUED = re.compile(
    r"^https?://[^?#]*https?:/|^[^?#]+\*\||[{}<>|\\^`]|^https?://[^/?#]*[,;!$*'() ]|%7B%7B|\*%7C",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"^https?://[^/?#@]+:[^/?#@]+@|^https?://[^/?#@]+@", re.IGNORECASE)
_PROGRAM = re.compile(r"^[^?#]*\.(?:exe|msi|apk|bat|cmd|scr|js|vbs|jar|dmg|iso)$", re.IGNORECASE)
_FILE = re.compile(
    r"^[^?#]*\.(?:docx?|xlsx?|pptx?|odt|rtf|zip|rar|7z|tar|gz|eml|msg|psd|ai|indd|heic|mov|avi)(?:[?#]|$)",
    re.IGNORECASE,
)
_PICTURE_FILE = re.compile(r"^[^?#]*\.(?:jpe?g|png|gif|webp|bmp|tiff?|svg)(?:[?#]|$)", re.IGNORECASE)
_COPY = re.compile(
    r"^https?://(?:[\w-]+\.translate\.goog/|translate\.google\.|translate\.yandex\.|"
    r"webcache\.googleusercontent\.com/|web\.archive\.org/web/"
    r"|archive\.(?:ph|is|today)/|(?:www\.)?google\.[a-z.]{2,6}/search|(?:www\.)?yandex\.[a-z]{2,3}/search|"
    r"(?:www\.)?bing\.com/search"
    r"|(?:m|mobile|mbasic|touch)\.(?:facebook|youtube|vk|twitter)\.com/|[^/?#]+/amp/|"
    r"[^?#]*\?(?:[^#]*&)?amp=1|[^/?#]+\.cdn\.ampproject\.org/"
    r"|(?:www\.)?youtube(?:-nocookie)?\.com/embed/|player\.vimeo\.com/)",
    re.IGNORECASE,
)
_PERSONAL = re.compile(
    r"^https?://[^?#]*\?(?:[^#]*&)?(?:token|access_token|auth|key|sig|signature|zak|pwd|password|otp|"
    r"invite|session|sid|jwt)=|^https?://[^/?#]*zoom\.us/s/"
    r"|^https?://(?:t\.me/(?:joinchat/|\+)|chat\.whatsapp\.com/|wa\.me/\d|(?:api|web)\.whatsapp\.com/|"
    r"1drv\.ms/|onedrive\.live\.com/|disk\.yandex\.[a-z]+/(?:client|edit)"
    r"|docs\.google\.com/forms/[^?#]*/(?:edit|viewanalytics)|forms\.office\.com/pages/designpage|"
    r"forms\.gle/edit|(?:www\.)?surveymonkey\.com/(?:create|analyze)"
    r"|[\w.-]+/(?:unsubscribe|optout|opt-out|manage-subscription)\b|teams\.microsoft\.com/l/(?:message|"
    r"channel|chat)|meet\.google\.com/lookup)",
    re.IGNORECASE,
)
_BARE_IP = re.compile(r"^https?://\d{1,3}(?:\.\d{1,3}){3}(?:[:/?#]|$)")
_TRAILING = re.compile(r"(?:%20|%0A|%0D|%C2%A0|%E2%80%8B)+$", re.IGNORECASE)
_LONGEST = 500
_LONGEST_WORDS = 150
# Of a path that is at most a language: "/ru/".
_LANGUAGE_SEGMENT = 2
_LANGUAGE = r"(?:en|ru|kk|kz|ky|kg|tg|tj|uz|tk|tm|eng|rus|kaz|kyr|kir|taj|uzb|tuk)"
_IN_PATH = re.compile(
    rf"(?<=[/._-])({_LANGUAGE})(?=[/?#._-]|$)|[?&](?:lang|language|locale|l|hl)=({_LANGUAGE})\b",
    re.IGNORECASE,
)
_CODES = {
    "kz": "kk",
    "kg": "ky",
    "tj": "tg",
    "tm": "tk",
    "eng": "en",
    "rus": "ru",
    "kaz": "kk",
    "kyr": "ky",
    "kir": "ky",
    "taj": "tg",
    "uzb": "uz",
    "tuk": "tk",
}
# Segments of a path that are countries as often as languages: pages of an office's country section.
_COUNTRIES = frozenset(("kz", "kg", "tj", "uz", "tm"))
_ADDRESS_IN_TEXT = re.compile(r"(?<![\w@/.(-])(?:https?://|www\.)[^\s<>()]+", re.IGNORECASE)
_DOMAINS = (
    "gmail.com",
    "yahoo.com",
    "outlook.com",
    "mail.ru",
    "yandex.ru",
    "iom.int",
    "un.org",
    "undp.org",
    "unicef.org",
)
# Of so many characters, two wrong ones are a slip.
_LONG_DOMAIN = 9
_TOP = re.compile(r"\.(?:con|cmo|ocm|comm|ogr|rog|orgg|imt|itn|imnt|nte|rru|govv|edi)$", re.IGNORECASE)


def malformed_or_unsafe_url(description: Description) -> Iterator[Found]:
    """Addresses that cannot be right: two in one, with a password or a tag, of a program."""
    for link, place in distinct_links(description):
        if _GLUED.search(link.url) or _CREDENTIALS.match(link.url) or _PROGRAM.match(link.url):
            yield Found(place, excerpt(link.url))


def doubtful_url(description: Description) -> Iterator[Found]:
    """Addresses that end in a slip, are numbers, or are as long as no page's."""
    for link, place in distinct_links(description):
        is_number = _BARE_IP.match(link.url) and not is_local(urlsplit(link.url).hostname or "")
        if _TRAILING.search(link.url) or is_number or len(link.url) > _LONGEST:
            yield Found(place, excerpt(link.url))


def files_phones_cannot_open(description: Description) -> Iterator[Found]:
    """Files that a phone cannot open, and pictures in place of a page."""
    pictures = {
        url
        for block in description.content.blocks
        if block.kind in ("button", "video")
        for url in [block.link]
    }
    for link, place in distinct_links(description):
        if _FILE.match(link.url) or (link.url in pictures and _PICTURE_FILE.match(link.url)):
            yield Found(place, excerpt(link.url))


def link_to_own_home_page(description: Description) -> Iterator[Found]:
    """Stories and buttons that lead to the first page of the office's site."""
    own = {
        urlsplit(description.content.site_url).hostname,
        description.sender.email.rpartition("@")[2].lower(),
    }
    buttons = {block.link.strip() for block in description.content.blocks if block.kind == "button"}
    stories = {story.link.strip() for story in description.shown_stories if story.kind != "notice"}
    for link, place in distinct_links(description):
        parts = urlsplit(link.url) if link.url in buttons | stories and link.url.startswith("http") else None
        host = (parts.hostname or "").removeprefix("www.") if parts else ""
        if parts and host in own and not parts.query and len(parts.path.strip("/")) <= _LANGUAGE_SEGMENT:
            yield Found(place, link.url)


def copy_of_page(description: Description) -> Iterator[Found]:
    """Copies of a page: of a translator, an archive, a search, the site for phones, the frame of a video."""
    for link, place in distinct_links(description):
        if _COPY.match(link.url):
            yield Found(place, link.url)


def personal_url(description: Description) -> Iterator[Found]:
    """Addresses with one person's key, invitations, editors' pages, unsubscribe pages of other lists."""
    for link, place in distinct_links(description):
        if _PERSONAL.match(link.url):
            yield Found(place, excerpt(link.url))


def missing_long_or_repeated_link_text(description: Description) -> Iterator[Found]:
    """Links without words, with a paragraph of them, in two pieces, or with the words of another link."""
    known: dict[tuple[str, str], Link] = {}
    for link in description.anchors:
        plain = " ".join(link.words.casefold().split())
        letters = sum(map(str.isalnum, plain))
        key = link.place.language, plain
        if link.url and link.words != "" and not letters:
            yield Found(link.place, link.words or link.url)
        elif len(plain) > _LONGEST_WORDS and link.place.kind == "story":
            yield Found(link.place, excerpt(link.words))
        elif letters > 3 and known.setdefault(key, link).url != link.url and known[key].place == link.place:
            yield Found(link.place, f"{link.words}: {known[key].url}, {link.url}")
    yield from _pieces(description)


def _pieces(description: Description) -> Iterator[Found]:
    adjacent = re.compile(r'<a\b[^>]*href="([^"]*)"[^>]*>[^<]*</a>\s?<a\b[^>]*href="\1"')
    empty = re.compile(r'<a\b[^>]*href="([^"]+)"[^>]*>\s*</a>')
    for story in description.shown_stories:
        for text in story.texts:
            if found := adjacent.search(text.body) or empty.search(text.body):
                yield Found(Place("story", story.key, excerpt(text.headline), text.language), found[1])


def mismatched_or_misspelled_mailto_links(description: Description) -> Iterator[Found]:
    """Links for mail that show another address, and addresses whose domain is nearly a well-known one."""
    own = description.sender.email.rpartition("@")[2].lower()
    for link in description.anchors:
        if not link.url.lower().startswith("mailto:"):
            continue
        address = link.url[7:].partition("?")[0].strip().lower()
        shown = EMAIL.fullmatch(link.words.strip().rstrip("."))
        if shown and shown[0].lower() != address:
            yield Found(link.place, f"{link.words} → {address}")
        elif email_domain_looks_mistyped(address, own):
            yield Found(link.place, with_domain_suggestion(address, own))


def email_domain_looks_mistyped(email: str, own: str) -> bool:
    """Whether an address's domain is a letter or two away from the office's, or one from a well-known one."""
    return bool(_TOP.search(email.lower()) or suggested_domain(email, own))


def suggested_domain(address: str, own: str) -> str:
    """The domain that an address nearly has: the office's own, else a well-known one; else empty."""
    domain = address.rpartition("@")[2].lower()
    if domain == own or domain in _DOMAINS:
        return ""
    if len(own) >= _LONG_DOMAIN and edit_distance(domain, own) == 2:
        # Two letters of the last part make another country or kind of organisation.
        return own if domain.rpartition(".")[2] == own.rpartition(".")[2] else ""
    return next((one for one in (own, *_DOMAINS) if len(one) > 5 and edit_distance(domain, one) == 1), "")


def with_domain_suggestion(address: str, own: str) -> str:
    """An address for staff, with the domain that was probably meant."""
    meant = suggested_domain(address, own)
    return (
        stored("%(address)s (did you mean …@%(domain)s?)", address=address, domain=meant)
        if meant
        else address
    )


def unlinked_urls_and_emails(description: Description) -> Iterator[Found]:
    """Addresses in a text that readers cannot press."""
    pressed = [f"{link.words} {link.url}".casefold() for link in description.anchors]
    for text in description.texts:
        if text.field not in ("body", "text", "note", "summary", "preheader"):
            continue
        for found in (*_ADDRESS_IN_TEXT.finditer(text.plain), *EMAIL.finditer(text.plain)):
            written = re.sub(r"^https?://|^www\.", "", found[0].rstrip(".,;").casefold())
            if not any(written in one for one in pressed) or text.field == "preheader":
                yield Found(text.place, excerpt(found[0]))
                break


def link_differs_between_languages(description: Description) -> Iterator[Found]:
    """Links of one language that differ from all others, are missing, or name another language."""
    for by_language in _links_by_language(description).values():
        for code, (place, own) in by_language.items():
            others = [urls for language, (_, urls) in by_language.items() if language != code]
            if wrong := _of_other_language(code, own, others):
                yield Found(place, wrong)
            elif len(others) >= 2 and (missing := set.intersection(*map(set, others)) - set(own)):
                extra = [own[one] for one in own if not any(one in urls for urls in others)]
                if extra or len(others) > 2:
                    yield Found(place, " / ".join((*extra[:1], sorted(missing)[0])))


def _of_other_language(code: str, own: dict[str, str], others: list[dict[str, str]]) -> str:
    """An address that names a language, where the other languages have an address of their own."""
    for bare, url in own.items():
        named = _language_of(url)
        elsewhere = [urls[bare] for urls in others if bare in urls]
        if named and named != code and url not in elsewhere:
            return url
    return ""


def _language_of(url: str) -> str:
    """The language that an address names; none where it may be a country."""
    parts = urlsplit(url)
    for found in _IN_PATH.finditer(f"{parts.path}?{parts.query}"):
        name = (found[1] or found[2]).lower()
        if found[2] or name not in _COUNTRIES:
            return _CODES.get(name, name)
    return ""


def _without_language(url: str) -> str:
    return _IN_PATH.sub(lambda found: found[0] if found[1] and found[1].lower() in _COUNTRIES else "", url)


def _links_by_language(
    description: Description,
) -> dict[tuple[str, str], dict[str, tuple[Place, dict[str, str]]]]:
    """The addresses in the texts of each story and block, by language; without what names a language."""
    found: dict[tuple[str, str], dict[str, tuple[Place, dict[str, str]]]] = defaultdict(dict)
    texts: dict[tuple[str, str, str], Text] = {}
    for text in description.texts:
        if text.field in ("body", "text", "note") and text.language in LANGUAGES:
            texts[text.place.kind, text.place.key, text.language] = text
            found[text.place.kind, text.place.key][text.language] = (text.place, {})
    for link in description.anchors:
        place = link.place
        if (place.kind, place.key, place.language) in texts and link.url.startswith("http"):
            found[place.kind, place.key][place.language][1].setdefault(_without_language(link.url), link.url)
    return {key: value for key, value in found.items() if len(value) > 1}
