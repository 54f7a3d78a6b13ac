"""Submitting an edition, reviewing the variants of its snapshot, approving it and requesting changes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages

from mailer import link_tracking
from mailer.accounts.reauthentication import requires_recent_sign_in
from mailer.approval import (
    account_influence,
    external_approval,
    new_draft_and_approval_request_emails,
    notification_preferences_and_dispatch,
    possible_approvers,
    required_approvals,
    review_comments_and_checked_variants,
    snapshot_state_changes,
)
from mailer.approval.content_changes_and_authors import translated_reason, user_or_system_name
from mailer.approval.models import Approval, ApprovalLink, ReviewComment, Snapshot, SnapshotVariant
from mailer.approval.possible_approvers import PossibleApprovers, approvers_if_submitted, approvers_of
from mailer.approval.preflight.findings_and_overrides import Finding, overrides_note
from mailer.approval.required_approvals import PartApproval
from mailer.approval.snapshot_state_changes import ApprovalError, WrongHash
from mailer.approval.staff_by_permission import active_users_with
from mailer.approval.submit import VARIANT_LIMIT, rendered_variant, submit
from mailer.desk.approval.changes_since_approval import changes_since_last_approved_snapshot
from mailer.desk.base.approver_eligibility_sentences import names_for, why_barred
from mailer.desk.base.page_base_classes import EditionPage, SnapshotPage, current_user
from mailer.desk.editions import variant_previews
from mailer.desk.editions.finding_lines import count_findings, finding_lines, findings_summary
from mailer.desk.editions.load_draft_and_run_preflight import current_content, run_preflight
from mailer.desk.editions.preview_modes import VIEWS, shown_as
from mailer.desk.editions.variant_matrix import VariantChoice, variant_matrix
from mailer.desk.editions.variant_previews import variant_choices
from mailer.desk.editions.variant_version_diff import make_comparison_with_last_approved
from mailer.editions.audience import Audience, Combination
from mailer.editions.cached_audience_counts import cached_or_live_count
from mailer.editions.models import Edition
from mailer.rendering import story_selection, variants
from mailer.rendering.data_types import Content, RenderedVariant, from_json
from subscribers.segments.rule_format import InvalidRule

# At most so many approvers are named.
_NAMED = 6


class SubmitPage(EditionPage):
    """Shows the preflight checks (GET) and creates the snapshot (POST)."""

    page_title = _("Submit for approval")
    template_name = "desk/approval/submit.html"
    tab = _("Submit")
    post_permission = "mailer.submit_edition"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        edition, content, audience = current_content(self.edition)
        counted = cached_or_live_count(audience, timezone.now())
        found = run_preflight(edition, content, counted).findings
        lines = finding_lines(
            found, self.edition, content, current_user(self.request), self._earlier_reasons()
        )
        return super().get_context_data(
            checks_link="#desk-checks",
            findings=lines,
            checks_summary=findings_summary(lines, self.overview.state),
            blocked=any(finding.blocks and not finding.overridable for finding in found),
            needs_reasons=any(finding.blocks for finding in found),
            asks_for_reasons=self.request.user.has_perm(self.post_permission),
            may_submit=self.request.user.has_perm(self.post_permission),
            subscribers=counted.total,
            counted_at=counted.counted_at,
            stories=len(content.stories),
            send_until=timezone.now() + timedelta(days=self.edition.newsletter.window_days),
            seen=self._shown_submission(),
            has_warnings=any(not finding.blocks for finding in found),
            schedulers=names_for(current_user(self.request), _schedulers()[:_NAMED]),
            **self._who_approves(edition),
            **kwargs,
        )

    def _who_approves(self, edition: Edition) -> dict[str, Any]:
        user = current_user(self.request)
        return who_approves(approvers_if_submitted(edition, user), user)

    def _earlier_reasons(self) -> dict[str, str]:
        """The reasons of the latest submission, by the ids of its findings."""
        snapshot = self.overview.snapshot or self.overview.last
        found = map(Finding.from_dict, snapshot.findings if snapshot else [])
        return {one.id: one.override.reason for one in found if one.override}

    def _shown_submission(self) -> str:
        """The open submission that this page shows: the start of its hash; "" for none."""
        snapshot = self.overview.snapshot
        return snapshot.sha256[:12] if snapshot is not None and snapshot.state in Snapshot.OPEN else ""

    def _open_submission(self) -> str:
        """The same as it is now."""
        found = self.edition.snapshots.filter(state__in=Snapshot.OPEN).values_list("sha256", flat=True)
        return (found.first() or "")[:12]

    def _submitted_text(self) -> str:
        """What happened, and who acts next."""
        snapshot = self.edition.snapshots.filter(state=Snapshot.State.SUBMITTED).first()
        people = (
            approvers_of(snapshot_state_changes.author_and_submitter_ids(snapshot)).able if snapshot else ()
        )
        asked = [
            one for one in people if new_draft_and_approval_request_emails.has_email_and_desk_access(one)
        ]
        if asked:
            text = gettext("The edition “%(edition)s” is submitted. Asked to approve it: %(names)s.")
        elif people:
            text = gettext(
                "The edition “%(edition)s” is submitted. Send the approval link on this page to: %(names)s."
            )
        else:
            text = gettext(
                "The edition “%(edition)s” is submitted, but nobody can approve it yet: see “Approval”."
            )
        names = [user_or_system_name(one) for one in asked or people]
        listed = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
        return text % {"edition": self.edition, "names": listed}

    @transaction.atomic
    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        # One request at a time, so that the second of two presses sees what the first has done.
        Edition.objects.select_for_update().filter(pk=self.edition.pk).first()
        if request.POST.get("seen", "") != self._open_submission():
            messages.info(
                request,
                gettext(
                    "This edition was already submitted since you opened that page. It was "
                    "not submitted twice."
                ),
            )
            return self.redirect_to("review")
        overrides = {
            name.removeprefix("override-"): str(reason)
            for name, reason in request.POST.items()
            if name.startswith("override-") and str(reason).strip()
        }
        return self.attempt(
            lambda: submit(
                self.edition,
                current_user(request),
                timezone.now(),
                request.POST.get("note", ""),
                overrides,
            ),
            self._submitted_text,
            "desk.submit",
            on_success="review",
            on_error="submit",
            because=overrides_note(overrides),
        )


def _schedulers() -> list[User]:
    """Who may choose the time of sending once an edition is approved."""
    return list(active_users_with("mailer.schedule_edition"))


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
        return {
            **context,
            **review_context(snapshot, user, self.request),
            **_by_link(snapshot, user),
            "is_checked_again": _is_checked_again(snapshot),
        }


def _is_checked_again(snapshot: Snapshot) -> bool:
    """Whether it still matters to the approver what the checks say now."""
    return snapshot.state in Snapshot.OPEN and not snapshot.mailed


class ReviewChecksPage(EditionPage):
    """What the checks say of the edition now, which load_later.js shows on the review page."""

    page_title = _("Results of the checks now")
    template_name = "desk/approval/checks_now.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        snapshot = context["overview"].snapshot
        if snapshot is None or not _is_checked_again(snapshot):
            return context
        try:
            edition, content, audience = current_content(self.edition)
            counted = cached_or_live_count(audience, timezone.now())
        except InvalidRule:
            return context
        found = run_preflight(edition, content, counted).findings
        lines = finding_lines(found, self.edition, content, current_user(self.request))
        return {
            **context,
            "snapshot": snapshot,
            "is_changed": {one.id for one in found}
            != {Finding.from_dict(one).id for one in snapshot.findings},
            "findings": lines,
            "findings_counted": count_findings(lines) or gettext("no errors or warnings"),
        }


def review_context(
    snapshot: Snapshot, user: User, request: HttpRequest, *, has_desk_access: bool = True
) -> dict[str, Any]:
    """The context of a page that shows the snapshot to `user`; ?variant= and ?as= choose what it shows.

    Not `has_desk_access`: the user has no access to the desk.
    """
    content = from_json(snapshot.content)
    now = timezone.now()
    counted = cached_or_live_count(Audience.from_dict(snapshot.audience, now), now)
    combinations = counted.combinations
    listed = snapshot_choices(snapshot, content, combinations)
    in_use = sum(choice.subscribers > 0 for choice, _variant in listed)
    sizes = {variant.key: len(variant.html.encode()) for _choice, variant in listed}
    authors = list(snapshot.authors.select_related("user"))
    is_changed = make_comparison_with_last_approved(
        snapshot.edition, snapshot, {row.key: row.sha256 for _choice, row in listed}
    )
    changed = [one for one, _row in listed if is_changed(one.key, one.countries, one.language)]
    # A second review begins with what is new.
    first = changed[0] if changed else listed[0][0] if listed else None
    chosen = next((choice for choice, _ in listed if choice.key == request.GET.get("variant")), first)
    variant = next((variant for choice, variant in listed if choice == chosen), None)
    shown = _email(variant, chosen) if variant and chosen else None
    view_as = request.GET.get("as", "")
    view_as = view_as if view_as in dict(VIEWS) else "html"
    beside = next((pair for pair in listed if pair[0].key == request.GET.get("beside")), None)
    parts = required_approvals.part_approvals(snapshot, content.masthead.languages)
    given = [one for one in parts if one.approval]
    unchecked = snapshot_state_changes.parts_by_unchecked_variant(snapshot, user)
    rejection = getattr(snapshot, "rejection", None)
    found = finding_lines(
        map(Finding.from_dict, snapshot.findings),
        snapshot.edition,
        content,
        user if has_desk_access else None,
    )
    return {
        "authors": [
            (user_or_system_name(author.user), translated_reason(author.reason)) for author in authors
        ],
        "author_names": ", ".join(user_or_system_name(author.user) for author in authors),
        "may_approve": user.has_perm("mailer.approve_edition"),
        "approval_obstacle": _approval_obstacle(snapshot, user),
        "asked_names": _asked_names(snapshot, user),
        **_who_approves_snapshot(snapshot, user),
        "may_request_changes": snapshot.state in Snapshot.OPEN
        and not snapshot.mailed
        and _may_request_changes(user),
        "parts": [PartLine.of(one, unchecked) for one in parts] if len(parts) > 1 else [],
        "parts_approved": len(given),
        "approvals": [PartLine.of(one, unchecked) for one in given],
        "rejection": rejection,
        "rejected_by": user_or_system_name(rejection.rejected_by) if rejection else "",
        "approvers_since": [
            (user_or_system_name(who), account_influence.approver_since(who))
            for who in dict.fromkeys(one.approval.approver for one in given if one.approval)
        ],
        "tracking": _tracking(snapshot),
        "submitter": user_or_system_name(snapshot.submitted_by),
        "variants": listed,
        "variants_in_use": in_use,
        "variants_unused": len(listed) - in_use,
        "chosen": chosen,
        "email": shown_as(shown, view_as) if shown else None,
        "matrix": variant_matrix(
            content,
            combinations,
            sizes,
            is_changed,
        ),
        "variants_changed": len(changed),
        "shown_changed": chosen in changed,
        **variant_previews.comparison_context(
            snapshot.edition,
            snapshot,
            shown,
            content,
            chosen.countries if chosen else (),
            request.GET.get("beside", ""),
            view_as,
        ),
        "beside": beside[0] if beside else None,
        "beside_email": shown_as(_email(beside[1], beside[0]), view_as) if beside else None,
        "headlines": variant_previews.story_headlines(content, variant.stories.split(","), variant.language)
        if variant
        else (),
        "views": VIEWS,
        "view_as": view_as,
        "query": f"variant={chosen.key}" if chosen else "",
        "kept": [("variant", chosen.key), ("as", view_as)] if chosen else [],
        "shown_key": chosen.key if chosen else "",
        "by_key": True,
        "changes": changes_since_last_approved_snapshot(snapshot),
        "findings": found,
        "findings_counted": count_findings(found),
        "overridden": [line for line in found if line.finding.override],
        **_checks(snapshot, user, listed, unchecked),
        **comments_context(snapshot, user),
    }


def who_approves(found: PossibleApprovers, user: User) -> dict[str, Any]:
    """Who may approve, by name, as this user reads it; where nobody may, why each approver may not."""
    more = len(found.able) - _NAMED
    return {
        "no_second_person": not found.able,
        "approver_names": names_for(user, found.able[:_NAMED]),
        "more_approvers": max(more, 0),
        "barred": [] if found.able else [why_barred(one, user) for one in found.barred[:_NAMED]],
    }


def _who_approves_snapshot(snapshot: Snapshot, user: User) -> dict[str, Any]:
    if snapshot.state != Snapshot.State.SUBMITTED:
        return {"no_second_person": False}
    return who_approves(approvers_of(snapshot_state_changes.author_and_submitter_ids(snapshot)), user)


def _asked_names(snapshot: Snapshot, user: User) -> str:
    """Who is asked by email to approve the submission, by name."""
    if snapshot.state != Snapshot.State.SUBMITTED:
        return ""
    people = [
        one
        for one in possible_approvers.users_who_may_approve(snapshot)
        if new_draft_and_approval_request_emails.has_email_and_desk_access(one)
    ]
    ways = notification_preferences_and_dispatch.notification_ways(people, "submitted")
    return names_for(
        user, [one for one in people if notification_preferences_and_dispatch.EMAIL in ways[one.pk]][:_NAMED]
    )


@dataclass(frozen=True)
class PartLine:
    """A part of the snapshot, as the page shows who approved it."""

    # What the form sends: a language, or "" for the others.
    value: str
    label: str
    approval: Approval | None
    approver: str
    # Variants of this part that the reader of the page must check first.
    unchecked: int

    @classmethod
    def of(cls, one: PartApproval, unchecked: Mapping[str, str]) -> PartLine:
        return cls(
            value=one.part,
            label=one.label,
            approval=one.approval,
            approver=user_or_system_name(one.approval.approver) if one.approval else "",
            unchecked=sum(part == one.part for part in unchecked.values()),
        )


def chosen_parts_if_several(snapshot: Snapshot, posted: QueryDict) -> list[str] | None:
    """The parts that a form approves; None where the snapshot has only one."""
    return posted.getlist("language") if len(required_approvals.parts_of(snapshot)) > 1 else None


def audit_note_of_parts(parts: Sequence[str] | None) -> str:
    """What the audit log keeps of an approval of some parts: "kk, ru"."""
    return ", ".join(part or "*" for part in parts or ())


def approval_message(snapshot: Snapshot) -> str:
    """What the person who approved reads: whether the edition is approved, or what it still waits for."""
    languages = from_json(snapshot.content).masthead.languages
    missing = [
        one.label for one in required_approvals.part_approvals(snapshot, languages) if not one.approval
    ]
    if missing:
        return gettext(
            "Your approval is recorded. The edition “%(edition)s” still needs approvals for: %(languages)s"
        ) % {
            "edition": snapshot.edition,
            "languages": "; ".join(missing),
        }
    return gettext("The edition “%(edition)s” is approved. It is sent after it is scheduled.") % {
        "edition": snapshot.edition
    }


def _checks(
    snapshot: Snapshot,
    user: User,
    listed: Sequence[tuple[VariantChoice, SnapshotVariant]],
    unchecked: Mapping[str, str],
) -> dict[str, Any]:
    """Which variants the reviewer has checked, and which the newsletter's rule asks for."""
    waiting = snapshot.state == Snapshot.State.SUBMITTED
    return {
        "checked": snapshot_state_changes.checked_variants(snapshot, user),
        "may_check": waiting and bool(snapshot.must_check) and user.has_perm("mailer.approve_edition"),
        "must_check": snapshot.must_check,
        "unchecked": [choice for choice, _variant in listed if choice.key in unchecked],
    }


