"""The page of a mailed link: an external approver reviews a snapshot and decides.

Opening it changes nothing, so a mail scanner that follows the link does no harm. A decision is a POST with a
one-time code, which the page sends to the approver's address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

from mailer.accounts import sign_in_limits
from mailer.approval import external_approval
from mailer.approval.external_approval import WrongCode
from mailer.approval.models import ApprovalLink, Snapshot, SnapshotVariant
from mailer.approval.review_comments_and_checked_variants import mark_variant_checked
from mailer.approval.snapshot_state_changes import ApprovalError, parts_by_unchecked_variant
from mailer.desk.approval.views import (
    approval_message,
    audit_note_of_parts,
    chosen_parts_if_several,
    review_context,
)
from mailer.desk.editions.variant_version_diff import approved_and_previous_edition_snapshots
from mailer.rendering.data_types import RenderedVariant
from mailer.serve_media_files import PICTURE_PATH, stored_file
from subscribers import tokens


@method_decorator([sensitive_post_parameters("code"), never_cache], name="dispatch")
class ApprovalLinkPage(TemplateView):
    """GET shows the snapshot; POST with `action` code, check, approve, reject or changes."""

    http_method_names = ["get", "head", "post"]
    template_name = "desk/approval/by_link.html"
    link: ApprovalLink

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            self.link = external_approval.find_link(kwargs["token"], timezone.now())
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
        shown = review_context(snapshot, self.link.user, self.request, has_desk_access=False)
        for name in ("email", "beside_email"):
            if shown[name]:
                shown[name] = self._with_our_pictures(shown[name])
        if both := shown["comparison"]:
            before = replace(both.before, email=self._with_our_pictures(both.before.email))
            after = replace(both.after, email=self._with_our_pictures(both.after.email))
            shown["comparison"] = replace(both, before=before, after=after)
        return super().get_context_data(
            link=self.link,
            snapshot=snapshot,
            edition=snapshot.edition,
            waiting=snapshot.state == Snapshot.State.SUBMITTED,
            code_sent=bool(self.link.code_digest),
            reason="",
            typed_rejection="",
            **shown,
            **kwargs,
        )

    def _with_our_pictures(self, email: RenderedVariant) -> RenderedVariant:
        """Pictures of an edition that was not sent yet are for staff, and for those who have a link."""
        theirs, ours = f"{settings.CONFIG.site.url}/media/", f"{self.request.path}media/"
        return replace(email, html=email.html.replace(theirs, ours))

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        """Sends a code, or decides. A refused decision shows the page again with what was typed."""
        now, posted = timezone.now(), request.POST
        if posted.get("action") == "code":
            return self._send_code()
        if posted.get("action") == "check":
            return self._check(posted.get("variant", ""))
        code, sha256 = posted.get("code", ""), posted.get("sha256", "")
        reason = " ".join(posted.get("reason", "").split())[:200]
        rejection = posted.get("rejection", "").strip()
        if posted.get("action") == "approve":
            languages = chosen_parts_if_several(self.link.snapshot, posted)
            return self._decide(
                lambda: external_approval.approve_by_link(self.link, code, sha256, now, languages),
                "desk.approve_by_link",
                "approved",
                because=audit_note_of_parts(languages),
            )
        if posted.get("action") == "reject":
            return self._decide(
                lambda: external_approval.reject_by_link(self.link, code, sha256, rejection, now),
                "desk.reject_by_link",
                "rejected",
                because=rejection,
                typed_rejection=rejection,
            )
        if posted.get("action") == "changes" and reason:
            return self._decide(
                lambda: external_approval.return_to_draft_by_link(self.link, code, reason, now),
                "desk.request_changes_by_link",
                "changes",
                reason=reason,
            )
        messages.error(
            request,
            gettext("Say what should be changed in the edition, so that the writers know what to do."),
        )
        return self._again({"reason": reason})

    def _send_code(self) -> HttpResponse:
        try:
            external_approval.send_code(self.link, timezone.now())
        except ApprovalError as error:
            messages.error(self.request, str(error))
        else:
            messages.success(
                self.request, gettext("A code was sent to your email address. It is valid for 15 minutes.")
            )
        return redirect(f"{self.request.path}#decide")

    def _check(self, key: str) -> HttpResponse:
        snapshot, user = self.link.snapshot, self.link.user
        try:
            mark_variant_checked(snapshot, user, key, timezone.now())
        except ApprovalError as error:
            messages.error(self.request, str(error))
        missing = next(iter(parts_by_unchecked_variant(snapshot, user)), "")
        following = f"?variant={missing}#desk-snapshot" if missing else "#decide"
        return redirect(self.request.path + following)

    def _decide(
        self, action: Callable[[], object], log_action: str, outcome: str, because: str = "", **typed: str
    ) -> HttpResponse:
        """Take the decision; where it is refused, the page shows again what was `typed`.

        The audit log keeps `because`.
        """
        try:
            action()
        except ApprovalError as error:
            if isinstance(error, WrongCode):
                sign_in_limits.record_failure([sign_in_limits.network_key(self.request)], timezone.now())
            messages.error(self.request, str(error))
            return self._again(typed)
        snapshot, data = self.link.snapshot, {"because": because} if because else {}
        log(instance=snapshot.edition, action=log_action, user=self.link.user, data=data)
        context = {
            "outcome": outcome,
            "edition": snapshot.edition,
            "approved": approval_message(snapshot) if outcome == "approved" else "",
        }
        return render(self.request, "desk/approval/link_done.html", context)

    def _again(self, typed: Mapping[str, str]) -> HttpResponse:
        self.link.refresh_from_db()
        self.link.snapshot.refresh_from_db()
        return self.render_to_response({**self.get_context_data(), **typed}, status=422)


@require_safe
def approval_picture(request: HttpRequest, token: str, path: str) -> HttpResponseBase:
    """A picture of the link's snapshot, or of a version that it is compared with; 404 for any other file.

    And 404 where the link has ended.
    """
    try:
        link = external_approval.find_link(token, timezone.now())
    except tokens.InvalidToken:
        raise Http404 from None
    earlier = approved_and_previous_edition_snapshots(link.snapshot.edition, link.snapshot).values()
    variants = SnapshotVariant.objects.filter(snapshot__in=[link.snapshot, *earlier])
    if not PICTURE_PATH.fullmatch(path) or not variants.filter(html__contains=f"/media/{path}").exists():
        raise Http404
    response = stored_file(request, path)
    response["Cache-Control"] = "private, max-age=600"
    return response
