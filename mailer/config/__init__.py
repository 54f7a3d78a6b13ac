"""The configuration: one TOML file, one typed structure; unknown and missing keys fail loudly and by name."""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from mailer.config import reading
from mailer.config import sending as written
from mailer.config.bounces import Bounces
from mailer.config.reading import ConfigError as ConfigError
from mailer.config.retention import Retention
from mailer.config.service import Service as Service
from mailer.config.signup import SignUp
from mailer.config.stops import Stops
from mailer.config.tracking import Tracking

# How every process writes its log.
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


@dataclass(frozen=True)
class Site:
    # Where readers and staff reach the web process, without a trailing slash.
    url: str
    # The office's name, as readers see it.
    name: str
    # Signs sessions and every token in a mail. At least 32 characters; changing it ends every link ever sent.
    secret_key: str
    # Who confirmations and notices to staff come from; empty: newsletter@ the host of `url`.
    email: str = ""
    # Countries offered to readers, ISO 3166-1 alpha-2.
    countries: tuple[str, ...] = ("KZ", "KG", "TJ", "TM", "UZ")
    # Languages offered to readers and writers, the first is the site's own.
    languages: tuple[str, ...] = ("en", "ru", "kk", "ky", "tg", "uz", "tk")
    # IANA zone of the office, for what staff see.
    timezone: str = "UTC"
    # Shows Django's debug pages; never on a machine that others reach.
    debug: bool = False


@dataclass(frozen=True)
class Database:
    # sqlite:///mailer.db (relative to the configuration file) or postgresql://user:password@host/name
    url: str = "sqlite:///mailer.db"


@dataclass(frozen=True)
class Storage:
    # Pictures, the attempt journal and locks; relative to the configuration file.
    path: str = "data"


@dataclass(frozen=True)
class Smtp:
    """A relay: [smtp], and each further one under [[relays]]."""

    host: str = "localhost"
    port: int = 25
    # opportunistic: encrypted where the relay offers it, and the certificate is not asked for.
    security: Literal["none", "opportunistic", "starttls", "tls"] = "none"
    # auto: the best that the relay offers.
    auth: Literal["auto", "plain", "login", "cram-md5", "xoauth2"] = "auto"
    username: str = ""
    password: str = ""
    # File with the access token of XOAUTH2, read anew at each sign-in; something else keeps it fresh.
    token_path: str = ""
    # Open connections at most, per sending process.
    connections: int = 5
    # Messages after which a connection is renewed.
    messages_per_connection: int = 1000
    # Its part of the connections among several relays; 0: only while the others are away.
    weight: int = 1


@dataclass(frozen=True)
class Dkim:
    """Signing of our own mail (RFC 6376, 8463); empty: the relay signs, or nobody does."""

    # d= of the signature; empty: nothing is signed.
    domain: str = ""
    # s= and the private key in PEM, RSA of 2048 bits or more.
    selector: str = ""
    key: str = ""
    # The same for a second signature with Ed25519; empty: there is none.
    ed25519_selector: str = ""
    ed25519_key: str = ""


@dataclass(frozen=True)
class Sending:
    # What happens to a message whose reply was never read: send once more with the same id, or leave it.
    in_doubt: Literal["resend", "leave"] = "resend"
    # How long evidence is waited for before such a message is sent once more.
    in_doubt_wait_minutes: float = 10
    # Messages at most, over all connections and workers; 0: no limit.
    rate_per_second: float = 0
    rate_per_minute: float = 0
    rate_per_hour: float = 0
    rate_per_day: float = 0
    # Limits for single providers or domains: "mail.ru 10/s 5000/h"
    rate_per_provider: tuple[str, ...] = ()
    # The day on which sending from this address or domain began, "2026-11-24": volume grows over its weeks.
    warm_up_since: str = ""
    # When mail may leave, in the office's zone: "08:00-20:00", and days as "mon"; empty: at any time.
    hours: str = ""
    weekdays: tuple[str, ...] = ()
    # Seconds between "send now" and the first message, in which it can be undone.
    undo_seconds: int = 30
    # Percentages of the readers after which a mailing waits and looks at what came back; none: all at once.
    steps: tuple[str, ...] = ()
    step_minutes: float = 30
    # Hours after release when what is still deferred counts as refused.
    expire_after_hours: int = 72


