"""A line about each closed group in the form of a newsletter: its main value, and what is not the default."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from zoneinfo import ZoneInfoNotFoundError

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mailer import staff_localization
from mailer.desk.editions.newsletter_schedule_field import schedule_text
from mailer.editions.models import Newsletter


def _line(parts: Iterable[str]) -> str:
    return " · ".join(filter(None, parts))


def _differs(newsletter: Newsletter, field: str) -> bool:
    return bool(getattr(newsletter, field) != Newsletter._meta.get_field(field).get_default())


def _other(newsletter: Newsletter, *fields: str) -> list[str]:
    """The chosen values that are not the default, each after the name of its field."""
    return [
        f"{capfirst(Newsletter._meta.get_field(field).verbose_name)}: "
        f"{getattr(newsletter, f'get_{field}_display')()}"
        for field in fields
        if _differs(newsletter, field)
    ]


def _schedule(newsletter: Newsletter) -> str:
    days = ngettext(
        "An edition can be sent for %(number)s day after it was submitted",
        "An edition can be sent for %(number)s days after it was submitted",
        newsletter.window_days or 0,
    )
    planned = (
        [
            _("Editions are assembled: %(schedule)s")
            % {"schedule": _rule(newsletter.assemble_on, newsletter.zone)},
            _("Editions are to be sent: %(schedule)s")
            % {"schedule": _rule(newsletter.send_on, newsletter.zone)},
        ]
        if newsletter.assemble_on or newsletter.send_on
        else [_("Staff assemble each edition and choose when it is sent")]
    )
    return _line([*planned, days % {"number": newsletter.window_days}])


def _rule(line: str, zone: str) -> str:
    try:
        text = schedule_text(line or "", zone)
    except (ValueError, ZoneInfoNotFoundError):
        # The form shows what is wrong with it.
        return line
    return text[:1].lower() + text[1:]


def _readers(newsletter: Newsletter) -> str:
    return _line(
        [
            str(newsletter.get_lead_rule_display()),
            _("Stories about the reader's own countries first") if newsletter.own_countries_first else "",
            *_other(newsletter, "silent_rule"),
        ]
    )


def _approval(newsletter: Newsletter) -> str:
    return _line(
        [
            str(newsletter.get_approval_rule_display()),
            *_other(newsletter, "review_rule", "translation_rule"),
        ]
    )


def _logo(newsletter: Newsletter) -> str:
    return str(newsletter.logo) if newsletter.logo else _("No logo")


def _texts(newsletter: Newsletter) -> str:
    languages = [staff_localization.language_name(one.language) for one in newsletter.texts.all()]
    return ", ".join(languages) or _("The same header and footer texts in every language")


def _design(newsletter: Newsletter) -> str:
    return _("Changed") if newsletter.theme else _("The theme's own colours, fonts and widths")


def _details(newsletter: Newsletter) -> str:
    return newsletter.slug or _("The short name in web addresses is made from the name.")


SUMMARIES: Mapping[str, Callable[[Newsletter], str]] = {
    "schedule": _schedule,
    "readers": _readers,
    "approval": _approval,
    "logo": _logo,
    "texts": _texts,
    "design": _design,
    "details": _details,
}
