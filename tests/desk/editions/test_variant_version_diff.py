"""Two versions of a variant side by side: words, pictures, links and the order of stories."""

from __future__ import annotations

import re

import pytest
from bs4 import BeautifulSoup
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mailer.approval import external_approval, snapshot_state_changes
from mailer.desk.accounts.role_permissions_and_grantable_groups import set_up_role_groups
from mailer.desk.editions import variant_version_diff
from mailer.editions.models import Edition
from mailer.editions.pictures import FOLDER
from mailer.rendering.data_types import RenderedVariant
from mailer.stories.models import Story
from tests.approval.test_four_eyes import change_headline
from tests.desk import cast
from tests.desk.cast import Desk, as_user


def version(body: str, stories: tuple[str, ...] = ("a", "b", "c"), **changed: str) -> RenderedVariant:
    head = "<style>p{color:red}</style><!--[if mso]><p>Outlook</p><![endif]-->"
    hidden = '<div style="display: none">preview</div>'
    values = {"subject": "News", "preheader": "", "text": "One\nTwo", **changed}
    return RenderedVariant(
        "0123456789abcdef", "en", stories, html=f"{head}{hidden}<body>{body}</body>", **values
    )


def marked(found: variant_version_diff.MarkedVersion, name: str) -> list[str]:
    """What is marked, without the words for screen readers."""
    elements = BeautifulSoup(found.email.html, "html.parser").find_all(name)
    for one in elements:
        one.find("span").extract()
    return [one.get_text() for one in elements]


def test_words_are_marked_where_they_were_removed_and_added_and_moved_paragraphs_are_not() -> None:
    before = version(
        "<p>The film starts on Monday &amp; ends late.</p><p>Ring road</p><p>Gone &lt;now&gt;</p>"
    )
    after = version(
        "<p>Ring road</p><p>The film starts on <b>Tuesday</b> &amp; ends late.</p><p>Quite new</p>"
    )
    found = variant_version_diff.compare_versions(before, after, {})
    assert marked(found.before, "del") == ["Monday", "Gone <now>"]
    assert marked(found.after, "ins") == ["Tuesday", "Quite new"]
    assert marked(found.before, "ins") == marked(found.after, "del") == []
    # What is not shown stays as it is, and so does the escaping.
    assert "<!--[if mso]><p>Outlook</p><![endif]-->" in found.after.email.html
    assert "<style>p{color:red}</style>" in found.after.email.html
    assert "&lt;" in found.before.email.html
    assert "<now>" not in found.before.email.html


def test_pictures_links_stories_and_the_plain_text_are_compared() -> None:
    before = version(
        '<img src="/1.jpg"><img src="/same.jpg"><a href="https://a.example/x">More</a>', ("a", "b", "c", "d")
    )
    after = version(
        '<img src="/2.jpg"><img src="/same.jpg"><a href="https://b.example/x">More</a>',
        ("c", "a", "b", "text:1", "e"),
        subject="News <today>",
        text="One\nTwo & three",
    )
    names = {key: key.upper() for key in "abcde"}
    found = variant_version_diff.compare_versions(before, after, names)
    for side, name, source in ((found.before, "del", "/1.jpg"), (found.after, "ins", "/2.jpg")):
        (picture,) = BeautifulSoup(side.email.html, "html.parser").select(f"{name} img")
        assert picture["src"] == source
    assert re.sub("<.*?>", "", found.after.subject) == "News Added: &lt;today&gt;"
    assert re.sub("<.*?>", "", found.after.text) == "One\nTwo Added: &amp; three"
    assert "<del" not in found.before.text
    shown = "\n".join(found.changes)
    for part in ("“C”", "“D”", "“E”", "https://a.example/x", "https://b.example/x"):
        assert part in shown
    assert "“A”" not in shown


