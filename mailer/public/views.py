"""Pages for everyone: the archive, an edition in the browser, its dates, the feed, and a sign of life."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.feedgenerator import Atom1Feed
from django.views.decorators.http import require_safe

from mailer.public import archive as sent
from mailer.public import calendar
from mailer.rendering import language as languages
from mailer.rendering import merge_tags
from subscribers.responses import offered_languages, page, requested_language
from subscribers.subscribe.forms import native_language_name

_FEED_LENGTH = 30


@require_safe
def archive(request: HttpRequest) -> HttpResponse:
    """`/archive/`: editions that were sent, latest first."""
    spoken = requested_language(request)
    rows = [
        {
            "slug": one.slug,
            "newsletter": one.newsletter,
            "period": languages.period_title(one.period, spoken),
        }
        for one in sent.editions()
    ]
    context = {"editions": rows, "languages": offered_languages()}
    return page(request, "pages/archive/list.html", context, language=spoken)


@require_safe
def edition(request: HttpRequest, slug: str) -> HttpResponse:
    """`/archive/<slug>/`: the edition's languages, each with its widest variant."""
    spoken = requested_language(request)
    found = sent.edition(slug)
    if found is None:
        raise Http404
    variants = sent.in_order(sent.widest(found.snapshot), settings.CONFIG.site.languages)
    context = {
        "slug": slug,
        "newsletter": found.newsletter,
        "period": languages.period_title(found.period, spoken),
        "variants": [
            {
                "key": one.key,
                "language": one.language,
                "name": native_language_name(one.language),
                "subject": one.subject,
            }
            for one in variants
        ],
        "languages": offered_languages(),
    }
    return page(request, "pages/archive/edition.html", context, language=spoken)


@require_safe
def web_copy(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """`/archive/<slug>/<variant>/`: the mail as it was approved, belonging to nobody."""
    found = sent.variant(slug, key)
    if found is None:
        raise Http404
    site_url = settings.CONFIG.site.url
    html = merge_tags.fill_html(found.html, merge_tags.web_values(site_url, found.language))
    response = HttpResponse(html)
    response["Content-Language"] = found.language
    response["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src 'self' {site_url} https: data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    return response


@require_safe
def calendar_file(request: HttpRequest, slug: str, story: str) -> HttpResponse:
    """`/archive/<slug>/<story>.ics`: a save-the-date for a calendar, in ?lang= or the nearest to it."""
    found = sent.event(slug, story)
    if found is None:
        raise Http404
    content, event, mailing = found
    text = languages.choose(event.texts, requested_language(request), content.masthead.fallbacks)
    if text is None:
        raise Http404
    site = settings.CONFIG.site
    body = calendar.ics(
        event,
        text,
        uid=f"{event.key}@{urlsplit(site.url).hostname}",
        stamp=mailing.snapshot.submitted_at,
        product=site.name,
    )
    response = HttpResponse(body, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{event.key}.ics"'
    return response


@require_safe
def feed(request: HttpRequest) -> HttpResponse:
    """`/archive/feed.xml`: the sent editions as Atom (RFC 4287), in ?lang= or the site's first language."""
    site = settings.CONFIG.site
    spoken = requested_language(request) if "lang" in request.GET else site.languages[0]
    atom = Atom1Feed(
        title=site.name,
        link=f"{site.url}/archive/",
        description="",
        language=spoken,
        feed_url=f"{site.url}/archive/feed.xml",
        feed_guid=f"{site.url}/archive/",
    )
    for one in sent.editions(_FEED_LENGTH):
        variants = sent.in_order(sent.widest(one.snapshot), (spoken, *site.languages))
        atom.add_item(
            title=f"{one.newsletter}, {languages.period_title(one.period, spoken)}",
            link=f"{site.url}/archive/{one.slug}/",
            description=variants[0].subject if variants else one.newsletter,
            unique_id=f"{site.url}/archive/{one.slug}/",
            pubdate=one.began_at,
            updateddate=one.began_at,
            author_name=site.name,
        )
    return HttpResponse(atom.writeString("utf-8"), content_type="application/atom+xml; charset=utf-8")


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """`/healthz`: 200 when the database answers, else 503."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            answered = cursor.fetchone() == (1,)
    except DatabaseError:
        answered = False
    response = JsonResponse(
        {"database": "ok" if answered else "unreachable"}, status=200 if answered else 503
    )
    response["Cache-Control"] = "no-store"
    return response
