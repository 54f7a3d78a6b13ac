"""How far an installation is set up: which steps of the checklist on the home page are done, checked live."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from django import template
from django.conf import settings
from django.contrib.auth.models import User
from django.template import Context
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages

from mailer.approval.models import Authorship, Snapshot
from mailer.approval.possible_approvers import approvers_of
from mailer.approval.staff_by_permission import users_with_permission_and_email
from mailer.delivery.models import Mailing
from mailer.doctor import requested_check_runs
from mailer.editions.models import Newsletter
from mailer.editions.sample_edition_markers import DOMAIN, SLUG
from mailer.instance.models import CheckRun, SkippedStep
from mailer.stories.models import StorySource
from subscribers.models import MailingList, Subscription

register = template.Library()

# Who sets up the installation.
PERMISSION = "auth.change_user"
# These steps alone do not keep the checklist open.
OPTIONAL = frozenset({"writer", "sources"})


# Steps of the person who runs the server: what is set up, and what happens without it.
_ON_SERVER = {
    "relay": (_("the mail relay"), _("sending emails may fail")),
    "dns": (_("the DNS records"), _("emails may be rejected or land in spam folders")),
    "bounce_mailbox": (_("the bounce mailbox"), _("bounces are not noticed")),
}
# The checks whose results decide whether such a step is done.
_CHECKS_OF_STEP = {
    "relay": ("relay", "service"),
    "dns": ("spf", "dkim", "dmarc"),
    "bounce_mailbox": ("bounce_mailbox",),
}


class OpenServerStep(NamedTuple):
    """Something on the server that is not set up, or was not checked yet."""

    name: str
    # What happens without it.
    without: str
    # Whether a run of the system checks found a problem; False: no run has checked it yet.
    checked: bool


class SetupProgress(NamedTuple):
    """The steps by their keys."""

    done: tuple[str, ...]
    # Not done, with who skipped them and why.
    skipped: dict[str, SkippedStep]
    # To be done, in the order of the checklist.
    left: tuple[str, ...]

    def counts(self, *, on_server: bool) -> tuple[int, int]:
        """How many steps of the staff or of the server are done, and of how many; without skipped ones."""
        done, left = (
            [key for key in keys if is_on_server(key) == on_server] for keys in (self.done, self.left)
        )
        return len(done), len(done) + len(left)

    @property
    def finished(self) -> bool:
        return all(key in OPTIONAL for key in self.left)


def is_on_server(key: str) -> bool:
    """Whether the person who runs the server does this step, and not the office."""
    return key in _ON_SERVER


def setup_progress() -> SetupProgress:
    """The state of every step now; no network is used."""
    run = requested_check_runs.latest_finished_run()
    done = tuple(key for key, is_done in STEPS.items() if is_done(run))
    found = {one.step: one for one in SkippedStep.objects.all()}
    skipped = {key: found[key] for key in STEPS if key in found and key not in done}
    left = tuple(key for key in STEPS if key not in done and key not in skipped)
    return SetupProgress(done, skipped, left)


def open_server_steps() -> list[OpenServerStep]:
    """What the person who runs the server has not set up; nothing once an edition was sent."""
    if Mailing.objects.real().exists():
        return []
    run = requested_check_runs.latest_finished_run()
    skipped = set(SkippedStep.objects.filter(step__in=_ON_SERVER).values_list("step", flat=True))
    found = [
        OpenServerStep(
            str(name), str(without), requested_check_runs.worst_status(run, _CHECKS_OF_STEP[key]) != "missing"
        )
        for key, (name, without) in _ON_SERVER.items()
        if key not in skipped and not STEPS[key](run)
    ]
    if (
        "bounce_mailbox" not in skipped
        and requested_check_runs.worst_status(run, ("bounce_mx",)) == "problem"
    ):
        # The mailbox works, and nothing arrives in it: the page with the DNS records says so too.
        record = gettext("the MX record of the bounce domain")
        found.append(OpenServerStep(record, gettext("no bounces arrive"), checked=True))
    return found


def back_link(user: User, *, on_server: bool = False) -> tuple[str, str] | None:
    """Where the checklist is, and "Back to the checklist (3 of 7 steps done)"; None: the user sees none.

    The steps are those of the office, or those of the server.
    """
    if not user.has_perm(PERMISSION):
        return None
    found = setup_progress()
    if found.finished:
        return None
    done, total = found.counts(on_server=on_server)
    label = gettext("Back to the checklist (%(done)s of %(total)s steps done)")
    return f"{reverse('wagtailadmin_home')}#desk-setup", label % {"done": done, "total": total}


def checklist_message_buttons(user: User) -> list[Any]:
    """The link back as a button of a message."""
    found = back_link(user)
    return [messages.button(*found)] if found else []


@register.inclusion_tag("desk/back_to_checklist.html", takes_context=True)
def back_to_checklist(context: Context, *, on_server: bool = False) -> dict[str, Any]:
    """The link back on a page where a step ends."""
    return {"link": back_link(context["request"].user, on_server=on_server)}


def newsletter_settings_authors() -> set[int]:
    """Primary keys of those who changed a newsletter: they are authors of each of its editions."""
    newsletters = Newsletter.objects.exclude(slug=SLUG)
    changed = Authorship.objects.filter(newsletter__in=newsletters).exclude(user=None)
    return set(changed.order_by().values_list("user_id", flat=True).distinct())


def has_possible_approver(author: User) -> bool:
    """Whether an account may approve what this user writes.

    That is no account which the user, or who changed the newsletter, created or changed in the last 30 days.
    """
    return _can_be_approved(
        author, users_with_permission_and_email("mailer.approve_edition"), newsletter_settings_authors()
    )


def _can_be_approved(author: User, approvers: set[User], others: set[int]) -> bool:
    return bool(approvers_of({author.pk, *others}, approvers).able)


def _has_writer(_run: CheckRun | None) -> bool:
    """Whether a second account can submit editions: the first one is the admin's."""
    return len(users_with_permission_and_email("mailer.submit_edition")) > 1