def test_a_picture_that_stands_twice_is_marked_at_its_new_place() -> None:
    pictures = ('<img src="/{}.jpg">' * 3).format
    found = variant_version_diff.compare_versions(version(pictures(1, 2, 3)), version(pictures(3, 2, 3)), {})
    marks = [one.parent.name for one in BeautifulSoup(found.after.email.html, "html.parser").find_all("img")]
    assert marks == ["ins", "body", "body"]
    moved = variant_version_diff.compare_versions(version(pictures(1, 2, 3)), version(pictures(3, 1, 2)), {})
    assert "<ins" not in moved.after.email.html


def test_a_paragraph_or_a_layout_that_alone_changed_is_said() -> None:
    moved = variant_version_diff.compare_versions(
        version("<p>First text</p><p>Second</p><p>Third</p>"),
        version("<p>Second</p><p>Third</p><p>First text</p>"),
        {},
    )
    assert len(moved.changes) == 1 and "First text" in moved.changes[0]
    layout = variant_version_diff.compare_versions(version("<p>a</p>"), version('<p class="lead">a</p>'), {})
    assert len(layout.changes) == 1


def test_equal_versions_have_no_marks() -> None:
    found = variant_version_diff.compare_versions(
        version("<p>a &copy; b</p>"), version("<p>a &copy; b</p>"), {}
    )
    assert found.changes == ()
    assert "<ins" not in found.after.email.html
    assert "<del" not in found.before.email.html


@pytest.mark.django_db
def test_the_submitted_version_stands_beside_the_last_approved_one(desk: Desk) -> None:
    first = cast.approved(desk)
    change_headline(Story.objects.get(key="ring"), "Quite another headline", desk.writer)
    second = cast.submitted(desk)
    reviewed = reverse("desk_edition:review", args=[desk.edition.pk])
    browser = as_user(desk.approver)
    assert [name for name, _label in browser.get(reviewed).context["versions"]] == ["approved"]
    variant = second.variants.filter(language="en", stories__contains="ring").first()
    assert variant is not None
    page = browser.get(reviewed, {"variant": variant.key, "beside": "approved"})
    assert "Quite another headline" in " ".join(marked(page.context["comparison"].after, "ins"))
    assert "Headline ring" in " ".join(marked(page.context["comparison"].before, "del"))
    # The draft is compared with the version that was approved, too, in the preview.
    preview = browser.get(
        reverse("desk_edition:variants", args=[desk.edition.pk]), {"beside": "approved", "language": "en"}
    )
    assert preview.context["comparison"].changes
    # Only the English headline changed, and the only reader reads Kazakh.
    assert page.context["matrix"].changed == 0
    cast.cast.reader("erik", ("KZ",), "en")
    assert [one.language for one in browser.get(reviewed).context["matrix"].cells if one.changed] == ["en"]
    # A person without the desk sees it by the mailed link, with the pictures of both versions.
    minister = desk.stranger
    minister.groups.add(set_up_role_groups()["External approvers"])
    link = external_approval.create_and_mail_link(second, minister, desk.writer, timezone.now())
    path = f"/accounts/approval/{external_approval.token_of(link)}/"
    by_link = Client().get(path, {"variant": variant.key, "beside": "approved"})
    assert by_link.context["comparison"].changes
    name = default_storage.save(f"{FOLDER}/{'b' * 64}.jpg", ContentFile(b"picture"))
    first.variants.create(key="0" * 16, language="tg", html=f"/media/{name}")
    assert Client().get(f"{path}media/{name}").status_code == 200


@pytest.mark.django_db
def test_the_edition_that_was_sent_last_can_be_compared_with_the_next(desk: Desk) -> None:
    mailing = cast.sending(desk)
    following = Edition(newsletter=desk.edition.newsletter, period="2022-01")
    following.body = desk.edition.body
    following.save()
    found = variant_version_diff.approved_and_previous_edition_snapshots(following, None)
    assert {name: one.pk for name, one in found.items()} == {"sent": mailing.snapshot_id}
    assert variant_version_diff.stored_or_rendered_variant(found["sent"], ("KZ",), "kk") is not None
    assert snapshot_state_changes.verify_bytes(found["sent"]) is None
