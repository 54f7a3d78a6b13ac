"""`mailer edition …`: an edition from assembly to approval, and control of its mailing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from django.conf import settings
from django.utils import timezone

from mailer.approval import snapshot_state_changes as approvals
from mailer.approval.models import Snapshot
from mailer.approval.required_approvals import OTHERS, unapproved_parts
from mailer.approval.snapshot_state_changes import ApprovalError
from mailer.cli import edition_report
from mailer.cli.argument_lookup import (
    AsUser,
    DryRun,
    EditionName,
    find,
    find_acting_user,
    find_edition,
    find_mailing,
    parse_time,
)
from mailer.cli.edition_command_results import dry_run_as_json, print_edition, record_action
from mailer.cli.output import Json, command_group, fail, failing_on, print_json, print_text
from mailer.delivery.models import Mailing
from mailer.editions.models import Edition, Newsletter
from mailer.reports.edition_state import edition_as_json
from subscribers import iso_codes

if TYPE_CHECKING:
    from mailer.rendering.data_types import RenderedVariant

# What renders, checks or sends is imported by the commands that do: it takes longer to load than most others
# take to run.
app = command_group("Assemble, preview, approve, send and report.")
app.add_typer(edition_report.app)


@app.command()
def assemble(
    newsletter: Annotated[str, typer.Argument(help="Slug or id.")],
    period: Annotated[
        str,
        typer.Option(help="Year and month, such as 2021-12, or the Monday of a week, such as 2021-12-06."),
    ] = "",
    name: Annotated[
        str, typer.Option(help="Instead of a period: the name of an edition outside of the schedule.")
    ] = "",
    as_of: Annotated[str, typer.Option(help="Assemble as of this time (ISO 8601); default: now.")] = "",
    json: Json = False,
) -> None:
    """Create the edition of a period from the stories that are ready, or an empty one with a name."""
    from mailer.editions import assemble as assembling

    if bool(period) == bool(name.strip()):
        raise typer.BadParameter("Give either --period or --name.")
    found = find(Newsletter, newsletter)
    now = parse_time(as_of) if as_of else assembling.now_or_demo_time(timezone.now())
    with failing_on(assembling.InvalidPeriod, assembling.EditionExists):
        made = (
            assembling.create_unscheduled_edition(found, name.strip(), now)
            if name.strip()
            else assembling.create_edition_unless_exists(found, period, now)
        )
        print_edition(made, json, "assembled")


@app.command("list")
def list_editions(json: Json = False) -> None:
    """List every edition, newest first."""
    for edition in Edition.objects.select_related("newsletter"):
        print_edition(edition, json, "")


@app.command()
def show(edition: EditionName, json: Json = False) -> None:
    """Show an edition's state and hash."""
    print_edition(find_edition(edition), json, "")


@app.command()
def check(edition: EditionName, json: Json = False) -> None:
    """Run the preflight checks; exit status 1 when an error prevents submission."""
    from mailer.approval.draft_check_cache import check_draft
    from mailer.editions.audience import Audience
    from mailer.editions.rendering_input import content_of

    found, now = find_edition(edition), timezone.now()
    combinations = Audience.of_edition(found, now).combinations()
    results = check_draft(found, content_of(found), combinations, now).findings
    if json:
        rows = [finding.as_dict() for finding in results]
        print_json({**edition_as_json(found), "findings": rows})
    else:
        for finding in results:
            print_text(f"{finding.level}: {finding.text} {finding.advice} [{finding.id}]")
            for one in finding.found:
                where = f"{one.place.label} ({one.place.language})" if one.place.language else one.place.label
                print_text(f"  {where}: {one.detail}" if one.detail else f"  {where}")
        print_text(f"Errors and warnings: {len(results)}." if results else "No errors or warnings.")
    if any(finding.blocks for finding in results):
        raise typer.Exit(1)


