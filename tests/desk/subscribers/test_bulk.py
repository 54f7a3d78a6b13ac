"""Many people at once at the desk: those ticked, or all that the table shows."""

from __future__ import annotations

from django.urls import reverse

from subscribers.bulk.models import BulkRun
from subscribers.models import Subscriber
from subscribers.segments.models import Tag, Tagging
from tests import cast as everyone
from tests.desk.cast import Desk, as_user


def tagged() -> set[str]:
    people = Subscriber.objects.filter(taggings__tag__name="donor")
    return {one.email.partition("@")[0] for one in people}


def test_all_that_the_table_shows_are_changed_watched_and_given_back(desk: Desk) -> None:
    for name in ("olga", "ivan"):
        everyone.reader(name, (), "ru")
    browser = as_user(desk.admin)
    asked = {"language": "ru", "all": "yes"}
    table = browser.get(reverse("desk_subscribers:index"), {"language": "ru"}).content.decode()
    assert 'name="language" value="ru"' in table and "Change all 2 people" in table
    page = browser.get(reverse("desk_bulk"), asked).content.decode()
    assert "2 people" in page and not BulkRun.objects.exists()
    answer = browser.post(reverse("desk_bulk"), {**asked, "deed": "tag", "tag_name": "donor"})
    assert tagged() == {"olga", "ivan"}
    page = browser.get(answer["Location"]).content.decode()
    assert "Undo it" in page and "Tag “donor”" in page
    browser.post(answer["Location"])
    assert tagged() == set() and BulkRun.objects.get().state == "undone"
    assert "Undone" in browser.get(reverse("desk_bulk_runs")).content.decode()


def test_a_change_that_stopped_says_why_and_is_let_go_on(desk: Desk) -> None:
    ticked = everyone.reader("olga", (), "ru")
    browser = as_user(desk.admin)
    fields = {"ids": [ticked.pk], "deed": "tag", "tag_name": "donor"}
    address = browser.post(reverse("desk_bulk"), fields)["Location"]
    Tagging.objects.all().delete()
    BulkRun.objects.update(state="working", position=0, changed=0, error="ValueError: <no> such tag")
    page = browser.get(address).content.decode()
    assert "Stopped" in page and "ValueError: &lt;no&gt; such tag" in page and "Undo it" in page
    assert "Stopped" in browser.get(reverse("desk_bulk_runs")).content.decode()
    browser.post(address, {"again": "1"})
    assert tagged() == {"olga"} and BulkRun.objects.get().state == "done"


def test_only_those_ticked_are_changed(desk: Desk) -> None:
    ticked = everyone.reader("olga", (), "ru")
    everyone.reader("ivan", (), "ru")
    fields = {"ids": [ticked.pk], "deed": "tag", "tag_name": "donor"}
    as_user(desk.admin).post(reverse("desk_bulk"), fields)
    assert tagged() == {"olga"}


def test_all_means_all_also_where_some_are_ticked(desk: Desk) -> None:
    ticked = everyone.reader("olga", (), "ru")
    everyone.reader("ivan", (), "ru")
    asked = {"ids": [ticked.pk], "language": "ru", "all": "yes"}
    browser = as_user(desk.admin)
    assert "2 people" in browser.get(reverse("desk_bulk"), asked).content.decode()
    browser.post(reverse("desk_bulk"), {**asked, "deed": "tag", "tag_name": "donor"})
    assert tagged() == {"olga", "ivan"}


def test_a_filter_that_is_gone_makes_nobody_everybody(desk: Desk) -> None:
    browser = as_user(desk.admin)
    asked = {"list": "4711", "all": "yes"}
    assert browser.get(reverse("desk_bulk"), asked)["Location"] == reverse("desk_subscribers:index")
    browser.post(reverse("desk_bulk"), {**asked, "deed": "suppress", "words": "x"})
    assert not BulkRun.objects.exists()


def test_nobody_ticked_changes_nobody(desk: Desk) -> None:
    browser = as_user(desk.admin)
    assert browser.get(reverse("desk_bulk"))["Location"] == reverse("desk_subscribers:index")
    browser.post(reverse("desk_bulk"), {"deed": "suppress", "words": "x"})
    assert not BulkRun.objects.exists()


def test_what_lacks_is_asked_for(desk: Desk) -> None:
    browser = as_user(desk.admin)
    page = browser.post(reverse("desk_bulk"), {"all": "yes", "deed": "suppress"}).content.decode()
    assert "Say why" in page and not BulkRun.objects.exists()
    page = browser.post(reverse("desk_bulk"), {"all": "yes", "deed": "tag"}).content.decode()
    assert "1 to 60 letters" in page and not Tag.objects.exists()


def test_an_approver_changes_nobody(desk: Desk) -> None:
    browser = as_user(desk.approver)
    assert "Change all" not in browser.get(reverse("desk_subscribers:index")).content.decode()
    assert browser.post(
        reverse("desk_bulk"), {"all": "yes", "deed": "suppress", "words": "x"}
    ).status_code in (
        302,
        403,
    )
    assert not BulkRun.objects.exists()
