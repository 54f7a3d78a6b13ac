"""Takes posts of the configured service in: proved, kept, and only then answered with 200. Nothing else."""

from __future__ import annotations

import logging

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from mailer.feedback.webhooks import verify
from mailer.feedback.webhooks.models import ServicePost
from mailer.feedback.webhooks.store import KEEPER

log = logging.getLogger(__name__)

# Octets of a post: far more than any service sends at once.
MAX_OCTETS = 4 * 1024 * 1024


@csrf_exempt
@require_POST
def post(request: HttpRequest, service: str, word: str = "") -> HttpResponse:
    """A service's post: 200 when it is kept for good; everything else leaves nothing behind."""
    configured = settings.CONFIG.service
    if service != configured.name or not configured.accepts_webhooks:
        raise Http404
    body = request.read(MAX_OCTETS + 1)
    if len(body) > MAX_OCTETS:
        return HttpResponse(status=413)
    now = timezone.now()
    try:
        verify.prove(verify.Post(body, request.headers, word), configured, now)
    except verify.Refused as refusal:
        log.warning("action=hook_refused service=%s why=%s", service, refusal)
        return _refused(refusal.status)
    KEEPER.keep(ServicePost(service=service, body=body, received_at=now, due_at=now))
    return HttpResponse()


def _refused(status: int) -> HttpResponse:
    headers = {"WWW-Authenticate": 'Basic realm="hooks"'} if status == 401 else None
    return HttpResponse(status=status, headers=headers)