@app.command()
def preview(
    edition: EditionName,
    out: Annotated[Path, typer.Option(help="Folder for the two files.")],
    countries: Annotated[
        str, typer.Option(help="The subscriber's countries, such as KZ,UZ; none: every country.")
    ] = "",
    language: Annotated[str, typer.Option(help="The subscriber's language.")] = "en",
    json: Json = False,
) -> None:
    """Write the variant that such a subscriber would get: one .html and one .txt file."""
    from mailer.rendering import merge_tags

    found = find_edition(edition)
    chosen, rendered = _render_variant(found, countries, language)
    values = merge_tags.web_values(settings.CONFIG.site.url, language)
    values["countries"] = merge_tags.country_names_or_all(chosen, language)
    name = f"{found.slug}-{language}-{'-'.join(chosen) or 'all'}"
    files = {out / f"{name}.html": merge_tags.fill_html(rendered.html, values)}
    files[out / f"{name}.txt"] = merge_tags.fill_text(rendered.text, values)
    with failing_on(OSError):
        out.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            path.write_text(text, encoding="utf-8")
    if json:
        print_json(
            {
                **edition_as_json(found),
                "files": [str(path) for path in files],
                "notes": list(rendered.warnings),
            }
        )
    else:
        for line in [*(f"wrote {path}" for path in files), *rendered.warnings]:
            print_text(line)


@app.command("test-send")
def test_send(
    edition: EditionName,
    to: Annotated[str, typer.Option(help="The address of a member of staff.")],
    countries: Annotated[str, typer.Option(help="As for preview.")] = "",
    language: Annotated[str, typer.Option(help="As for preview.")] = "en",
    json: Json = False,
) -> None:
    """Send one message, marked as a test, to a member of staff through the outbox."""
    from mailer.delivery.outbox import staff_test_sends

    found = find_edition(edition)
    _, rendered = _render_variant(found, countries, language)
    with failing_on(ValueError):
        staff_test_sends.enqueue([rendered], found.newsletter, to, timezone.now())
    print_edition(found, json, f"test message to {to} is in the outbox")