def _has_approver(_run: CheckRun | None) -> bool:
    """Whether one person can submit an edition, and another one approve it."""
    approvers, others = (
        users_with_permission_and_email("mailer.approve_edition"),
        newsletter_settings_authors(),
    )
    return any(
        _can_be_approved(one, approvers, others)
        for one in users_with_permission_and_email("mailer.submit_edition")
    )


def _checks_pass(*checks: str) -> Callable[[CheckRun | None], bool]:
    # The demo sends to nobody.
    return lambda run: (
        settings.CONFIG.demo.enabled or requested_check_runs.worst_status(run, checks) in ("ok", "skipped")
    )


def _scheduled_once(_run: CheckRun | None) -> bool:
    return Mailing.objects.real().exists() or Snapshot.objects.filter(state=Snapshot.State.SCHEDULED).exists()


def _has_subscribers(_run: CheckRun | None) -> bool:
    confirmed = Subscription.objects.filter(state=Subscription.State.CONFIRMED)
    return confirmed.exclude(subscriber__email__endswith=f"@{DOMAIN}").exists()


# Whether each step is done, in the order of the checklist.
STEPS: dict[str, Callable[[CheckRun | None], bool]] = {
    "list": lambda run: MailingList.objects.exclude(slug=SLUG).exists(),
    "newsletter": lambda run: Newsletter.objects.exclude(slug=SLUG).exists(),
    "writer": _has_writer,
    "approver": _has_approver,
    "subscribers": _has_subscribers,
    "sources": lambda run: StorySource.objects.exists(),
    "edition": _scheduled_once,
    "relay": _checks_pass(*_CHECKS_OF_STEP["relay"]),
    "dns": lambda run: all(_checks_pass(one)(run) for one in _CHECKS_OF_STEP["dns"]),
    "bounce_mailbox": _checks_pass(*_CHECKS_OF_STEP["bounce_mailbox"]),
}
