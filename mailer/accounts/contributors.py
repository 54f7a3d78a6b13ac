"""Contributors: accounts that write stories of their own countries only, and mark none as ready."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.models import User

from mailer.accounts.models import ContributorCountries


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
