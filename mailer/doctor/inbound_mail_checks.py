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
from mailer.doctor.check_types import CheckResult, Context, DnsRecord, check_each
from mailer.doctor.outbound_mail_checks import egress_addresses
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
    "mailersend": "the signing secret of the service's webhook",
    "mailgun": "the service's HTTP webhook signing key",
    "mailtrap": "the signature secret of the service's webhook",
    "mandrill": "the key of the service's webhook",
    "postal": "the public key of your Postal installation",
    "resend": "the service's signing secret, which begins with whsec_",
    "sendgrid": "the verification key of the service's signed event webhook",
    "unisender_go": "the service's API key",
}
_DOCS = "See docs/services.md for where to find it."


def check_bounce_mx(context: Context) -> Iterator[CheckResult]:
    """MX of the bounce domain, and whether one of its servers would accept a bounce; none is sent."""
    if not context.bounce_domains:
        yield CheckResult(
            "bounce_mx",
            "",
            "skipped",
            (
                "The configuration has no bounce domain ([bounces] domain), and no newsletter has a "
                "sender yet."
            ),
        )
        return
    service = context.esp_with_own_envelope_sender
    if service and not context.config.bounces.domain:
        yield CheckResult("bounce_mx", "", "skipped", f"{service} receives the bounces.")
        return
    yield from check_each("bounce_mx", context.bounce_domains, lambda domain: [_bounce_mx(context, domain)])