def comments_context(snapshot: Snapshot, user: User) -> dict[str, Any]:
    """The comments on a snapshot with the headlines of their stories, and who may do what with them."""
    stories = {key: one.texts[0].headline for key, one in from_json(snapshot.content).stories_by_key.items()}
    return {
        "comments": [
            (one, stories.get(one.story_key, ""))
            for one in review_comments_and_checked_variants.comments_of(snapshot)
        ],
        "comment_stories": list(stories.items()),
        "may_comment": snapshot.state == Snapshot.State.SUBMITTED and _may_request_changes(user),
        "may_mark_done": user.has_perm("mailer.submit_edition"),
    }


# Tracking policy of the snapshot, as the approver sees it.
_TRACKING = {
    "off": _("off"),
    "anonymous": _("only anonymous totals are recorded"),
    "consent": _("anonymous totals are recorded, and names only of subscribers who agreed"),
}


def _tracking(snapshot: Snapshot) -> str:
    found = link_tracking.policy_from_manifest(snapshot.manifest)
    return gettext("Tracking of clicks: %(clicks)s. Tracking of opens: %(opens)s.") % {
        "clicks": _TRACKING[found.clicks],
        "opens": _TRACKING[found.opens],
    }


def _may_request_changes(user: User) -> bool:
    return user.has_perm("mailer.approve_edition") or user.has_perm("mailer.submit_edition")


