"""Submitting an edition, reviewing the variants of its snapshot, approving it and requesting changes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages

from mailer import link_tracking
from mailer.accounts.sessions import requires_recent_sign_in
from mailer.approval import account_changes, approval_links, approve, staff_emails
from mailer.approval import review as review_steps
from mailer.approval.approve import ApprovalError
from mailer.approval.authorship import name_of, translated_reason
from mailer.approval.models import ApprovalLink, ReviewComment, Snapshot, SnapshotVariant
from mailer.approval.submit import VARIANT_LIMIT, submit
from mailer.desk.base.page_classes import EditionPage, SnapshotPage, current_user
from mailer.desk.editions import views
from mailer.desk.editions.variant_matrix import VIEWS, VariantChoice, shown_as, variant_matrix
from mailer.desk.editions.views import current_content, preflight, variant_choices
from mailer.editions.audience import Audience, Combination
from mailer.editions.models import Edition
from mailer.rendering import story_selection, variants
from mailer.rendering.data_types import Content, RenderedVariant, from_json


class SubmitPage(EditionPage):
    """Shows the preflight checks (GET) and creates the snapshot (POST)."""

    page_title = _("Submit for approval")
    template_name = "desk/approval/submit.html"
    tab = _("Submit")
    post_permission = "mailer.submit_edition"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        edition, content, audience = current_content(self.edition)
        found = preflight(edition, content, audience)
        return super().get_context_data(
            findings=found,
            blocked=any(finding.level == "error" for finding in found),
            may_submit=self.request.user.has_perm(self.post_permission),
            subscribers=audience.count(),
            stories=len(content.stories),
            window_days=self.edition.newsletter.window_days,
            seen=self._open_submission(),
            **kwargs,
        )

    def _open_submission(self) -> str:
        """What a page shows of the present submission: the start of its hash; "" for none."""
        found = self.edition.snapshots.filter(state__in=Snapshot.OPEN).values_list("sha256", flat=True)
        return (found.first() or "")[:12]

    @transaction.atomic
    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        # One request at a time, so that the second of two presses sees what the first has done.
        Edition.objects.select_for_update().filter(pk=self.edition.pk).first()
        if request.POST.get("seen", "") != self._open_submission():
            messages.info(
                request,
                gettext(
                    "This edition was submitted since you opened that page. Nothing was submitted twice."
                ),
            )
            return self.redirect_to("review")
        return self.attempt(
            lambda: submit(self.edition, current_user(request), timezone.now(), request.POST.get("note", "")),
            gettext("%(edition)s is submitted. A colleague who is not an author can now approve it.")
            % {"edition": self.edition},
            "desk.submit",
            on_success="review",
            on_error="submit",
        )


class ReviewPage(EditionPage):
    """Shows the snapshot to the approver: its variants exactly as they would be sent, and its authors."""

    page_title = _("Review")
    template_name = "desk/approval/review.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        snapshot = context["overview"].snapshot or self.edition.snapshots.first()
        context["snapshot"] = snapshot
        if not snapshot:
            return context
        user = current_user(self.request)
        return {**context, **review(snapshot, user, self.request), **_by_link(snapshot, user)}


def review(snapshot: Snapshot, user: User, request: HttpRequest) -> dict[str, Any]:
    """The context of a page that shows the snapshot to `user`; ?variant= and ?as= choose what it shows."""
    content = from_json(snapshot.content)
    combinations = list(Audience.from_dict(snapshot.audience, timezone.now()).combinations())
    listed = snapshot_choices(snapshot, content, combinations)
    sizes = {variant.key: len(variant.html.encode()) for _choice, variant in listed}
    authors = list(snapshot.authors.select_related("user"))
    chosen = next(
        (choice for choice, _ in listed if choice.key == request.GET.get("variant")),
        listed[0][0] if listed else None,
    )
    variant = next((variant for choice, variant in listed if choice == chosen), None)
    view_as = request.GET.get("as", "")
    view_as = view_as if view_as in dict(VIEWS) else "html"
    beside = next((pair for pair in listed if pair[0].key == request.GET.get("beside")), None)
    approval = getattr(snapshot, "approval", None)
    return {
        "authors": [(name_of(author.user), translated_reason(author.reason)) for author in authors],
        "author_names": ", ".join(name_of(author.user) for author in authors),
        "may_approve": user.has_perm("mailer.approve_edition"),
        "approval_obstacle": _approval_obstacle(snapshot, user),
        "no_second_person": snapshot.state == Snapshot.State.SUBMITTED
        and not staff_emails.second_persons(snapshot),
        "may_request_changes": snapshot.state in Snapshot.OPEN
        and not snapshot.mailed
        and _may_request_changes(user),
        "approval": approval,
        "approver": name_of(approval.approver) if approval else "",
        "approver_since": account_changes.approver_since(approval.approver) if approval else (),
        "tracking": _tracking(snapshot),
        "submitter": name_of(snapshot.submitted_by),
        "variants": listed,
        "chosen": chosen,
        "email": shown_as(_email(variant, chosen), view_as) if variant and chosen else None,
        "matrix": variant_matrix(content, combinations, sizes),
        "beside": beside[0] if beside else None,
        "beside_email": shown_as(_email(beside[1], beside[0]), view_as) if beside else None,
        "headlines": views.headlines(content, variant.stories.split(","), variant.language)
        if variant
        else (),
        "views": VIEWS,
        "view_as": view_as,
        "query": f"variant={chosen.key}" if chosen else "",
        "kept": [("variant", chosen.key), ("as", view_as)] if chosen else [],
        "shown_key": chosen.key if chosen else "",
        "by_key": True,
        "changes": _changes(snapshot),
        **_checks(snapshot, user, listed, chosen),
        **comments_context(snapshot, user),
    }


def _checks(
    snapshot: Snapshot,
    user: User,
    listed: Sequence[tuple[VariantChoice, SnapshotVariant]],
    chosen: VariantChoice | None,
) -> dict[str, Any]:
    """Which variants the reviewer has checked, and which the newsletter's rule asks for."""
    waiting = snapshot.state == Snapshot.State.SUBMITTED
    missing = approve.unchecked_variants(snapshot, user)
    return {
        "checked": approve.checked_variants(snapshot, user),
        "may_check": waiting and bool(snapshot.must_check) and user.has_perm("mailer.approve_edition"),
        "must_check": snapshot.must_check,
        "unchecked": [choice for choice, _variant in listed if choice.key in missing],
    }