@dataclass(frozen=True)
class Alerts:
    """Who is told when sending stops by itself."""

    # Addresses; empty: the admins' own.
    email: tuple[str, ...] = ()
    # Also told, by a POST of JSON.
    webhook: str = ""


@dataclass(frozen=True)
class Approval:
    # Whether `mailer edition submit|approve --as USER` may act for a person.
    by_command: bool = False


@dataclass(frozen=True)
class Web:
    host: str = "127.0.0.1"
    port: int = 8000
    # Addresses of reverse proxies whose word about the reader's address is believed.
    proxies: tuple[str, ...] = ("127.0.0.1", "::1")


@dataclass(frozen=True)
class Demo:
    # Mounts /demo/ and the readers' inboxes. Only `mailer demo` sets this.
    enabled: bool = False
    # The caught mail, relative to the configuration file.
    inbox: str = "inbox"
    # The moment that assembling goes by, ISO 8601 with zone; empty: the real clock.
    assemble_at: str = ""


@dataclass(frozen=True)
class Config:
    site: Site
    # The folder that relative paths start from: that of the configuration file.
    home: Path
    database: Database = field(default_factory=Database)
    storage: Storage = field(default_factory=Storage)
    smtp: Smtp = field(default_factory=Smtp)
    # Further relays.
    relays: tuple[Smtp, ...] = ()
    service: Service = field(default_factory=Service)
    dkim: Dkim = field(default_factory=Dkim)
    bounces: Bounces = field(default_factory=Bounces)
    sending: Sending = field(default_factory=Sending)
    stops: Stops = field(default_factory=Stops)
    tracking: Tracking = field(default_factory=Tracking)
    signup: SignUp = field(default_factory=SignUp)
    retention: Retention = field(default_factory=Retention)
    alerts: Alerts = field(default_factory=Alerts)
    approval: Approval = field(default_factory=Approval)
    web: Web = field(default_factory=Web)
    demo: Demo = field(default_factory=Demo)

    def path(self, relative: str) -> Path:
        """A path of the configuration, absolute."""
        return (self.home / relative).resolve()


def load(path: Path, environment: Mapping[str, str]) -> Config:
    """Read the file at `path`, with `MAILER_<SECTION>__<KEY>` of `environment` taking precedence.

    Raises ConfigError, which names the file and the key.
    """
    try:
        text = path.read_text(encoding="utf-8")
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
    """Turn a TOML table into a Config. `origin` names it in errors."""
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
    reading.override(merged, environment)
    hints = typing.get_type_hints(Config)
    parsed = {name: reading.section(hints[name], name, merged[name], home, origin) for name in sections}
    further = tuple(reading.section(Smtp, "relays", relay, home, origin) for relay in relays)
    config = Config(home=home, relays=further, **parsed)
    _check(config, origin)
    return config


def _check(config: Config, origin: str) -> None:
    if not config.site.url.startswith(("http://", "https://")) or config.site.url.endswith("/"):
        raise ConfigError(
            f"{origin}: [site] url is {config.site.url!r}; "
            "write it as https://news.example.org, without a final slash."
        )
    if len(config.site.secret_key) < 32:
        raise ConfigError(
            f"{origin}: [site] secret_key is shorter than 32 characters; `mailer init` makes a good one."
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
    _check_dkim(config.dkim, origin)
    _check_meaning(config, origin)


def _check_meaning(config: Config, origin: str) -> None:
    """What each text says."""
    sending = config.sending
    checks: tuple[tuple[str, Callable[[], object]], ...] = (
        ("[site] timezone", lambda: _zone(config.site.timezone)),
        ("[sending] hours", lambda: written.hours(sending.hours)),
        ("[sending] weekdays", lambda: written.weekdays(sending.weekdays)),
        ("[sending] warm_up_since", lambda: written.day(sending.warm_up_since)),
        ("[sending] rate_per_provider", lambda: list(map(written.provider_rates, sending.rate_per_provider))),
        ("[sending] steps", lambda: written.steps(sending.steps)),
        ("[service]", config.service.check),
        ("[bounces]", config.bounces.check),
        ("[stops]", config.stops.check),
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
