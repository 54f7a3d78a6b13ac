"""The configuration: one TOML file as one typed structure; unknown and missing keys are errors."""

from __future__ import annotations

import dataclasses
import re
import tomllib
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from mailer.config import section_reader
from mailer.config import section_reader as syntax
from mailer.config.section_reader import ConfigError as ConfigError
from mailer.config.sections import (
    Accounts,
    Alerts,
    Api,
    Approval,
    Bounces,
    Database,
    Demo,
    Keys,
    Logging,
    Metrics,
    Oidc,
    Retention,
    Site,
    StopRules,
    Storage,
    Stories,
    Tracing,
    Tracking,
    Web,
)
from mailer.config.sections import Dkim as Dkim
from mailer.config.sections import Sending as Sending
from mailer.config.sections import Service as Service
from mailer.config.sections import SignUp as SignUp
from mailer.config.sections import Smtp as Smtp
from mailer.config.sections import Worker as Worker

_SITE_URL = re.compile(r"https?://[^\s/?#@\\]+")
# How every process writes its log.
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


@dataclass(frozen=True)
class Config:
    site: Site
    # The folder of the configuration file, which relative paths refer to.
    home: Path
    keys: Keys = field(default_factory=Keys)
    database: Database = field(default_factory=Database)
    storage: Storage = field(default_factory=Storage)
    stories: Stories = field(default_factory=Stories)
    smtp: Smtp = field(default_factory=Smtp)
    # Further relays.
    relays: tuple[Smtp, ...] = ()
    service: Service = field(default_factory=Service)
    dkim: Dkim = field(default_factory=Dkim)
    bounces: Bounces = field(default_factory=Bounces)
    sending: Sending = field(default_factory=Sending)
    stop_rules: StopRules = field(default_factory=StopRules)
    tracking: Tracking = field(default_factory=Tracking)
    signup: SignUp = field(default_factory=SignUp)
    retention: Retention = field(default_factory=Retention)
    alerts: Alerts = field(default_factory=Alerts)
    approval: Approval = field(default_factory=Approval)
    accounts: Accounts = field(default_factory=Accounts)
    oidc: Oidc = field(default_factory=Oidc)
    logging: Logging = field(default_factory=Logging)
    web: Web = field(default_factory=Web)
    worker: Worker = field(default_factory=Worker)
    api: Api = field(default_factory=Api)
    metrics: Metrics = field(default_factory=Metrics)
    tracing: Tracing = field(default_factory=Tracing)
    demo: Demo = field(default_factory=Demo)

    def path(self, relative: str) -> Path:
        """The absolute path for a path in the configuration."""
        return (self.home / relative).resolve()


def load(path: Path, environment: Mapping[str, str]) -> Config:
    """Read the file at `path`, with `MAILER_<SECTION>__<KEY>` of `environment` taking precedence.

    Raises ConfigError, which names the file and the key.
    """
    try:
        # Editors of Windows begin a file with a mark, which TOML does not allow.
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}). "
            "`mailer init` writes one; --config or MAILER_CONFIG names another."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start}).") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error
    return parse(table, environment, home=path.resolve().parent, origin=str(path))


def parse(table: dict[str, Any], environment: Mapping[str, str], *, home: Path, origin: str) -> Config:
    """A Config from a TOML table; `origin` names the table in errors. Raises ConfigError."""
    sections = {f.name: f for f in dataclasses.fields(Config) if f.name not in ("home", "relays")}
    relays = table.get("relays", [])
    if not isinstance(relays, list) or not all(isinstance(relay, dict) for relay in relays):
        raise ConfigError(f"{origin}: each further relay begins with a line [[relays]].")
    for name, value in table.items():
        if name not in sections and name != "relays":
            raise ConfigError(f"{origin}: unknown section [{name}]; known: {', '.join(sections)}, relays.")
        if name in sections and not isinstance(value, dict):
            raise ConfigError(f"{origin}: `{name}` must be a section, written [{name}].")
    merged = {name: dict(table.get(name, {})) for name in sections}
    section_reader.override_from_environment(merged, environment)
    hints = typing.get_type_hints(Config)
    parsed = {
        name: section_reader.read_section(hints[name], name, merged[name], home, origin) for name in sections
    }
    further = tuple(section_reader.read_section(Smtp, "relays", relay, home, origin) for relay in relays)
    config = Config(home=home, relays=further, **parsed)
    _check(config, origin)
    return config