def comments_context(snapshot: Snapshot, user: User) -> dict[str, Any]:
    """The comments on a snapshot with the headlines of their stories, and who may do what with them."""
    stories = {story.key: story.texts[0].headline for story in from_json(snapshot.content).stories}
    return {
        "comments": [(one, stories.get(one.story_key, "")) for one in review_steps.comments_of(snapshot)],
        "comment_stories": list(stories.items()),
        "may_comment": snapshot.state == Snapshot.State.SUBMITTED and _may_request_changes(user),
        "may_mark_done": user.has_perm("mailer.submit_edition"),
    }


# Tracking policy of the snapshot, as the approver sees it.
_TRACKING = {
    "off": "off",
    "anonymous": _("anonymous totals only"),
    "consent": _("anonymous totals, and by name for subscribers who agreed"),
}


def _tracking(snapshot: Snapshot) -> str:
    found = link_tracking.policy_from_manifest(snapshot.manifest)
    return gettext("Clicks: %(clicks)s. Opens: %(opens)s.") % {
        "clicks": _TRACKING[found.clicks],
        "opens": _TRACKING[found.opens],
    }


def _may_request_changes(user: User) -> bool:
    return user.has_perm("mailer.approve_edition") or user.has_perm("mailer.submit_edition")


def _approval_obstacle(snapshot: Snapshot, user: User) -> str:
    """Why this user may not approve the snapshot; empty if they may."""
    try:
        approve.require_second_person(snapshot, user)
    except ApprovalError as error:
        return str(error)
    if not user.has_perm("mailer.approve_edition"):
        return gettext("You do not have permission to approve editions. Ask an admin for it.")
    return ""


def _email(variant: SnapshotVariant, choice: VariantChoice) -> RenderedVariant:
    """The variant's exact content with only the merge tags filled in."""
    stored = RenderedVariant(
        key=variant.key,
        language=variant.language,
        stories=tuple(variant.stories.split(",")),
        subject=variant.subject,
        preheader=variant.preheader,
        html=variant.html,
        text=variant.text,
    )
    return views.fill_placeholders(stored, choice.countries)


