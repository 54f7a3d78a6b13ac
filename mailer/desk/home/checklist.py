"""The set-up checklist of an installation that is not ready: its steps, checked live, and their forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import View
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer.approval import account_change_records
from mailer.approval.emails_to_staff import users_with
from mailer.approval.models import Authorship, Snapshot
from mailer.delivery.models import Mailing
from mailer.desk.base.page_classes import StaffPage, current_user
from mailer.desk.editions.newsletters import free_slug
from mailer.desk.home.doctor_results import PERMISSION
from mailer.doctor import check_runs
from mailer.editions.models import Edition, Newsletter
from mailer.editions.sample_edition_markers import DOMAIN, SLUG, without_sample
from mailer.instance.models import CheckRun, SkippedStep
from mailer.stories.models import Story, StorySource
from subscribers.models import MailingList, Subscription


@dataclass(frozen=True)
class _Rule:
    """A step as it is written here."""

    key: str
    title: Promise
    # Why it matters, and what it takes.
    why: Promise
    is_done: Callable[[CheckRun | None], bool]
    # Label and address of where it is done.
    action: Callable[[User], tuple[Promise, str]]
    # Whether the action runs the checks, or names the first list: then it is done in place.
    form: str = ""
    # What else is possible.
    also: Promise | str = ""
    # The list also vanishes while it is open.
    optional: bool = False


@dataclass(frozen=True)
class Step:
    """A step of the checklist for the template."""

    key: str
    title: Promise
    why: Promise
    done: bool
    skipped: SkippedStep | None
    label: Promise
    url: str
    form: str
    also: Promise | str
    optional: bool


def _checks_pass(*checks: str) -> Callable[[CheckRun | None], bool]:
    # The demo sends to nobody.
    return lambda run: (
        settings.CONFIG.demo.enabled or check_runs.worst_status(run, checks) in ("ok", "skipped")
    )


def _has_colleagues(_run: CheckRun | None) -> bool:
    """Whether one person can submit an edition, and another one approve it."""
    approvers, others = users_with("mailer.approve_edition"), _newsletter_authors()
    return any(_can_be_approved(one, approvers, others) for one in users_with("mailer.submit_edition"))


def can_be_approved(author: User) -> bool:
    """Whether an account may approve what this user writes.

    That is no account which the user, or who changed the newsletter, created or changed in the last 30 days.
    """
    return _can_be_approved(author, users_with("mailer.approve_edition"), _newsletter_authors())


def _newsletter_authors() -> set[int]:
    newsletters = Newsletter.objects.exclude(slug=SLUG)
    changed = Authorship.objects.filter(newsletter__in=newsletters).exclude(user=None)
    return set(changed.order_by().values_list("user_id", flat=True).distinct())


def _can_be_approved(author: User, approvers: set[User], others: set[int]) -> bool:
    authors = {author.pk, *others}
    return any(
        one.pk not in authors and not account_change_records.authors_behind(one, authors) for one in approvers
    )


def _scheduled_once(_run: CheckRun | None) -> bool:
    return Mailing.objects.real().exists() or Snapshot.objects.filter(state=Snapshot.State.SCHEDULED).exists()


def _edition_action(user: User) -> tuple[Promise, str]:
    """The next thing to do for the first edition."""
    edition = Edition.objects.exclude(newsletter__slug=SLUG).first()
    if edition is not None:
        return _("Continue with the edition"), reverse("desk_edition:variants", args=[edition.pk])
    newsletter = Newsletter.objects.exclude(slug=SLUG).first()
    if newsletter is not None and without_sample(Story.objects.filter(live=True)).exists():
        return _("Assemble the edition"), reverse("desk_assemble", args=[newsletter.pk])
    return _("Write a story"), reverse("desk_stories:add")


def _import_url() -> str:
    """The form of an import, with the only list chosen."""
    lists = list(MailingList.objects.exclude(slug=SLUG).values_list("pk", flat=True)[:2])
    return reverse("desk_imports:add") + (f"?list={lists[0]}" if len(lists) == 1 else "")


_RULES = (
    _Rule(
        "relay",
        _("Test the mail relay"),
        _("Every message goes through it. The checks connect to it, sign in, and send nothing."),
        _checks_pass("relay", "service"),
        lambda user: (_("Run the checks"), reverse("desk_checks")),
        "checks",
    ),
    _Rule(
        "dns",
        _("Publish the DNS records"),
        _("SPF, DKIM and DMARC prove that the emails are yours; without them, they are treated as spam."),
        lambda run: all(_checks_pass(one)(run) for one in ("spf", "dkim", "dmarc")),
        lambda user: (_("Show the records"), reverse("desk_checks")),
    ),
    _Rule(
        "bounce_mailbox",
        _("Connect the bounce mailbox"),
        _(
            "Emails that cannot be delivered return to this mailbox, "
            "and addresses that do not exist get no more emails."
        ),
        _checks_pass("bounce_mailbox"),
        lambda user: (_("Show what is missing"), reverse("desk_checks")),
    ),
    _Rule(
        "list",
        _("Make a mailing list"),
        _("Subscribers join a list; a newsletter is sent to one or several of them."),
        lambda run: MailingList.objects.exclude(slug=SLUG).exists(),
        lambda user: (_("Make the list"), reverse("desk_first_list")),
        "list",
    ),
    _Rule(
        "newsletter",
        _("Set up the newsletter"),
        _("Its sender, countries, languages and schedule. The form is filled in as far as it is known."),
        lambda run: Newsletter.objects.exclude(slug=SLUG).exists(),
        lambda user: (_("Set it up"), reverse("desk_newsletters:add")),
    ),
    _Rule(
        "colleagues",
        _("Invite a writer and an approver"),
        _(
            "You invite the writer here. The first approver is invited by the person who runs your server, "
            "with “mailer invite”: a person whom you invite cannot approve, for 30 days, what you have "
            "set up."
        ),
        _has_colleagues,
        lambda user: (_("Invite a writer"), reverse("wagtailusers_users:add")),
        also=_(
            "A person who does not work in the desk can approve too, by a mailed link and a code. They are "
            "invited with the role “External approvers”, the first one by “mailer invite”, too."
        ),
    ),
    _Rule(
        "subscribers",
        _("Bring in subscribers"),
        _("Import a file, add single people, or put the sign-up page on your website."),
        lambda run: (
            Subscription.objects.filter(state=Subscription.State.CONFIRMED)
            .exclude(subscriber__email__endswith=f"@{DOMAIN}")
            .exists()
        ),
        lambda user: (_("Import a file"), _import_url()),
    ),
    _Rule(
        "sources",
        _("Where do stories come from?"),
        _(
            "The websites and folders of your offices: what they publish comes in as drafts, and nobody "
            "copies it. Without sources, writers write every story in the desk."
        ),
        lambda run: StorySource.objects.exists(),
        lambda user: (_("Add a source"), reverse("desk_source_add")),
        optional=True,
    ),
    _Rule(
        "edition",
        _("Schedule the first edition"),
        _("Write stories, assemble them, preview, submit; a colleague approves and schedules."),
        _scheduled_once,
        _edition_action,
    ),
)
# In place of the reason, where nobody could approve what the user writes.
_WRITTEN_BY_OTHERS = _(
    "No edition can be approved yet: every approver wrote or set up a part of it, or was invited by one of "
    "its authors in the last 30 days. See the step “Invite a writer and an approver”."
)
KEYS = tuple(rule.key for rule in _RULES)


def steps_for(user: User) -> list[Step]:
    """Every step with its state now; no network is used."""
    run = check_runs.latest()
    skipped = {one.step: one for one in SkippedStep.objects.all()}
    found = []
    for rule in _RULES:
        label, url = rule.action(user)
        found.append(
            Step(
                rule.key,
                rule.title,
                _WRITTEN_BY_OTHERS if rule.key == "edition" and not can_be_approved(user) else rule.why,
                rule.is_done(run),
                skipped.get(rule.key),
                label,
                url,
                rule.form,
                rule.also,
                rule.optional,
            )
        )
    return found


def context_for(user: User, now: datetime) -> dict[str, Any]:
    """What the checklist shows; nothing once every step is done or skipped."""
    steps = steps_for(user)
    opened = [step for step in steps if not step.done and not step.skipped]
    if all(step.optional for step in opened):
        return {}
    return {
        "steps": opened,
        "skipped": [step for step in steps if step.skipped and not step.done],
        "finished": [step for step in steps if step.done],
        "total": sum(step.done or not step.optional for step in steps),
        "running": check_runs.under_way(now),
        "list_name": settings.CONFIG.site.name,
    }


def _back() -> HttpResponse:
    return redirect(f"{reverse('wagtailadmin_home')}#desk-setup")


class SkipForm(forms.Form):
    """Which step is skipped, and why."""

    step = forms.ChoiceField(choices=[(key, key) for key in KEYS])
    reason = forms.CharField(max_length=200)


class SkipStepAction(StaffPage, View):
    """POST only: skips a step with a reason, or brings it back."""

    permission_required = PERMISSION
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        if "restore" in request.POST:
            SkippedStep.objects.filter(step=request.POST["restore"]).delete()
            return _back()
        form = SkipForm(request.POST)
        if not form.is_valid():
            messages.error(request, gettext("Write down why the step is skipped."))
            return _back()
        SkippedStep.objects.update_or_create(
            step=form.cleaned_data["step"],
            defaults={
                "reason": form.cleaned_data["reason"],
                "skipped_by": current_user(request).get_username(),
                "skipped_at": timezone.now(),
            },
        )
        return _back()


class FirstListAction(StaffPage, View):
    """POST only: makes a mailing list with the name in the form."""

    permission_required = "subscribers.add_mailinglist"
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        name = request.POST.get("name", "").strip()[:200]
        if not name:
            messages.error(request, gettext("Enter the name of the list."))
            return _back()
        user = current_user(request)
        with transaction.atomic():
            # One request of a person at a time, so that pressing the button twice makes one list.
            User.objects.select_for_update().get(pk=user.pk)
            made = MailingList.objects.exclude(slug=SLUG).filter(name=name).first()
            if made is None:
                made = MailingList.objects.create(name=name, slug=free_slug(MailingList, name))
                log(instance=made, action="wagtail.create", user=user)
        messages.success(request, gettext("The list “%(list)s” is made.") % {"list": made})
        return _back()
