"""What an entry of a source becomes: the fields of a draft, each with the reason for its suggestion.

Pure: it needs neither the configuration nor the database, so that processes that parse can do it too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date, datetime, time
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from mailer.rendering import sanitize
from mailer.rendering.language_detection import (
    contradicting_language,
    detect,
    first_of_script_or_first,
    is_uzbek_in_cyrillic,
)
from mailer.stories import country_suggestion, duplicates
from mailer.stories.country_suggestion import CountrySuggestion, Reason, SourceHints
from mailer.stories.duplicates import Match
from mailer.stories.kind_and_event_suggestion import KindSuggestion, suggest_kind_and_event
from mailer.stories.sources.reader_interface import SourceItem, from_json, to_json
from subscribers import iso_codes

_SUMMARY, _HEADLINE = 400, 200

# Characters of a text that are kept, with its markup: about 15,000 words.
MOST_HTML = 100_000
# Fields of a suggested story that are the same in JSON, and those of its kind that are times.
_PLAIN = (
    *("values", "language", "language_reason", "date_reason", "link", "picture_url", "keys", "shortened"),
)
_TIMES: Mapping[str, Any] = {"day": date, "starts": time, "ends": time}
_ITEM_FIELDS = tuple(one.name for one in fields(SourceItem))

LanguageReason = Literal["stated", "detected", "source", "site"]
DateReason = Literal["stated", "missing", "future", "event"]
Outcome = Literal["new", "known", "changed", "duplicate", "translation", "deleted"]


@dataclass(frozen=True)
class SourceContext:
    """What is known of an entry's source and of the site."""

    # StorySource.pk; 0: it is not stored yet.
    source: int = 0
    # BCP 47, of entries that do not state theirs; or "".
    language: str = ""
    # Of entries for which nothing better is known.
    countries: tuple[str, ...] = ()
    # By the name of a category, see StorySource.category_countries.
    category_countries: Mapping[str, Iterable[str]] = field(default_factory=dict)
    site_countries: tuple[str, ...] = ()
    site_languages: tuple[str, ...] = ()
    # IANA zone of the site.
    zone: str = "UTC"


@dataclass(frozen=True)
class SuggestedStory:
    """The draft that an entry becomes."""

    item_id: str
    # The fields by the names of `draft_editing.values_of`, without the picture.
    values: dict[str, str]
    language: str
    language_reason: LanguageReason
    date_reason: DateReason
    countries: CountrySuggestion
    kind: KindSuggestion
    link: str
    published: datetime | None
    picture_url: str
    # By which it is found again (duplicates.keys_of), without that of its picture.
    keys: tuple[str, ...] = ()
    # "new" until the entry is compared with those that are there.
    outcome: Outcome = "new"
    # Of a duplicate or translation.
    match: Match | None = None
    # The text is longer than MOST_HTML, and its end was left out.
    shortened: bool = False

    @property
    def headline(self) -> str:
        return self.values[f"headline-{self.language}"]

    @property
    def summary(self) -> str:
        return self.values[f"summary-{self.language}"]


def storable_item_id(item_id: str) -> str:
    """The id as it is stored: a digest of one that is too long or has characters that no database takes."""
    is_plain = len(item_id) <= 500 and sanitize.without_unprintable(item_id) == item_id
    return item_id if is_plain else hashlib.sha256(item_id.encode(errors="replace")).hexdigest()


def digest_of(item: SourceItem) -> str:
    """SHA-256 of what staff would see of the entry, so not of the moment at which it was changed."""
    shown: dict[str, Any] = {name: getattr(item, name) for name in _ITEM_FIELDS}
    shown |= {"updated": None, "picture": hashlib.sha256(item.picture).digest()}
    return hashlib.sha256(repr(shown).encode("utf-8", "replace")).hexdigest()


