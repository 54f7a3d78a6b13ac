"""Images of messages are served and cached; no other file of the folder is served."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from wagtail.images import get_image_model

from mailer.approval import snapshot_state_changes
from mailer.approval.models import Snapshot
from mailer.approval.submit import submit
from mailer.delivery.message_builder import rendered_of
from mailer.delivery.models import Mailing
from mailer.delivery.outbox import staff_test_sends
from mailer.desk.editions.variant_previews import fill_placeholders
from mailer.editions.assemble import create_edition_unless_exists
from mailer.editions.pictures import store_permanent_picture
from mailer.public import archived_edition_queries
from tests import cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> tuple[Snapshot, str]:
    """A snapshot of an edition with a picture, and the picture's path."""
    # Pictures of the same bytes have the same path, and what is public is remembered.
    monkeypatch.setattr(archived_edition_queries, "_public_pictures", set())
    staff, image = cast.staff(), cast.picture()
    monthly = cast.newsletter()
    cast.story("kz-news", countries=("KZ",), picture=image, by=staff.writer)
    snapshot = submit(create_edition_unless_exists(monthly, "2021-12", cast.NOW), staff.writer, cast.NOW)
    return snapshot, store_permanent_picture(image).url.removeprefix(settings.CONFIG.site.url)


def mail(snapshot: Snapshot, **fields: Any) -> None:
    approver = cast.User.objects.get(username="approver")
    snapshot_state_changes.approve(snapshot, approver, snapshot.sha256, cast.NOW)
    snapshot_state_changes.schedule(snapshot, approver, None, cast.NOW)
    Mailing.objects.create(snapshot=snapshot, edition=snapshot.edition, created_at=cast.NOW, **fields)


@pytest.mark.both_databases
def test_an_image_of_a_sent_message_is_served_to_everyone_as_immutable(
    client: Client, sealed: tuple[Snapshot, str]
) -> None:
    snapshot, address = sealed
    assert address in snapshot.content
    mail(snapshot, state="sending", started_at=cast.NOW)
    response = client.get(address)
    assert response.status_code == 200
    assert response["Content-Type"] == "image/png"
    assert "immutable" in response["Cache-Control"]
    response.close()


def test_readers_load_pictures_from_the_media_origin_and_staff_from_the_site(
    client: Client, configure: Callable[..., None]
) -> None:
    cdn, staff = "https://cdn.example.org", cast.staff()
    configure(site={"media_origin": cdn})
    monthly = cast.newsletter()
    cast.story("kz-news", countries=("KZ",), picture=cast.picture(), by=staff.writer)
    snapshot = submit(create_edition_unless_exists(monthly, "2021-12", cast.NOW), staff.writer, cast.NOW)
    variant = snapshot.variants.first()
    assert variant is not None
    pictures = re.findall(r'<img[^>]* src="([^"]*)"', variant.html)
    assert pictures and all(one.startswith(f"{cdn}/") for one in pictures)
    # What was not sent yet only staff may load, who are signed in at the site.
    shown = fill_placeholders(rendered_of(variant), ()).html
    assert cdn not in shown and f"{settings.CONFIG.site.url}/media/pictures/" in shown
    mail(snapshot, state="sending", started_at=cast.NOW)
    page = client.get(f"/archive/{snapshot.edition.slug}/{variant.key}/")
    assert f"{cdn}/media/pictures/" in page.content.decode()
    assert f" {cdn} " in page["Content-Security-Policy"]


def test_an_image_of_a_dry_run_is_seen_by_the_colleague_who_gets_it(
    client: Client, sealed: tuple[Snapshot, str]
) -> None:
    snapshot, address = sealed
    Mailing.objects.create(
        snapshot=snapshot, edition=snapshot.edition, dry_run_to="a@example.org", started_at=cast.NOW
    )
    response = client.get(address)
    assert response.status_code == 200
    response.close()


def test_originals_renditions_and_images_not_yet_sent_are_for_staff(
    client: Client, sealed: tuple[Snapshot, str]
) -> None:
    snapshot, unsent = sealed
    mail(snapshot, state="held")
    image = get_image_model().objects.get()
    paths = [unsent, image.file.url, image.get_rendition("max-165x165").url]
    assert [client.get(path).status_code for path in paths] == [404, 404, 404]
    client.force_login(cast.User.objects.create_user("guest", password="a long password"))
    assert [client.get(path).status_code for path in paths] == [404, 404, 404]
    client.force_login(cast.User.objects.get(username="admin"))
    answers = [client.get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert {answer["Cache-Control"] for answer in answers} == {"private, max-age=600"}
    for answer in answers:
        answer.close()


@pytest.mark.parametrize(
    "path",
    ["../worker.lock", "journal/1.log", "pictures/../../worker.lock", "pictures/a.jpg", "images/a.svg", ""],
)
def test_nothing_else_of_the_storage_folder_is_served(client: Client, path: str) -> None:
    target = Path(settings.MEDIA_ROOT) / path
    if path and ".." not in path:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("secret", encoding="utf-8")
    assert client.get(f"/media/{path}").status_code == 404


def test_a_picture_of_a_test_email_is_shown_to_the_colleague_who_gets_it(
    client: Client, sealed: tuple[Snapshot, str]
) -> None:
    snapshot, address = sealed
    assert client.get(address).status_code == 404
    variant = rendered_of(snapshot.variants.order_by("pk")[0])
    html = staff_test_sends.build_message(
        variant, snapshot.edition.newsletter, "a@example.org", timezone.now(), ""
    )
    found = email.message_from_bytes(html, policy=email.policy.default).get_body(("html",))
    assert found is not None
    signed = re.search(rf"{address}\?test=[\w-]+", found.get_content())
    assert signed is not None
    response = client.get(signed[0])
    assert response.status_code == 200 and "private" in response["Cache-Control"]
    assert client.get(f"{signed[0]}x").status_code == 404
    # The end of a file's response ends the connection to PostgreSQL.
    response.close()
