"""The sample edition: loaded to try the desk, and removed with all that it brought.

Its readers' addresses end in .invalid, which no server takes mail for, and preflight refuses to submit it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.generic import View
from wagtail.admin import messages
from wagtail.images import get_image_model
from wagtail.log_actions import log

import mailer
from mailer.desk.base.page_base_classes import StaffPage, current_user
from mailer.editions.assemble import arrange_blocks
from mailer.editions.models import Edition, EditionText, Newsletter
from mailer.editions.sample_edition_markers import DOMAIN, SLUG, STORY_KEY
from mailer.rendering.edition_period import Period
from mailer.stories.models import Story
from mailer.stories.stories_file_import import StoryRecord, import_records, read_stories
from subscribers.models import MailingList, Subscriber, Subscription

# The stories and drawings of the demo, of which those with a picture are taken.
_STORIES = Path(mailer.__file__).parent / "demo" / "sample" / "stories.json"
_COUNT = 4
# Name, language and countries of each reader.
_READERS = (
    ("Aigerim", "kk", ("KZ",)),
    ("Nurlan", "ky", ("KG",)),
    ("Farrukh", "tg", ("TJ",)),
    ("Elena", "ru", ("KZ", "UZ")),
    ("Mary", "en", ()),
)


def is_loaded() -> bool:
    """Whether the sample, or a part of it, is there."""
    return bool(Newsletter.objects.filter(slug=SLUG).exists())


def load_sample(user: User, now: datetime) -> Edition:
    """Create list, readers, stories, newsletter and edition; the edition that is there, if it is."""
    if (existing := _loaded()) is not None:
        return existing
    try:
        with transaction.atomic():
            if is_loaded():
                # A part of it, without an edition.
                remove_sample()
            return _create(user, now)
    except IntegrityError:
        # Another request loaded it in the same moment.
        if (existing := _loaded()) is None:
            raise
        return existing


def _loaded() -> Edition | None:
    found: Edition | None = Edition.objects.filter(newsletter__slug=SLUG).first()
    return found


def _create(user: User, now: datetime) -> Edition:
    mailing_list = MailingList.objects.create(slug=SLUG, name=_("Sample mailing list"), public=False)
    for reader in _readers():
        reader.save()
        Subscription.objects.create(
            subscriber=reader,
            mailing_list=mailing_list,
            state=Subscription.State.CONFIRMED,
            source="sample",
            confirmed_at=now,
        )
    import_records(tuple(_stories(now)), user, now)
    return _edition(_newsletter(mailing_list), user, now)


def _readers() -> Iterator[Subscriber]:
    for name, language, countries in _READERS:
        email = f"{name.lower()}@{DOMAIN}"
        yield Subscriber(email=email, name=name, language=language, countries=countries)


def _stories(now: datetime) -> Iterator[StoryRecord]:
    """Stories with a picture, dated to the last days."""
    today = timezone.localdate(now)
    found = [one for one in read_stories(_STORIES) if one.picture_file is not None][:_COUNT]
    for days, story in enumerate(found, start=1):
        yield dataclasses.replace(story, key=f"{STORY_KEY}{story.key}", date=today - timedelta(days=days))


def _newsletter(mailing_list: MailingList) -> Newsletter:
    site = settings.CONFIG.site
    newsletter: Newsletter = Newsletter.objects.create(
        slug=SLUG,
        name=_("Sample newsletter"),
        office=site.name,
        postal_address=_("1 Example Street"),
        sender_name=site.name,
        sender_email=f"news@{DOMAIN}",
        countries=site.countries,
        languages=site.languages,
        fallbacks=site.languages[:2],
        zone=site.timezone,
    )
    newsletter.lists.set([mailing_list])
    return newsletter


def _edition(newsletter: Newsletter, user: User, now: datetime) -> Edition:
    stories = Story.objects.filter(key__startswith=STORY_KEY).prefetch_related("texts")
    edition = Edition(newsletter=newsletter, period=str(Period.at(now, newsletter.zone)), live=False)
    edition.body = arrange_blocks(stories, newsletter)
    edition.texts = [
        EditionText(language=code, subject=str(newsletter.name)) for code in newsletter.languages
    ]
    edition.save()
    edition.save_revision(user=user, log_action=True)
    return edition


def remove_sample() -> None:
    """Delete all that `load_sample` created: list, readers, stories, pictures, newsletter, editions."""
    with transaction.atomic():
        for edition in Edition.objects.filter(newsletter__slug=SLUG):
            edition.delete()
        for newsletter in Newsletter.objects.filter(slug=SLUG):
            newsletter.delete()
        pictures = set()
        for story in Story.objects.filter(key__startswith=STORY_KEY):
            pictures.add(story.picture_id)
            story.delete()
        used = set(Story.objects.filter(picture__in=pictures).values_list("picture_id", flat=True))
        for picture in get_image_model().objects.filter(pk__in=pictures - used - {None}):
            picture.delete()
        Subscriber.objects.filter(email__endswith=f"@{DOMAIN}").delete()
        MailingList.objects.filter(slug=SLUG).delete()


class SampleAction(StaffPage, View):
    """POST only: loads the sample edition, or removes it."""

    permission_required = ("mailer.add_newsletter", "subscribers.add_mailinglist", "mailer.delete_edition")
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        user = current_user(request)
        if "remove" in request.POST:
            remove_sample()
            messages.success(request, _("The sample edition is removed."))
            return redirect("wagtailadmin_home")
        edition = load_sample(user, timezone.now())
        log(instance=edition, action="desk.sample", user=user)
        messages.success(request, _("The sample edition is loaded. Look around; it cannot be sent."))
        return redirect("desk_edition:variants", edition.pk)