def _approval_obstacle(snapshot: Snapshot, user: User) -> str:
    """Why this user may not approve the snapshot; empty if they may."""
    try:
        snapshot_state_changes.require_second_person(snapshot, user)
    except ApprovalError as error:
        return str(error)
    if not user.has_perm("mailer.approve_edition"):
        return gettext("You do not have permission to approve editions. Ask an admin for it.")
    return ""


def _email(variant: SnapshotVariant, choice: VariantChoice) -> RenderedVariant:
    """The variant's exact content with only the merge tags filled in."""
    return variant_previews.fill_placeholders(rendered_variant(variant), choice.countries)


def _by_link(snapshot: Snapshot, user: User) -> dict[str, Any]:
    """External approvers who can be asked to approve the snapshot, and the links that were sent."""
    links = list(external_approval.links_of(snapshot))
    waiting = snapshot.state == Snapshot.State.SUBMITTED
    may_ask = waiting and user.has_perm("mailer.submit_edition")
    return {
        "links": [(link, _link_state(link, waiting)) for link in links],
        "may_ask_by_link": may_ask,
        "external_approvers": external_approval.external_approvers(snapshot) if may_ask else [],
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


class _ReviewAction(SnapshotPage, ABC):
    """A decision about what the reviewer saw: the snapshot whose hash the form carries, and no later one."""

    http_method_names = ["post"]
    no_snapshot_error = _("The edition is no longer submitted: it was changed or withdrawn.")

    def post_for(self, snapshot: Snapshot) -> HttpResponse:
        if self.request.POST.get("sha256", snapshot.sha256) != snapshot.sha256:
            messages.error(self.request, str(WrongHash()))
            return self.redirect_to("review")
        return self.act_on(snapshot)

    @abstractmethod
    def act_on(self, snapshot: Snapshot) -> HttpResponse:
        """Does what the form asks for."""


class ApprovalLinkAction(SnapshotPage):
    """POST only: mails a link to an external approver (`user`), or revokes one (`revoke`)."""

    http_method_names = ["post"]
    post_permission = "mailer.submit_edition"
    no_snapshot_error = _(
        "The edition can no longer be approved: it was changed or withdrawn after it was submitted."
    )

    def post_for(self, snapshot: Snapshot) -> HttpResponse:
        user, now = current_user(self.request), timezone.now()
        if self.request.POST.get("revoke"):
            link = get_object_or_404(ApprovalLink, pk=_number(self.request, "revoke"), snapshot=snapshot)
            return self.attempt(
                lambda: external_approval.revoke(link, now),
                gettext("The approval link that was sent to %(name)s is revoked.")
                % {"name": user_or_system_name(link.user)},
                "desk.approval_link_revoke",
                on_success="review",
                on_error="review",
            )
        approver = User.objects.filter(pk=_number(self.request, "user")).first()
        if approver is None:
            messages.error(self.request, gettext("Choose the person who gets the approval link."))
            return self.redirect_to("review")
        with transaction.atomic():
            if self.is_repeated("approval link"):
                return self.redirect_to("review")
            return self._send_link(snapshot, approver, user, now)

    def _send_link(self, snapshot: Snapshot, approver: User, user: User, now: datetime) -> HttpResponse:
        return self.attempt(
            lambda: external_approval.create_and_mail_link(snapshot, approver, user, now),
            gettext("An approval link for this edition is being sent to %(name)s.")
            % {"name": user_or_system_name(approver)},
            "desk.approval_link",
            on_success="review",
            on_error="review",
        )


@method_decorator(requires_recent_sign_in, name="dispatch")
class ApproveAction(SnapshotPage):
    """POST only: approves the snapshot whose hash the form carries."""

    http_method_names = ["post"]
    post_permission = "mailer.approve_edition"
    no_snapshot_error = _(
        "The edition can no longer be approved: it was changed or withdrawn after it was submitted."
    )

    def post_for(self, snapshot: Snapshot) -> HttpResponse:
        user, sha256 = current_user(self.request), self.request.POST.get("sha256", "")
        languages = chosen_parts_if_several(snapshot, self.request.POST)
        missing = required_approvals.unapproved_parts(snapshot)
        completes = languages is None or set(missing) <= set(languages)
        may_schedule = completes and user.has_perm("mailer.schedule_edition")
        return self.attempt(
            lambda: snapshot_state_changes.approve(
                snapshot, user, sha256, timezone.now(), parts_to_approve=languages
            ),
            lambda: approval_message(snapshot),
            "desk.approve",
            on_success="schedule" if may_schedule else "review",
            on_error="review",
            because=audit_note_of_parts(languages),
        )


@method_decorator(requires_recent_sign_in, name="dispatch")
class RejectAction(SnapshotPage):
    """POST only: rejects the snapshot whose hash the form carries, with a reason."""

    http_method_names = ["post"]
    post_permission = "mailer.approve_edition"
    no_snapshot_error = _("The edition is no longer submitted: it was changed or withdrawn.")

    def post_for(self, snapshot: Snapshot) -> HttpResponse:
        user, posted = current_user(self.request), self.request.POST
        reason = posted.get("reason", "").strip()
        return self.attempt(
            lambda: snapshot_state_changes.reject(
                snapshot, user, posted.get("sha256", ""), reason, timezone.now()
            ),
            gettext("The edition “%(edition)s” is rejected. Its writers can read your reason.")
            % {"edition": self.edition},
            "desk.reject",
            on_success="review",
            on_error="review",
            because=reason,
        )


class RequestChangesAction(_ReviewAction):
    """POST only: returns the edition to its writers, with a reason."""

    def has_permission(self) -> bool:
        return _may_request_changes(current_user(self.request))

    def act_on(self, snapshot: Snapshot) -> HttpResponse:
        if self.request.POST.get("state", snapshot.state) != snapshot.state:
            # A page from before, which "back" shows too, must not undo an approval or a schedule unseen.
            text = gettext(
                "Nothing was changed: the edition was approved or scheduled since you opened that page. To "
                "request changes all the same, do so here."
            )
            messages.warning(self.request, text)
            return self.redirect_to("review")
        reason = " ".join(self.request.POST.get("reason", "").split())[:200]
        if not reason and snapshot.comments.filter(done_at=None).exists():
            reason = gettext("Read the comments on the edition.")
        if not reason:
            messages.error(
                self.request,
                gettext(
                    "Describe what should be changed in the edition, so that the writers know what to do."
                ),
            )
            return self.redirect_to("review")
        return self.attempt(
            lambda: snapshot_state_changes.withdraw(snapshot, current_user(self.request), reason),
            gettext("The edition “%(edition)s” is a draft again. Its writers see your comment.")
            % {"edition": self.edition},
            "desk.request_changes",
            on_success="variants",
            on_error="review",
        )


class ReviewCommentAction(_ReviewAction):
    """POST only: adds a comment about a story or the edition, or marks one as done (`done`)."""

    def has_permission(self) -> bool:
        return _may_request_changes(current_user(self.request))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.POST.get("done"):
            return self._mark_done(request)
        return super().post(request, pk)

    def act_on(self, snapshot: Snapshot) -> HttpResponse:
        with transaction.atomic():
            if self.is_repeated("comment"):
                return self.redirect_to("review")
            return self._comment(snapshot)

    def _comment(self, snapshot: Snapshot) -> HttpResponse:
        user, posted = current_user(self.request), self.request.POST
        return self.attempt(
            lambda: review_comments_and_checked_variants.add_comment(
                snapshot, user, posted.get("story", ""), posted.get("text", ""), timezone.now()
            ),
            gettext("Your comment is added. To send the edition back to its writers, request changes."),
            "desk.comment",
            on_success="review",
            on_error="review",
        )

    def _mark_done(self, request: HttpRequest) -> HttpResponse:
        """Also after the edition went back to its writers."""
        remark = get_object_or_404(ReviewComment, pk=_number(request, "done"), snapshot__edition=self.edition)
        return self.attempt(
            lambda: review_comments_and_checked_variants.mark_done(
                remark, current_user(request), timezone.now()
            ),
            gettext("The comment is marked as done."),
            "desk.comment_done",
            on_success="review",
            on_error="review",
        )


class CheckVariantAction(_ReviewAction):
    """POST only: records that the approver has checked a variant, and shows the next one to check."""

    post_permission = "mailer.approve_edition"

    def act_on(self, snapshot: Snapshot) -> HttpResponse:
        user, key = current_user(self.request), self.request.POST.get("variant", "")
        try:
            review_comments_and_checked_variants.mark_variant_checked(snapshot, user, key, timezone.now())
        except ApprovalError as error:
            messages.error(self.request, str(error))
            return self.redirect_to("review")
        missing = next(iter(snapshot_state_changes.parts_by_unchecked_variant(snapshot, user)), "")
        following = f"?variant={missing}#desk-snapshot" if missing else "#desk-decide"
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
    pairs, _ = variants.countries_and_language_per_variant(content, VARIANT_LIMIT)
    selector = story_selection.Selector(content)
    return {
        story_selection.variant_key(selector.story_set(countries), language): countries
        for countries, language in pairs
    }


def _story_countries(row: SnapshotVariant, content: Content) -> tuple[str, ...]:
    """The countries of the variant's stories, for a snapshot of an earlier version of the software."""
    keys = set(row.stories.split(","))
    stories = content.stories_by_key.items()
    codes = (code for key, story in stories if key in keys for code in story.countries)
    return tuple(dict.fromkeys(codes))