def suggest_story(source: SourceContext, item: SourceItem, now: datetime) -> SuggestedStory:
    """The draft that an entry becomes, with the reasons of its suggestions."""
    # No database takes null characters, and lone surrogates are no text.
    item = replace(
        item,
        title=sanitize.without_unprintable(item.title),
        html=sanitize.without_unprintable(item.html),
        summary=sanitize.without_unprintable(item.summary),
        place=sanitize.without_unprintable(item.place),
        picture_alt=sanitize.without_unprintable(item.picture_alt),
        link=sanitize.without_unprintable(item.link),
        categories=tuple(map(sanitize.without_unprintable, item.categories)),
        countries=tuple(map(sanitize.without_unprintable, item.countries)),
    )
    content = item.html or item.summary
    plain = sanitize.without_unprintable(sanitize.html_to_single_line(content))
    headline = sanitize.shorten(_line(item.title) or plain, _HEADLINE) or _line(item.link)
    summary = sanitize.shorten(_line(item.summary) or plain or headline, _SUMMARY)
    language, language_reason = _language(source, item, f"{headline}. {plain}")
    zone = source.zone
    day, date_reason = _day(item, now, zone)
    kind = suggest_kind_and_event(
        headline,
        content,
        summary,
        stated=item.kind,
        categories=item.categories,
        starts=item.starts,
        ends=item.ends,
        place=_line(item.place),
        today=day,
        zone=zone,
    )
    countries = country_suggestion.suggest(
        headline,
        plain or summary,
        language=language,
        site=source.site_countries,
        hints=_hints(source, item),
    )
    link = safe_link(item.link)
    body, shortened = _body(content)
    values = {
        "kind": kind.kind,
        "date": (kind.day or day).isoformat(),
        "starts": f"{kind.starts:%H:%M}" if kind.starts else "",
        "ends": f"{kind.ends:%H:%M}" if kind.ends else "",
        "zone": zone if kind.starts else "",
        "countries": ",".join(countries.countries),
        "link": link,
        f"headline-{language}": headline,
        f"summary-{language}": summary,
        f"body-{language}": body,
        f"venue-{language}": kind.place[:160] if kind.kind == "event" else "",
        f"picture_alt-{language}": _line(item.picture_alt)[:250],
    }
    # Without its picture, which is loaded later.
    keys = duplicates.keys_of(entry_of(source.source, language, values, "", item.published))
    return SuggestedStory(
        storable_item_id(item.id),
        values,
        language,
        language_reason,
        "event" if kind.day else date_reason,
        countries,
        kind,
        link,
        item.published,
        item.picture_url,
        keys,
        shortened=shortened,
    )


def suggestions_with_reasons(story: SuggestedStory) -> dict[str, Any]:
    """The suggestions and their reasons, as JSON: countries, kind, language and date."""
    return {
        "countries": list(story.countries.countries),
        "region": story.countries.region,
        "reasons": [[one.country, one.word, one.place] for one in story.countries.reasons],
        "also_named": list(story.countries.also_named),
        "kind": [story.kind.kind, story.kind.reason, story.kind.word],
        "language": [story.language, story.language_reason],
        "date": story.date_reason,
        "shortened": story.shortened,
    }


def _body(content: str) -> tuple[str, bool]:
    """The cleaned text, cut behind a whole paragraph where it is too long; and whether it was."""
    html = sanitize.clean_story_html(content)
    if len(html) <= MOST_HTML:
        return html, False
    end = html.rfind("</p>", 0, MOST_HTML)
    end = end + len("</p>") if end > MOST_HTML // 2 else html.rfind(" ", 0, MOST_HTML)
    # Elements that are still open are closed.
    return sanitize.clean_story_html(html[: max(end, 0) or MOST_HTML]), True


def _line(text: str) -> str:
    return sanitize.without_unprintable(sanitize.html_to_single_line(text))


def safe_link(link: str) -> str:
    """The address if it is of the web and short enough to be stored; else an empty text."""
    try:
        scheme = urlsplit(link).scheme
    except ValueError:
        return ""
    return link if scheme in ("http", "https") and len(link) <= 500 else ""


def _language(source: SourceContext, item: SourceItem, text: str) -> tuple[str, LanguageReason]:
    stated = item.language.replace("_", "-").partition("-")[0].lower()
    if stated in iso_codes.LANGUAGES:
        # Many sites state the language of their software.
        other = contradicting_language(text, stated)
        if other is None and stated == "ru" and is_uzbek_in_cyrillic(text):
            return "uz", "detected"
        return (other.language, "detected") if other else (stated, "stated")
    if found := detect(text) or ("uz" if is_uzbek_in_cyrillic(text) else ""):
        return found, "detected"
    if source.language:
        return source.language.replace("_", "-").partition("-")[0].lower(), "source"
    return first_of_script_or_first(text, source.site_languages), "site"


