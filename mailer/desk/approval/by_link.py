"""The page of a mailed link: an external approver reviews a snapshot, and approves or requests changes.

Opening it changes nothing, so a mail scanner that follows the link does no harm. A decision is a POST with a
one-time code, which the page sends to the approver's address.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe
from django.views.generic import TemplateView
from wagtail.log_actions import log

from mailer.accounts import limits
from mailer.approval import approval_links
from mailer.approval.approval_links import WrongCode
from mailer.approval.approve import ApprovalError, unchecked_variants
from mailer.approval.models import ApprovalLink, Snapshot, SnapshotVariant
from mailer.approval.review import check_variant
from mailer.desk.approval.views import review
from mailer.media_files import PICTURE_PATH, stored_file
from subscribers import tokens


@method_decorator([sensitive_post_parameters("code"), never_cache], name="dispatch")
class ApprovalLinkPage(TemplateView):
    """GET shows the snapshot; POST with `action` code, approve or changes."""

    http_method_names = ["get", "head", "post"]
    template_name = "desk/approval/by_link.html"
    link: ApprovalLink

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            self.link = approval_links.find(kwargs["token"], timezone.now())
        except tokens.InvalidToken as error:
            status = 410 if isinstance(error, tokens.LinkExpired) else 404
            return self._private(render(request, "desk/approval/link_ended.html", status=status))
        return self._private(super().dispatch(request, *args, **kwargs))

    @staticmethod
    def _private(response: HttpResponseBase) -> HttpResponseBase:
        response["X-Robots-Tag"] = "noindex"
        # Not "no-referrer": with it a browser sends the forms with the origin "null", and they are refused.
        response["Referrer-Policy"] = "same-origin"
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        snapshot = self.link.snapshot
        shown = review(snapshot, self.link.user, self.request)
        if shown["email"]:
            # Pictures of an edition that was not sent yet are for staff, and for those who have a link.
            ours = f"{self.request.path}media/"
            html = shown["email"].html.replace(f"{settings.CONFIG.site.url}/media/", ours)
            shown["email"] = replace(shown["email"], html=html)
        return super().get_context_data(
            link=self.link,
            snapshot=snapshot,
            edition=snapshot.edition,
            waiting=snapshot.state == Snapshot.State.SUBMITTED,
            code_sent=bool(self.link.code_digest),
            reason="",
            **shown,
            **kwargs,
        )

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        """Sends a code, or decides. A refused decision shows the page again with what was typed."""
        now, posted = timezone.now(), request.POST
        if posted.get("action") == "code":
            return self._send_code()
        if posted.get("action") == "check":
            return self._check(posted.get("variant", ""))
        code, reason = posted.get("code", ""), " ".join(posted.get("reason", "").split())[:200]
        if posted.get("action") == "approve":
            return self._decide(
                lambda: approval_links.approve_by_link(self.link, code, posted.get("sha256", ""), now),
                "desk.approve_by_link",
                "approved",
            )
        if posted.get("action") == "changes" and reason:
            return self._decide(
                lambda: approval_links.request_changes_by_link(self.link, code, reason, now),
                "desk.request_changes_by_link",
                "changes",
                reason,
            )
        messages.error(request, gettext("Say what should be changed, so that the writers know what to do."))
        return self._again(reason)

    def _send_code(self) -> HttpResponse:
        try:
            approval_links.send_code(self.link, timezone.now())
        except ApprovalError as error:
            messages.error(self.request, str(error))
        else:
            messages.success(
                self.request, gettext("A code is on its way to your mailbox. It is valid for 15 minutes.")
            )
        return redirect(f"{self.request.path}#decide")

    def _check(self, key: str) -> HttpResponse:
        snapshot, user = self.link.snapshot, self.link.user
        try:
            check_variant(snapshot, user, key, timezone.now())
        except ApprovalError as error:
            messages.error(self.request, str(error))
        missing = unchecked_variants(snapshot, user)
        following = f"?variant={missing[0]}#desk-snapshot" if missing else "#decide"
        return redirect(self.request.path + following)

    def _decide(
        self, action: Callable[[], object], log_action: str, outcome: str, reason: str = ""
    ) -> HttpResponse:
        try:
            action()
        except ApprovalError as error:
            if isinstance(error, WrongCode):
                limits.record_failure([limits.network_key(self.request)], timezone.now())
            messages.error(self.request, str(error))
            return self._again(reason)
        log(instance=self.link.snapshot.edition, action=log_action, user=self.link.user)
        context = {"outcome": outcome, "edition": self.link.snapshot.edition}
        return render(self.request, "desk/approval/link_done.html", context)

    def _again(self, reason: str) -> HttpResponse:
        self.link.refresh_from_db()
        self.link.snapshot.refresh_from_db()
        return self.render_to_response({**self.get_context_data(), "reason": reason}, status=422)


@require_safe
def picture(request: HttpRequest, token: str, path: str) -> HttpResponseBase:
    """A picture of the link's snapshot; 404 for any other file, and where the link has ended."""
    try:
        link = approval_links.find(token, timezone.now())
    except tokens.InvalidToken:
        raise Http404 from None
    variants = SnapshotVariant.objects.filter(snapshot=link.snapshot_id)
    if not PICTURE_PATH.fullmatch(path) or not variants.filter(html__contains=f"/media/{path}").exists():
        raise Http404
    response = stored_file(request, path)
    response["Cache-Control"] = "private, max-age=600"
    return response