def _changes(snapshot: Snapshot) -> tuple[str, ...] | None:
    """Labels of what changed since the edition's last approved snapshot; None if there was none."""
    earlier = Snapshot.objects.filter(
        edition=snapshot.edition_id, approval__isnull=False, pk__lt=snapshot.pk
    ).first()
    if earlier is None:
        return None
    before, after = (
        json.loads(earlier.manifest)["fingerprints"],
        json.loads(snapshot.manifest)["fingerprints"],
    )
    names = _part_names(from_json(earlier.content)) | _part_names(from_json(snapshot.content))

    def named(part: str) -> str:
        return names.get(
            part,
            {"edition": gettext("Order or subject lines"), "newsletter": gettext("Newsletter settings")}.get(
                part, part
            ),
        )

    return (
        *(
            gettext("%(part)s: changed") % {"part": named(part)}
            for part in sorted(after)
            if part in before and before[part] != after[part]
        ),
        *(gettext("%(part)s: added") % {"part": named(part)} for part in sorted(set(after) - set(before))),
        *(gettext("%(part)s: removed") % {"part": named(part)} for part in sorted(set(before) - set(after))),
    )


def _part_names(content: Content) -> dict[str, str]:
    return {
        f"story:{story.key}": gettext("Story “%(headline)s”") % {"headline": story.texts[0].headline}
        for story in content.stories
    }


def _by_link(snapshot: Snapshot, user: User) -> dict[str, Any]:
    """External approvers who can be asked to approve the snapshot, and the links that were sent."""
    links = list(approval_links.links_of(snapshot))
    waiting = snapshot.state == Snapshot.State.SUBMITTED
    may_ask = waiting and user.has_perm("mailer.submit_edition")
    return {
        "links": [(link, _link_state(link, waiting)) for link in links],
        "may_ask_by_link": may_ask,
        "external_approvers": approval_links.external_approvers(snapshot) if may_ask else [],
    }


def _link_state(link: ApprovalLink, waiting: bool) -> str:
    if link.used_at is not None:
        return "used"
    if link.revoked_at is not None:
        return "revoked"
    return "expired" if link.expires_at <= timezone.now() or not waiting else "waiting"


def _number(request: HttpRequest, name: str) -> int:
    """A primary key from the form; 0, which no row has, for anything else."""
    value = request.POST.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else 0


class ApprovalLinkAction(SnapshotPage):
    """POST only: mails a link to an external approver (`user`), or revokes one (`revoke`)."""

    http_method_names = ["post"]
    post_permission = "mailer.submit_edition"
    no_snapshot_error = _("There is no submitted version to approve any more: it was changed or withdrawn.")

    def post_for(self, snapshot: Snapshot) -> HttpResponse:
        user, now = current_user(self.request), timezone.now()
        if self.request.POST.get("revoke"):
            link = get_object_or_404(ApprovalLink, pk=_number(self.request, "revoke"), snapshot=snapshot)
            return self.attempt(
                lambda: approval_links.revoke(link, now),
                gettext("The link to %(name)s works no longer.") % {"name": name_of(link.user)},
                "desk.approval_link_revoke",
                on_success="review",
                on_error="review",
            )
        approver = User.objects.filter(pk=_number(self.request, "user")).first()
        if approver is None:
            messages.error(self.request, gettext("Choose the person who gets the link."))
            return self.redirect_to("review")
        return self.attempt(
            lambda: approval_links.create(snapshot, approver, user, now),
            gettext("A link to this edition is on its way to %(name)s.") % {"name": name_of(approver)},
            "desk.approval_link",
            on_success="review",
            on_error="review",
        )


@method_decorator(requires_recent_sign_in, name="dispatch")
class ApproveAction(SnapshotPage):
    """POST only: approves the snapshot whose hash the form carries."""

    http_method_names = ["post"]
    post_permission = "mailer.approve_edition"
    no_snapshot_error = _("There is no submitted version to approve any more: it was changed or withdrawn.")

    def post_for(self, snapshot: Snapshot) -> HttpResponse:
        user, sha256 = current_user(self.request), self.request.POST.get("sha256", "")
        return self.attempt(
            lambda: approve.approve(snapshot, user, sha256, timezone.now()),
            gettext("%(edition)s is approved. It is sent once it is scheduled.") % {"edition": self.edition},
            "desk.approve",
            on_success="schedule" if user.has_perm("mailer.schedule_edition") else "review",
            on_error="review",
        )


