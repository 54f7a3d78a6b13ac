"""Reminders to the offices that have sent no story for the next edition, some days before the cut-off."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext

from mailer.accounts.models import ContributorCountries
from mailer.approval.notification_preferences_and_dispatch import notify_and_count_emails
from mailer.approval.staff_by_permission import DESK, users_with_permission_and_email
from mailer.editions.assemble import get_or_create_plan, story_keys_for
from mailer.editions.models import EditionPlan, Newsletter
from mailer.editions.planned_dates import PlannedDate, next_planned
from mailer.rendering import localization
from mailer.staff_localization import active_language, country_names, zone_label
from mailer.stories.models import Story

log = logging.getLogger(__name__)


def remind_offices_of_due_newsletters(now: datetime) -> int:
    """Remind the offices of every newsletter whose time it is, once per period; how many newsletters."""
    reminded = 0
    for newsletter in Newsletter.objects.exclude(assemble_on="").exclude(office_reminder_days=None):
        for found in next_planned(newsletter, now, 1):
            if found.remind_offices_at and found.remind_offices_at <= now < found.cutoff_at:
                reminded += _remind(newsletter, found, now)
    return reminded


def silent_countries(newsletter: Newsletter, found: PlannedDate) -> list[str]:
    """The newsletter's countries without a story for the period, ready or as a draft (ISO 3166-1 alpha-2)."""
    ready = story_keys_for(newsletter, found.period, found.assemble_at)
    drafts = Story.objects.filter(
        live=False, date__gte=found.period.previous.first_day, date__lt=found.period.end
    )
    written = {code for story in ready for code in story.countries}
    written |= {code for codes in drafts.values_list("countries", flat=True) for code in codes}
    return [code for code in newsletter.countries if code not in written]


def _remind(newsletter: Newsletter, found: PlannedDate, now: datetime) -> bool:
    plan = get_or_create_plan(newsletter, found)
    with transaction.atomic():
        open_ones = EditionPlan.objects.filter(
            pk=plan.pk, offices_reminded_at=None, state=EditionPlan.State.COLLECTING
        )
        if not open_ones.update(offices_reminded_at=now):
            return False
        people = _recipients(silent_countries(newsletter, found))
        for user, countries in people.items():
            _notify(user, countries, newsletter, found, now)
    log.info("action=offices_reminded plan=%d people=%d", plan.pk, len(people))
    return True


def _recipients(silent: Collection[str]) -> dict[User, list[str]]:
    """The contributors of these countries, each with theirs; writers for a country that has none."""
    found: dict[User, list[str]] = defaultdict(list)
    rows = ContributorCountries.objects.filter(user__is_active=True).select_related("user")
    contributors = [row for row in rows if row.user.has_perm(DESK) and row.user.has_perm("mailer.add_story")]
    restricted = {row.user for row in contributors}
    writers = {
        one for one in users_with_permission_and_email("mailer.submit_edition") if one.has_perm(DESK)
    } - restricted
    for code in silent:
        users = {row.user for row in contributors if code in row.countries} or writers
        for user in users:
            found[user].append(code)
    return found


def _notify(
    user: User, countries: list[str], newsletter: Newsletter, found: PlannedDate, now: datetime
) -> None:
    url = f"{settings.CONFIG.site.url}/desk/stories/add/"

    def write() -> tuple[str, str]:
        values = {
            "newsletter": newsletter.name,
            "countries": country_names(countries),
            "period": localization.period_in_sentence(str(found.period), active_language()),
            "moment": f"{found.cutoff_at.astimezone(ZoneInfo(newsletter.zone)):%Y-%m-%d %H:%M}",
            "zone": zone_label(found.cutoff_at, ZoneInfo(newsletter.zone)),
            "url": url,
        }
        subject = gettext("No story yet about %(countries)s for the next edition of %(newsletter)s") % values
        body = gettext(
            "The next edition of %(newsletter)s (%(period)s) has no story yet about: %(countries)s.\n"
            "Stories are taken until %(moment)s (%(zone)s). Write one here:\n"
            "%(url)s\n"
        )
        return subject, body % values

    notify_and_count_emails("office_reminder", [user], write, url.removeprefix(settings.CONFIG.site.url), now)
