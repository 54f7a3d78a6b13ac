"""A December edition that was sealed and is being sent, to readers in two languages and countries."""

from __future__ import annotations

from typing import Any

import pytest

from mailer.approval import seal
from mailer.approval.models import FrozenVariant
from mailer.approval.submit import submit
from mailer.delivery import release
from mailer.delivery.models import Delivery, Mailing
from tests import cast
from tests.cast import NOW


@pytest.fixture
def mailing(db: None, settings: Any) -> Mailing:
    """Eight readers of Kazakhstan in English, six in Russian; two of Tajikistan."""
    staff = cast.staff()
    edition = cast.december(staff.writer)
    for number in range(16):
        countries = ("KZ",) if number < 14 else ("TJ",)
        cast.reader(f"reader-{number}", countries, "en" if number < 8 else "ru")
    copy = submit(edition, staff.admin, NOW)
    seal.approve(copy, staff.approver, copy.sha256, NOW)
    seal.schedule(copy, staff.approver, NOW, NOW)
    (planned,) = release.release_due(NOW)
    return planned


@pytest.fixture
def variants(mailing: Mailing) -> dict[str, FrozenVariant]:
    """What the mailing's readers get, by "KZ en" and the like."""
    rows = Delivery.objects.filter(mailing=mailing).select_related("variant")
    return {f"{row.countries} {row.variant.language}": row.variant for row in rows if row.variant}
