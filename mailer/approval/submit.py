"""Submitting an edition: everything that subscribers would get is frozen in a snapshot under one hash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext

from mailer import link_tracking, staff_localization
from mailer.approval import (
    content_changes_and_authors,
    required_approvals,
    review_comments_and_checked_variants,
    snapshot_hashes,
    snapshot_state_changes,
)
from mailer.approval.models import Snapshot, SnapshotAuthor, SnapshotVariant, StaffNotice
from mailer.approval.outcome_notices import withdrawal_notice_key
from mailer.approval.preflight import findings_and_overrides as preflight
from mailer.approval.preflight.findings_and_overrides import Finding, OverrideRefused
from mailer.approval.preflight.load_check_input import load_description
from mailer.approval.sender_and_list_headers import sender_fields
from mailer.approval.snapshot_state_changes import PreflightFailed, WrongState
from mailer.editions.audience import Audience, Combination, ReaderCounts
from mailer.editions.models import Edition
from mailer.editions.rendering_input import content_of
from mailer.rendering import links, localization, story_selection, variants
from mailer.rendering.data_types import Content, RenderedVariant, to_json
from subscribers.segments.rule_format import InvalidRule
from subscribers.translate_stored_texts import stored, translated

VARIANT_LIMIT = 500
# Characters of the note to the approver.
NOTE_LIMIT = 2000


def submit(
    edition: Edition,
    user: User,
    now: datetime,
    note: str = "",
    overrides: Mapping[str, str] | None = None,
) -> Snapshot:
    """Create a snapshot of the edition's latest revision, for a second person to approve.

    `note`: what the submitter tells the approver. `overrides`: reasons for sending in spite of errors, by the
    ids of the findings; the approver reads them. An earlier open snapshot is withdrawn. Raises NotPermitted,
    WrongState (already sent), and PreflightFailed with the text of every error that is not overridden.
    """
    # Slow to load: its modules compile many expressions, and most commands check nothing.
    from mailer.approval.preflight.check_table import CHECKS

    snapshot_state_changes.require_permission(user, "mailer.submit_edition")
    with transaction.atomic():
        # One submission at a time, and none while a writer's change is being saved.
        Edition.objects.select_for_update().get(pk=edition.pk)
        _require_not_sent(edition)
        edition = _publish_latest_revision(edition, user)
        content = content_of(edition)
        audience = _audience(edition, now)
        combinations = audience.combinations()
        rendered = render_possible_variants(content, combinations)
        description = load_description(edition, content, combinations, now)
        found = _overridden(
            preflight.run_checks(CHECKS, replace(description, variants=tuple(rendered))),
            overrides or {},
            user,
        )
        if errors := [_in_short(finding) for finding in found if finding.blocks]:
            raise PreflightFailed(" ".join([gettext("This edition cannot be submitted yet."), *errors]))
        _withdraw_earlier(edition, user, now)
        return _freeze(edition, content, audience, combinations, rendered, found, user, now, note)


def _in_short(finding: Finding) -> str:
    """The error and its first place, for a message."""
    first = finding.found[0]
    language = staff_localization.language_name(first.place.language) if first.place.language else ""
    parts = filter(None, (translated(first.place.label), language, translated(first.detail)))
    return f"{translated(finding.text)} ({': '.join(parts)})"


def _overridden(found: Sequence[Finding], reasons: Mapping[str, str], user: User) -> tuple[Finding, ...]:
    try:
        return preflight.with_overrides(found, reasons, user.get_username())
    except OverrideRefused as error:
        raise PreflightFailed(
            gettext(
                "The error %(code)s has changed since you gave a reason for it, or it cannot "
                "be ignored. Look at the checks again."
            )
            % {"code": error.code}
        ) from error


def _audience(edition: Edition, now: datetime) -> Audience:
    try:
        return Audience.of_edition(edition, now)
    except InvalidRule as error:
        raise PreflightFailed(
            gettext("The audience of this edition cannot be determined. %(error)s") % {"error": error}
        ) from error


def render_possible_variants(
    content: Content, fallback_combinations: Iterable[Combination]
) -> list[RenderedVariant]:
    """Every possible variant; where those are more than VARIANT_LIMIT, the first of the audience's.

    `fallback_combinations` come most frequent first. Readers who get no email have no variant.
    """
    selector = story_selection.Selector(content)
    wanted, complete = variants.countries_and_language_per_variant(content, VARIANT_LIMIT)
    if not complete:
        head = content.masthead
        wanted = [
            (one.countries, localization.resolve_language(one.language, head.languages, head.fallbacks))
            for one in fallback_combinations
        ]
    found: dict[tuple[tuple[str, ...], str], RenderedVariant] = {}
    for countries, language in wanted:
        selection = selector.select(countries)
        if selection.skipped or (selection.keys, language) in found:
            continue
        found[selection.keys, language] = variants.render_selection(content, selection, countries, language)
        if len(found) == VARIANT_LIMIT:
            break
    return list(found.values())


def _require_not_sent(edition: Edition) -> None:
    if Snapshot.objects.filter(edition=edition, mailings__dry_run_to="").exists():
        raise WrongState(gettext("This edition is being sent or was sent, so it cannot be submitted again."))


def _publish_latest_revision(edition: Edition, user: User) -> Edition:
    """The edition with its latest saved revision published."""
    revision = edition.get_latest_revision()
    if revision is not None and (not edition.live or edition.has_unpublished_changes):
        # Users who may submit may also publish the latest revision: subscribers see nothing of it yet. The
        # submission is in the log.
        revision.publish(user=user, skip_permission_checks=True, log_action=False)
    fresh: Edition = Edition.objects.select_related("newsletter").get(pk=edition.pk)
    return fresh


def _withdraw_earlier(edition: Edition, user: User, now: datetime) -> None:
    for snapshot in Snapshot.objects.filter(edition=edition, state__in=Snapshot.OPEN):
        snapshot_state_changes.withdraw(
            snapshot, user, stored("replaced by a newer submission of the edition")
        )
        # Nobody requested changes, and the edition is no draft: no email says so.
        StaffNotice.objects.create(key=withdrawal_notice_key(snapshot), at=now)


def _freeze(
    edition: Edition,
    content: Content,
    audience: Audience,
    combinations: Sequence[Combination],
    rendered: Sequence[RenderedVariant],
    found: Sequence[Finding],
    user: User,
    now: datetime,
    note: str,
) -> Snapshot:
    newsletter = edition.newsletter
    text = to_json(content)
    readers = ReaderCounts.from_combinations(combinations, newsletter.languages, newsletter.fallbacks)
    until = now + timedelta(days=newsletter.window_days)
    because = content_changes_and_authors.authors_of_unapproved_changes(edition)
    because[user] = " and ".join(filter(None, (because.get(user), "submitted the edition")))
    # Nobody can check what is rendered only when it is sent.
    stored_keys = {variant.key for variant in rendered}
    must_check = review_comments_and_checked_variants.required_variants(
        newsletter.review_rule, content, combinations
    )
    parts = required_approvals.encode_parts(required_approvals.required_parts(newsletter))
    manifest = snapshot_hashes.manifest_json(
        {
            "edition": edition.slug,
            "content": snapshot_hashes.sha256_hex(text),
            "variants": {
                v.key: snapshot_hashes.variant_digest(v.subject, v.preheader, v.html, v.text)
                for v in rendered
            },
            "fingerprints": content_changes_and_authors.fingerprints(edition),
            "sender": sender_fields(newsletter),
            "tracking": link_tracking.policy_for_manifest(
                settings.CONFIG.tracking, links.trackable_links(content)
            ),
            "audience": audience.as_dict(),
            "audience_count": readers.total,
            "window": [now.isoformat(), until.isoformat()],
            "approvals": parts,
            "overrides": {one.id: one.override.reason for one in found if one.override},
            "submitted_by": user.get_username(),
            "authors": snapshot_hashes.encode_author_ids(who.pk for who in because),
        }
    )
    snapshot = Snapshot.objects.create(
        edition=edition,
        sha256=snapshot_hashes.sha256_hex(manifest),
        content=text,
        manifest=manifest,
        audience=audience.as_dict(),
        audience_count=readers.total,
        readers=readers._asdict(),
        findings=[finding.as_dict() for finding in found],
        window_from=now,
        window_until=until,
        submitted_by=user,
        submitted_at=now,
        note=note.strip()[:NOTE_LIMIT],
        must_check=[key for key in must_check if key in stored_keys],
        approval_parts=parts,
    )
    SnapshotVariant.objects.bulk_create([variant_row(snapshot, variant) for variant in rendered])
    SnapshotAuthor.objects.bulk_create(
        [SnapshotAuthor(snapshot=snapshot, user=who, reason=why[:300]) for who, why in because.items()]
    )
    return snapshot


def variant_row(snapshot: Snapshot, rendered: RenderedVariant) -> SnapshotVariant:
    """The row, not yet saved, for a rendered variant of a copy."""
    return SnapshotVariant(
        snapshot=snapshot,
        key=rendered.key,
        language=rendered.language,
        stories=",".join(rendered.stories),
        subject=rendered.subject,
        preheader=rendered.preheader,
        html=rendered.html,
        text=rendered.text,
        sha256=snapshot_hashes.variant_digest(
            rendered.subject, rendered.preheader, rendered.html, rendered.text
        ),
    )


def rendered_variant(row: SnapshotVariant) -> RenderedVariant:
    """The variant as it was rendered, merge tags included."""
    return RenderedVariant(
        key=row.key,
        language=row.language,
        stories=tuple(row.stories.split(",")),
        subject=row.subject,
        preheader=row.preheader,
        html=row.html,
        text=row.text,
    )
