"""Pictures for mails and pages, served from the storage folder by the web process itself."""

from __future__ import annotations

import re

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe
from django.views.static import serve

from mailer.editions.contents import FOLDER

# Named by the hash of their bytes, so that a copy once fetched is right for ever.
_FROZEN = re.compile(rf"{FOLDER}/[0-9a-f]{{64}}\.jpg")
# What the desk shows: uploads and their renditions. Nothing else of the folder is served.
_OF_THE_DESK = re.compile(
    r"(images|original_images|avatar_images)/[^/]+\.(gif|jpe?g|png|webp)", re.IGNORECASE
)
_YEAR_SECONDS = 365 * 24 * 3600


@require_safe
def picture(request: HttpRequest, path: str) -> HttpResponseBase:
    """One picture; 404 for anything else."""
    frozen = _FROZEN.fullmatch(path)
    if not frozen and not _OF_THE_DESK.fullmatch(path):
        raise Http404
    response = serve(request, path, document_root=str(settings.MEDIA_ROOT))
    response["Cache-Control"] = (
        f"public, max-age={_YEAR_SECONDS}, immutable" if frozen else "private, max-age=600"
    )
    return response