@app.command()
def submit(
    edition: EditionName,
    user: AsUser,
    override: Annotated[
        list[str] | None,
        typer.Option(
            help="The id of an error that `check` prints, and why it may be sent, as "
            "“link.dead:0f3a9c21be77=The page opens on Monday”; repeatable. The approver reads the reason."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Freeze the edition and request approval."""
    from mailer.approval.submit import submit as submit_edition

    found = find_edition(edition)
    reasons = {key: reason for key, _, reason in (one.partition("=") for one in override or ())}
    with failing_on(ApprovalError):
        submit_edition(found, find_acting_user(user), timezone.now(), overrides=reasons)
    print_edition(found, json, "submitted")


@app.command()
def approve(
    edition: EditionName,
    user: AsUser,
    sha256: Annotated[
        str, typer.Option("--hash", help="The hash of the content that was reviewed; `show` prints it.")
    ],
    language: Annotated[
        list[str] | None,
        typer.Option(
            help="A language that needs an approval of its own, or “others”; repeatable; default: all."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Approve exactly one hash; authors of the edition are refused."""
    found = find_edition(edition)
    with failing_on(ApprovalError):
        snapshot = _open_snapshot(found)
        parts = [OTHERS if code == "others" else code for code in language] if language else None
        approvals.approve(
            snapshot, find_acting_user(user), sha256, timezone.now(), parts_to_approve=parts, by_command=True
        )
    missing = ", ".join(part or "others" for part in unapproved_parts(snapshot))
    print_edition(found, json, f"approved in part; missing: {missing}" if missing else "approved")


@app.command()
def reject(
    edition: EditionName,
    user: AsUser,
    sha256: Annotated[str, typer.Option("--hash", help="The hash of the content that was reviewed.")],
    reason: Annotated[str, typer.Option(help="Why; the writers read it.")],
    json: Json = False,
) -> None:
    """Reject exactly one hash: the submission ends; authors of the edition are refused."""
    found = find_edition(edition)
    with failing_on(ApprovalError):
        approvals.reject(
            _open_snapshot(found), find_acting_user(user), sha256, reason, timezone.now(), by_command=True
        )
    print_edition(found, json, "rejected")


@app.command()
def schedule(
    edition: EditionName,
    user: AsUser,
    at: Annotated[str, typer.Option(help="When to send (ISO 8601 with zone); default: now.")] = "",
    local_hour: Annotated[
        int | None,
        typer.Option(min=0, max=23, help="From then on, send to each subscriber at this hour of their day."),
    ] = None,
    json: Json = False,
) -> None:
    """Schedule the approved edition for sending."""
    found = find_edition(edition)
    with failing_on(ApprovalError):
        snapshot = approvals.schedule(
            _open_snapshot(found),
            find_acting_user(user),
            parse_time(at) if at else None,
            timezone.now(),
            local_hour=local_hour,
        )
    left = snapshot.send_at - timezone.now() if snapshot.send_at else None
    undo = f"; to undo it before then: mailer edition unschedule {found.slug} --as {user}"
    done = f"scheduled for {snapshot.send_at:%Y-%m-%d %H:%M:%S} UTC"
    print_edition(found, json, done + (undo if left and left.total_seconds() > 0 else ""))


@app.command()
def unschedule(edition: EditionName, user: AsUser, json: Json = False) -> None:
    """Cancel the schedule, also after "now", as long as no message was sent."""
    found = find_edition(edition)
    with failing_on(ApprovalError):
        approvals.unschedule(_open_snapshot(found), find_acting_user(user))
    print_edition(found, json, "no longer scheduled")


@app.command()
def pause(edition: EditionName, of_dry_run: DryRun = False, json: Json = False) -> None:
    """Pause sending until `resume`."""
    _control(edition, of_dry_run, "pause", json, "paused")


@app.command()
def resume(
    edition: EditionName,
    of_dry_run: DryRun = False,
    all_steps: Annotated[
        bool, typer.Option("--all", help="Of a mailing with rollout steps, send all remaining steps at once.")
    ] = False,
    json: Json = False,
) -> None:
    """Resume sending; a mailing that is held for confirmation is confirmed."""
    if all_steps:
        _control(edition, of_dry_run, "release_all", json, "all remaining steps released")
    elif find_mailing(find_edition(edition), of_dry_run).state == Mailing.State.HELD:
        _control(edition, of_dry_run, "confirm_audience", json, "its audience is confirmed")
    else:
        _control(edition, of_dry_run, "resume", json, "resumed")


@app.command()
def cancel(edition: EditionName, of_dry_run: DryRun = False, json: Json = False) -> None:
    """Cancel the mailing for good; messages that are not sent yet are excluded."""
    _control(edition, of_dry_run, "cancel", json, "cancelled")


@app.command("dry-run")
def dry_run(
    edition: EditionName,
    to: Annotated[str, typer.Option(help="The member of staff who gets all messages.")],
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Subscribers at most; every variant is sent before any is sent twice."),
    ] = None,
    json: Json = False,
) -> None:
    """Start a dry run: compose every subscriber's message and send all of them to a member of staff."""
    from mailer.delivery.rollout import mailing_control

    found = find_edition(edition)
    with failing_on(mailing_control.ControlError):
        mailing = mailing_control.create_dry_run_mailing(
            found.snapshots.first(), to, limit, None, timezone.now()
        )
    record_action(found, "dry_run", to=mailing.dry_run_to)
    if json:
        print_json({**edition_as_json(found), **dry_run_as_json(mailing)})
    else:
        print_text(
            f"{found.slug}: the worker sends the dry run to {mailing.dry_run_to}; "
            f"`mailer edition report {found.slug} --dry-run` shows its progress"
        )


def _render_variant(
    edition: Edition, countries: str, language: str
) -> tuple[tuple[str, ...], RenderedVariant]:
    """The countries of the option, parsed, and the variant for them. Fails if it would have no story."""
    from mailer.editions.rendering_input import content_of
    from mailer.rendering import variants

    with failing_on(ValueError, variants.NothingToShow):
        chosen = iso_codes.parse_countries(countries.split(","))
        return chosen, variants.render(content_of(edition), chosen, language)


def _control(name: str, of_dry_run: bool, action: str, json: bool, done: str) -> None:
    from mailer.delivery.rollout import mailing_control

    changes = {
        "pause": mailing_control.pause,
        "resume": mailing_control.resume,
        "release_all": mailing_control.release_all,
        "confirm_audience": mailing_control.confirm_audience_and_start_sending,
        "cancel": mailing_control.cancel,
    }
    edition = find_edition(name)
    mailing = find_mailing(edition, of_dry_run)
    with failing_on(mailing_control.ControlError):
        changes[action](mailing, None, timezone.now())
    record_action(edition, action)
    if not of_dry_run:
        print_edition(edition, json, done)
    elif json:
        print_json({**edition_as_json(edition), **dry_run_as_json(mailing)})
    else:
        print_text(f"{edition.slug}: dry run {done}; {mailing.get_state_display()}")


def _open_snapshot(edition: Edition) -> Snapshot:
    snapshot: Snapshot | None = edition.snapshots.filter(state__in=Snapshot.OPEN).first()
    if snapshot is None:
        last = edition.snapshots.first()
        reason = f" {last.invalidated_reason}" if last and last.invalidated_reason else ""
        fail(f"{edition.slug} is not submitted, or was changed since.{reason} Submit it first.")
    return snapshot
