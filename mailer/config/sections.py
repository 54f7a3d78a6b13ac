"""The sections of the configuration file, each key below its explanation."""

from __future__ import annotations

import base64
import dataclasses
import ipaddress
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple, get_args
from urllib.parse import urlsplit

# Where the token stands in an address; it has 49 characters.
TOKEN = "{token}"  # noqa: S105  (a place in a text)
_BEFORE_TOKEN = re.compile(r"(?:[a-z0-9!#$%&'*+/=?^_`|~.-]*[!#$%&'*+/=?^_`|~-])?")
_EMAIL = re.compile(r"[^@\s\"<>,;]+@[^@\s\"<>,;]+")
_DOMAIN = re.compile(r"[^@\s.]+(\.[^@\s.]+)*")
# Characters before the token, so that no local part is longer than the 64 of RFC 5321 §4.5.3.1.1.
_LONGEST = 15
# Required keys, where that is not the API key alone.
_NEEDED = {
    "amazon_ses": ("region",),
    "mailgun": ("key", "domain"),
    "mailjet": ("key", "secret"),
    "postal": ("key", "url"),
    "unisender_go": ("key", "url"),
}
# ESPs whose webhook secret is a public key, and what they call it.
_PUBLIC_KEYS = {"sendgrid": "SendGrid's verification key", "postal": "Postal's public key"}
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")
_SHORTEST_SECRET = 16
_COUNTRY, _LANGUAGE = re.compile("[A-Z]{2}"), re.compile("[a-z]{2,3}(-[A-Za-z0-9]+)*")
# The queues of jobs, by which a worker of the cluster engine has its role.
QUEUES = ("assemble", "deliver", "feedback", "fetch", "maintenance")
# How a key in DER begins: a sequence (X.690 §8.9).
_DER_SEQUENCE = b"\x30"


@dataclass(frozen=True)
class Site:
    # Where subscribers and staff reach the web process, without a trailing slash.
    url: str
    # The office's name, as subscribers see it.
    name: str
    # Sender of transactional emails; empty: newsletter@ the host of `url`.
    email: str = ""
    # Domains whose addresses may be senders of newsletters and lists, with their subdomains. Empty: those of
    # `url` and `email`, with their parents.
    sender_domains: tuple[str, ...] = ()
    # Countries offered to subscribers, ISO 3166-1 alpha-2.
    countries: tuple[str, ...] = ("KZ", "KG", "TJ", "TM", "UZ")
    # Languages offered to subscribers and writers; the first is the site's default.
    languages: tuple[str, ...] = ("en", "ru", "kk", "ky", "tg", "uz", "tk")
    # IANA zone of the office, for times that staff see.
    timezone: str = "UTC"
    # Shows Django's debug pages; never on a machine that others reach.
    debug: bool = False
    # Addresses and networks of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    # Ports of the servers that feeds are read from.
    feed_ports: tuple[str, ...] = ("80", "443")
    # The Content-Security-Policy of the desk: enforced by browsers, or only reported in their consoles.
    desk_policy: Literal["enforce", "report"] = "enforce"
    # A folder with template parts of newsletters, <slug>/blocks/foot.mjml; empty: none.
    templates: str = ""
    # Another origin, such as a CDN's, from which messages and their web version load pictures. Empty: `url`.
    media_origin: str = ""

    def check(self) -> None:
        """Raises ValueError for values that cannot be used."""
        if self.email and not _EMAIL.fullmatch(self.email):
            raise ValueError(f"email: {self.email!r} is no address; write newsletter@example.org, no name.")
        for country in self.countries:
            if not _COUNTRY.fullmatch(country):
                raise ValueError(
                    f"countries: {country!r} is no code of two capital letters (ISO 3166-1), such as KZ."
                )
        for language in self.languages:
            if not _LANGUAGE.fullmatch(language):
                raise ValueError(
                    f"languages: {language!r} is no code of two or three small letters (ISO 639), such as kk."
                )
        for written in self.trusted_proxies:
            try:
                ipaddress.ip_network(written, strict=False)
            except ValueError:
                raise ValueError(
                    f"trusted_proxies: {written!r} is no address or network; write 10.0.0.5 or 10.0.0.0/24."
                ) from None
        parts = urlsplit(self.media_origin)
        if self.media_origin and self.media_origin not in (
            f"https://{parts.netloc}",
            f"http://{parts.netloc}",
        ):
            raise ValueError(
                f"media_origin: {self.media_origin!r} is no origin; write it as https://cdn.example.org, "
                "without a path and without a final slash."
            )
        for port in self.feed_ports:
            if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
                raise ValueError(f"feed_ports: {port!r} is no port; write a number from 1 to 65535.")


