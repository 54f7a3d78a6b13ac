"""Contributors: accounts that write stories of their own countries only, and mark none as ready.

A picture that another country's story, an edition or a newsletter shows is as little theirs as that story.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from wagtail.permission_policies.collections import CollectionOwnershipPermissionPolicy

from mailer.accounts.models import ContributorCountries
from mailer.editions.models import StoryOverride
from mailer.editions.shown_pictures import logos, pictures_of, unsent_editions
from mailer.stories.models import Story


def contributor_countries(user: User) -> frozenset[str] | None:
    """The countries whose stories this user may write, ISO 3166-1 alpha-2; None: all."""
    if user.is_superuser or user.has_perm("mailer.publish_story"):
        return None
    row = ContributorCountries.objects.filter(user=user.pk).first()
    return frozenset(row.countries) if row is not None else None


def may_write_about(user: User, countries: Collection[str]) -> bool:
    """Whether the user may write a story of these countries; none of them means the whole region."""
    own = contributor_countries(user)
    return own is None or (bool(countries) and set(countries) <= own)


_CHANGES = frozenset({"change", "delete"})


class PicturePermissionPolicy(CollectionOwnershipPermissionPolicy):
    """Wagtail's policy for pictures, in which a contributor changes none that other countries use."""

    def user_has_any_permission_for_instance(
        self, user: User, actions: Collection[str], instance: Any
    ) -> bool:
        allowed = super().user_has_any_permission_for_instance(user, actions, instance)
        if not allowed or not set(actions) <= _CHANGES:
            return bool(allowed)
        own = contributor_countries(user)
        return own is None or instance.pk not in _of_others(own, instance.pk)

    def instances_user_has_any_permission_for(self, user: User, actions: Collection[str]) -> QuerySet[Any]:
        found: QuerySet[Any] = super().instances_user_has_any_permission_for(user, actions)
        if not user.is_authenticated or not set(actions) <= _CHANGES:
            return found
        own = contributor_countries(user)
        return found if own is None else found.exclude(pk__in=_of_others(own))


def _of_others(own: frozenset[str], picture: int | None = None) -> set[int]:
    """Pictures of editions, newsletters, and stories of other countries than these.

    All, or of those of stories only this one, if it is such.
    """
    stories, editions = Story.objects.exclude(picture=None), StoryOverride.objects.exclude(picture=None)
    if picture is not None:
        in_draft = Q(latest_revision__content__picture=picture)
        stories = Story.objects.filter(Q(picture=picture) | in_draft)
        editions = editions.filter(picture=picture)
    found = {
        picture or pk
        for pk, countries in stories.values_list("picture_id", "countries")
        if not countries or not set(countries) <= own
    }
    unsent = {pk for edition in unsent_editions() for pk in pictures_of(edition)}
    return found | unsent | logos() | set(editions.values_list("picture_id", flat=True))
