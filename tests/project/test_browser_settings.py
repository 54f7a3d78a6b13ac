"""A site with https has the settings that browsers need to protect its visitors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = (
    *("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"),
    *("SESSION_COOKIE_HTTPONLY", "SECURE_HSTS_SECONDS", "SECURE_CONTENT_TYPE_NOSNIFF"),
    *("SECURE_REFERRER_POLICY", "DEBUG"),
)


def settings_of(url: str) -> dict[str, object]:
    """The settings of a process whose site has this address."""
    code = (
        "import json; from django.conf import settings; "
        f"print(json.dumps({{name: getattr(settings, name) for name in {NAMES!r}}}))"
    )
    environment = {**os.environ, "MAILER_SITE__URL": url, "DJANGO_SETTINGS_MODULE": "mailer.settings"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_site_with_https() -> None:
    assert settings_of("https://news.example.org") == {
        "SESSION_COOKIE_NAME": "__Host-sessionid",
        "CSRF_COOKIE_NAME": "__Host-csrftoken",
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": True,
        "SECURE_HSTS_SECONDS": 365 * 24 * 3600,
        "SECURE_CONTENT_TYPE_NOSNIFF": True,
        "SECURE_REFERRER_POLICY": "same-origin",
        "DEBUG": False,
    }


def test_a_site_without_https_works_as_well() -> None:
    found = settings_of("http://localhost:8000")
    assert (found["SESSION_COOKIE_NAME"], found["SECURE_HSTS_SECONDS"]) == ("sessionid", 0)
