"""The form of a picture."""

from __future__ import annotations

from io import BytesIO

from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image as Drawing

from tests import cast as everyone
from tests.desk.cast import Desk, as_user


def test_naming_an_uploaded_picture_never_deletes_its_file(desk: Desk) -> None:
    image = everyone.picture()
    name, digest, written = image.file.name, image.file_hash, BytesIO()
    Drawing.new("RGB", (40, 40), "red").save(written, "PNG")
    prefix = f"image-{image.pk}"
    sent = {
        f"{prefix}-title": "A bridge",
        f"{prefix}-file": SimpleUploadedFile("other.png", written.getvalue(), "image/png"),
    }
    answer = as_user(desk.writer).post(reverse("wagtailimages:edit_multiple", args=[image.pk]), sent)
    assert answer.json()["success"]
    image.refresh_from_db()
    assert (image.title, image.file.name, image.file_hash) == ("A bridge", name, digest)
    assert default_storage.exists(name)


def test_after_an_upload_the_form_asks_for_no_other_file(desk: Desk) -> None:
    written = BytesIO()
    Drawing.new("RGB", (40, 40), "red").save(written, "PNG")
    file = SimpleUploadedFile("bridge.png", written.getvalue(), "image/png")
    answer = as_user(desk.writer).post(reverse("wagtailimages:add_multiple"), {"title": "x", "files[]": file})
    assert answer.json()["success"]
    assert 'type="file"' not in answer.json()["form"]
