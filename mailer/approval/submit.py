"""Submitting an edition: everything that subscribers would get is frozen in a snapshot under one hash."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext

from mailer import link_tracking
from mailer.approval import approve, authorship, review
from mailer.approval.approve import PreflightFailed, WrongState
from mailer.approval.models import Snapshot, SnapshotAuthor, SnapshotVariant
from mailer.approval.preflight import PreflightFinding, run_checks, sender_of
from mailer.editions.audience import Audience, ReaderCounts
from mailer.editions.models import Edition
from mailer.editions.rendering_input import content_of
from mailer.rendering import links, localization, variants
from mailer.rendering.data_types import Content, RenderedVariant, to_json
from subscribers.segments.rules import InvalidRule
from subscribers.stored_texts import stored, translated

VARIANT_LIMIT = 500
# Characters of the note to the approver.
NOTE_LIMIT = 2000


def submit(edition: Edition, user: User, now: datetime, note: str = "") -> Snapshot:
    """Create a snapshot of the edition's latest revision, for a second person to approve.

    `note`: what the submitter tells the approver. An earlier open snapshot is withdrawn. Raises NotPermitted,
    WrongState (already sent), and PreflightFailed with the text of every error.
    """
    approve.require_permission(user, "mailer.submit_edition")
    _require_not_sent(edition)
    with transaction.atomic():
        edition = _publish_latest_revision(edition, user)
        content = content_of(edition)
        audience = _audience(edition, now)
        rendered = render_all(content, audience)
        found = run_checks(edition, content, rendered, audience.count())
        if errors := [finding.text for finding in found if finding.level == "error"]:
            raise PreflightFailed(
                " ".join([gettext("This edition cannot be submitted yet."), *map(translated, errors)])
            )
        _withdraw_earlier(edition, user)
        return _freeze(edition, content, audience, rendered, found, user, now, note)


def _audience(edition: Edition, now: datetime) -> Audience:
    try:
        return Audience.of_edition(edition, now)
    except InvalidRule as error:
        raise PreflightFailed(
            gettext("The audience of this edition cannot be determined. %(error)s") % {"error": error}
        ) from error


def render_all(content: Content, audience: Audience) -> list[RenderedVariant]:
    """Every possible variant; beyond VARIANT_LIMIT those that current subscribers would get.

    A combination of countries without a story has no variant.
    """
    wanted, complete = variants.possible_variants(content, VARIANT_LIMIT)
    if not complete:
        head = content.masthead
        wanted = [
            (one.countries, localization.resolve_language(one.language, head.languages, head.fallbacks))
            for one in audience.combinations()
        ]
    found: dict[str, RenderedVariant] = {}
    for countries, language in wanted:
        try:
            variant = variants.render(content, countries, language)
        except variants.NothingToShow:
            continue
        found.setdefault(variant.key, variant)
    return list(found.values())


def _require_not_sent(edition: Edition) -> None:
    if Snapshot.objects.filter(edition=edition, mailings__dry_run_to="").exists():
        raise WrongState(gettext("This edition is being sent or was sent; it cannot be submitted again."))


def _publish_latest_revision(edition: Edition, user: User) -> Edition:
    """The edition with its latest saved revision published."""
    revision = edition.get_latest_revision()
    if revision is not None and (not edition.live or edition.has_unpublished_changes):
        # Users who may submit may also publish the latest revision: subscribers see nothing of it yet.
        revision.publish(user=user, skip_permission_checks=True)
    fresh: Edition = Edition.objects.select_related("newsletter").get(pk=edition.pk)
    return fresh


def _withdraw_earlier(edition: Edition, user: User) -> None:
    for snapshot in Snapshot.objects.filter(edition=edition, state__in=Snapshot.OPEN):
        approve.withdraw(snapshot, user, stored("replaced by a newer submission"))


def _freeze(
    edition: Edition,
    content: Content,
    audience: Audience,
    rendered: Sequence[RenderedVariant],
    found: Sequence[PreflightFinding],
    user: User,
    now: datetime,
    note: str,
) -> Snapshot:
    newsletter = edition.newsletter
    text = to_json(content)
    combinations = audience.combinations()
    readers = ReaderCounts.from_combinations(combinations, newsletter.languages, newsletter.fallbacks)
    until = now + timedelta(days=newsletter.window_days)
    because = authorship.authors_of(edition)
    because[user] = " and ".join(filter(None, (because.get(user), "submitted it")))
    manifest = approve.canonical(
        {
            "edition": edition.slug,
            "content": approve.digest(text),
            "variants": {
                v.key: approve.variant_digest(v.subject, v.preheader, v.html, v.text) for v in rendered
            },
            "fingerprints": authorship.fingerprints(edition),
            "sender": sender_of(newsletter),
            "tracking": link_tracking.policy_for_manifest(
                settings.CONFIG.tracking, links.outbound_links(content)
            ),
            "audience": audience.as_dict(),
            "audience_count": readers.total,
            "window": [now.isoformat(), until.isoformat()],
            "submitted_by": user.get_username(),
            "authors": approve.author_ids(who.pk for who in because),
        }
    )
    snapshot = Snapshot.objects.create(
        edition=edition,
        sha256=approve.digest(manifest),
        content=text,
        manifest=manifest,
        audience=audience.as_dict(),
        audience_count=readers.total,
        readers=readers._asdict(),
        findings=[{"level": finding.level, "text": finding.text} for finding in found],
        window_from=now,
        window_until=until,
        submitted_by=user,
        submitted_at=now,
        note=note.strip()[:NOTE_LIMIT],
        must_check=review.required_variants(newsletter.review_rule, content, combinations),
    )
    SnapshotVariant.objects.bulk_create([snapshot_variant(snapshot, variant) for variant in rendered])
    SnapshotAuthor.objects.bulk_create(
        [SnapshotAuthor(snapshot=snapshot, user=who, reason=why[:300]) for who, why in because.items()]
    )
    return snapshot


def snapshot_variant(snapshot: Snapshot, rendered: RenderedVariant) -> SnapshotVariant:
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
        sha256=approve.variant_digest(rendered.subject, rendered.preheader, rendered.html, rendered.text),
    )
