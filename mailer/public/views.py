"""Pages for everyone: the archive, web versions, calendar files, the feed and images."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.feedgenerator import Atom1Feed
from django.views.decorators.http import require_safe

from mailer.delivery.outbox import staff_test_sends
from mailer.editions import pictures
from mailer.public import archived_edition_queries, calendar_files, masthead_ornament
from mailer.rendering import view_model
from mailer.rendering import web_version as web_version_page
from mailer.serve_media_files import PICTURE_PATH, stored_file
from subscribers.public_page_responses import offered_languages, render_page, requested_language
from subscribers.subscribe.forms import native_language_name

_FEED_LENGTH = 30
# What the desk shows, and only to staff: uploads and their renditions. Nothing else of the folder is served.
_DESK_IMAGE = re.compile(r"(images|original_images|avatar_images)/[^/]+\.(gif|jpe?g|png|webp)", re.IGNORECASE)
_YEAR_SECONDS = 365 * 24 * 3600


@require_safe
def archive_list(request: HttpRequest) -> HttpResponse:
    """`/archive/`: editions that were sent, latest first."""
    language = requested_language(request)
    rows = [
        {
            "slug": one.slug,
            "newsletter": one.newsletter,
            "period": one.title(language),
        }
        for one in archived_edition_queries.archived_editions()
    ]
    context = {"editions": rows, "languages": offered_languages()}
    return render_page(request, "pages/archive/list.html", context, language=language)


@require_safe
def archived_edition_page(request: HttpRequest, slug: str) -> HttpResponse:
    """`/archive/<slug>/`: the edition's languages, each with the variant that has most stories."""
    language = requested_language(request)
    found = archived_edition_queries.archived_edition(slug)
    if found is None:
        raise Http404
    variants = archived_edition_queries.sort_by_language(
        archived_edition_queries.fullest_variants(found.snapshot_id), settings.CONFIG.site.languages
    )
    context = {
        "slug": slug,
        "newsletter": found.newsletter,
        "period": found.title(language),
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
    return render_page(request, "pages/archive/edition.html", context, language=language)


@require_safe
def web_version(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """`/archive/<slug>/<variant>/`: the message as it was approved, without anything personal."""
    found = archived_edition_queries.latest_variant(slug, key)
    if found is None:
        raise Http404
    site_url = settings.CONFIG.site.url
    others = archived_edition_queries.sort_by_language(
        archived_edition_queries.other_languages(found), settings.CONFIG.site.languages
    )
    links = [
        web_version_page.OtherLanguage(
            one.language, native_language_name(one.language), f"{site_url}/archive/{slug}/{one.key}/"
        )
        for one in others
    ]
    response = HttpResponse(web_version_page.of_variant(found.html, found.language, site_url, links))
    response["Content-Language"] = found.language
    response["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; "
        f"img-src 'self' {pictures.media_origin()} https: data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    return response


@require_safe
def calendar_file(request: HttpRequest, slug: str, story: str) -> HttpResponse:
    """`/archive/<slug>/<story>.ics`: an event for a calendar, in ?lang= or the nearest language."""
    found = archived_edition_queries.archived_event(slug, story)
    if found is None:
        raise Http404
    content, event, mailing = found
    text = view_model.text_of_story(event, requested_language(request), content.masthead.fallbacks)
    if text is None:
        raise Http404
    site = settings.CONFIG.site
    body = calendar_files.event_ics(
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
def archive_feed(request: HttpRequest) -> HttpResponse:
    """`/archive/feed.xml`: the sent editions as Atom (RFC 4287), in ?lang= or the site's first language."""
    site = settings.CONFIG.site
    language = requested_language(request) if "lang" in request.GET else site.languages[0]
    atom = Atom1Feed(
        title=site.name,
        link=f"{site.url}/archive/",
        description="",
        language=language,
        feed_url=f"{site.url}/archive/feed.xml",
        feed_guid=f"{site.url}/archive/",
    )
    for one in archived_edition_queries.archived_editions(_FEED_LENGTH):
        variants = archived_edition_queries.sort_by_language(
            archived_edition_queries.fullest_variants(one.snapshot_id), (language, *site.languages)
        )
        atom.add_item(
            title=f"{one.newsletter}, {one.title(language)}",
            link=f"{site.url}/archive/{one.slug}/",
            description=variants[0].subject if variants else one.newsletter,
            unique_id=f"{site.url}/archive/{one.slug}/",
            pubdate=one.started_at,
            updateddate=one.started_at,
            author_name=site.name,
        )
    return HttpResponse(atom.writeString("utf-8"), content_type="application/atom+xml; charset=utf-8")


@require_safe
def ornament_picture(request: HttpRequest, middle: str, ring: str) -> HttpResponse:
    """`/ornament/<colour>-<colour>.png`: the band below the masthead of every message."""
    response = HttpResponse(masthead_ornament.ornament_png(middle, ring), content_type="image/png")
    response["Cache-Control"] = f"public, max-age={_YEAR_SECONDS}, immutable"
    return response


@require_safe
def image(request: HttpRequest, path: str) -> HttpResponseBase:
    """`/media/<path>`: an image of a sent message or a recent test; for staff every other image; or 404."""
    of_snapshot = PICTURE_PATH.fullmatch(path)
    if not of_snapshot and not _DESK_IMAGE.fullmatch(path):
        raise Http404
    # Only for a file that exists the database is asked.
    if of_snapshot and default_storage.exists(path) and archived_edition_queries.was_picture_sent(path):
        cache = f"public, max-age={_YEAR_SECONDS}, immutable"
    elif (of_snapshot and _is_in_test(request, path)) or request.user.has_perm("wagtailadmin.access_admin"):
        cache = "private, max-age=600"
    else:
        raise Http404
    response = stored_file(request, path)
    response["Cache-Control"] = cache
    return response


def _is_in_test(request: HttpRequest, path: str) -> bool:
    token = request.GET.get(staff_test_sends.PICTURE_PARAMETER, "")
    return bool(token) and staff_test_sends.may_show_picture(path, token, timezone.now())
