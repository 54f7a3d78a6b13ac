"""The configuration: what is wrong is named, and secrets come from files or the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mailer.config import Config, ConfigError, load, parse

SITE = {"url": "https://news.example.org", "name": "Office", "secret_key": "s" * 40}


def read(table: dict[str, Any], environment: dict[str, str] | None = None, home: Path = Path()) -> Config:
    return parse(table, environment or {}, home=home, origin="config.toml")


def test_defaults_fill_what_is_not_said() -> None:
    config = read({"site": SITE})
    assert config.database.url == "sqlite:///mailer.db"
    assert config.sending.in_doubt == "resend"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"site": {**SITE, "colour": "red"}}, "unknown key `colour` in [site]"),
        ({"site": SITE, "smpt": {}}, "unknown section [smpt]"),
        ({"site": {"url": SITE["url"], "name": "Office"}}, "[site] needs `secret_key`"),
        ({"site": {**SITE, "secret_key": "short"}}, "shorter than 32"),
        ({"site": {**SITE, "url": "news.example.org"}}, "[site] url"),
        ({"site": {**SITE, "url": "https://news.example.org/"}}, "without a final slash"),
        ({"site": SITE, "smtp": {"port": "many"}}, "[smtp] port: is 'many'"),
        ({"site": SITE, "smtp": {"port": 2.5}}, "[smtp] port"),
        ({"site": SITE, "smtp": {"port": 70000}}, "between 1 and 65535"),
        ({"site": SITE, "smtp": {"port": True}}, "must be a number"),
        ({"site": SITE, "smtp": {"connections": 0}}, "at least one"),
        ({"site": SITE, "smtp": {"security": "ssl"}}, "must be one of 'none', 'opportunistic',"),
        ({"site": SITE, "relays": {"host": "b"}}, "begins with a line [[relays]]"),
        ({"site": SITE, "relays": [{"hots": "b"}]}, "unknown key `hots` in [relays]"),
        ({"site": SITE, "relays": [{"port": 0}]}, "[[relays]] port"),
        ({"site": SITE, "service": {"name": "mailgun", "key": "k"}}, "mailgun needs `domain`"),
        (
            {"site": SITE, "service": {"name": "postmark", "key": "k", "webhook_secret": "short"}},
            "[service]: webhook_secret is shorter than 16",
        ),
        (
            {"site": SITE, "service": {"name": "resend", "key": "k", "webhook_secret": "a" * 32}},
            "begins with whsec_",
        ),
        (
            {"site": SITE, "service": {"name": "resend", "key": "k", "webhook_secret": "whsec_ab"}},
            "is not Resend's signing secret",
        ),
        (
            {"site": SITE, "service": {"name": "amazon_ses", "region": "x", "webhook_topics": ["mail"]}},
            "webhook_topics: 'mail' is no topic",
        ),
        ({"site": SITE, "dkim": {"domain": "example.org"}}, "needs `selector` and `key_file`"),
        ({"site": SITE, "sending": {"in_doubt": "guess"}}, "'resend', 'leave'"),
        ({"site": {**SITE, "timezone": "Almaty"}}, "[site] timezone: is 'Almaty'; it must be a zone such as"),
        ({"site": SITE, "sending": {"hours": "8-20"}}, "[sending] hours: is '8-20'; it must be two times"),
        ({"site": SITE, "sending": {"hours": "08:00-25:00"}}, 'such as "08:00-20:00"'),
        ({"site": SITE, "sending": {"hours": "08:00-08:00"}}, "ends as it begins"),
        ({"site": SITE, "sending": {"weekdays": ["mon", "dies"]}}, "[sending] weekdays: 'dies' is no day"),
        (
            {"site": SITE, "sending": {"rollout_percentages": ["10", "2"]}},
            "[sending] rollout_percentages: must be percentages that rise",
        ),
        (
            {"site": SITE, "sending": {"rollout_percentages": ["two"]}},
            "[sending] rollout_percentages: must be percentages that rise",
        ),
        ({"site": SITE, "sending": {"warm_up_since": "24.11."}}, "[sending] warm_up_since: is '24.11.'"),
        (
            {"site": SITE, "sending": {"rate_per_provider": ["mail.ru"]}},
            "[sending] rate_per_provider: 'mail.ru'",
        ),
        (
            {"site": SITE, "sending": {"rate_per_provider": ["mail.ru 10"]}},
            "'10' must be a number per s, m, h",
        ),
        ({"site": SITE, "sending": {"rate_per_provider": ["mail.ru 0/s"]}}, "'0/s' must be a number"),
        ({"site": SITE, "bounces": {"address": "b+"}}, "[bounces]: address is 'b+'; write it as"),
        ({"site": SITE, "bounces": {"address": "b{token}"}}, "the last of them a sign such as + or -"),
        ({"site": SITE, "bounces": {"address": "B+{token}"}}, "[bounces]: address is"),
        ({"site": SITE, "bounces": {"address": "b+{token}@example.org"}}, "[bounces]: address is"),
        ({"site": SITE, "bounces": {"unsubscribe_address": "far.too.long.for.it+{token}"}}, "at most 15"),
        ({"site": {**SITE, "countries": [1, 2]}}, "must be a list of texts"),
        ({"site": {**SITE, "debug": "perhaps"}}, "must be true or false"),
        ({"site": {**SITE, "name": 7}}, "must be a text in quotes"),
        ({"site": "here"}, "must be a section"),
    ],
)
def test_what_is_wrong_is_named(table: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(table)
    assert words in str(caught.value)
    assert "config.toml" in str(caught.value)


def test_the_environment_takes_precedence() -> None:
    environment = {
        "MAILER_SMTP__PORT": "2525",
        "MAILER_SITE__COUNTRIES": "KZ, UZ",
        "MAILER_CONFIG": "x",
        "HOME": "/",
    }
    config = read({"site": SITE, "smtp": {"port": 25}}, environment)
    assert config.smtp.port == 2525
    assert config.site.countries == ("KZ", "UZ")


def test_a_misspelt_variable_is_named() -> None:
    with pytest.raises(ConfigError, match="MAILER_SMPT__PORT"):
        read({"site": SITE}, {"MAILER_SMPT__PORT": "25"})


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 40 + "\n", encoding="utf-8")
    table = {"site": {"url": SITE["url"], "name": "Office", "secret_key_file": "key"}}
    assert read(table, home=tmp_path).site.secret_key == "k" * 40


def test_a_missing_secret_file_is_named(tmp_path: Path) -> None:
    table = {"site": {"url": SITE["url"], "name": "Office", "secret_key_file": "nowhere"}}
    with pytest.raises(ConfigError, match="nowhere cannot be read"):
        read(table, home=tmp_path)


def test_a_key_and_its_file_are_not_both_given(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 40, encoding="utf-8")
    with pytest.raises(ConfigError, match="keep one"):
        read({"site": {**SITE, "secret_key_file": "key"}}, home=tmp_path)


def test_a_file_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mailer init"):
        load(tmp_path / "config.toml", {})


def test_broken_toml_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[site\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="line 1"):
        load(path, {})
