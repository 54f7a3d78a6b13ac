"""What pages may do in the browser is limited, and unused parts of Wagtail are not there."""

from __future__ import annotations

import pytest
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse

from tests.desk.cast import Desk, as_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _content_types() -> None:
    """Those of the tests' database may have other ids than the remembered ones."""
    ContentType.objects.clear_cache()


ENFORCED, REPORTED = "Content-Security-Policy", "Content-Security-Policy-Report-Only"


def scripts(policy: str) -> list[str]:
    (found,) = (part.split()[1:] for part in policy.split(";") if part.split()[0] == "script-src")
    return found


@pytest.mark.parametrize(
    ("name", "inline"),
    [
        ("desk_replies:index", False),
        ("desk_imports:index", False),
        ("desk_imports:add", False),
        ("account_login", False),
        ("desk_stories:add", True),
        ("desk_subscribers:index", False),
        ("wagtailadmin_reports:site_history", True),
    ],
)
def test_scripts_within_a_page_run_only_where_wagtails_forms_need_them(
    desk: Desk, name: str, inline: bool
) -> None:
    answer = (Client() if name == "account_login" else as_user(desk.admin)).get(reverse(name))
    assert answer.status_code == 200
    assert ("'unsafe-inline'" in scripts(answer[ENFORCED])) == inline
    assert "'unsafe-eval'" not in answer[ENFORCED]
    assert ("<script>" in answer.content.decode()) <= inline
    for part in ("object-src 'none'", "base-uri 'none'", "frame-ancestors 'self'", "form-action 'self'"):
        assert part in answer[ENFORCED]


def test_the_policy_of_the_desk_can_be_reported_only(desk: Desk, configure) -> None:
    configure(site={"desk_policy": "report"})
    answer = as_user(desk.admin).get(reverse("wagtailadmin_home"))
    assert ENFORCED not in answer and REPORTED in answer


def test_pages_of_readers_run_no_scripts_and_no_page_uses_the_machine() -> None:
    for path in ("/", "/archive/", "/preferences/nonsense/", "/healthz"):
        answer = Client().get(path)
        assert "camera=()" in answer["Permissions-Policy"]
        if path != "/healthz":
            assert "default-src 'none'" in answer[ENFORCED]
            assert "script-src" not in answer[ENFORCED]


def test_browsers_remember_that_the_site_has_tls(settings) -> None:
    settings.SECURE_HSTS_SECONDS = 31_536_000
    answer = Client().get("/", secure=True)
    assert answer["Strict-Transport-Security"] == "max-age=31536000"
