"""Images of messages are served and cached; no other file of the folder is served."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from mailer.editions.rendering_input import permanent_picture
from tests import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_an_image_of_a_snapshot_is_served_as_immutable(client: Client) -> None:
    address = permanent_picture(cast.picture()).url.removeprefix(settings.CONFIG.site.url)
    response = client.get(address)
    assert response.status_code == 200
    assert response["Content-Type"] == "image/jpeg"
    assert "immutable" in response["Cache-Control"]
    response.close()


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
