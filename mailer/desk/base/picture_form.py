"""The form with which staff upload a picture and name it, in place of Wagtail's."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from django import forms
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.images.fields import WagtailImageField
from wagtail.images.forms import BaseImageForm

from mailer.stories.sanitize_pictures import DamagedPicture, UnsupportedFormat, without_metadata
from subscribers.translate_stored_texts import translated

# Texts of Wagtail's window around the form, named for the catalogues: Wagtail is not translated into Kazakh.
_TEXTS_OF_WINDOW = (
    *(_("Choose an image"), _("Choose another image"), _("Edit this image"), _("Uploading…")),
    *(_("Latest images"), _("You haven't uploaded any images."), _("Layout"), _("Search term")),
)


class PictureField(WagtailImageField):
    """Wagtail's field, in other words. A picture that cannot be used is an error of the form."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.error_messages |= {
            "invalid_image_extension": _("This is not a picture in the format JPEG, PNG, GIF or WebP."),
            "file_too_large": _(
                "This file is too large: it has %(file_size)s, and a picture has at most %(max_filesize)s."
            ),
        }

    def to_python(self, data: Any) -> Any:
        if data is None or data.size > self.max_upload_size:
            # Refused by Wagtail's check.
            return super().to_python(data)
        data.seek(0)
        try:
            clean = without_metadata(data.read())
        except DamagedPicture as error:
            raise forms.ValidationError(
                gettext("This picture cannot be used: %(error)s.") % {"error": translated(str(error))},
                code="unsupported_format" if isinstance(error, UnsupportedFormat) else "damaged",
            ) from error
        file = InMemoryUploadedFile(BytesIO(clean), "file", data.name, data.content_type, len(clean), None)
        return super().to_python(file)


class PictureForm(BaseImageForm):
    """The file first: its name becomes the title. Tags are shown once a picture has one."""

    file = PictureField(label=_("File"), widget=BaseImageForm.Meta.widgets["file"])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "file" in (self._meta.exclude or ()):
            # Django excludes no field that a form names itself. Wagtail would delete the file that the
            # picture has, and not take the one that was sent.
            del self.fields["file"]
        if "file" in self.fields:
            largest = filesizeformat(self.fields["file"].max_upload_size)
            self.fields["file"].help_text = gettext(
                "A JPEG, PNG, GIF or WebP picture of at most %(size)s."
            ) % {"size": largest}
        if "title" in self.fields:
            # Wagtail has made this bound field already, and a bound field keeps its first texts.
            self["title"].label = _("Title")
            self["title"].help_text = _("Colleagues find the picture by its title.")
        if "description" in self.fields:
            self.fields["description"].label = _("Description")
            self.fields["description"].help_text = _(
                "Optional, for colleagues. The alternative text, which is read aloud to readers "
                "who cannot see the picture, is written in the story, in each language."
            )
        if "tags" in self.fields:
            self._explain_tags()
        self.order_fields(["file", "title", "description"])

    def _explain_tags(self) -> None:
        if not self._meta.model.tags.most_common().exists():
            del self.fields["tags"]
            return
        # Without Wagtail's sentence about quotation marks.
        self.fields["tags"].widget.template_name = "django/forms/widgets/text.html"
        self.fields["tags"].help_text = _("Press Enter after each tag.")
