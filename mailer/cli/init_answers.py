"""What `mailer init` asks, the defaults, and the configuration that the answers make."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import typer

from mailer.cli.output import fail, print_text
from mailer.config.sections import Site, Smtp

# Languages with translations of the readers' pages, one of which is the site's default.
TRANSLATED = Site.languages
_EMAIL = re.compile(r"[^@\s\"<>,;]+@[^@\s\"<>,;]+\.[^@\s\"<>,;]+")
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_USERNAME = re.compile(r"[\w.@+-]+")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Answers:
    """An installation as it is asked for; every value was checked by its question."""

    name: str
    url: str
    timezone: str
    # Codes joined by commas.
    languages: str
    countries: str
    sender: str
    database: str
    relay: str
    relay_port: str
    relay_security: str
    # Empty: no sign-in at the relay.
    relay_username: str
    # Path of the file with the relay's password; empty: it was typed.
    relay_password_file: str
    bounces: str
    admin: str
    admin_email: str


@dataclass(frozen=True)
class Question:
    # The field of Answers.
    name: str
    text: str
    # The default, from the answers before.
    default: Callable[[Mapping[str, str]], str]
    # The answer in its stored form. Raises ValueError with a reason for the user.
    parse: Callable[[str], str]
    # Whether it is asked, by the answers before; if not, the default counts.
    asked: Callable[[Mapping[str, str]], bool] = lambda answers: True


def collect(given: Mapping[str, str | None], *, interactive: bool) -> Answers:
    """Answers from the options, from the terminal, or else the defaults; a wrong option ends the command."""
    answers: dict[str, str] = {}
    for question in QUESTIONS:
        option = given.get(question.name)
        if option is not None:
            answers[question.name] = _parse_option(question, option)
        elif interactive and question.asked(answers):
            answers[question.name] = _ask(question, question.default(answers))
        else:
            answers[question.name] = question.default(answers)
    return Answers(**answers)


def _parse_option(question: Question, text: str) -> str:
    try:
        return question.parse(text)
    except ValueError as error:
        fail(f"--{question.name.replace('_', '-')}: {error}")


def _ask(question: Question, default: str) -> str:
    while True:
        text = typer.prompt(question.text, default=default, show_default=bool(default))
        try:
            return question.parse(str(text).strip())
        except ValueError as error:
            print_text(f"  That cannot be used: {error}")


def _line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("it must be one line of text.")
    return text.strip()


def _url(text: str) -> str:
    url = text.strip().rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError("write it as https://news.example.org.")
    if parts.path or parts.query or parts.fragment:
        raise ValueError("the pages have a host name of their own; write it without a path.")
    # Raises ValueError for a port that is none.
    _ = parts.port
    return url.lower()


def _timezone(text: str) -> str:
    try:
        return ZoneInfo(text.strip()).key
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{text!r} is no time zone; write it as Asia/Almaty or UTC.") from None


def _languages(text: str) -> str:
    # Babel's tables are slow to load.
    from subscribers.iso_codes import LANGUAGES

    codes = list(dict.fromkeys(code.strip().lower() for code in text.split(",") if code.strip()))
    for code in codes:
        if code not in LANGUAGES:
            raise ValueError(f"{code!r} is no ISO 639 language code.")
    if not codes or codes[0] not in TRANSLATED:
        raise ValueError(f"the first is the site's default; it must be one of {', '.join(TRANSLATED)}.")
    return ",".join(codes)


def _countries(text: str) -> str:
    from subscribers.iso_codes import parse_countries

    found = parse_countries(text.split(","))
    if not found:
        raise ValueError("at least one country is needed.")
    return ",".join(found)


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text.strip()):
        raise ValueError("write it as name@example.org.")
    return text.strip()


def _database(text: str) -> str:
    if not text.startswith(("sqlite:///", "postgresql://")) or text == "sqlite:///":
        raise ValueError("write sqlite:///mailer.db or postgresql://user:password@host/name.")
    return text


def _port(text: str) -> str:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65_536):
        raise ValueError("a port is a number from 1 to 65535.")
    return text


def _security(text: str) -> str:
    allowed = ("none", "opportunistic", "starttls", "tls")
    if text not in allowed:
        raise ValueError(f"it is one of {', '.join(allowed)}.")
    return text


def _bounces(text: str) -> str:
    domain = text.strip().lower()
    if domain and not _DOMAIN.fullmatch(domain):
        raise ValueError("write a domain such as bounces.example.org.")
    return domain


def _username(text: str) -> str:
    if not _USERNAME.fullmatch(text.strip()):
        raise ValueError("letters, digits and . + - _ @ only.")
    return text.strip()


def _file(text: str) -> str:
    path = Path(text).expanduser().resolve()
    if text and not path.is_file():
        raise ValueError(f"{path} is no file.")
    return str(path) if text else ""


def _optional(parse: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: parse(text) if text.strip() else ""


def _system_timezone(_: Mapping[str, str]) -> str:
    """The time zone of this machine (as Debian and systemd store it); UTC if it is unknown."""
    try:
        found = str(Path("/etc/localtime").readlink()).partition("zoneinfo/")[2]
        return _timezone(found or Path("/etc/timezone").read_text("ascii"))
    except (OSError, ValueError):
        return "UTC"


def _sender(answers: Mapping[str, str]) -> str:
    host = urlsplit(answers["url"]).hostname or ""
    return f"newsletter@{host}" if _DOMAIN.fullmatch(host) and not host[-1].isdigit() else ""


def _relay_port(answers: Mapping[str, str]) -> str:
    return "25" if answers["relay"] in _LOOPBACK else "587"


def _relay_security(answers: Mapping[str, str]) -> str:
    if answers["relay"] in _LOOPBACK:
        return "none"
    return "tls" if answers["relay_port"] == "465" else "starttls"


def _elsewhere(answers: Mapping[str, str]) -> bool:
    return answers["relay"] not in _LOOPBACK


def _nothing(_: Mapping[str, str]) -> str:
    return ""


def _always(text: str) -> Callable[[Mapping[str, str]], str]:
    return lambda _: text


# In this order.
QUESTIONS = (
    Question("name", "The office's name, as subscribers see it", _always("Our office"), _line),
    Question(
        "url", "URL of the pages, such as https://news.example.org", _always("http://127.0.0.1:8000"), _url
    ),
    Question("timezone", "The office's time zone", _system_timezone, _timezone),
    Question(
        "languages", "Languages of the newsletters, default first", _always(",".join(TRANSLATED)), _languages
    ),
    Question("countries", "Countries that stories are about", _always(",".join(Site.countries)), _countries),
    Question(
        "sender", "Sender of confirmations and notices to staff (empty: none yet)", _sender, _optional(_email)
    ),
    Question(
        "database",
        "Database: sqlite:///mailer.db, or postgresql://user:password@host/name",
        _always("sqlite:///mailer.db"),
        _database,
    ),
    Question("relay", "Relay, the mail server to send through", _always(Smtp.host), _line),
    Question("relay_port", "Port of the relay", _relay_port, _port),
    Question(
        "relay_security",
        "Encryption to the relay (none, opportunistic, starttls, tls)",
        _relay_security,
        _security,
    ),
    Question("relay_username", "Username at the relay (empty: no sign-in)", _nothing, str.strip, _elsewhere),
    Question("relay_password_file", "", _nothing, _file, lambda answers: False),
    Question(
        "bounces",
        "Domain that bounces return to, such as bounces.example.org (empty: none yet)",
        _nothing,
        _bounces,
    ),
    Question("admin", "Username of the first admin", _always("admin"), _username),
    Question(
        "admin_email", "Email address of the first admin (empty: none yet)", _nothing, _optional(_email)
    ),
)


def must_ask_relay_password(answers: Answers) -> bool:
    """Whether the relay's password has to be typed."""
    return bool(answers.relay_username) and not answers.relay_password_file


def to_toml(answers: Answers, password_file: str) -> str:
    """The configuration file; `password_file`: the path of the relay's password, empty if there is none."""
    smtp: dict[str, Any] = {
        "host": answers.relay,
        "port": int(answers.relay_port),
        "security": answers.relay_security,
    }
    if answers.relay_username:
        smtp["username"] = answers.relay_username
    if password_file:
        smtp["password_file"] = password_file
    sections: dict[str, dict[str, Any]] = {
        "site": {
            "url": answers.url,
            "name": answers.name,
            **({"email": answers.sender} if answers.sender else {}),
            "countries": answers.countries.split(","),
            "languages": answers.languages.split(","),
            "timezone": answers.timezone,
        },
        "database": {"url": answers.database},
        "smtp": smtp,
        "bounces": {"domain": answers.bounces},
    }
    lines = []
    for section, keys in sections.items():
        # A JSON string, or a list of them, is one of TOML too.
        values = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in keys.items()]
        lines += ["", f"[{section}]", *values]
    return "\n".join(lines) + "\n"
