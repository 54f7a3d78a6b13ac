"""The sample edition: what marks its parts, so that no other edition takes them and no mail goes to them."""

from __future__ import annotations

from django.db.models import QuerySet

from mailer.stories.models import Story

# Of the newsletter and the list.
SLUG = "sample-newsletter"
# Begins the keys of its stories.
STORY_KEY = "sample-newsletter-"
# Reserved by RFC 2606 §2: no server ever takes mail for it.
DOMAIN = "sample.invalid"


def is_placeholder_sender(address: str) -> bool:
    """Whether the address is one that nothing can be sent from."""
    return address.rpartition("@")[2].lower().endswith(".invalid")


def without_sample(stories: QuerySet[Story]) -> QuerySet[Story]:
    """The stories that are not those of the sample edition."""
    return stories.exclude(key__startswith=STORY_KEY)
