"""The desk's pages of template parts: the list, saving with checks, versions, and who becomes an author."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse

from mailer.approval.models import Authorship, Snapshot
from mailer.rendering import template_sandbox
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page

FOOT = "blocks/foot.mjml"
DEFAULT = template_sandbox.default_source(FOOT)
CHANGED = DEFAULT.replace("{{ digest.office }}", "Printed by {{ digest.office }}")


def save(browser: Client, address: str, source: str) -> Any:
    base = browser.get(address).context["base"]
    return browser.post(address, {"action": "save", "source": source, "base": base})


def test_a_part_is_previewed_saved_brought_back_and_reset(desk: Desk) -> None:
    newsletter, browser = desk.edition.newsletter, as_user(desk.admin)
    address = reverse("desk_template_part", args=[newsletter.pk, FOOT])
    snapshot = cast.submitted(desk)
    shown = Page(browser.post(address, {"action": "preview", "source": CHANGED, "language": "ru"}))
    assert shown.status == 200 and "Printed by" in shown.html
    newsletter.refresh_from_db()
    assert newsletter.templates == {}

    assert save(browser, address, CHANGED).status_code == 302
    newsletter.refresh_from_db()
    assert newsletter.templates == {FOOT: CHANGED}
    assert Authorship.objects.filter(newsletter=newsletter, user=desk.admin).exists()
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.INVALIDATED

    refused = save(browser, address, CHANGED + "<mj-text>")
    assert refused.status_code == 200 and refused.context["problems"]
    assert "&lt;mj-text&gt;" in refused.content.decode()
    assert browser.post(address, {"action": "default"}).status_code == 302
    first = newsletter.template_versions.get(source=CHANGED)
    assert browser.post(address, {"action": f"version-{first.pk}"}).status_code == 302
    newsletter.refresh_from_db()
    assert newsletter.templates == {FOOT: CHANGED}
    versions = newsletter.template_versions.all()
    assert [(one.source, one.author) for one in versions] == [
        (CHANGED, desk.admin),
        (None, desk.admin),
        (CHANGED, desk.admin),
    ]
    page = Page(browser.get(address))
    assert ("action", f"version-{first.pk}") in page.controls

    table = Page(browser.get(reverse("desk_templates", args=[newsletter.pk])))
    assert address in table.links and "desk-state--changed" in table.classes


def test_of_two_people_with_one_page_the_second_is_told_and_keeps_their_text(desk: Desk) -> None:
    newsletter, browser = desk.edition.newsletter, as_user(desk.admin)
    address = reverse("desk_template_part", args=[newsletter.pk, FOOT])
    base = browser.get(address).context["base"]
    assert save(browser, address, CHANGED).status_code == 302
    theirs = CHANGED.replace("Printed", "Issued")
    told = browser.post(address, {"action": "save", "source": theirs, "base": base})
    assert told.status_code == 200 and told.context["source"] == theirs
    newsletter.refresh_from_db()
    assert newsletter.templates == {FOOT: CHANGED}
    again = {"action": "save", "source": theirs, "base": told.context["base"]}
    assert browser.post(address, again).status_code == 302
    newsletter.refresh_from_db()
    assert newsletter.templates == {FOOT: theirs}


def test_only_parts_have_a_page(desk: Desk) -> None:
    for name in ("../settings.py", "blocks/nothing.mjml"):
        address = f"{reverse('desk_templates', args=[desk.edition.newsletter_id])}{name}/"
        assert as_user(desk.admin).get(address).status_code == 404