def _bounce_mx(context: Context, domain: str) -> CheckResult:
    result = partial(CheckResult, "bounce_mx", domain)
    hosts = context.dns.mx(domain)
    if hosts == [""]:
        message = "The bounce domain declares that it accepts no mail (null MX), so no bounces arrive."
        return result("problem", message, "Publish an MX record that names your mail server.")
    if not hosts and not context.dns.addresses(domain):
        source = egress_addresses(context.config, context.dns)
        host = f"mail.{domain}." if not source.ours else f"{_site_host(context)}."
        record = DnsRecord(domain, "MX", f"10 {host}")
        if context.esp_with_own_envelope_sender:
            return result(
                "problem",
                "The domain of [bounces] has no MX record, so emails with which readers unsubscribe do not "
                "arrive.",
                "Leave [bounces] domain empty: then messages offer to unsubscribe by a link alone. Or "
                "publish an MX record that names the mail server with the mailbox:",
                (record,),
            )
        return result(
            "problem",
            "The bounce domain has no MX record: other mail servers do not find the bounce mailbox by DNS, "
            "and some mailbox providers refuse such senders."
            if context.config.bounces.has_inbound
            else "The bounce domain has no MX record, so no bounces arrive; some mailbox providers refuse "
            "such senders.",
            "Publish an MX record that names the mail server with the bounce mailbox:",
            (record,),
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
            unreachable = unreachable or f"The mail server {host} of the bounce domain has no address in DNS."
            continue
        try:
            with smtplib.SMTP(str(addresses[0]), context.mx_port, timeout=context.timeout) as client:
                client.ehlo_or_helo_if_needed()
                code, text = client.mail("")
                if code == _OK:
                    code, text = client.rcpt(address)
        except (OSError, smtplib.SMTPException) as error:
            reason = getattr(error, "strerror", "") or str(error) or type(error).__name__
            unreachable = (
                unreachable
                or f"The mail server {host} of the bounce domain cannot be reached: {reason.lower()}."
            )
            continue
        reply = f"{host} answers {code} {text.decode('utf-8', 'replace')}".replace("\n", " ")
        if code == _OK:
            return result("ok", f"The mail server {host} accepts mail to the bounce domain.")
        if code >= 500:
            advice = f"Set up this mail server to accept all mail to {domain}, for every address."
            return result(
                "problem", f"The mail server of the bounce domain would refuse bounces: {reply}", advice
            )
        return result(
            "warning",
            f"The mail server of the bounce domain would defer bounces: {reply}",
            "Try again later.",
        )
    advice = (
        "Many networks block outgoing port 25. Run the check from another machine; if it "
        "fails there too, check the mail server of the bounce domain."
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
    if bounces.has_inbound:
        return
    if config.service.accepts_webhooks and bounces.domain:
        yield result(
            "warning",
            "This system reads no mailbox, so it goes on sending to subscribers who unsubscribe by email, as "
            f"Apple Mail does. {config.service.name} reports bounces by webhooks.",
            "Set [bounces] imap_host, pop3_host, maildir or lmtp_port, or let the mail server run "
            "`mailer bounces receive`. Or leave [bounces] domain empty: then messages offer to "
            "unsubscribe by a link alone.",
        )
    elif config.service.accepts_webhooks:
        yield result(
            "skipped",
            f"This system reads no mailbox for bounces; {config.service.name} reports them by webhooks.",
        )
    else:
        yield result(
            "warning",
            (
                "This system reads no mailbox for bounces, so it goes on sending to addresses that do "
                "not exist."
            ),
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
        return result("problem", str(error), "This system cannot read bounces until this is fixed.")
    return result("ok", f"The bounce mailbox can be read; messages waiting: {waiting}.")


def _lmtp(host: str, port: int, timeout: float) -> CheckResult:
    """Whether our LMTP server answers."""
    result = partial(CheckResult, "bounce_mailbox", f"lmtp://{host}:{port}")
    try:
        with smtplib.LMTP(host, port, timeout=timeout) as client:
            code, _ = client.ehlo()
    except (OSError, smtplib.SMTPException) as error:
        message = f"The worker does not accept bounces on {host}:{port}: {str(error).lower()}."
        return result(
            "problem", message, "Start the worker; its log gives the reason if it cannot listen on this port."
        )
    if code != _OK:
        message = f"Another program than the worker is listening on {host}:{port}."
        return result("problem", message, "Set another port as [bounces] lmtp_port in the configuration.")
    return result("ok", f"The worker accepts bounces at {host}:{port}.")


def _maildir(path: Path) -> CheckResult:
    result = partial(CheckResult, "bounce_mailbox", str(path))
    missing = [folder for folder in _MAILDIR_FOLDERS if not (path / folder).is_dir()]
    if missing:
        return result(
            "problem",
            f"The bounce mailbox is not a Maildir: {', '.join(missing)} is missing.",
            (
                f"Create the folders: mkdir -p {path}/{{new,cur,tmp}}, owned by the mail server and "
                "writable by the worker."
            ),
        )
    denied = [
        folder for folder in _MAILDIR_FOLDERS if not os.access(path / folder, os.R_OK | os.W_OK | os.X_OK)
    ]
    if denied:
        return result(
            "problem",
            f"The worker has no permission to read and write in {', '.join(denied)}.",
            "Give this permission to the user that runs the worker: the worker moves "
            "messages from new to cur when it reads them.",
        )
    waiting = sum(1 for _ in (path / "new").iterdir())
    return result("ok", f"The bounce mailbox can be read; messages waiting: {waiting}.")


def check_webhooks(config: Config, now: datetime) -> Iterator[CheckResult]:
    """Whether the ESP's webhooks are configured, received and processed; no result without an ESP."""
    service = config.service
    if not service.name:
        return
    result = partial(CheckResult, "webhooks", service.name)
    if not service.accepts_webhooks:
        yield result(
            "warning",
            "Webhooks of the email service are not accepted, so bounces and complaints remain unknown.",
            f"{_secret_advice(service)}, and enter the address {_webhook_url(config)} at the "
            f"email service. {_DOCS}",
        )
        return
    contact = WebhookHeartbeat.objects.filter(service=service.name).first()
    waiting = WebhookPayload.objects.filter(attempts=0).order_by("pk").first()
    if waiting is not None and waiting.received_at < now - _UNPROCESSED:
        since = f"{waiting.received_at:%-d %B %Y, %H:%M} UTC"
        yield result(
            "problem",
            f"No webhook of the email service has been processed since {since}.",
            "Look for errors in the worker's log.",
        )
    elif contact is None and waiting is None:
        advice = (
            f"Enter the address {_webhook_url(config)} at the email service, and let the service "
            "send a test. "
            f"{_DOCS}"
        )
        yield result("warning", "No webhook of the email service has arrived so far.", advice)
    else:
        received = [contact.last_received_at] if contact else []
        latest = max([*received, waiting.received_at] if waiting else received)
        yield result("ok", f"The last webhook of the email service arrived on {latest:%-d %B %Y, %H:%M} UTC.")


def _secret_advice(service: Service) -> str:
    """What to write into the configuration."""
    if service.name == "amazon_ses":
        return (
            'Enter the service\'s topic in [service] of the configuration: webhook_topics = ["arn:aws:sns:…"]'
        )
    if service.name in _SIGNING_KEYS:
        return f"Set [service] webhook_secret in the configuration to {_SIGNING_KEYS[service.name]}"
    return (
        "Set a password in [service] of the configuration, such as webhook_secret = "
        f'"{secrets.token_urlsafe(24)}"'
    )


def _webhook_url(config: Config) -> str:
    """The address to enter at the service, without the password itself."""
    scheme, _, rest = config.site.url.partition("://")
    credentials = "" if config.service.name in (*_SIGNING_KEYS, "amazon_ses") else "hooks:WEBHOOK_SECRET@"
    return f"{scheme}://{credentials}{rest}/hooks/{config.service.name}/"