def _day(item: SourceItem, now: datetime, zone: str) -> tuple[date, DateReason]:
    """The day of publication in the office's zone; today where there is none, or one in the future."""
    at = ZoneInfo(zone)
    if item.published is None:
        moment = item.updated
        return (min(moment, now) if moment else now).astimezone(at).date(), "missing"
    if item.published > now:
        return now.astimezone(at).date(), "future"
    return item.published.astimezone(at).date(), "stated"


def _hints(source: SourceContext, item: SourceItem) -> SourceHints:
    by_category = {str(name).casefold(): tuple(codes) for name, codes in source.category_countries.items()}
    return SourceHints(tuple(source.countries), by_category, item.categories, item.countries)


def comparison_entry(source: SourceContext, story: SuggestedStory, picture_sha256: str) -> duplicates.Entry:
    """What a new entry is compared by. `picture_sha256`: its SHA-256; or ""."""
    values = story.values
    return entry_of(source.source, story.language, values, picture_sha256, story.published)


def entry_of(
    source: int, language: str, values: dict[str, str], picture: str, published: datetime | None
) -> duplicates.Entry:
    """What an entry with these values of a story is compared by."""
    body = sanitize.html_to_single_line(values.get(f"body-{language}", ""))
    is_event = values["kind"] == "event"
    return duplicates.Entry(
        source=source,
        language=language,
        headline=values.get(f"headline-{language}", ""),
        text=body or values.get(f"summary-{language}", ""),
        link=values["link"],
        picture=picture,
        day=published.date() if published else date.fromisoformat(values["date"]),
        event=f"{values['date']} {values['starts']}" if is_event and values["starts"] else "",
    )


# In a process that parses.


def build_suggestion_request(source: SourceContext, items: Iterable[SourceItem], now: datetime) -> bytes:
    """What `answer_suggestion_request` reads."""
    listed = [to_json(item) for item in items]
    asked = {"source": asdict(source), "items": listed, "now": now.isoformat()}
    # As json.loads reads it: a feed may have half of a surrogate pair.
    return json.dumps(asked, ensure_ascii=False).encode("utf-8", "surrogatepass")


def answer_suggestion_request(body: bytes) -> dict[str, Any]:
    """{"stories": [...]} for a `build_suggestion_request`; None for an entry that fails.

    Runs in the limited process, and stores nothing.
    """
    asked = json.loads(body)
    source, now = SourceContext(**asked["source"]), datetime.fromisoformat(asked["now"])
    return {"stories": [_answer(source, from_json(values), now) for values in asked["items"]]}


def _answer(source: SourceContext, item: SourceItem, now: datetime) -> dict[str, Any] | None:
    try:
        story = suggest_story(source, item, now)
    # An entry is hostile input. It fails again where it is recorded, and is reported there.
    except Exception:  # noqa: BLE001
        return None
    values = {name: getattr(story, name) for name in _PLAIN}
    kind = {name: value for name, value in vars(story.kind).items() if value is not None}
    kind |= {name: kind[name].isoformat() for name in _TIMES.keys() & kind.keys()}
    countries = {**vars(story.countries), "reasons": [vars(one) for one in story.countries.reasons]}
    return {**values, "countries": countries, "kind": kind}


def read_answer(answer: Mapping[str, Any], item: SourceItem) -> SuggestedStory:
    """The story of an answer of `answer_suggestion_request`. Raises KeyError, TypeError and ValueError."""
    given, kind = answer["countries"], dict(answer["kind"])
    countries = CountrySuggestion(
        tuple(given["countries"]),
        given["region"],
        tuple(Reason(**one) for one in given["reasons"]),
        tuple(given["also_named"]),
    )
    kind |= {name: _TIMES[name].fromisoformat(kind[name]) for name in _TIMES.keys() & kind.keys()}
    values: dict[str, Any] = {name: answer[name] for name in _PLAIN}
    return SuggestedStory(
        item_id=storable_item_id(item.id),
        **{**values, "keys": tuple(values["keys"])},
        countries=countries,
        kind=KindSuggestion(**kind),
        published=item.published,
    )