class RequestChangesAction(SnapshotPage):
    """POST only: returns the edition to its writers, with a reason."""

    http_method_names = ["post"]
    no_snapshot_error = _("There is no submitted version any more: it was changed or withdrawn.")

    def has_permission(self) -> bool:
        return _may_request_changes(current_user(self.request))

    def post_for(self, snapshot: Snapshot) -> HttpResponse:
        reason = " ".join(self.request.POST.get("reason", "").split())[:200]
        if not reason and snapshot.comments.filter(done_at=None).exists():
            reason = gettext("See the comments.")
        if not reason:
            messages.error(
                self.request, gettext("Describe what should be changed, so that the writers know what to do.")
            )
            return self.redirect_to("review")
        return self.attempt(
            lambda: approve.withdraw(snapshot, current_user(self.request), reason),
            gettext("%(edition)s is a draft again. Its writers see your comment.")
            % {"edition": self.edition},
            "desk.request_changes",
            on_success="variants",
            on_error="review",
        )


class ReviewCommentAction(SnapshotPage):
    """POST only: adds a comment about a story or the edition, or marks one as done (`done`)."""

    http_method_names = ["post"]
    no_snapshot_error = _("There is no submitted version any more: it was changed or withdrawn.")

    def has_permission(self) -> bool:
        return _may_request_changes(current_user(self.request))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.POST.get("done"):
            return self._mark_done(request)
        return super().post(request, pk)

    def post_for(self, snapshot: Snapshot) -> HttpResponse:
        user, posted = current_user(self.request), self.request.POST
        return self.attempt(
            lambda: review_steps.comment(
                snapshot, user, posted.get("story", ""), posted.get("text", ""), timezone.now()
            ),
            gettext("Your comment is added. Request changes to send the edition back to its writers."),
            "desk.comment",
            on_success="review",
            on_error="review",
        )

    def _mark_done(self, request: HttpRequest) -> HttpResponse:
        """Also after the edition went back to its writers."""
        remark = get_object_or_404(ReviewComment, pk=_number(request, "done"), snapshot__edition=self.edition)
        return self.attempt(
            lambda: review_steps.mark_done(remark, current_user(request), timezone.now()),
            gettext("The comment is marked as done."),
            "desk.comment_done",
            on_success="review",
            on_error="review",
        )


class CheckVariantAction(SnapshotPage):
    """POST only: records that the approver has checked a variant, and shows the next one to check."""

    http_method_names = ["post"]
    post_permission = "mailer.approve_edition"
    no_snapshot_error = _("There is no submitted version any more: it was changed or withdrawn.")

    def post_for(self, snapshot: Snapshot) -> HttpResponse:
        user, key = current_user(self.request), self.request.POST.get("variant", "")
        try:
            review_steps.check_variant(snapshot, user, key, timezone.now())
        except ApprovalError as error:
            messages.error(self.request, str(error))
            return self.redirect_to("review")
        missing = approve.unchecked_variants(snapshot, user)
        following = f"?variant={missing[0]}#desk-snapshot" if missing else "#desk-decide"
        return redirect(reverse("desk_edition:review", args=[self.edition.pk]) + following)


def snapshot_choices(
    snapshot: Snapshot, content: Content, combinations: Iterable[Combination]
) -> list[tuple[VariantChoice, SnapshotVariant]]:
    """Every variant of the snapshot with the subscribers who would get it now, largest first."""
    current = variant_choices(content, combinations)
    possible = _countries_by_key(content)
    listed = [
        (
            current.get(row.key)
            or _without_subscribers(row, possible.get(row.key) or _story_countries(row, content)),
            row,
        )
        for row in snapshot.variants.order_by("pk")
    ]
    return sorted(listed, key=lambda pair: -pair[0].subscribers)


def _without_subscribers(row: SnapshotVariant, countries: tuple[str, ...]) -> VariantChoice:
    """A variant that no subscriber gets now, with countries for which it would be chosen."""
    return VariantChoice(row.key, countries, row.language, 0)


def _countries_by_key(content: Content) -> dict[str, tuple[str, ...]]:
    """Countries that lead to each possible variant: {key: countries}."""
    pairs, _ = variants.possible_variants(content, VARIANT_LIMIT)
    return {
        story_selection.variant_key(story_selection.story_set(content, countries), language): countries
        for countries, language in pairs
    }


def _story_countries(row: SnapshotVariant, content: Content) -> tuple[str, ...]:
    """The countries of the variant's stories, for a snapshot of an earlier version of the software."""
    keys = set(row.stories.split(","))
    codes = (code for story in content.stories if story.key in keys for code in story.countries)
    return tuple(dict.fromkeys(codes))
