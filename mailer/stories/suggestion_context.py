"""What suggestions for the entries of a source start from: its settings, and those of the site."""

from __future__ import annotations

from django.conf import settings

from mailer.stories.draft_fields_from_source_entry import SourceContext
from mailer.stories.models import StorySource


def context_of(source: StorySource) -> SourceContext:
    """The context of this source, which may not be stored yet."""
    site = settings.CONFIG.site
    return SourceContext(
        source=source.pk or 0,
        language=source.language,
        countries=tuple(source.countries),
        category_countries=source.category_countries,
        site_countries=tuple(site.countries),
        site_languages=tuple(site.languages),
        zone=site.timezone,
    )
