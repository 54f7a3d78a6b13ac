"""The set-up checklist of an installation that is not ready: its steps, and where each of them is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from mailer.approval.models import Snapshot
from mailer.approval.possible_approvers import approvers_of
from mailer.approval.staff_by_permission import users_with_permission_and_email
from mailer.delivery.models import Mailing
from mailer.desk.base.approver_eligibility_sentences import names_for, why_barred
from mailer.desk.base.edition_workflow import next_action, next_step_sentence, state_tone_and_label
from mailer.desk.base.setup_progress import (
    OPTIONAL,
    has_possible_approver,
    is_on_server,
    newsletter_settings_authors,
    setup_progress,
)
from mailer.desk.home.doctor_results import status_counts
from mailer.doctor import requested_check_runs
from mailer.editions.models import Edition, Newsletter
from mailer.editions.sample_edition_markers import SLUG, without_sample
from mailer.instance.models import SkippedStep
from mailer.reports import edition_state
from mailer.stories.models import Story
from subscribers.models import MailingList


@dataclass(frozen=True)
class _Rule:
    """A step as it is written here."""

    title: Promise
    # Why it matters, and what it takes.
    why: Promise
    # Label and address of where it is done; None: the page itself has what is needed.
    action: Callable[[User], tuple[StrOrPromise, str]] | None
    # Name of the page that shows what was made, once the step is done.
    result: str
    # Whether the action runs the checks, or names the first list: then it is done in place.
    form: Literal["", "checks", "list", "approver"] = ""
    # Who can do what already, or how far it is, as sentences for this user.
    lines: Callable[[User], tuple[str, ...]] = lambda user: ()


@dataclass(frozen=True)
class Step:
    """A step of the checklist for the template."""

    key: str
    title: Promise
    why: Promise
    done: bool
    skipped: SkippedStep | None
    label: StrOrPromise
    url: str
    # Page of what was made, once the step is done.
    result_url: str
    form: str
    optional: bool
    on_server: bool
    # Its place among the steps of its part, from 1.
    number: int
    # Who can do what already, or how far it is, as sentences.
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """The steps of the office, or those of the person who runs the server."""

    on_server: bool
    # How many are done, and of how many.
    done: int
    total: int
    finished: list[Step]
    opened: list[Step]


def _first_edition() -> Edition | None:
    return Edition.objects.exclude(newsletter__slug=SLUG).select_related("newsletter").first()


def _edition_action(user: User) -> tuple[StrOrPromise, str]:
    """The next thing to do for the first edition."""
    edition = _first_edition()
    if edition is not None:
        page, state = (
            reverse("desk_edition:variants", args=[edition.pk]),
            edition_state.edition_state(edition),
        )
        if state in edition_state.WITH_WRITERS:
            return _("Continue with the edition"), page
        action = next_action(edition, state, user)
        return (action.label, action.url) if action else (_("View the edition"), page)
    newsletter = Newsletter.objects.exclude(slug=SLUG).first()
    if newsletter is not None and without_sample(Story.objects.filter(live=True)).exists():
        return _("Assemble the edition"), reverse("desk_assemble", args=[newsletter.pk])
    return _("Write a story"), reverse("desk_stories:add")


def _edition_lines(_user: User) -> tuple[str, ...]:
    """How far the first edition is, and who acts next."""
    if (edition := _first_edition()) is None:
        return ()
    state = edition_state.edition_state(edition)
    return (f"{edition}: {state_tone_and_label(state)[1]}", next_step_sentence(state))


def _first_scheduled() -> Snapshot | None:
    """The approved edition that will be sent first; None once an edition was sent."""
    if Mailing.objects.real().exists():
        return None
    found = Snapshot.objects.filter(state=Snapshot.State.SCHEDULED, send_at__isnull=False)
    return found.select_related("edition__newsletter").defer("content").order_by("send_at").first()


def _import_url() -> str:
    """The form of an import, with the only list chosen."""
    lists = list(MailingList.objects.exclude(slug=SLUG).values_list("pk", flat=True)[:2])
    return reverse("desk_imports:add") + (f"?list={lists[0]}" if len(lists) == 1 else "")


def _who_can_write_lines(viewer: User) -> tuple[str, ...]:
    """Who can write stories and submit editions, as a sentence for this user."""
    writers = sorted(users_with_permission_and_email("mailer.submit_edition"), key=lambda one: one.pk)
    return (
        gettext("People who can write and submit editions: %(names)s.")
        % {"names": names_for(viewer, writers)},
    )


def _who_can_approve_lines(viewer: User) -> tuple[str, ...]:
    """Who can approve, and who cannot yet and why, as sentences for this user.

    As long as there is no newsletter, the user is taken for the one who will set it up.
    """
    found = approvers_of(newsletter_settings_authors() or {viewer.pk})
    able = names_for(viewer, found.able)
    return (
        gettext("People who can approve editions: %(names)s.") % {"names": able}
        if able
        else gettext("Nobody can approve editions yet."),
        *(why_barred(one, viewer) for one in found.barred),
    )


_RULES = {
    "list": _Rule(
        _("Create a mailing list"),
        _("Subscribers join a mailing list; a newsletter is sent to one or several of them."),
        lambda user: (_("Create the mailing list"), reverse("desk_first_list")),
        "desk_lists:index",
        "list",
    ),
    "newsletter": _Rule(
        _("Set up the newsletter"),
        _("The newsletter's sender, countries, languages and schedule. Known settings are filled in."),
        lambda user: (_("Set up the newsletter now"), reverse("desk_newsletters:add")),
        "desk_newsletters:index",
    ),
    "writer": _Rule(
        _("Invite a writer"),
        _("Writers add stories and submit editions. If you write the newsletter yourself, skip this step."),
        lambda user: (_("Invite a writer"), f"{reverse('wagtailusers_users:add')}?role=Writers"),
        "wagtailusers_users:index",
        lines=_who_can_write_lines,
    ),
    "approver": _Rule(
        _("Invite an approver"),
        _(
            "Every edition is approved by a second person, who does not depend on its authors. That is why "
            "the first approver is invited on the server: send the command below to the person who runs the "
            "server. The command prints a link. That person sends the link to the approver; no email is sent."
        ),
        None,
        "wagtailusers_users:index",
        "approver",
        lines=_who_can_approve_lines,
    ),
    "subscribers": _Rule(
        _("Add subscribers"),
        _("Import a file, add single subscribers, or put the sign-up page on your website."),
        lambda user: (_("Import subscribers from a file"), _import_url()),
        "desk_subscribers:index",
    ),
    "sources": _Rule(
        _("Choose where stories come from"),
        _(
            "The websites and folders of your offices: what they publish is imported as "
            "drafts, and nobody has to copy it. Without sources, writers write every story "
            "in the desk."
        ),
        lambda user: (_("Add a source of stories"), reverse("desk_source_add")),
        "desk_sources",
    ),
    "edition": _Rule(
        _("Schedule the first edition"),
        _(
            "Write stories, assemble an edition, preview and submit it; a colleague approves "
            "and schedules it."
        ),
        _edition_action,
        "desk_editions:list",
        lines=_edition_lines,
    ),
    "relay": _Rule(
        _("Test the mail relay (SMTP server)"),
        _("Every email is sent through the relay. The checks connect and sign in to it, and send nothing."),
        lambda user: (_("Run the system checks"), reverse("desk_checks")),
        "desk_checks",
        "checks",
    ),
    "dns": _Rule(
        _("Publish the DNS records"),
        _("SPF, DKIM and DMARC prove that the emails are yours; without them, they are treated as spam."),
        lambda user: (_("Check the DNS records"), reverse("desk_dns_records")),
        "desk_dns_records",
    ),
    "bounce_mailbox": _Rule(
        _("Connect the bounce mailbox"),
        _(
            "Emails that cannot be delivered return to this mailbox; the system then stops "
            "sending to addresses that do not exist."
        ),
        lambda user: (_("Check the bounce mailbox"), reverse("desk_checks")),
        "desk_checks",
    ),
}
# In place of the reason, where nobody could approve what the user writes.
_WRITTEN_BY_OTHERS = _(
    "No edition can be approved yet, because an approver who does not depend on its authors is missing: see "
    "the step “Invite an approver”. Stories can be written already."
)
KEYS = tuple(_RULES)


def steps_for(user: User) -> list[Step]:
    """Every step with its state now; no network is used."""
    progress = setup_progress()
    found: list[Step] = []
    for key, rule in _RULES.items():
        on_server = is_on_server(key)
        label, url = rule.action(user) if rule.action else ("", "")
        left = key in progress.left
        barred = left and key == "edition" and not has_possible_approver(user)
        found.append(
            Step(
                key,
                rule.title,
                _WRITTEN_BY_OTHERS if barred else rule.why,
                key in progress.done,
                progress.skipped.get(key),
                label,
                url,
                reverse(rule.result),
                rule.form,
                key in OPTIONAL,
                on_server,
                1 + sum(step.on_server == on_server for step in found),
                rule.lines(user) if left else (),
            )
        )
    return found


def context_for(user: User, now: datetime) -> dict[str, Any]:
    """What the checklist shows; nothing once every step is done or skipped."""
    steps = steps_for(user)
    opened = [step for step in steps if not step.done and not step.skipped]
    if all(step.optional for step in opened):
        return {}
    parts = [_part(steps, on_server) for on_server in (False, True)]
    first = _first_scheduled()
    doable = [step for step in opened if step.url]
    # With a date for the first edition, the server's steps are the next ones.
    urgent = [step for step in doable if step.on_server] if first else []
    return {
        "parts": parts,
        "steps": opened,
        # Its button stands out: the first step that this user can do here.
        "next_step": next(iter([*urgent, *doable]), None),
        "first": first,
        "first_zone": first.edition.newsletter.zone if first else None,
        "skipped": [step for step in steps if step.skipped],
        "nothing_done": not any(part.done for part in parts),
        "running": requested_check_runs.waiting_or_running(now),
        "last_run": (run := requested_check_runs.latest_finished_run()),
        "last_results": status_counts(run),
        "list_name": gettext("%(office)s newsletter") % {"office": settings.CONFIG.site.name},
    }


def _part(steps: Iterable[Step], on_server: bool) -> Part:
    found = [step for step in steps if step.on_server == on_server and not step.skipped]
    finished = [step for step in found if step.done]
    return Part(on_server, len(finished), len(found), finished, [step for step in found if not step.done])
