"""Who may approve, as it is said before anything is submitted, and from when on a barred account may."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from mailer.approval.account_influence import DAYS, author_influence_ends_at, authors_behind
from mailer.approval.models import AccountChange
from mailer.approval.possible_approvers import approvers_if_submitted, approvers_of, users_who_may_approve
from mailer.approval.submit import submit
from mailer.desk.base.approver_eligibility_sentences import why_barred
from tests import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
DAY = timedelta(days=1)
BAR = timedelta(days=DAYS)


def changed(user: User, actor: User, days_ago: int) -> None:
    AccountChange.objects.create(user=user, actor=actor, what="email", at=timezone.now() - days_ago * DAY)


def test_a_chain_of_changes_ends_with_its_first_one() -> None:
    author, middle, user = (User.objects.create_user(name) for name in ("dana", "aida", "timur"))
    assert author_influence_ends_at(user, [author.pk]) is None
    # What came after the other account had changed the user's leads nowhere.
    changed(user, middle, 9)
    changed(middle, author, 5)
    assert not authors_behind(user, [author.pk]) and author_influence_ends_at(user, [author.pk]) is None
    changed(middle, author, 20)
    first = AccountChange.objects.get(at__lt=timezone.now() - 15 * DAY, actor=author)
    assert authors_behind(user, [author.pk]) == [author]
    assert author_influence_ends_at(user, [author.pk]) == first.at + BAR
    # A later change of the account itself lasts longer; one that is too old counts for nothing.
    changed(user, author, 3)
    changed(user, author, DAYS + 1)
    until = author_influence_ends_at(user, [author.pk])
    assert until is not None and until > first.at + BAR + 16 * DAY


def test_who_may_approve_is_known_before_the_edition_is_submitted() -> None:
    people, edition = cast.staff(), cast.december()
    changed(people.approver, people.writer, 2)
    found = approvers_if_submitted(edition, people.writer)
    assert people.approver in [one.user for one in found.barred if one.because_of == (people.writer,)]
    snapshot = submit(edition, people.writer, timezone.now())
    assert list(found.able) == users_who_may_approve(snapshot)


def test_who_invited_an_author_is_barred_for_as_long_as_the_database_says() -> None:
    people, edition = cast.staff(), cast.december()
    AccountChange.objects.create(
        user=people.writer, actor=people.approver, what="created", at=(at := timezone.now() - 2 * DAY)
    )
    found = approvers_if_submitted(edition, people.writer)
    (barred,) = (one for one in found.barred if one.user == people.approver)
    assert (barred.because_of, barred.controls, barred.until) == ((), (people.writer,), at + BAR)
    snapshot = submit(edition, people.writer, timezone.now())
    assert list(found.able) == users_who_may_approve(snapshot)
    assert str(people.writer.first_name or people.writer) in why_barred(barred, people.admin)
    assert why_barred(barred, people.approver) != why_barred(barred, people.admin)


def test_an_author_is_barred_without_a_date() -> None:
    people = cast.staff()
    barred = approvers_of({people.approver.pk}).barred
    assert [(one.user, one.until) for one in barred] == [(people.approver, None)]
