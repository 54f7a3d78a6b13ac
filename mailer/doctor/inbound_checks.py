"""Checks of what comes back: the bounce domain's mail server, the sources of returned mail, and the ESP's
webhooks."""

from __future__ import annotations

import os
import secrets
import smtplib
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from django.utils import timezone

from mailer.config import Config, Service
from mailer.config.sections import TOKEN
from mailer.doctor.check_types import CheckResult, Context, DnsRecord
from mailer.doctor.outbound_checks import egress
from mailer.feedback.models import WebhookHeartbeat, WebhookPayload
from mailer.feedback.sources.base import MailboxError
from mailer.feedback.sources.poll import Source, configured_mailboxes

# The folders of a Maildir: new messages, seen messages, and messages being written.
_MAILDIR_FOLDERS = ("new", "cur", "tmp")
# The reply that accepts a sender or a recipient (RFC 5321 §4.3.2).
_OK = 250
# The worker processes webhooks every few seconds.
_UNPROCESSED = timedelta(minutes=10)
# ESPs that sign with a key of their own; Amazon has none.
_SIGNING_KEYS = {
    "mailersend": "the signing secret of its webhook",
    "mailgun": "its HTTP webhook signing key",
    "mailtrap": "the signature secret of its webhook",
    "mandrill": "the key of its webhook",
    "postal": "the public key of its installation",
    "resend": "its signing secret, which begins with whsec_",
    "sendgrid": "the verification key of its signed event webhook",
    "unisender_go": "its API key",
}
_DOCS = "docs/services.md says where."


def check_bounce_mx(context: Context) -> Iterator[CheckResult]:
    """MX of the bounce domain, and whether one of its servers would accept a bounce; none is sent."""
    if not context.bounce_domains:
        yield CheckResult("bounce_mx", "", "skipped", "There is no [bounces] domain and no sender yet.")
    for domain in context.bounce_domains:
        yield _bounce_mx(context, domain)


def _bounce_mx(context: Context, domain: str) -> CheckResult:
    result = partial(CheckResult, "bounce_mx", domain)
    hosts = context.dns.mx(domain)
    if hosts == [""]:
        message = "It declares that it accepts no mail (null MX), so no bounce can come back."
        return result("problem", message, "Publish an MX that names your mail server.")
    if not hosts and not context.dns.addresses(domain):
        source = egress(context.config, context.dns)
        host = f"mail.{domain}." if not source.ours else f"{_site_host(context)}."
        return result(
            "problem",
            "It has no MX record, so bounces cannot come back; some mailbox providers refuse such senders.",
            "Publish one that names the mail server with the bounce mailbox:",
            (DnsRecord(domain, "MX", f"10 {host}"),),
        )
    return _accepts_bounces(context, domain, hosts or [domain])


def _site_host(context: Context) -> str:
    return context.config.site.url.partition("://")[2].partition(":")[0]


def _accepts_bounces(context: Context, domain: str, hosts: list[str]) -> CheckResult:
    """Ask the first server that answers whether it would accept a bounce."""
    result = partial(CheckResult, "bounce_mx", domain)
    address = f"{context.config.bounces.address.replace(TOKEN, 'doctor')}@{domain}"
    unreachable = ""
    for host in hosts[:3]:
        addresses = context.dns.addresses(host)
        if not addresses:
            unreachable = unreachable or f"The mail server {host} has no address in DNS."
            continue
        try:
            with smtplib.SMTP(str(addresses[0]), context.mx_port, timeout=context.timeout) as client:
                client.ehlo_or_helo_if_needed()
                code, text = client.mail("")
                if code == _OK:
                    code, text = client.rcpt(address)
        except (OSError, smtplib.SMTPException) as error:
            reason = getattr(error, "strerror", "") or str(error) or type(error).__name__
            unreachable = unreachable or f"{host} cannot be reached: {reason.lower()}."
            continue
        reply = f"{host} answers {code} {text.decode('utf-8', 'replace')}".replace("\n", " ")
        if code == _OK:
            return result("ok", f"{host} accepts mail to it.")
        if code >= 500:
            advice = f"Let that server accept all mail to {domain}, for every address."
            return result(
                "problem", f"The mail server of the bounce domain would refuse bounces: {reply}", advice
            )
        return result(
            "warning",
            f"The mail server of the bounce domain would defer bounces: {reply}",
            "Try again later.",
        )
    advice = (
        "Many networks block outgoing port 25: then check from another machine. Otherwise check that server."
    )
    return result("warning", unreachable, advice)