def _check(config: Config, origin: str) -> None:
    if not _is_site_url(config.site.url):
        raise ConfigError(
            f"{origin}: [site] url is {config.site.url!r}; "
            "write it as https://news.example.org, without a path and without a final slash."
        )
    if not config.site.languages or not config.site.countries:
        raise ConfigError(f"{origin}: [site] needs at least one of `languages` and one of `countries`.")
    relays = [("[smtp]", config.smtp), *(("[[relays]]", relay) for relay in config.relays)]
    for port, where in (
        *((relay.port, f"{name} port") for name, relay in relays),
        (config.web.port, "[web] port"),
    ):
        if not 0 < port < 65536:
            raise ConfigError(f"{origin}: {where} is {port}; a port is between 1 and 65535.")
    for name, relay in relays:
        for key in ("connections", "messages_per_connection"):
            if getattr(relay, key) < 1:
                raise ConfigError(f"{origin}: {name} {key} is 0; at least one is needed to send.")
    if config.worker.engine == "cluster" and config.database.url.startswith("sqlite:"):
        raise ConfigError(
            f'{origin}: [worker] engine = "cluster" needs PostgreSQL, and [database] url is SQLite. '
            'Set [database] url to a postgresql:// address, or engine = "embedded".'
        )
    _check_dkim(config.dkim, origin)
    _check_syntax(config, origin)


def _is_site_url(url: str) -> bool:
    """Whether it is a scheme and a host, perhaps with a port."""
    try:
        port = urlsplit(url).port
    except ValueError:
        return False
    return bool(_SITE_URL.fullmatch(url)) and port != 0


def _check_syntax(config: Config, origin: str) -> None:
    """Parse the values that have a syntax of their own. Raises ConfigError."""
    sending = config.sending
    checks: tuple[tuple[str, Callable[[], object]], ...] = (
        ("[site] timezone", lambda: _zone(config.site.timezone)),
        ("[sending] hours", lambda: syntax.parse_optional_time_range(sending.hours)),
        ("[sending] weekdays", lambda: syntax.parse_weekdays(sending.weekdays)),
        ("[sending] warm_up_since", lambda: syntax.parse_day(sending.warm_up_since)),
        (
            "[sending] rate_per_provider",
            lambda: list(map(syntax.parse_provider_rates, sending.rate_per_provider)),
        ),
        (
            "[sending] rollout_percentages",
            lambda: syntax.parse_rollout_percentages(sending.rollout_percentages),
        ),
        ("[site]", config.site.check),
        ("[stories]", config.stories.check),
        ("[storage]", config.storage.check),
        ("[service]", config.service.check),
        ("[bounces]", config.bounces.check),
        ("[stop_rules]", config.stop_rules.check),
        ("[alerts]", config.alerts.check),
        ("[accounts]", config.accounts.check),
        ("[oidc]", config.oidc.check),
        ("[worker]", config.worker.check),
        ("[metrics]", config.metrics.check),
        ("[tracing]", config.tracing.check),
    )
    for where, check in checks:
        try:
            check()
        except ValueError as error:
            raise ConfigError(f"{origin}: {where}: {error}") from error


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f'is {name!r}; it must be a zone such as "Asia/Almaty" or "UTC".') from None


def _check_dkim(dkim: Dkim, origin: str) -> None:
    if dkim.domain and not (dkim.selector and dkim.key) and not (dkim.ed25519_selector and dkim.ed25519_key):
        raise ConfigError(f"{origin}: [dkim] has a domain; it needs `selector` and `key_file` as well.")
