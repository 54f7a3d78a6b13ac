"""Sign-in by OpenID Connect, against a provider of our own on loopback."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client, override_settings

from mailer.config import ConfigError, parse
from tests.accounts.conftest import PASSWORD, actions, signed_in
from tests.accounts.test_second_factor import set_up_app
from tests.project.test_project import ROOT

pytestmark = pytest.mark.django_db


class Provider(BaseHTTPRequestHandler):
    """Says of every user what `claims` holds."""

    claims: dict[str, Any] = {}

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        root = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._answer(
            {
                "issuer": root,
                "authorization_endpoint": f"{root}/authorize",
                "token_endpoint": f"{root}/token",
                "userinfo_endpoint": f"{root}/userinfo",
                "jwks_uri": f"{root}/keys",
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            }
            if self.path.startswith("/.well-known/")
            else self.claims
        )

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        root = f"http://127.0.0.1:{self.server.server_address[1]}"
        token = {**self.claims, "iss": root, "aud": "desk", "exp": time.time() + 60, "iat": time.time()}
        # Proof Key for Code Exchange, RFC 7636.
        valid = form["code"] == ["good"] and form["code_verifier"][0]
        self._answer(
            {
                "access_token": "x",
                "token_type": "Bearer",
                "id_token": jwt.encode(token, "only a test of thirty-two octets", "HS256"),
            }
            if valid
            else {"error": "invalid_grant"},
            200 if valid else 400,
        )

    def _answer(self, body: dict[str, Any], status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


@pytest.fixture
def provider() -> Iterator[type[Provider]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    issuer = f"http://127.0.0.1:{server.server_address[1]}"
    app = {
        "provider_id": "office",
        "client_id": "desk",
        "secret": "secret",
        "settings": {"server_url": issuer},
    }
    configured = dataclasses.replace(settings.CONFIG.oidc, issuer=issuer, name="the directory")
    with override_settings(
        CONFIG=dataclasses.replace(settings.CONFIG, oidc=configured),
        SOCIALACCOUNT_PROVIDERS={"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}},
    ):
        yield Provider
    server.shutdown()
    thread.join()
    server.server_close()


def through(browser: Client, claims: dict[str, Any], code: str = "good", process: str = "login") -> Any:
    """Go to the provider and come back."""
    Provider.claims = {"sub": "17", **claims}
    answer = browser.post("/accounts/oidc/office/login/", {"process": process})
    sent_to = urlsplit(answer["Location"])
    assert sent_to.path == "/authorize"
    query = parse_qs(sent_to.query)
    assert query["code_challenge_method"] == ["S256"]
    return browser.get("/accounts/oidc/office/login/callback/", {"code": code, "state": query["state"][0]})


def test_an_account_signs_in_by_its_confirmed_address(dana: User, provider: type[Provider]) -> None:
    browser = Client()
    assert 'id="oidc_form"' in browser.get("/accounts/sign-in/").content.decode()
    answer = through(browser, {"email": "Dana@Office.example.org", "email_verified": True})
    assert answer["Location"] == "/desk/"
    assert signed_in(browser)
    assert actions(dana) == ["accounts.sign_in"]
    # The password stays as it is.
    assert User.objects.get(pk=dana.pk).check_password(PASSWORD)


@pytest.mark.parametrize(
    ("answer", "status"), [(b"", 404), (b"not JSON", 200), (b"[]", 200), (b"{}", 200), (b"{}", 503)]
)
def test_a_provider_that_does_not_answer_leads_back_to_the_sign_in_page(
    db: None, provider: type[Provider], monkeypatch: pytest.MonkeyPatch, answer: bytes, status: int
) -> None:
    def do_get(self: Provider) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(answer)

    monkeypatch.setattr(provider, "do_GET", do_get)
    browser = Client()
    back = browser.post("/accounts/oidc/office/login/", {"process": "login"})
    assert (back.status_code, back["Location"]) == (302, "/accounts/sign-in/")
    page = browser.get("/accounts/sign-in/")
    assert [message.level_tag for message in page.context["messages"]] == ["error"]
    assert actions() == ["accounts.sign_in_failed"]


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "dana@office.example.org", "email_verified": False},
        {"email": "dana@office.example.org"},
        {"email": "stranger@example.org", "email_verified": True},
        {"preferred_username": "dana", "email": "", "email_verified": True},
    ],
)
def test_nobody_else_does_and_no_account_is_created(
    dana: User, provider: type[Provider], claims: dict[str, Any]
) -> None:
    browser = Client()
    assert through(browser, claims)["Location"] == "/accounts/sign-in/"
    assert not signed_in(browser)
    assert User.objects.count() == 1
    assert actions(None) == ["accounts.sign_in_failed"]


def test_a_refused_code_a_foreign_state_and_a_closed_account_sign_nobody_in(
    dana: User, provider: type[Provider]
) -> None:
    claims = {"email": "dana@office.example.org", "email_verified": True}
    browser = Client()
    assert through(browser, claims, code="bad")["Location"] == "/accounts/sign-in/"
    answer = browser.get("/accounts/oidc/office/login/callback/", {"code": "good", "state": "made-up"})
    assert answer["Location"] == "/accounts/sign-in/"
    User.objects.filter(pk=dana.pk).update(is_active=False)
    through(browser, claims)
    assert not signed_in(browser)


def test_the_second_factor_is_asked_for_all_the_same(dana: User, provider: type[Provider]) -> None:
    first, browser = Client(), Client()
    first.force_login(dana)
    set_up_app(first)
    answer = through(browser, {"email": "dana@office.example.org", "email_verified": True})
    assert answer["Location"] == "/accounts/security/authenticate/"
    assert not signed_in(browser)


def test_without_a_provider_there_is_no_such_page() -> None:
    assert Client().post("/accounts/oidc/office/login/").status_code == 404
    assert "oidc_form" not in Client().get("/accounts/sign-in/").content.decode()


@pytest.mark.parametrize(
    "oidc",
    [{"issuer": "http://login.example.org"}, {"issuer": "https://login.example.org", "client_id": "x"}],
)
def test_an_unsafe_or_incomplete_provider_is_refused(oidc: dict[str, str]) -> None:
    site = {"url": "https://news.example.org", "name": "x"}
    with pytest.raises(ConfigError, match=r"\[oidc\]"):
        parse({"site": site, "oidc": oidc}, {}, home=ROOT, origin="test")
