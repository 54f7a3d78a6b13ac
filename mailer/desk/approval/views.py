"""From writers to approvers: submit, review, approve, send back."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from wagtail.admin import messages

from mailer.approval import approve, tracking_policy
from mailer.approval.authorship import name_of
from mailer.approval.models import Snapshot, SnapshotVariant
from mailer.approval.submit import submit
from mailer.desk.base.current_user import staff
from mailer.desk.editions import preview, snapshot_variants
from mailer.desk.editions.edition_base import EditionPage
from mailer.desk.editions.variants import VIEWS, Choice, as_it_stands, checked
from mailer.editions.audience import Audience
from mailer.editions.contents import content_of
from mailer.rendering import merge_tags
from mailer.rendering.records import Content, from_json

_REFUSED = "You may not approve this edition, because you {}. Ask a colleague who wrote no part of it."


class SubmitPage(EditionPage):
    """Show what submitting means (GET), then freeze the copy (POST)."""

    page_title = "Submit for approval"
    template_name = "desk/editions/submit.html"
    current = "Submit"
    acting_permission = "mailer.submit_edition"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        edition = as_it_stands(self.edition)
        content, audience = content_of(edition), Audience.of(edition, timezone.now())
        found = checked(edition, content, audience)
        return super().get_context_data(
            findings=found,
            blocked=any(finding.level == "error" for finding in found),
            may_submit=self.request.user.has_perm(self.acting_permission),
            readers=audience.count(),
            stories=len(content.stories),
            window_days=self.edition.newsletter.window_days,
            **kwargs,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.attempt(
            lambda: submit(self.edition, staff(request), timezone.now()),
            f"{self.edition} is submitted. Whoever wrote no part of it can now approve it.",
            "desk.submit",
            then="review",
            otherwise="submit",
        )


class ReviewPage(EditionPage):
    """What the approver sees: the snapshot variants exactly as they would be sent, and who made them."""

    page_title = "Review"
    template_name = "desk/editions/review.html"
    current = "Review"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        snapshot = context["overview"].snapshot or self.edition.snapshots.first()
        context["snapshot"] = snapshot
        return {**context, **_review(snapshot, self.request)} if snapshot else context


def _review(snapshot: Snapshot, request: HttpRequest) -> dict[str, Any]:
    content = from_json(snapshot.content)
    listed = snapshot_variants.choices_of(snapshot, content)
    authors = list(snapshot.authors.select_related("user"))
    chosen = next(
        (choice for choice, _ in listed if choice.key == request.GET.get("variant")),
        listed[0][0] if listed else None,
    )
    variant = next((variant for choice, variant in listed if choice == chosen), None)
    view_as = request.GET.get("as", "")
    approval = getattr(snapshot, "approval", None)
    return {
        "authors": [(name_of(author.user), author.reason) for author in authors],
        "author_names": ", ".join(name_of(author.user) for author in authors),
        "may_approve": request.user.has_perm("mailer.approve_edition"),
        "obstacle": _obstacle(snapshot, staff(request)),
        "may_send_back": snapshot.state in Snapshot.OPEN
        and not snapshot.mailed
        and _may_send_back(staff(request)),
        "approval": approval,
        "approver": name_of(approval.approver) if approval else "",
        "counted": _counted(snapshot),
        "submitter": name_of(snapshot.submitted_by),
        "variants": listed,
        "chosen": chosen,
        "shown": _shown(variant, chosen) if variant and chosen else None,
        "headlines": preview.headlines(content, variant.stories.split(","), variant.language)
        if variant
        else (),
        "views": VIEWS,
        "view_as": view_as if view_as in dict(VIEWS) else "html",
        "query": f"variant={chosen.key}" if chosen else "",
        "changes": _changes(snapshot),
    }


# How far counting may go, in words for the approver.
_COUNTED = {
    "off": "not counted",
    "anonymous": "counted for many readers together, by nobody’s name",
    "consent": "counted for many readers together, and by name for those who agreed",
}


def _counted(snapshot: Snapshot) -> str:
    found = tracking_policy.of_manifest(snapshot.manifest)
    return f"Clicks: {_COUNTED[found.clicks]}. Openings: {_COUNTED[found.opens]}."


def _may_send_back(user: User) -> bool:
    return user.has_perm("mailer.approve_edition") or user.has_perm("mailer.submit_edition")


def _obstacle(snapshot: Snapshot, user: User) -> str:
    """Why this user may not approve the copy, in words; empty when nothing stands in the way."""
    author = snapshot.authors.filter(user=user.pk).first()
    if author is not None:
        return _REFUSED.format(author.reason)
    if snapshot.submitted_by_id == user.pk:
        return _REFUSED.format("submitted it")
    if not user.has_perm("mailer.approve_edition"):
        return "Your account may not approve editions; an admin can give it the permission."
    return ""


def _shown(variant: SnapshotVariant, choice: Choice) -> preview.Shown:
    """The frozen bytes, with only the personal marks filled."""
    return preview.Shown(
        subject=variant.subject,
        preheader=variant.preheader,
        html=preview.filled(variant.html, choice.countries, variant.language),
        text=merge_tags.fill_text(variant.text, preview.values(choice.countries, variant.language)),
        headlines=(),
        notes=(),
        key=variant.key,
    )


def _changes(snapshot: Snapshot) -> tuple[str, ...] | None:
    """What differs from the edition's last approved copy, in words; None when none was approved before."""
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
            {"edition": "The order or the subject lines", "newsletter": "The newsletter"}.get(part, part),
        )

    return (
        *(
            f"{named(part)}: changed"
            for part in sorted(after)
            if part in before and before[part] != after[part]
        ),
        *(f"{named(part)}: added" for part in sorted(set(after) - set(before))),
        *(f"{named(part)}: taken out" for part in sorted(set(before) - set(after))),
    )


def _part_names(content: Content) -> dict[str, str]:
    return {f"story:{story.key}": f"The story “{story.texts[0].headline}”" for story in content.stories}


class ApproveAction(EditionPage):
    """POST only: put one's name to the hash that the form carries."""

    http_method_names = ["post"]
    acting_permission = "mailer.approve_edition"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        snapshot = self.edition.snapshots.filter(state__in=Snapshot.OPEN).first()
        if snapshot is None:
            messages.error(
                request, "There is no submitted copy to approve any more; it was changed or taken back."
            )
            return self.go("review")
        return self.attempt(
            lambda: approve.approve(snapshot, staff(request), request.POST.get("sha256", ""), timezone.now()),
            f"{self.edition} is approved. It leaves when somebody picks the moment.",
            "desk.approve",
            then="schedule" if request.user.has_perm("mailer.schedule_edition") else "review",
            otherwise="review",
        )


class SendBackAction(EditionPage):
    """POST only: give the copy back to its writers, with a reason."""

    http_method_names = ["post"]

    def has_permission(self) -> bool:
        return _may_send_back(staff(self.request))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        snapshot = self.edition.snapshots.filter(state__in=Snapshot.OPEN).first()
        reason = " ".join(request.POST.get("reason", "").split())[:200]
        if snapshot is None:
            messages.error(request, "There is no submitted copy to send back any more.")
            return self.go("review")
        if not reason:
            messages.error(
                request, "Write in a few words why it goes back, so that the writers know what to change."
            )
            return self.go("review")
        return self.attempt(
            lambda: approve.withdraw(snapshot, staff(request), reason),
            f"{self.edition} is a draft again; its writers see your reason.",
            "desk.send_back",
            then="variants",
            otherwise="review",
        )
