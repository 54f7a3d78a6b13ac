"""The form of a picture in the library: what is uploaded is stored without metadata."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from django import forms
from django.core.files.uploadedfile import InMemoryUploadedFile
from wagtail.images.fields import WagtailImageField
from wagtail.images.forms import BaseImageForm

from mailer.stories.picture_metadata import DamagedPicture, without_metadata


class PictureField(WagtailImageField):
    """Wagtail's field. A damaged picture is an error of the form."""

    def to_python(self, data: Any) -> Any:
        if data is None or data.size > self.max_upload_size:
            # Refused by Wagtail's check.
            return super().to_python(data)
        data.seek(0)
        try:
            clean = without_metadata(data.read())
        except DamagedPicture as error:
            raise forms.ValidationError(f"This picture cannot be used: {error}.", code="damaged") from error
        file = InMemoryUploadedFile(BytesIO(clean), "file", data.name, data.content_type, len(clean), None)
        return super().to_python(file)


class PictureForm(BaseImageForm):
    """Wagtail's form with this field."""

    file = PictureField(label="File", widget=BaseImageForm.Meta.widgets["file"])
