"""A newsletter's own template parts: their origins, their versions, and what a snapshot keeps of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from mailer.approval import submit as submitting
from mailer.approval.snapshot_state_changes import PreflightFailed
from mailer.delivery.models import Delivery
from mailer.delivery.rollout import advance_mailings
from mailer.editions import newsletter_template_parts
from mailer.editions.models import Newsletter
from mailer.editions.rendering_input import content_of, masthead_of
from mailer.rendering import template_sandbox
from tests import cast
from tests.delivery.cast import NOW, approved_snapshot

FOOT = "blocks/foot.mjml"
DEFAULT = template_sandbox.default_source(FOOT)
pytestmark = pytest.mark.django_db


def with_line(text: str) -> str:
    return DEFAULT.replace("{{ digest.office }}", f"{text} {{{{ digest.office }}}}")


@pytest.fixture
def folder(tmp_path: Path, configure) -> Path:
    configure(site={"templates": str(tmp_path)})
    return tmp_path


def put(folder: Path, newsletter: Newsletter, part: str, source: str) -> None:
    file = folder / newsletter.slug / part
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source, encoding="utf-8")


def test_a_part_of_the_desk_wins_over_the_folder_and_only_parts_are_read(folder: Path) -> None:
    newsletter = cast.newsletter()
    put(folder, newsletter, FOOT, with_line("Folder"))
    put(folder, newsletter, "notes.md", "not a part")
    (folder / "secret.mjml").write_text("outside")
    (folder / newsletter.slug / "link.mjml").symlink_to(folder / "secret.mjml")
    assert dict(newsletter_template_parts.template_part_overrides(newsletter)) == {FOOT: with_line("Folder")}
    newsletter_template_parts.save_part(
        newsletter, FOOT, with_line("Desk"), masthead_of(newsletter), None, NOW
    )
    assert dict(masthead_of(newsletter).templates) == {FOOT: with_line("Desk")}
    newsletter_template_parts.save_part(newsletter, FOOT, None, masthead_of(newsletter), None, NOW)
    assert dict(masthead_of(newsletter).templates) == {FOOT: with_line("Folder")}
    assert [one.source for one in newsletter.template_versions.all()] == [None, with_line("Desk")]


def test_a_part_with_a_problem_is_refused_and_nothing_is_saved() -> None:
    newsletter = cast.newsletter()
    with pytest.raises(newsletter_template_parts.PartRefused) as refused:
        newsletter_template_parts.save_part(
            newsletter, FOOT, "<mj-section>\n<p>", masthead_of(newsletter), None, NOW
        )
    assert {one.part for one in refused.value.problems} == {FOOT}
    newsletter.refresh_from_db()
    assert newsletter.templates == {} and not newsletter.template_versions.exists()


def test_an_approved_edition_keeps_its_parts_and_later_variants_use_them(folder, monkeypatch) -> None:
    monkeypatch.setattr(submitting, "VARIANT_LIMIT", 1)
    cast.reader("kazakh", ("KZ",))
    # The newsletter of `approved_snapshot`.
    newsletter = Newsletter(slug="silk-road-monthly")
    put(folder, newsletter, FOOT, with_line("As approved"))
    snapshot = approved_snapshot()
    hash_before = snapshot.sha256
    (stored,) = snapshot.variants.all()
    assert "As approved" in stored.html
    put(folder, newsletter, FOOT, with_line("Changed later"))
    assert "Changed later" in dict(content_of(snapshot.edition).masthead.templates)[FOOT]
    cast.reader("tajik", ("TJ",), "ru")
    advance_mailings.create_and_start_or_hold_due_mailings(NOW + timedelta(minutes=1))
    snapshot.refresh_from_db()
    assert snapshot.sha256 == hash_before and Delivery.objects.count() == 2
    first, late = snapshot.variants.order_by("pk")
    assert (first.html, first.sha256) == (stored.html, stored.sha256)
    assert "As approved" in late.html and "Changed later" not in late.html


def test_an_edition_whose_part_fails_cannot_be_submitted(folder) -> None:
    writer = User.objects.create_superuser("dana", "dana@office.example.org", "a long password")
    edition = cast.december()
    put(folder, edition.newsletter, FOOT, DEFAULT + "{{ nothing }}")
    with pytest.raises(PreflightFailed) as refused:
        submitting.submit(edition, writer, NOW)
    assert FOOT in str(refused.value)
