"""Files of the media folder or bucket as HTTP responses."""

from __future__ import annotations

import mimetypes
import re

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.views.static import serve

from mailer.editions.pictures import FOLDER

# A picture of a snapshot: named by the hash of its bytes, so that it may be cached for ever.
PICTURE_PATH = re.compile(rf"{FOLDER}/[0-9a-f]{{64}}\.(?:jpg|png)")


def stored_file(request: HttpRequest, path: str) -> HttpResponseBase:
    """The stored file. The caller checks who may see it. Raises Http404."""
    if settings.CONFIG.storage.media == "local":
        return serve(request, path, document_root=str(settings.MEDIA_ROOT))
    try:
        file = default_storage.open(path)
    except FileNotFoundError:
        raise Http404 from None
    return FileResponse(file, content_type=mimetypes.guess_type(path)[0] or "application/octet-stream")