@dataclass(frozen=True)
class Stories:
    # The folder below which sources may watch folders of Markdown and Word files; empty: none may.
    folders: str = ""
    # The address to which colleagues send stories; a source has its own by a tag: stories+almaty@example.org.
    # Its mail arrives in a mailbox of [bounces]. Empty: stories do not come by email.
    address: str = ""
    # Names (authserv-id, RFC 8601) of our own mail servers, whose Authentication-Results are believed.
    trusted_servers: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises ValueError for values that cannot be used."""
        if self.address and ("@" not in self.address or "+" in self.address):
            raise ValueError(
                f"address: {self.address!r} is no address without a tag; write stories@example.org."
            )


@dataclass(frozen=True)
class Keys:
    # The file of the secrets that sign sessions, encrypt links and hash addresses; `mailer init` writes it.
    # Relative to the configuration file.
    file: str = "keys.toml"


@dataclass(frozen=True)
class Database:
    # sqlite:///mailer.db (relative to the configuration file) or postgresql://user:password@host/name
    url: str = "sqlite:///mailer.db"


@dataclass(frozen=True)
class Storage:
    # The attempt journal and locks, on this machine's own disk, and with media = "local" also pictures and
    # uploaded files; relative to the configuration file.
    path: str = "data"
    # Where pictures and uploaded files are kept, which all machines need. local: in `media_path`.
    # s3: in a bucket of an S3-compatible object storage.
    media: Literal["local", "s3"] = "local"
    # A folder that several machines share; empty: `path`.
    media_path: str = ""
    s3_bucket: str = ""
    # The storage's URL; empty: Amazon's.
    s3_endpoint: str = ""
    s3_region: str = ""
    # Empty: as the AWS libraries find them, such as the role of the machine.
    s3_access_key: str = ""
    s3_secret_key: str = field(default="", repr=False)
    # Begins the names of all objects, where the bucket has others as well.
    s3_prefix: str = ""

    def check(self) -> None:
        """Raises ValueError for values that cannot be used."""
        if self.media != "s3":
            return
        if not self.s3_bucket:
            raise ValueError('media = "s3" needs `s3_bucket`.')
        if bool(self.s3_access_key) != bool(self.s3_secret_key):
            raise ValueError("s3_access_key and s3_secret_key are needed together, or neither.")
        if self.s3_endpoint and not self.s3_endpoint.startswith(("https://", "http://")):
            raise ValueError(f"s3_endpoint is {self.s3_endpoint!r}; write it as https://s3.example.org.")


@dataclass(frozen=True)
class Smtp:
    """A relay: [smtp], and each further one under [[relays]]."""

    host: str = "localhost"
    port: int = 25
    # opportunistic: encrypted where the relay offers it, without checking the certificate.
    security: Literal["none", "opportunistic", "starttls", "tls"] = "none"
    # auto: the best that the relay offers.
    auth: Literal["auto", "plain", "login", "cram-md5", "xoauth2"] = "auto"
    username: str = ""
    password: str = field(default="", repr=False)
    # File with the access token of XOAUTH2, read at each sign-in; another program refreshes it.
    token_path: str = ""
    # Open connections at most, per sending process.
    connections: int = 5
    # Messages after which a connection is renewed.
    messages_per_connection: int = 1000
    # Its share of the connections among several relays; 0: only while the others are unavailable.
    weight: int = 1


@dataclass(frozen=True)
class Dkim:
    """DKIM signing (RFC 6376, RFC 8463); empty: only the relay signs, if at all."""

    # d= of the signature; empty: nothing is signed.
    domain: str = ""
    # s= and the private key in PEM, RSA of 2048 bits or more.
    selector: str = ""
    key: str = ""
    # The same for a second signature with Ed25519; empty: there is none.
    ed25519_selector: str = ""
    ed25519_key: str = ""


@dataclass(frozen=True)
class Service:
    """An ESP's API in place of [smtp]; empty: mail is sent by SMTP."""

    name: Literal[
        "",
        "amazon_ses",
        "brevo",
        "mailersend",
        "mailgun",
        "mailjet",
        "mailtrap",
        "mandrill",
        "postal",
        "postmark",
        "resend",
        "sendgrid",
        "sparkpost",
        "unisender_go",
    ] = ""
    key: str = ""
    # Amazon's secret key, Mailjet's secret.
    secret: str = ""
    # Mailgun's sender domain.
    domain: str = ""
    # Amazon's region.
    region: str = ""
    # Postmark's message stream (empty: "broadcast"), Amazon's configuration set (empty: none).
    stream: str = ""
    # Base URL of the API where it is not the default, such as a European one; Postal and Unisender Go have
    # none.
    url: str = ""
    # Concurrent API calls.
    connections: int = 5
    # Authenticates webhooks: the key or secret with which the ESP signs them, or a password of your own (for
    # Brevo, Mailjet, Postmark and SparkPost). Empty: webhooks are not accepted, except Unisender Go's, which
    # are signed with the API key.
    webhook_secret: str = ""
    # ARNs of the Amazon SNS topics that are accepted.
    webhook_topics: tuple[str, ...] = ()

    @property
    def accepts_webhooks(self) -> bool:
        """Whether webhooks are accepted."""
        if self.name == "amazon_ses":
            return bool(self.webhook_topics)
        return bool(self.webhook_secret or (self.name == "unisender_go" and self.key))

    def check(self) -> None:
        """Raises ValueError."""
        for key in _NEEDED.get(self.name, ("key",)) if self.name else ():
            if not getattr(self, key):
                raise ValueError(f"{self.name} needs `{key}`.")
        for topic in self.webhook_topics:
            if not _TOPIC.fullmatch(topic):
                raise ValueError(
                    f"webhook_topics: {topic!r} is not a topic; write arn:aws:sns:REGION:ACCOUNT:NAME."
                )
        if self.webhook_secret:
            self._check_secret()

    def _check_secret(self) -> None:
        if self.name in _PUBLIC_KEYS:
            text = "".join(re.sub(r"-----[^-]+-----", "", self.webhook_secret).split())
            if not _decoded(text).startswith(_DER_SEQUENCE):
                raise ValueError(f"webhook_secret is not {_PUBLIC_KEYS[self.name]} (base64).")
        elif self.name == "resend":
            key = _decoded(self.webhook_secret.removeprefix("whsec_"))
            if not key or not self.webhook_secret.startswith("whsec_"):
                raise ValueError("webhook_secret is not Resend's signing secret, which begins with whsec_.")
        elif len(self.webhook_secret) < _SHORTEST_SECRET:
            raise ValueError(f"webhook_secret is shorter than {_SHORTEST_SECRET} characters.")


