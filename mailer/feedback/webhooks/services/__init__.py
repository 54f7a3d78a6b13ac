"""How each service's events are read."""

from __future__ import annotations

from mailer.feedback.webhooks.services.amazon_ses import AmazonHook
from mailer.feedback.webhooks.services.base import Hook
from mailer.feedback.webhooks.services.brevo import BrevoHook
from mailer.feedback.webhooks.services.mailgun import MailgunHook
from mailer.feedback.webhooks.services.mailjet import MailjetHook
from mailer.feedback.webhooks.services.postmark import PostmarkHook
from mailer.feedback.webhooks.services.resend import ResendHook
from mailer.feedback.webhooks.services.sparkpost import SparkPostHook

HOOKS: dict[str, Hook] = {
    hook.name: hook
    for hook in (
        AmazonHook(),
        BrevoHook(),
        MailgunHook(),
        MailjetHook(),
        PostmarkHook(),
        ResendHook(),
        SparkPostHook(),
    )
}
