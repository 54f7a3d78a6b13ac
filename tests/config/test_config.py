"""The configuration: errors name section and key; secrets come from files or the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mailer.config import Config, ConfigError, file_modes, load, parse

SITE = {"url": "https://news.example.org", "name": "Office"}


def read(table: dict[str, Any], environment: dict[str, str] | None = None, home: Path = Path()) -> Config:
    return parse(table, environment or {}, home=home, origin="config.toml")


def test_missing_keys_have_defaults() -> None:
    config = read({"site": SITE})
    assert config.database.url == "sqlite:///mailer.db"
    assert config.sending.in_doubt == "resend"


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ({"site": {**SITE, "colour": "red"}}, ("unknown", "`colour`", "[site]")),
        ({"site": SITE, "smpt": {}}, ("unknown", "[smpt]")),
        ({"site": {"url": SITE["url"]}}, ("[site]", "`name`")),
        ({"site": {**SITE, "url": "news.example.org"}}, ("[site] url",)),
        ({"site": {**SITE, "url": "https://news.example.org/"}}, ("[site] url",)),
        ({"site": {**SITE, "timezone": "Almaty"}}, ("[site] timezone", "'Almaty'")),
        ({"site": {**SITE, "countries": [1, 2]}}, ("[site] countries",)),
        ({"site": {**SITE, "countries": ["KZ", "kg"]}}, ("[site]", "countries", "'kg'")),
        ({"site": {**SITE, "countries": ["Kazakhstan"]}}, ("[site]", "countries", "'Kazakhstan'")),
        ({"site": {**SITE, "languages": ["en", "RU"]}}, ("[site]", "languages", "'RU'")),
        ({"site": {**SITE, "debug": "perhaps"}}, ("[site] debug", "'perhaps'")),
        *(
            ({"site": {**SITE, "url": url}}, ("[site] url",))
            for url in (
                "https://news example.org",
                "https://news.example.org\n",
                "https://u:p@news.example.org",
                "https://news.example.org:99999",
                "https://news.example.org:0",
                "https://news.example.org/letters",
                "https://news.example.org?a",
                "https://[::1",
                "https://",
            )
        ),
        ({"site": {**SITE, "email": "nonsense"}}, ("[site]", "email")),
        ({"site": {**SITE, "email": "news@example.org\nBcc: x@example.org"}}, ("[site]", "email")),
        ({"site": {**SITE, "email": "News <news@example.org>"}}, ("[site]", "email")),
        ({"site": SITE, "bounces": {"domain": "bounces.example.org."}}, ("[bounces]", "domain")),
        ({"site": SITE, "bounces": {"domain": "b@example.org"}}, ("[bounces]", "domain")),
        ({"site": {**SITE, "name": 7}}, ("[site] name",)),
        ({"site": SITE, "smtp": {"port": float("inf")}}, ("[smtp] port", "inf")),
        ({"site": SITE, "sending": {"rate_per_second": 10**400}}, ("[sending] rate_per_second",)),
        ({"site": "here"}, ("`site`",)),
        ({"site": SITE, "smtp": {"port": "many"}}, ("[smtp] port", "'many'")),
        ({"site": SITE, "smtp": {"port": 2.5}}, ("[smtp] port", "2.5")),
        ({"site": SITE, "smtp": {"port": 70000}}, ("[smtp] port", "65535")),
        ({"site": SITE, "smtp": {"port": True}}, ("[smtp] port",)),
        ({"site": SITE, "smtp": {"connections": 0}}, ("[smtp] connections",)),
        ({"site": SITE, "smtp": {"security": "ssl"}}, ("[smtp] security", "'none', 'opportunistic',")),
        ({"site": SITE, "relays": {"host": "b"}}, ("[[relays]]",)),
        ({"site": SITE, "relays": [{"hots": "b"}]}, ("`hots`", "[relays]")),
        ({"site": SITE, "relays": [{"port": 0}]}, ("[[relays]] port",)),
        ({"site": SITE, "service": {"name": "mailgun", "key": "k"}}, ("[service]", "`domain`")),
        (
            {"site": SITE, "service": {"name": "postmark", "key": "k", "webhook_secret": "short"}},
            ("[service]", "webhook_secret", "16"),
        ),
        (
            {"site": SITE, "service": {"name": "resend", "key": "k", "webhook_secret": "a" * 32}},
            ("[service]", "webhook_secret", "whsec_"),
        ),
        (
            {"site": SITE, "service": {"name": "resend", "key": "k", "webhook_secret": "whsec_ab"}},
            ("[service]", "webhook_secret"),
        ),
        (
            {"site": SITE, "service": {"name": "sendgrid", "key": "k", "webhook_secret": "a" * 32}},
            ("[service]", "webhook_secret", "verification key"),
        ),
        ({"site": SITE, "service": {"name": "postal", "key": "k"}}, ("[service]", "`url`")),
        ({"site": SITE, "service": {"name": "unisender_go", "key": "k"}}, ("[service]", "`url`")),
        (
            {"site": SITE, "service": {"name": "amazon_ses", "region": "x", "webhook_topics": ["mail"]}},
            ("[service]", "webhook_topics", "'mail'"),
        ),
        ({"site": SITE, "dkim": {"domain": "example.org"}}, ("[dkim]", "`selector`", "`key_file`")),
        ({"site": SITE, "sending": {"in_doubt": "guess"}}, ("[sending] in_doubt", "'resend', 'leave'")),
        ({"site": SITE, "sending": {"hours": "8-20"}}, ("[sending] hours", "'8-20'")),
        ({"site": SITE, "sending": {"hours": "08:00-25:00"}}, ("[sending] hours", "08:00-20:00")),
        ({"site": SITE, "sending": {"hours": "08:00-08:00"}}, ("[sending] hours",)),
        ({"site": SITE, "sending": {"weekdays": ["mon", "dies"]}}, ("[sending] weekdays", "'dies'")),
        ({"site": SITE, "sending": {"rollout_percentages": ["10", "2"]}}, ("[sending] rollout_percentages",)),
        ({"site": SITE, "sending": {"rollout_percentages": ["two"]}}, ("[sending] rollout_percentages",)),
        ({"site": SITE, "sending": {"warm_up_since": "24.11."}}, ("[sending] warm_up_since", "'24.11.'")),
        ({"site": SITE, "sending": {"rate_per_provider": ["mail.ru"]}}, ("[sending] rate_per_provider",)),
        ({"site": SITE, "sending": {"rate_per_provider": ["mail.ru 10"]}}, ("rate_per_provider", "'10'")),
        ({"site": SITE, "sending": {"rate_per_provider": ["mail.ru 0/s"]}}, ("rate_per_provider", "'0/s'")),
        ({"site": SITE, "bounces": {"address": "b+"}}, ("[bounces]", "address", "'b+'")),
        ({"site": SITE, "bounces": {"address": "b{token}"}}, ("[bounces]", "address")),
        ({"site": SITE, "bounces": {"address": "B+{token}"}}, ("[bounces]", "address")),
        ({"site": SITE, "bounces": {"address": "b+{token}@example.org"}}, ("[bounces]", "address")),
        (
            {"site": SITE, "bounces": {"unsubscribe_address": "far.too.long.for.it+{token}"}},
            ("[bounces]", "unsubscribe_address"),
        ),
        ({"site": SITE, "stop_rules": {"min_bounced": 0}}, ("[stop_rules]", "min_bounced")),
        ({"site": SITE, "stop_rules": {"blocked_warn": 9}}, ("[stop_rules]", "blocked_warn")),
    ],
)
def test_an_error_names_file_section_and_key(table: dict[str, Any], place: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        read(table)
    message = str(caught.value)
    assert [part for part in ("config.toml", *place) if part not in message] == [], message


def test_environment_variables_take_precedence() -> None:
    environment = {
        "MAILER_SMTP__PORT": "2525",
        "MAILER_SITE__COUNTRIES": "KZ, UZ",
        "MAILER_CONFIG": "x",
        "HOME": "/",
    }
    config = read({"site": SITE, "smtp": {"port": 25}}, environment)
    assert config.smtp.port == 2525
    assert config.site.countries == ("KZ", "UZ")


def test_the_keys_file_may_be_named_by_the_environment() -> None:
    assert read({"site": SITE}).keys.file == "keys.toml"
    config = read({"site": SITE}, {"MAILER_KEYS__FILE": "/run/secrets/keys.toml"})
    assert config.path(config.keys.file) == Path("/run/secrets/keys.toml")


def test_a_misspelt_variable_is_an_error() -> None:
    with pytest.raises(ConfigError, match="MAILER_SMPT__PORT"):
        read({"site": SITE}, {"MAILER_SMPT__PORT": "25"})


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 40 + "\n", encoding="utf-8")
    table = {"site": SITE, "smtp": {"password_file": "key"}}
    assert read(table, home=tmp_path).smtp.password == "k" * 40


def test_the_environment_may_name_the_file_of_a_key_that_the_configuration_has(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql:///office\n")
    table = {"site": SITE, "database": {"url": "sqlite:///mailer.db"}}
    file = {"MAILER_DATABASE__URL_FILE": "url"}
    assert read(table, file, tmp_path).database.url == "postgresql:///office"
    with pytest.raises(ConfigError, match="`url_file`"):
        read(table, {**file, "MAILER_DATABASE__URL": "x"}, tmp_path)


def test_a_missing_secret_file_is_an_error(tmp_path: Path) -> None:
    table = {"site": SITE, "smtp": {"password_file": "nowhere"}}
    with pytest.raises(ConfigError, match="nowhere cannot be read"):
        read(table, home=tmp_path)


@pytest.mark.parametrize("name", ["binary", "with\0nul"])
def test_a_secret_file_that_is_no_text_is_an_error_without_the_secret(tmp_path: Path, name: str) -> None:
    (tmp_path / "binary").write_bytes(b"geheim\xff")
    with pytest.raises(ConfigError) as error:
        read({"site": SITE, "smtp": {"password_file": name}}, home=tmp_path)
    assert "[smtp] password_file" in str(error.value) and "geheim" not in str(error.value)


def test_a_secret_that_is_no_string_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as error:
        read({"site": SITE, "smtp": {"password": 12345678}})
    assert "[smtp] password" in str(error.value) and "12345678" not in str(error.value)


def test_the_mark_before_a_text_of_windows_is_not_part_of_it(tmp_path: Path) -> None:
    file, secret = tmp_path / "config.toml", tmp_path / "password"
    text = '[site]\nurl = "https://news.example.org"\nname = "Office"\n[smtp]\npassword_file = "password"\n'
    file.write_text(text, "utf-8-sig")
    secret.write_text("geheim\r\n", "utf-8-sig")
    assert load(file, {}).smtp.password == "geheim"
    assert list(file_modes.secret_files(file)) == [secret]


def test_a_key_and_its_file_cannot_both_be_given(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 40, encoding="utf-8")
    with pytest.raises(ConfigError, match="`password_file`"):
        read({"site": SITE, "smtp": {"password": "k", "password_file": "key"}}, home=tmp_path)


def test_a_missing_configuration_names_init(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mailer init"):
        load(tmp_path / "config.toml", {})


def test_broken_toml_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[site\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="line 1"):
        load(path, {})