def _decoded(text: str) -> bytes:
    """What base64 stands for; empty where it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


@dataclass(frozen=True)
class Sending:
    # What happens to a message whose reply was never read: send it once more with the same id, or leave it.
    in_doubt: Literal["resend", "leave"] = "resend"
    # How long to wait for evidence of delivery before such a message is sent once more.
    in_doubt_wait_minutes: float = 10
    # How long a worker may keep messages without a result; then another worker goes on with them.
    lease_minutes: float = 20
    # Messages at most, over all connections and workers; 0: no limit.
    rate_per_second: float = 0
    rate_per_minute: float = 0
    rate_per_hour: float = 0
    rate_per_day: float = 0
    # Limits for single mailbox providers or domains: "mail.ru 10/s 5000/h"
    rate_per_provider: tuple[str, ...] = ()
    # The day on which sending from this address or domain began, "2026-11-24": the volume grows over weeks.
    warm_up_since: str = ""
    # When mail may be sent, in the office's zone: "08:00-20:00", and days as "mon"; empty: at any time.
    hours: str = ""
    weekdays: tuple[str, ...] = ()
    # Seconds between "send now" and the first message, in which it can be undone.
    undo_seconds: int = 30
    # Percentages of the audience after which a mailing waits for bounces and complaints; none: all at once.
    rollout_percentages: tuple[str, ...] = ()
    rollout_wait_minutes: float = 30
    # Hours after the start when messages that are still deferred count as refused.
    expire_after_hours: int = 72
    # Domains to which a dry run may be sent besides the addresses of active accounts.
    dry_run_domains: tuple[str, ...] = ()
    # Messages of dry runs in 24 hours at most.
    dry_run_messages_per_day: int = 2_000

    def check(self) -> None:
        """Raises ValueError."""
        if self.lease_minutes <= 0:
            raise ValueError("lease_minutes must be more than 0.")


class StopMetric(StrEnum):
    """What stop rules count against a mailing."""

    COMPLAINED = "complained"
    # The address does not exist.
    BOUNCED = "bounced"
    # Refused for reputation, authentication or content.
    BLOCKED = "blocked"


class Thresholds(NamedTuple):
    """The stop rule of one metric."""

    # Per cent, 0: never.
    warn: float
    stop: float
    # Cases.
    minimum: int


@dataclass(frozen=True)
class StopRules:
    """Percentages at which a running mailing is acted upon, 0: never; fewer cases than `min_…` are chance."""

    # Complaints, of the messages accepted.
    complained_warn: float = 0.1
    complained_stop: float = 0.3
    min_complained: int = 3
    # Addresses that do not exist, of those tried.
    bounced_warn: float = 2
    bounced_stop: float = 5
    min_bounced: int = 5
    # Refused for reputation, authentication or content, of those tried.
    blocked_warn: float = 2
    blocked_stop: float = 5
    min_blocked: int = 5

    def of(self, metric: StopMetric) -> Thresholds:
        """The thresholds of one metric."""
        names = (f"{metric}_warn", f"{metric}_stop", f"min_{metric}")
        return Thresholds(*(getattr(self, name) for name in names))

    def check(self) -> None:
        """Raises ValueError for thresholds that contradict each other."""
        for metric in StopMetric:
            warn, stop, minimum = self.of(metric)
            if max(warn, stop) > 100:
                raise ValueError(f"{metric}_warn and {metric}_stop are percentages, 100 at the most.")
            if stop and warn > stop:
                raise ValueError(f"{metric}_warn is above {metric}_stop, so no warning would ever be sent.")
            if not minimum:
                raise ValueError(f"min_{metric} is 0; it must be at least 1.")


# From the least to the most data: none; anonymous totals; by name, for subscribers who consented.
Mode = Literal["off", "anonymous", "consent"]
MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True)
class Tracking:
    # Whether clicks are counted. By name only in "consent", and only for subscribers who consented.
    clicks: Mode = "anonymous"
    # Opens, by an invisible picture. Many mail programs load it automatically or never: a poor measure.
    opens: Mode = "off"
    # Minutes until a click counts: clicks by bots are recognised by what else happened at that time.
    finalize_minutes: float = 10
    # Days that single clicks and opens are kept; their totals stay.
    keep_days: int = 90

    @property
    def by_consent(self) -> bool:
        """Whether subscribers are asked for consent."""
        return "consent" in (self.clicks, self.opens)


def more_private_tracking_mode(one: Mode, other: Mode) -> Mode:
    """The mode that records less."""
    return min(one, other, key=MODES.index)


Security = Literal["none", "starttls", "tls"]


@dataclass(frozen=True)
class Bounces:
    # Domain of the envelope sender; mail to it must arrive at one of the sources below.
    domain: str = ""
    # Local parts of the envelope sender and of the List-Unsubscribe address, with {token} at the end. Without
    # plus addressing "b-{token}", or "{token}" alone.
    address: str = "b+{token}"
    unsubscribe_address: str = "u+{token}"
    # Maildir with returned mail; relative to the configuration file. Empty: none.
    maildir: str = ""
    # IMAP mailbox; empty: none.
    imap_host: str = ""
    # 0: the default, 993 with tls and 143 without.
    imap_port: int = 0
    imap_security: Security = "tls"
    imap_username: str = ""
    imap_password: str = ""
    # File with the access token of XOAUTH2 in place of a password, read at each sign-in.
    imap_token_path: str = ""
    imap_folder: str = "INBOX"
    # What happens to a stored message: marked as read, moved to imap_move_to, or deleted.
    imap_after: Literal["mark", "move", "delete"] = "mark"
    imap_move_to: str = "Processed"
    # POP3 mailbox, whose messages are deleted once stored; empty: none.
    pop3_host: str = ""
    # 0: the default, 995 with tls and 110 without.
    pop3_port: int = 0
    pop3_security: Security = "tls"
    pop3_username: str = ""
    pop3_password: str = ""
    # Address of our LMTP server for the mail server; port 0: off.
    lmtp_host: str = "127.0.0.1"
    lmtp_port: int = 0
    # TOML file with the office's own bounce rules, applied before the built-in ones. Empty: none.
    rules: str = ""
    # Days that returned mail and webhook events are kept verbatim; the resulting decisions are kept longer.
    keep_days: int = 90

    @property
    def has_inbound(self) -> bool:
        """Whether a source is configured; without one, the mail server may run `mailer bounces receive`."""
        return bool(self.maildir or self.imap_host or self.pop3_host or self.lmtp_port)

    def check(self) -> None:
        """Raises ValueError for values that cannot be used."""
        if self.domain and not _DOMAIN.fullmatch(self.domain):
            raise ValueError(f"domain is {self.domain!r}; write it as bounces.example.org.")
        for key in ("address", "unsubscribe_address"):
            _check_form(key, getattr(self, key))
        for key in ("imap_port", "pop3_port", "lmtp_port"):
            if getattr(self, key) > 65_535:
                raise ValueError(f"{key} is {getattr(self, key)}; a port is between 1 and 65535.")
        if self.imap_after == "move" and self.imap_move_to == self.imap_folder:
            raise ValueError("imap_move_to is the folder that is read; choose another.")


def _check_form(key: str, form: str) -> None:
    before, found, after = form.partition(TOKEN)
    if not found or after or len(before) > _LONGEST or not _BEFORE_TOKEN.fullmatch(before):
        raise ValueError(
            f'{key} is {form!r}; write it as "b+{TOKEN}": at most {_LONGEST} plain characters of lower case, '
            f"the last of them a separator such as + or -, and then {TOKEN}. Or {TOKEN} alone."
        )


@dataclass(frozen=True)
class SignUp:
    # Confirmation mails an hour. From half of it on, the form asks a question that bots cannot answer.
    emails_per_hour: int = 300
    # Sign-ups an hour from one network (/24 or /48), and to addresses of one domain.
    per_network_per_hour: int = 20
    per_domain_per_hour: int = 100
    # Confirmation mails to one address in 30 days.
    per_address_per_month: int = 3


@dataclass(frozen=True)
class Retention:
    # Days after which an unconfirmed sign-up is deleted, and the subscriber with it.
    unconfirmed_days: int = 7
    # Months after which the network and browser in consent records are deleted; the consent itself is kept.
    consent_details_months: int = 13


@dataclass(frozen=True)
class Alerts:
    """Who is notified when sending stops automatically."""

    # Addresses; empty: those of the admins.
    email: tuple[str, ...] = ()
    # URLs that get a POST of JSON too.
    webhooks: tuple[str, ...] = field(default=(), repr=False)
    # Signs these: "whsec_" and the key in base64; or two, separated by a space, while one replaces the other.
    webhook_secret: str = field(default="", repr=False)
    # Whether these may be in a private network.
    private_webhooks: bool = False

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(self.webhook_secret.split())

    def check(self) -> None:
        """Raises ValueError for a webhook that cannot be used; the text does not repeat it."""
        for url in self.webhooks:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
                raise ValueError("webhooks: a URL must begin with https:// or http://, and hold no password.")
        for secret in self.secrets:
            key = _decoded(secret.removeprefix("whsec_"))
            if not secret.startswith("whsec_") or not 24 <= len(key) <= 64:
                raise ValueError("webhook_secret is none; `mailer alerts secret` makes one.")


@dataclass(frozen=True)
class Approval:
    # Whether `mailer edition submit|approve --as USER` may act for an account.
    by_command: bool = False


@dataclass(frozen=True)
class Accounts:
    # Failed sign-ins in a row after which an account, or a network, is locked: for a minute at first, then
    # for twice as long with each further failure, up to an hour.
    failures_per_account: int = 5
    failures_per_network: int = 20
    # Mails with a link to a new password, for one account and from one network.
    reset_mails_per_hour: int = 3
    reset_mails_per_network_per_hour: int = 20
    # Passwords and codes that are checked at a time, so that subscribers' pages stay fast.
    concurrent_checks: int = 2
    # Hours without a request after which a session ends, and days after which it ends in any case.
    idle_hours: float = 8
    absolute_days: float = 14
    # Minutes for which a sign-in, or a repeated password or second factor, counts as recent: that is required
    # to approve an edition, to export people and to change accounts.
    recent_minutes: float = 15
    # Whether accounts that may approve, administer or export need an authenticator app or a passkey.
    require_second_factor: bool = True

    def check(self) -> None:
        """Raises ValueError for values with which no account could sign in."""
        for one in dataclasses.fields(self):
            value = getattr(self, one.name)
            if not isinstance(value, bool) and value <= 0:
                raise ValueError(f"{one.name} is {value}; it must be more than 0.")


@dataclass(frozen=True)
class Oidc:
    """Sign-in of existing accounts by an OpenID Connect provider, such as the office's own directory."""

    # The provider's issuer URL, such as "https://login.example.org/realms/office". Empty: none.
    issuer: str = ""
    # What the button says: "Sign in with …".
    name: str = "single sign-on"
    client_id: str = ""
    client_secret: str = ""

    def check(self) -> None:
        """Raises ValueError for values that cannot be used."""
        if not self.issuer:
            return
        url = urlsplit(self.issuer)
        if url.scheme != "https" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError(f"issuer is {self.issuer!r}; it must begin with https://.")
        if not self.client_id or not self.client_secret:
            raise ValueError("issuer is set; client_id and client_secret are needed as well.")


