"""`mailer alerts`: test who is notified when sending stops, and make the secret that signs webhooks."""

from __future__ import annotations

import typer
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from mailer.cli.output import Json, command_group, print_json, print_text
from mailer.delivery.outbox import alert_webhooks, staff_alerts, webhook_signature

app = command_group("Test alerts to staff; make a secret for their webhooks.")

# By the reply of a webhook that failed without an HTTP status.
_ADVICE = {
    "ForbiddenAddress": "It is in a private network: set [alerts] private_webhooks = true if that is right.",
    "NoServer": "DNS knows no server of this name: correct the address in [alerts] webhooks.",
    "FetchError": "It does not answer: check its address, its port and, with https, its certificate.",
}


@app.command()
def test(json: Json = False) -> None:
    """Send a test to everybody who gets alerts; exit status 1 if a webhook fails, or nobody gets any.

    Webhooks are posted to at once, emails go through the outbox like every email of the system.
    """
    with transaction.atomic():
        addresses = staff_alerts.send_test_emails()
    results = list(alert_webhooks.post_test(timezone.now()))
    if json:
        print_json({"emails": len(addresses), "webhooks": [result._asdict() for result in results]})
    else:
        print_text(f"Emails queued for the worker: {len(addresses)}.")
        for result in results:
            print_text(
                f"Webhook at {result.host}: {'accepted' if result.accepted else 'failed'} ({result.reply})."
            )
            if advice := _ADVICE.get(result.reply):
                print_text(advice)
        if results and not settings.CONFIG.alerts.secrets:
            print_text(
                "The webhooks are not signed: set [alerts] webhook_secret, unless it is a chat service."
            )
    if not all(result.accepted for result in results) or not (addresses or results):
        raise typer.Exit(1)


@app.command("secret")
def print_new_webhook_secret() -> None:
    """Print a new secret for [alerts] webhook_secret; the receiver needs it too."""
    typer.echo(webhook_signature.new_secret())