def check_sources(config: Config, timeout: float) -> Iterator[CheckResult]:
    """The configured sources of returned mail: one result for each."""
    bounces = config.bounces
    if bounces.maildir:
        yield _maildir(config.path(bounces.maildir))
    yield from (_mailbox(source) for source in configured_mailboxes(config) if source.kind != "maildir")
    if bounces.lmtp_port:
        yield _lmtp(bounces.lmtp_host, bounces.lmtp_port, timeout)
    result = partial(CheckResult, "bounce_mailbox", "")
    if not bounces.has_inbound and config.service.accepts_webhooks:
        yield result("skipped", f"No mailbox is read; {config.service.name} reports bounces by webhooks.")
    elif not bounces.has_inbound:
        yield result(
            "warning",
            "No mailbox is read for bounces, so addresses that do not exist still get emails.",
            "Set [bounces] imap_host, pop3_host, maildir or lmtp_port; or let the mail server run "
            "`mailer bounces receive`: then you can ignore this.",
        )


def _mailbox(source: Source) -> CheckResult:
    """Sign in and count messages; nothing is changed."""
    result = partial(CheckResult, "bounce_mailbox", source.url)
    try:
        with source.open(timezone.now()) as mailbox:
            waiting = len(mailbox.list_new())
    except MailboxError as error:
        return result("problem", str(error), "No returned mail is read until this is fixed.")
    return result("ok", f"It can be read; messages waiting: {waiting}.")


def _lmtp(host: str, port: int, timeout: float) -> CheckResult:
    """Whether our LMTP server answers."""
    result = partial(CheckResult, "bounce_mailbox", f"lmtp://{host}:{port}")
    try:
        with smtplib.LMTP(host, port, timeout=timeout) as client:
            code, _ = client.ehlo()
    except (OSError, smtplib.SMTPException) as error:
        message = f"The worker does not answer on {host}:{port}: {str(error).lower()}."
        return result("problem", message, "Start the worker; its log names the reason if it cannot listen.")
    if code != _OK:
        message = f"Another program than the worker answers on {host}:{port}."
        return result("problem", message, "Set another [bounces] lmtp_port.")
    return result("ok", f"The worker accepts bounces at {host}:{port}.")


def _maildir(path: Path) -> CheckResult:
    result = partial(CheckResult, "bounce_mailbox", str(path))
    missing = [folder for folder in _MAILDIR_FOLDERS if not (path / folder).is_dir()]
    if missing:
        return result(
            "problem",
            f"It is not a Maildir: {', '.join(missing)} is missing.",
            f"mkdir -p {path}/{{new,cur,tmp}}, owned by the mail server and writable by the worker.",
        )
    denied = [
        folder for folder in _MAILDIR_FOLDERS if not os.access(path / folder, os.R_OK | os.W_OK | os.X_OK)
    ]
    if denied:
        return result(
            "problem",
            f"We have no permission to read and write in {', '.join(denied)}.",
            "Grant it to the worker's user: messages are moved from new to cur when they are read.",
        )
    waiting = sum(1 for _ in (path / "new").iterdir())
    return result("ok", f"It can be read; messages waiting: {waiting}.")


def check_webhooks(config: Config, now: datetime) -> Iterator[CheckResult]:
    """Whether the ESP's webhooks are configured, received and processed; no result without an ESP."""
    service = config.service
    if not service.name:
        return
    result = partial(CheckResult, "webhooks", service.name)
    if not service.accepts_webhooks:
        yield result(
            "warning",
            "Its webhooks are not accepted, so its bounces and complaints stay unknown.",
            f"{_secret_advice(service)}, and enter {_webhook_url(config)} at the service. {_DOCS}",
        )
        return
    contact = WebhookHeartbeat.objects.filter(service=service.name).first()
    waiting = WebhookPayload.objects.filter(attempts=0).order_by("pk").first()
    if waiting is not None and waiting.received_at < now - _UNPROCESSED:
        since = f"{waiting.received_at:%-d %B %Y, %H:%M} UTC"
        yield result("problem", f"No webhook has been processed since {since}.", "Check the worker's log.")
    elif contact is None and waiting is None:
        advice = f"At the service, enter {_webhook_url(config)} and let it send a test. {_DOCS}"
        yield result("warning", "No webhook has been received so far.", advice)
    else:
        received = [contact.last_received_at] if contact else []
        latest = max([*received, waiting.received_at] if waiting else received)
        yield result("ok", f"Last received on {latest:%-d %B %Y, %H:%M} UTC.")


def _secret_advice(service: Service) -> str:
    """What to write into the configuration."""
    if service.name == "amazon_ses":
        return 'Name its topic in [service]: webhook_topics = ["arn:aws:sns:…"]'
    if service.name in _SIGNING_KEYS:
        return f"Put {_SIGNING_KEYS[service.name]} into [service] webhook_secret"
    return f'Put a password into [service], such as webhook_secret = "{secrets.token_urlsafe(24)}"'


def _webhook_url(config: Config) -> str:
    """The address to enter at the service, without the password itself."""
    scheme, _, rest = config.site.url.partition("://")
    credentials = "" if config.service.name in (*_SIGNING_KEYS, "amazon_ses") else "hooks:WEBHOOK_SECRET@"
    return f"{scheme}://{credentials}{rest}/hooks/{config.service.name}/"