@dataclass(frozen=True)
class Logging:
    # How web, worker and supervisor write their log to stderr: lines of text, or a JSON object per line.
    format: Literal["text", "json"] = "text"

    @property
    def formatter(self) -> str:
        """The class of the formatter."""
        return (
            "mailer.config.json_log.JsonFormatter"
            if self.format == "json"
            else "mailer.config.log_masking.MaskingFormatter"
        )


@dataclass(frozen=True)
class Web:
    host: str = "127.0.0.1"
    port: int = 8000


@dataclass(frozen=True)
class Worker:
    # embedded: one worker on one machine. cluster: any number of workers, which share a PostgreSQL.
    engine: Literal["embedded", "cluster"] = "embedded"
    # The queues that a worker of the cluster takes jobs from; empty: all of them.
    queues: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises ValueError for a queue that does not exist."""
        for name in self.queues:
            if name not in QUEUES:
                raise ValueError(f"queues: {name!r} is not a queue; known: {', '.join(QUEUES)}.")


@dataclass(frozen=True)
class Api:
    """The REST API."""

    # Of each key.
    requests_per_minute: int = 300
    # Whether webhooks may be sent to servers of the office's own network, also by http and on any port.
    private_webhooks: bool = False

    def check(self) -> None:
        """Raises ValueError for a limit that would answer nothing."""
        if self.requests_per_minute < 1:
            raise ValueError("requests_per_minute must be at least 1.")


@dataclass(frozen=True)
class Tracing:
    # Spans are sent there by OTLP over HTTP: "http://127.0.0.1:4318". Empty: no tracing.
    endpoint: str = ""

    def check(self) -> None:
        """Raises ValueError for what is no URL."""
        if self.endpoint and not self.endpoint.startswith(("http://", "https://")):
            raise ValueError(f"endpoint is {self.endpoint!r}; write it as http://127.0.0.1:4318.")


@dataclass(frozen=True)
class Metrics:
    """Who may read /metrics."""

    # The bearer token of requests. Empty: only programs on this machine may read it.
    token: str = field(default="", repr=False)

    def check(self) -> None:
        """Raises ValueError for a token that can be guessed."""
        if self.token and len(self.token) < _SHORTEST_SECRET:
            raise ValueError(f"token is shorter than {_SHORTEST_SECRET} characters.")


@dataclass(frozen=True)
class Demo:
    # Mounts /demo/ and the sample inboxes. Only `mailer demo` sets this.
    enabled: bool = False
    # The caught mail, relative to the configuration file.
    inbox: str = "inbox"
    # The time that assembly uses as now, ISO 8601 with zone; empty: the real clock.
    assemble_at: str = ""
